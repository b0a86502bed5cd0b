"""The history of a run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np

from lopside.arrays import Array, as_positive
from lopside.errors import InputError
from lopside.linalg import frobenius, squared_singular_values


class Detail(NamedTuple):
    """What the trace holds at its stride.

    Attributes
    ----------
    step : int
    gradient_norm_x, gradient_norm_y : float
        ‖∇_X f‖_F and ‖∇_Y f‖_F; one read of A.
    singular_values_x, singular_values_y : ndarray, shape (d,)
        Of X and Y, largest first, from the Gram matrices: good to about √(d·u)·σ₁.
    imbalance : float
        ‖XᵀX − YᵀY‖_F.
    sharpness : float
        σ₁(X)² + σ₁(Y)²: at a minimizer the largest eigenvalue of the Hessian; simultaneous descent can stay
        there only while η · sharpness ≤ 2 [WCZT21].
    """

    step: int
    gradient_norm_x: float
    gradient_norm_y: float
    singular_values_x: Array
    singular_values_y: Array
    imbalance: float
    sharpness: float

    @classmethod
    def of(cls, step: int, point: Any) -> Self:
        """Measure a point."""
        squared_x, squared_y = squared_singular_values(point.gram_x), squared_singular_values(point.gram_y)
        gradient_norm_x, gradient_norm_y = point.gradient_norms()
        return cls(
            step,
            gradient_norm_x,
            gradient_norm_y,
            np.sqrt(squared_x),
            np.sqrt(squared_y),
            frobenius(point.gram_x - point.gram_y),
            float(squared_x[0] + squared_y[0]),
        )


@dataclass
class Trace:
    """The history of a run: a few numbers after every step, the dear ones at a stride.

    Attributes
    ----------
    step, seconds, passes, loss, relative_error : list
        One entry for the start and one after each step; `passes` counts reads of A.
    details : list of Detail
        At the start, every `every` steps, and at the end.
    every : int
        The stride, ≥ 1.
    """

    every: int = 100
    step: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    relative_error: list[float] = field(default_factory=list)
    details: list[Detail] = field(default_factory=list)

    def __post_init__(self) -> None:
        if as_positive(self.every, "trace_every") != int(self.every):
            raise InputError(f"got trace_every = {self.every!r}; expected an integer ≥ 1")

    @classmethod
    def of_search(cls, history: list[Any], last: tuple[int, float, int, float], norm: float, end: Detail) -> Self:
        """Return the history of a search: step, seconds, passes and ‖XYᵀ − A‖_F of each look at it, and of its end."""
        rows = [*(row for row in history if row[0] < last[0]), last]
        steps, times, passes, missed = (list(column) for column in zip(*rows, strict=True))
        losses, errors = [0.5 * value * value for value in missed], [value / (norm or 1.0) for value in missed]
        return cls(max(1, last[0]), steps, times, passes, losses, errors, [end])

    def record(self, state: Any, seconds: float) -> None:
        """Append one state."""
        self.step.append(state.step)
        self.seconds.append(seconds)
        self.loss.append(state.loss)
        self.relative_error.append(state.relative_error)
        if state.step % self.every == 0:
            self.details.append(Detail.of(state.step, state.point))
        self.passes.append(state.passes)

    def extend(self, losses: list[float], relative_errors: list[float], *, seconds: float, passes: int) -> None:
        """Append the steps between the last one here and one at these seconds and passes, both shared out evenly."""
        count = len(losses)
        for name, last in (("seconds", seconds), ("passes", passes)):
            column = getattr(self, name)
            between = np.linspace(column[-1], last, count + 2)[1:-1]
            column += (np.rint(between).astype(int) if name in _WHOLE else between).tolist()
        self.step += range(self.step[-1] + 1, self.step[-1] + 1 + count)
        self.loss += losses
        self.relative_error += relative_errors

    def closed(self, state: Any, seconds: float, *, loss: float) -> Self:
        """Return a copy that ends at this state, with its details and its loss from the residual."""
        lists = (*_COLUMNS, "details")
        whole = replace(self, **{name: getattr(self, name).copy() for name in lists})
        if not whole.step or whole.step[-1] != state.step:
            whole.record(state, seconds)
        if whole.details[-1].step != state.step:
            whole.details.append(Detail.of(state.step, state.point))
        whole.loss[-1], whole.relative_error[-1], whole.passes[-1] = loss, state.relative_error, state.passes
        return whole

    def __len__(self) -> int:
        return len(self.step)

    def columns(self) -> dict[str, Array]:
        """Return the history as arrays of equal length, by name."""
        return {name: np.asarray(getattr(self, name), dtype=np.float64) for name in _COLUMNS}

    def detail_columns(self) -> dict[str, Array]:
        """Return the details as arrays whose first axis runs over the stride."""
        return {name: np.array([getattr(row, name) for row in self.details], np.float64) for name in Detail._fields}

    @classmethod
    def from_columns(cls, every: int, columns: dict[str, Array], details: dict[str, Array]) -> Self:
        """Rebuild a trace from `columns` and `detail_columns`.

        Raises
        ------
        InputError
            If they are not what these two return: absent, of other shapes, not finite, negative, or at odds.
        """
        history = {name: _column(columns, name) for name in _COLUMNS}
        rest = {name: _column(details, name, 1 + name.startswith("singular_values")) for name in Detail._fields}
        for group in (history, rest):
            if len({len(column) for column in group.values()}) != 1 or not len(group["step"]):
                lengths = ", ".join(f"{name} {len(column)}" for name, column in group.items())
                raise InputError(f"got trace columns of lengths {lengths}; expected the same length, not 0")
        if (np.diff(history["step"]) <= 0).any() or not set(rest["step"]) <= set(history["step"]):
            raise InputError("got trace steps that do not rise, or details of a step that is not in the trace")
        if rest["singular_values_x"].shape != rest["singular_values_y"].shape:
            raise InputError("got different numbers of singular values of X and Y; expected d of each")
        lists = {name: column.astype(int if name in _WHOLE else float).tolist() for name, column in history.items()}
        rows = [
            Detail(int(k), float(gx), float(gy), x, y, float(gap), float(sharp))
            for k, gx, gy, x, y, gap, sharp in zip(*(rest[name] for name in Detail._fields), strict=True)
        ]
        return cls(every, **lists, details=rows)


def _column(columns: dict[str, Array], name: str, dimensions: int = 1) -> Array:
    if name not in columns:
        raise InputError(f"got no trace column {name}; expected one")
    column = columns[name]
    if column.ndim != dimensions or column.dtype.kind != "f":
        raise InputError(
            f"got trace column {name} of shape {column.shape} and type {column.dtype}; expected floats in "
            f"{dimensions} dimension(s)"
        )
    if not np.isfinite(column).all() or (column < 0).any():
        raise InputError(f"got a number in trace column {name} that is negative, infinite or NaN; expected finite ≥ 0")
    if name in _WHOLE and ((column != np.rint(column)) | (column > 2.0**53)).any():
        raise InputError(f"got a number in trace column {name} that is not whole; expected whole numbers up to 2^53")
    return column


_WHOLE = ("step", "passes")
_COLUMNS = ("step", "seconds", "passes", "loss", "relative_error")
