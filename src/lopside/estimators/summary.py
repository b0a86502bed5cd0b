"""What is kept of rows that come batch by batch: few directions, and a bound on all that was dropped.

Let A hold the rows seen so far, less their mean where asked for. A summary is B = diag(s) V (ℓ × n) with

    AᵀA = BᵀB + D + E,                                                                                    (1)

D of what was dropped and E of rounding.

A batch X joins by a thin SVD of B on top of X, both less their means, and of √(pq/(p + q))·(mean₁ − mean₂)ᵀ for p and
q rows, because these three make up the new AᵀA [RLLY08]. What is dropped of the singular values joins D, as WᵀW. Hence
D ⪰ 0, tr D is known, and Σ_{i≤d} λ_i(D) is at most the sum of the d largest squared values of all that was dropped,
batch by batch [Fan49]. With V_d the first d rows of V, (1) gives, but for E,

    ‖A − A V_dᵀV_d‖_F² ≤ Σ_{i>d} s_i² + tr D,
    Σ_{i≤d} σ_i(A)² ≤ Σ_{i≤d} s_i² + Σ_{i≤d} λ_i(D),      s_i² ≤ σ_i(A)² ≤ s_i² + λ₁(D),

so the loss of that fit is within ½Σ_{i≤d} λ_i(D) of the least at rank d, for any number of batches of any size.

Where the first rows were fitted whole, B = diag(s) Yᵀ from A ≈ X Yᵀ. Then tr D = ‖A − XYᵀ‖_F², and E has G = ∇_Y f as
well, which couples Y to the rest: d eigenvalues of ±E sum to at most √d ‖G‖_F.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.krylov import EPSILON
from lopside.linalg import frobenius, tall_qr, thin_svd
from lopside.solution import Solution
from lopside.theory.certificate import Certificate, Check, Part
from lopside.theory.eckart_young import Gap

_SPARE = 32
"""Directions kept beside twice the rank: what one batch leaves out another may ask for."""

_ROWS = 256
"""Rows that join at once; more make the decomposition dearer than a few merges are."""

_NARROW_ROWS = 8192
"""The same where there are no more columns than `_ROWS`, so that a QR factorization comes first."""

_LARGEST = 1e150


@dataclass(frozen=True)
class Summary:
    """Few directions of the rows seen so far; see above.

    Attributes
    ----------
    rank : int
        d, of the fit that is judged.
    center : bool
    rows, merges : int
        Rows seen, and batches that were merged.
    mean : ndarray, shape (n,)
    scatter : float
        Σ ‖x − mean‖² over the rows.
    values, vectors : ndarray, shapes (ℓ,) and (ℓ, n)
        s, largest first, and V.
    lost, lost_leading, lost_top : float
        tr D, and bounds on Σ_{i≤d} λ_i(D) and λ₁(D).
    blur : float
        Bound on any d eigenvalues of ±E together.
    """

    rank: int
    center: bool
    rows: int
    merges: int
    mean: Array
    scatter: float
    values: Array
    vectors: Array
    lost: float = 0.0
    lost_leading: float = 0.0
    lost_top: float = 0.0
    blur: float = 0.0

    @classmethod
    def empty(cls, rank: int, columns: int, *, center: bool) -> Self:
        """Return the summary of no rows."""
        return cls(rank, center, 0, 0, np.zeros(columns), 0.0, np.zeros(0), np.zeros((0, columns)))

    @classmethod
    def of(cls, solution: Solution, mean: Array, scatter: float, *, center: bool) -> Self:
        """Return what a fit of all rows knows, for rows to come."""
        single = 0.0 if solution.X.dtype == np.float64 else float(np.finfo(solution.X.dtype).eps)
        s, missed = np.linalg.norm(solution.X.astype(np.float64), axis=0), 2.0 * solution.loss
        energy = float(s @ s) + missed
        coupled = math.sqrt(solution.rank) * solution.trace.details[-1].gradient_norm_y
        return cls(
            rank=solution.rank,
            center=center,
            rows=solution.shape[0],
            merges=1,
            mean=mean,
            scatter=scatter,
            values=s,
            vectors=solution.Y.T.astype(np.float64),
            lost=missed,
            lost_leading=missed,
            lost_top=missed,
            blur=coupled + (10 + solution.rank) * (EPSILON + 4.0 * single) * energy,
        )

    @property
    def norm(self) -> float:
        """‖A‖_F."""
        return math.sqrt(float(np.square(self.values).sum()) + self.lost)

    @property
    def missed(self) -> float:
        """Bound on ‖A − A V_dᵀV_d‖_F."""
        return math.sqrt(float(np.square(self.values[self.rank :]).sum()) + self.lost)

    def merged(self, batch: Any) -> Self:
        """Return the summary with the rows of an array or a sparse matrix (CSR, CSC) added, of any number.

        Raises
        ------
        InputError
            If ‖X‖_F² overflows.
        """
        grown = self
        for rows in _pieces(batch, self.mean.size):
            grown = grown._with(rows)
        return replace(grown, merges=self.merges + 1)

    def _with(self, rows: Array) -> Self:
        if not (size := frobenius(rows)) < _LARGEST:
            raise InputError(
                f"got rows with ‖X‖_F = {size:.3g}, whose square is outside the range of float64; expected less than "
                f"{_LARGEST:g}. Try dividing them by their largest entry"
            )
        q, total = len(rows), self.rows + len(rows)
        own = rows.mean(axis=0)
        step = own - self.mean
        apart = math.sqrt(self.rows * q / total) * step
        deviations = rows - own
        scatter = self.scatter + frobenius(deviations) ** 2 + float(apart @ apart)
        parts = [self.values[:, None] * self.vectors, *((deviations, apart[None]) if self.center else (rows,))]
        s, V = _directions(np.vstack(parts))
        keep = 2 * self.rank + _SPARE
        dropped = np.square(s[keep:])
        energy = float(np.square(s).sum()) + self.lost
        return replace(
            self,
            rows=total,
            mean=self.mean + step * (q / total),
            scatter=scatter,
            values=s[:keep],
            vectors=V[:keep],
            lost=self.lost + float(dropped.sum()),
            lost_leading=self.lost_leading + float(dropped[: self.rank].sum()),
            lost_top=self.lost_top + float(dropped[:1].sum()),
            blur=self.blur + (10 + len(s[:keep])) * EPSILON * energy,
        )

    def components(self) -> tuple[Array, Array]:
        """Return the d leading values and vectors; where there are fewer, zeros and what completes a basis."""
        d, n = self.rank, self.mean.size
        vectors = [*self.vectors[:d]]
        while len(vectors) < d:
            vectors.append(_another(np.array(vectors).reshape(-1, n)))
        values = np.zeros(d)
        values[: len(self.values)] = self.values[:d]
        return values, np.array(vectors)

    def certificate(self, dtype: Any) -> Certificate:
        """Return what is proved about the projection of all rows on the components, held in this precision."""
        gap = self._gap(dtype)
        scale, loss = self.norm or 1.0, 0.5 * gap.missed**2
        known = f"no rank-{self.rank} matrix is below {gap.least / scale:.6g}"
        if math.isfinite(gap.excess):
            known += f", so the error is at most {gap.excess:.2g} (relative) above the least"
        part = Part(
            theorem=f"Eckart–Young gap of {self.rows} rows in batches",
            source="EY36, RLLY08, Fan49",
            holds=True,
            checks=(Check("least loss ≥ ½(‖A‖² − Σ of the d largest σ²)", max(0.0, loss - gap.gap), loss, True),),
            conclusion=(
                f"loss within {gap.gap:.3g} of the least possible at rank {self.rank}; "
                f"relative error at most {gap.missed / scale:.6g}, {known}"
            ),
            gap=gap.gap,
            best_relative_error_bounds=(gap.least / scale, gap.reached / scale),
            excess=gap.excess if math.isfinite(gap.excess) else None,
            singular_value_bounds=tuple((float(low), float(high)) for low, high in gap.singular_values),
        )
        return Certificate((part,))

    def _gap(self, dtype: Any) -> Gap:
        missed, squares = self.missed**2, np.square(self.components()[0])
        # Rounding the components to `dtype` moves A V_dᵀV_d by so much of ‖A‖.
        turned = 0.0 if dtype == np.float64 else 3.0 * math.sqrt(self.rank) * float(np.finfo(dtype).eps)
        reached = math.sqrt(missed + self.blur) + turned * self.norm
        upper = squares + self.lost_top + self.blur
        least = math.sqrt(max(0.0, missed - self.lost_leading - self.blur))
        return Gap(
            gap=0.5 * (reached - least) * (reached + least),
            missed=math.sqrt(missed),
            rounding=reached - math.sqrt(missed),
            least=least,
            reached=reached,
            singular_values=np.sqrt(np.column_stack([np.maximum(squares - self.blur, 0.0), upper])),
            failure_probability=0.0,
        )


def _pieces(batch: Any, columns: int) -> Iterator[Array]:
    count = _ROWS if columns > _ROWS else _NARROW_ROWS
    for first in range(0, batch.shape[0], count):
        piece = batch[first : first + count]
        yield np.asarray(piece.toarray() if hasattr(piece, "toarray") else piece, dtype=np.float64)


def _directions(stacked: Array) -> tuple[Array, Array]:
    """Return the singular values and right singular vectors, as rows."""
    if len(stacked) > stacked.shape[1]:
        stacked = tall_qr(stacked)[1]
    _, s, V = thin_svd(stacked)
    return s, V


def _another(vectors: Array) -> Array:
    """Return a unit vector orthogonal to orthonormal rows: what they leave of the axis they share least with."""
    axis = np.zeros(vectors.shape[1])
    axis[int(np.argmin(np.square(vectors).sum(axis=0)))] = 1.0
    for _ in range(2):
        axis -= (vectors @ axis) @ vectors
        axis /= np.linalg.norm(axis)
    return axis
