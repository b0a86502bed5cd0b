"""What a completion problem adds to the squared errors: a ridge for the factors and one for the biases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array, as_positive
from lopside.errors import InputError, counted
from lopside.linalg import chunks
from lopside.problems.biases import BIASES, Layout

RidgeScaling = Literal["none", "counts", "smoothed"]
Bias = Literal["none", "mean", "rows", "columns", "both"]

SCALINGS = ("none", "counts", "smoothed")


@dataclass(frozen=True)
class Penalty:
    """½ Σ λ s_i‖x_i‖² + ½ Σ λ t_j‖y_j‖² + ½ Σ ρ s_i b_i² + ½ Σ ρ t_j c_j².

    Parameters are those of `Completion`.

    Raises
    ------
    InputError
        For λ < 0, unknown options, and a ridge for biases without one for the factors or without biases.
    """

    ridge: float = 0.0
    scaling: RidgeScaling = "none"
    bias: Bias = "none"
    bias_ridge: float | None = None

    def __post_init__(self) -> None:
        if self.bias not in BIASES:
            raise InputError(f"got bias = {self.bias!r}; expected one of {', '.join(BIASES)}")
        if self.scaling not in SCALINGS:
            raise InputError(f"got ridge_scaling = {self.scaling!r}; expected one of {', '.join(SCALINGS)}")
        as_positive(self.ridge, "ridge", zero=True)
        if self.bias_ridge is None:
            return
        as_positive(self.bias_ridge, "bias_ridge")
        if self.ridge == 0.0 or self.bias not in ("rows", "columns", "both"):
            raise InputError(
                f"got bias_ridge = {self.bias_ridge} with ridge = {self.ridge} and bias = {self.bias!r}; expected a "
                "ridge > 0 and fitted biases beside it. Try it without"
            )

    @property
    def of_biases(self) -> float:
        """ρ."""
        return self.ridge if self.bias_ridge is None else self.bias_ridge

    def ridges(self, counts: NDArray[np.int64]) -> Array:
        """Return λ s_i for lines with this many entries."""
        shares = {"none": np.ones(len(counts)), "counts": counts, "smoothed": 0.5 * (counts + counts.mean())}
        return self.ridge * shares[self.scaling].astype(np.float64)

    def about_empty(self, rows: int, columns: int) -> list[str]:
        """Return the notes on so many rows and columns without entries."""
        said = _LEFT[self.bias]
        return [
            f"{counted(empty, name)} without entries: predicted there is {said}"
            for name, empty in (("row", rows), ("column", columns))
            if empty
        ]

    def units(self, layout: Layout, *, left: bool) -> Array:
        """Return κ for each free column of a factor, √(λ/ρ) for that of a bias: x/κ has the ridge λ throughout."""
        kappa = math.sqrt(self.ridge / self.of_biases) if self.ridge else 1.0
        free = np.array(layout.order(left=left)[0])
        return np.where(free < layout.shared, 1.0, kappa)

    def of(self, F: Array, ridges: Array, layout: Layout, *, left: bool) -> float:
        """Return its share of one factor."""
        if not self.ridge:
            return 0.0
        columns, units = layout.order(left=left)[0], self.units(layout, left=left)
        squares = (np.square(F[rows][:, columns] / units).sum(axis=1) for rows in chunks(len(F)))
        return 0.5 * sum(float(ridges[rows].dot(norms)) for rows, norms in zip(chunks(len(F)), squares, strict=True))


_LEFT = {
    "none": "0",
    "mean": "the mean",
    "rows": "the mean, and for columns the row's bias",
    "columns": "the mean, and for rows the column's bias",
    "both": "the mean and the bias of the other side",
}
