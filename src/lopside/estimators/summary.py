"""What is kept of rows that come batch by batch: few directions, and a bound on all that was dropped.

Let A hold the rows seen so far, less their mean where asked for, each times √w, w its weight. A row that joins has the
weight 1 and multiplies those of all before it by a factor γ ≤ 1 that forgets; means are weighted likewise. A summary is
B = diag(s) V (ℓ × n) with

    AᵀA = BᵀB + D + E,                                                                                    (1)

D of what was dropped and E of rounding.

A batch X of q rows joins as B on top of X, both less their means, and of √(vw/(v + w))·(mean₁ − mean₂)ᵀ for weights v
and w in all, because these three make up the new AᵀA [RLLY08]; what was there before is multiplied by γ^q. What is
dropped of the stack (see `lopside.estimators.merging`) joins D, as WᵀW. Hence D ⪰ 0, tr D is known, and Σ_{i≤d} λ_i(D)
is at most the sum of the d largest squared values of all that was dropped, batch by batch [Fan49]. With V_d the first d
rows of V, (1) gives, but for E,

    ‖A − A V_dᵀV_d‖_F² ≤ Σ_{i>d} s_i² + tr D,
    Σ_{i≤d} σ_i(A)² ≤ Σ_{i≤d} s_i² + Σ_{i≤d} λ_i(D),      s_i² ≤ σ_i(A)² ≤ s_i² + λ₁(D),

so the loss of that fit is within ½Σ_{i≤d} λ_i(D) of the least at rank d, for any number of batches of any size.

Where the first rows were fitted whole, B = diag(s) Yᵀ from A ≈ X Yᵀ. Then tr D = ‖A − XYᵀ‖_F², and E has G = ∇_Y f as
well, which couples Y to the rest: d eigenvalues of ±E sum to at most √d ‖G‖_F.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from lopside.arrays import Array
from lopside.errors import InputError
from lopside.estimators.merging import pieces, reduced
from lopside.krylov import EPSILON
from lopside.linalg import frobenius, thin_svd
from lopside.solution import Solution
from lopside.theory.certificate import Certificate, Check, Part
from lopside.theory.eckart_young import Gap

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
        Σ w‖x − mean‖² over the rows.
    weight, squared_weight : float
        Σ w and Σ w².
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
    weight: float
    squared_weight: float
    values: Array
    vectors: Array
    lost: float = 0.0
    lost_leading: float = 0.0
    lost_top: float = 0.0
    blur: float = 0.0

    @classmethod
    def empty(cls, rank: int, columns: int, *, center: bool) -> Self:
        """Return the summary of no rows."""
        return cls(rank, center, 0, 0, np.zeros(columns), 0.0, 0.0, 0.0, np.zeros(0), np.zeros((0, columns)))

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
            weight=float(solution.shape[0]),
            squared_weight=float(solution.shape[0]),
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

    @property
    def freedom(self) -> float:
        """Σ w − Σ w²/Σ w, by which a scatter is divided for a variance without bias: m − 1 where all weigh the same."""
        return max(self.weight - self.squared_weight / self.weight, 0.0) if self.weight else 0.0

    def merged(self, batch: Any, keep: int, *, forgetting: float = 1.0, memory_limit: float | None = None) -> Self:
        """Return the summary with the rows of an array or a sparse matrix (CSR, CSC) added, of any number.

        Parameters
        ----------
        batch : array or sparse matrix, shape (q, n)
        keep : int
            ℓ, at least d.
        forgetting : float
            γ, in (0, 1].
        memory_limit : float, optional
            Bytes, beside the batch.

        Raises
        ------
        InputError
            If ‖X‖_F² overflows, and if one row at a time would take more memory.
        """
        grown, held = self, self.values[:, None] * self.vectors
        for rows in pieces(batch, max(keep, len(held)), memory_limit):
            grown, held = grown._with(rows, held, keep, forgetting)
        _, s, V = thin_svd(held)
        return replace(grown, merges=self.merges + 1, values=s, vectors=V)

    def _with(self, rows: Array, held: Array, keep: int, forgetting: float) -> tuple[Self, Array]:
        """Return what is known with these rows, and the ℓ × n matrix that `values` and `vectors` are to be made of."""
        if not (size := frobenius(rows)) < _LARGEST:
            raise InputError(
                f"got rows with ‖X‖_F = {size:.3g}, whose square is outside the range of float64; expected less than "
                f"{_LARGEST:g}. Try dividing them by their largest entry"
            )
        q = len(rows)
        weights, aged = forgetting ** np.arange(q - 1.0, -1.0, -1.0), forgetting**q
        before, joining = aged * self.weight, float(weights.sum())
        total = before + joining
        own = weights @ rows / joining
        step = own - self.mean
        apart = math.sqrt(before * joining / total) * step
        roots = np.sqrt(weights)[:, None]
        deviations = roots * (rows - own)
        scatter = aged * self.scatter + frobenius(deviations) ** 2 + float(apart @ apart)
        stack = np.vstack(
            [math.sqrt(aged) * held, *((deviations, apart[None]) if self.center else (roots * rows,))], dtype=np.float64
        )
        energy = frobenius(stack) ** 2 + aged * self.lost
        held, dropped = reduced(stack, keep)
        return replace(
            self,
            rows=self.rows + q,
            mean=self.mean + step * (joining / total),
            scatter=scatter,
            weight=total,
            squared_weight=aged**2 * self.squared_weight + float(weights @ weights),
            lost=aged * self.lost + float(dropped.sum()),
            lost_leading=aged * self.lost_leading + float(dropped[: self.rank].sum()),
            lost_top=aged * self.lost_top + float(dropped[:1].sum()),
            blur=aged * self.blur + (10 + len(stack)) * EPSILON * energy,
        ), held

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
        """Return what is proved of the projection of all rows, each times √w, on the components in this precision."""
        gap = self._gap(dtype)
        scale, loss = self.norm or 1.0, 0.5 * gap.missed**2
        known = f"no rank-{self.rank} matrix is below {gap.least / scale:.6g}"
        if math.isfinite(gap.excess):
            known += f", so the error is at most {gap.excess:.2g} (relative) above the least"
        weighed = f", of weight {self.weight:.6g}" if self.weight < self.rows else ""
        part = Part(
            theorem=f"Eckart–Young gap of {self.rows} rows in batches{weighed}",
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


def _another(vectors: Array) -> Array:
    """Return a unit vector orthogonal to orthonormal rows: what they leave of the axis they share least with."""
    axis = np.zeros(vectors.shape[1])
    axis[int(np.argmin(np.square(vectors).sum(axis=0)))] = 1.0
    for _ in range(2):
        axis -= (vectors @ axis) @ vectors
        axis /= np.linalg.norm(axis)
    return axis
