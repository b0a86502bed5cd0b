"""The duality gap of [SRJ04; RFP10] for linear measurements with a ridge.

F(X, Y) = ½‖𝒜(XYᵀ) − y‖² + ½λ(‖X‖_F² + ‖Y‖_F²) ≥ ½‖𝒜(Z) − y‖² + λ‖Z‖_* at Z = XYᵀ. For every v with ‖𝒜*(v)‖₂ ≤ λ

    D(v) = ⟨v, y⟩ − ½‖v‖²  ≤  min F,

because ½‖𝒜(Z) − y‖² ≥ −⟨v, 𝒜(Z) − y⟩ − ½‖v‖² and λ‖Z‖_* ≥ ⟨𝒜*(v), Z⟩. The candidate is v = c(y − 𝒜(XYᵀ)), as in
`duality`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.krylov import EPSILON
from lopside.linalg import frobenius, tall_qr
from lopside.problems import Full, Sensing
from lopside.theory.completion_gap import Measured, bounded
from lopside.theory.duality import Candidate, DualityGap, duality_gap


def sensing_gap(
    problem: Sensing, X: Array, Y: Array, rng: np.random.Generator, *, target: float = 0.0, deciding: bool = False
) -> Measured:
    """Prove how far factors are from the least F of every rank; parameters as for `completion_gap`.

    The measurements are taken in the precision that their map has.
    """
    v = (problem.values - problem.measure(X, Y)).astype(np.float64)
    missed, y = float(np.linalg.norm(v)), problem.values.astype(np.float64)
    charge = 0.5 * problem.ridge * (frobenius(X) ** 2 + frobenius(Y) ** 2)
    # Each measurement is a sum over all entries of A, taken by BLAS or by the caller's own function.
    unit = max(EPSILON, float(np.finfo(problem.dtype).eps))
    off = (X.shape[1] + 8.0 * np.log2(1.0 + sum(problem.shape))) * unit * (2.0 * problem.norm + missed)
    loss, slip = 0.5 * missed * missed + charge, missed * off + off * off
    agreed, size = v * y, float(v @ v)
    found = Candidate(float(agreed.sum()), size, float(np.abs(agreed).sum()) + size)

    def gap(norm: float) -> DualityGap:
        return duality_gap(loss, found, problem.ridge, norm * (1.0 + 64.0 * unit), slip)

    if problem.ridge == 0.0 or size == 0.0:
        return Measured(gap(0.0), (0.0, float("inf")), 0.0)
    residual = Full(_widened(problem.adjoint(v.astype(problem.dtype)))).metered()
    side = Y if not residual.transposed else X
    block = tall_qr(side.astype(np.float64))[0] if side.any() else rng.spawn(1)[0].standard_normal((residual.side, 1))
    return bounded(gap, residual, block, rng, target=target, deciding=deciding)


def _widened(M: Any) -> Any:
    return M.astype(np.float64) if isinstance(M, np.ndarray) else M
