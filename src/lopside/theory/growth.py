"""A block Krylov space [HMT11, Sec. 4.5] that grows by one read of A, restarts [WS00], and sees below squares.

*Deep spectra.* Products with BᵀB are blind below about ε σ₁². Directions with σ_i² far above that noise which have
converged to it are locked; the space goes on from fresh directions outside of them, where the noise is ε σ₁ σ_top
with σ_top the largest singular value left, and so on down to ε σ₁. What a lock leaves behind is measured from the
residual, not by subtraction.
"""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import numpy as np

from lopside import krylov
from lopside.arrays import Array
from lopside.krylov import Relation
from lopside.linalg import tall_times
from lopside.rows import Rows
from lopside.theory.leading_energy import arrow
from lopside.theory.two_sided import sides
from lopside.threads import one_blas_thread

SPARE = 64
"""Columns beyond the capacity for what comes without a read: without them the whole basis would be copied."""


class Growth:
    """A growing search space for the d leading singular vectors, in the form of a `lopside.krylov.Relation`.

    Parameters
    ----------
    problem : Full
        A metered handle; its `reads` count.
    rank : int
        d; may be changed on the way.
    block : ndarray, shape (side, f)
        Where to start; what is wider than `width` is taken in bit by bit.
    width : int
        Columns per read of A.
    capacity : int
        Columns of the basis at which it is restarted; at least d + 3 `width`, or `side`.
    rng : numpy.random.Generator
        Of fresh directions and of the probes, which must not be that of `block`.
    room : int
        Bytes in which B V may be kept as it grows: `image` then needs no read of A.

    Attributes
    ----------
    scale : float
        The relation is that of B divided by this power of two near ‖A‖_F; `norm` is ‖B‖_F then.
    h : float
        At least ‖B(I − VVᵀ)‖₂², infinite where nothing is known.
    exhausted : bool
        Whether all that is left is rounding.
    witness : (ndarray, ndarray) or None
        The first column multiplied with the scaled B, and the product: by these the matrix is known again.
    """

    def __init__(
        self,
        problem: Any,
        rank: int,
        block: Array,
        *,
        width: int,
        capacity: int,
        rng: np.random.Generator,
        room: int = 0,
    ) -> None:
        self.problem, self.rank, self.width = problem, rank, width
        self.capacity = min(capacity, problem.side)
        self.scale = 2.0 ** round(math.log2(problem.norm))
        self.norm = problem.norm / self.scale
        self._held = min(problem.side, self.capacity + SPARE)
        self.relation: Relation = krylov.begin(block, self._held)
        self.base = self.norm**2  # ‖B‖_F² outside of the locked columns
        self.top = self.norm  # √ of the largest Ritz value outside of them, or a bound
        self.h = float("inf")
        self.exhausted = False
        self.witness: tuple[Array, Any] | None = None
        self._rng = rng
        self._ritz: tuple[Array, Array] | None = None
        self._room, self._seen = room, []
        self._images: list[Array] | None = [] if room else None

    def copy(self) -> Self:
        """Return one that goes its own way from here."""
        twin = copy.copy(self)
        twin._seen, twin._images = [], None
        twin._rng = copy.deepcopy(self._rng)
        return twin

    def product(self, F: Array) -> tuple[Array, Array]:
        """Return BᵀB F and (BF)ᵀ(BF) for the scaled B."""
        probe, gram, _ = self._multiplied(F)
        return probe, gram

    def product_kept(self, F: Array) -> tuple[Array, Array]:
        """Return the same, and keep B F for the case that F joins the space; see `take_in`."""
        probe, gram, rows = self._multiplied(F)
        if self._images is not None:
            self._seen.append(rows)
        return probe, gram

    def _multiplied(self, F: Array) -> tuple[Array, Array, Array]:
        swept = self.problem.image(F / self.scale)
        if self.witness is None:
            rows = swept.rows[:, :1]
            self.witness = F[:, :1].copy(), rows if isinstance(rows, Rows) else rows.copy()
        return swept.probe / self.scale, swept.gram, swept.rows

    def keep_images(self) -> None:
        """Keep B times the columns that have just joined the space."""
        if self._images is not None:
            self._images += self._seen
            if sum(part.nbytes for part in self._images) > self._room:
                self._images = None
        self._seen = []

    def image(self, count: int) -> tuple[Array, Array]:
        """Return the `count` leading Ritz vectors and B (not scaled) times them, for the end of a search.

        Reads A if the product has not been kept, and is kept no longer.
        """
        V = self.leading(count)
        # Ctrl-C may have come between a product and its being kept.
        known = sum(part.shape[1] for part in self._images or ())
        if known < self.relation.size or V.shape[1] > known:
            return V, sides(self.problem)[0](V)
        return V, self._combined(self.Z[:, : V.shape[1]] * self.scale)

    def give_back_images(self) -> None:
        """Give the memory of B V back, which is the largest there is; `image` then reads A."""
        self._images = None

    def _combined(self, Z: Array) -> Array:
        first, *others = self._images or [np.zeros((self.problem.storage.shape[0], 0))]
        at = first.shape[1]
        rows = tall_times(first, Z[:at])
        for part in others:
            rows = rows + tall_times(part, Z[at : at + part.shape[1]])
            at += part.shape[1]
        return rows

    @property
    def theta(self) -> Array:
        """The Ritz values of the scaled BᵀB, largest first."""
        return self._values()[0]

    @property
    def Z(self) -> Array:
        """Coordinates (D × D) of the Ritz vectors V Z."""
        return self._values()[1]

    def _values(self) -> tuple[Array, Array]:
        if self._ritz is None:
            self._ritz = krylov.ritz(self.relation)
            if self.relation.locked == 0 and self.relation.size:
                self.top = math.sqrt(max(self._ritz[0][0], 0.0))
        return self._ritz

    @property
    def closed(self) -> bool:
        """Whether the search space is everything."""
        return self.relation.size == self.problem.side

    @property
    def noise(self) -> float:
        """What products with BᵀB outside of the locked columns are typically off by."""
        return 8.0 * self.problem.epsilon * self.norm * self.top

    @property
    def rounding(self) -> float:
        """Bound on what rounding does to M V, column by column, and to sums of Ritz values."""
        size = 10 + self.relation.size + self.relation.restarts
        return size * self.problem.epsilon * (self.norm**2 if self.relation.locked == 0 else self.norm * self.top)

    def missed(self) -> float:
        """Return ‖B − B V_d V_dᵀ‖_F², the squared error of the best fit in the space, in the scale of the search."""
        l = self.relation.locked
        return max(0.0, self.base - float(self.theta[l : self.rank].sum()))

    def beneath(self, level: float) -> bool:
        """Whether the best fit in the space misses less than `level` ‖B‖_F, as far as that is known."""
        return self.missed() + 2.0 * self.rounding <= 0.5 * (level * self.norm) ** 2

    def leading(self, count: int) -> Array:
        """Return the `count` leading Ritz vectors, side × count; random directions where the space has fewer."""
        count = min(count, self.problem.side)
        V = tall_times(self.relation.V, self.Z[:, :count])
        if V.shape[1] < count:
            V = np.hstack([V, krylov.fresh(count - V.shape[1], (self.relation.V,), copy.deepcopy(self._rng))])
        return V

    def advance(self) -> None:
        """Let the space grow by one read of A."""
        if self.closed or self.exhausted:
            return
        if self.relation.size + self.width > self.capacity < self.problem.side:
            self._restart()
        if self.relation.F.shape[1] > self.width and self.relation.size:
            self.relation = krylov.focused(self.relation, self.Z[:, : self.rank])
        first = self.relation.size == self.relation.locked
        # The first block is taken in whole: factors of a fit are to be in the space.
        width = self.relation.F.shape[1] if first else self.width
        self.relation = krylov.extended(self.product_kept, self.relation, width, self._rng)
        self._ritz = None
        self.keep_images()
        l = self.relation.locked
        if first:
            self.top = math.sqrt(max(self.theta[l], 0.0)) if len(self.theta) > l else 0.0
            self.exhausted = l > 0 and self.top <= 8.0 * self.problem.epsilon * self.norm
        elif l and len(self.theta) > l:
            self.top = max(self.top, math.sqrt(max(self.theta[l], 0.0)))

    def take_in(self, relation: Relation) -> None:
        """Let the space have what products of another kind have found."""
        self.relation, self._ritz = krylov.filled(relation, self.width, self._rng), None
        self.keep_images()

    def forget_images(self, *, kept: bool = False) -> None:
        """Drop the products since the space last grew: their columns do not join it; with `kept` all of them."""
        self._seen = []
        if kept:
            self._images = None

    def _restart(self) -> None:
        keep = min(self.rank + self.width + max(self.rank // 2, self.width), self.capacity - 2 * self.width)
        theta, C = self.theta, self.relation.C @ self.Z
        if math.isfinite(self.h):  # what is dropped goes over to the rest
            with one_blas_thread:
                rest = float(np.linalg.eigvalsh(arrow(theta[keep:], C[:, keep:], self.h))[-1])
            self.h = max(self.h, rest) + self.rounding
        if self._images is not None:
            self._images = [self._combined(self.Z[:, :keep])]
        self.relation = krylov.restarted(self.relation, theta[:keep], self.Z[:, :keep], self._held)
        self._ritz = None

    def lock(self, count: int) -> None:
        """Leave the `count` leading Ritz vectors as they are and go on outside of them; two reads of A."""
        relation = krylov.restarted(self.relation, self.theta[:count], self.Z[:, :count], self._held)
        V = relation.V
        width = min(self.width, len(V) - count)
        F = krylov.fresh(width, (V,), self._rng)
        rows = sides(self.problem)[0](V)
        X, Y = (V, rows) if self.problem.transposed else (rows, V)
        base = (self.problem.residual_norm(X, Y) / self.scale) ** 2
        # All at once: Ctrl-C while A is read leaves the space as it was.
        self.relation = relation._replace(F=F, C=np.zeros((width, count)), locked=count)
        self.base, self.h, self._ritz, self._images = base, float("inf"), None, None
