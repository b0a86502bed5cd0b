"""What came out of a run: factors, how it ended, its history, and a certificate made when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import Any, NamedTuple, Self

import numpy as np

from lopside.arrays import Array, as_positive
from lopside.errors import FileError, InputError
from lopside.linalg import factored_svd, frobenius, squared_singular_values
from lopside.problems.protocol import Order
from lopside.stopping import Status

FORMAT = "lopside-solution"
VERSION = 1


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

    def record(self, state: Any, seconds: float) -> None:
        """Append one state."""
        self.step.append(state.step)
        self.seconds.append(seconds)
        self.loss.append(state.loss)
        self.relative_error.append(state.relative_error)
        if state.step % self.every == 0:
            self.details.append(Detail.of(state.step, state.point))
        self.passes.append(state.passes)

    def close(self, state: Any, seconds: float) -> None:
        """Make sure that the last state is there, with its details."""
        if not self.step or self.step[-1] != state.step:
            self.record(state, seconds)
        if self.details[-1].step != state.step:
            self.details.append(Detail.of(state.step, state.point))

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
        """Rebuild a trace from `columns` and `detail_columns`."""
        whole = {"step", "passes"}
        lists = {name: columns[name].astype(int if name in whole else float).tolist() for name in _COLUMNS}
        rows = [
            Detail(int(k), float(gx), float(gy), x, y, float(gap), float(sharp))
            for k, gx, gy, x, y, gap, sharp in zip(*(details[name] for name in Detail._fields), strict=True)
        ]
        return cls(every, **lists, details=rows)


_ORDERS: dict[str, Order] = {"alternating": "alternating", "simultaneous": "simultaneous"}
_COLUMNS = ("step", "seconds", "passes", "loss", "relative_error")


@dataclass(frozen=True, eq=False)
class Solution:
    """Factors X (m × d) and Y (n × d) with A ≈ X Yᵀ, and all that is known about them.

    Attributes
    ----------
    X, Y : ndarray
        Read-only.
    status : Status
        How the run ended; `status.value` is the sentence.
    converged : bool
        Whether a tolerance asked for was met, as decided by the run.
    steps, passes : int
        Iterations, and how often A was read for them, the start and σ₁ included.
    seconds : float
        Wall clock of the iteration.
    loss, relative_error : float
        f = ½‖X Yᵀ − A‖_F² and ‖X Yᵀ − A‖_F/‖A‖_F (not squared), from the residual itself.
    trace : Trace
    solver : Any
        The solver, or its text form if read from a file.
    order : "alternating" or "simultaneous"
        Which X the Y-step saw; the convergence theorems ask for it.
    step_size : float
        η as resolved.
    initial : (ndarray, ndarray)
        The start (X₀, Y₀), which the certificates need.
    prove : callable, optional
        Makes `certificate` from this solution and the matrix of the run; absent in a solution read from a file.
    """

    X: Array
    Y: Array
    status: Status
    converged: bool
    steps: int
    passes: int
    seconds: float
    loss: float
    relative_error: float
    trace: Trace
    solver: Any
    order: Order
    step_size: float
    initial: tuple[Array, Array]
    prove: Callable[[Solution], Any] | None = None

    @classmethod
    def of(cls, run: Any) -> Self:
        """Return the solution at a run's current state."""
        point, handle = run.state.point, run.state.point.problem
        missed = point.residual_norm
        return cls(
            X=run.state.X,
            Y=run.state.Y,
            status=run.status,
            converged=run.status.converged,
            steps=run.state.step,
            passes=handle.reads,
            seconds=run.trace.seconds[-1],
            loss=0.5 * missed**2,
            relative_error=point.relative_error,
            trace=run.trace,
            solver=run.solver,
            order=run.solver.order,
            step_size=run.step_size,
            initial=run.initial,
            prove=run.prove,
        )

    @property
    def rank(self) -> int:
        """d, the number of columns of X and Y."""
        return self.X.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """(m, n), the shape of A."""
        return self.X.shape[0], self.Y.shape[0]

    def matrix(self) -> Array:
        """Return X Yᵀ (m × n), formed in full: m·n numbers."""
        return self.X @ self.Y.T

    def svd(self) -> tuple[Array, Array, Array]:
        """Return U (m × d), s (d,), Vᵗ (d × n) with X Yᵀ = U diag(s) Vᵗ.

        s falls; the entry of largest modulus in each row of Vᵗ is positive. Costs O((m + n)d²); X Yᵀ is
        never formed.
        """
        return factored_svd(self.X, self.Y)

    @cached_property
    def certificate(self) -> Any:
        """The `Certificate` of this run; made when first read, from the matrix the run was given.

        Raises
        ------
        InputError
            For a solution read from a file: use `lopside.certify(problem, solution)`.
        """
        if self.prove is None:
            raise InputError(
                "got a solution read from a file, which does not hold A; try lo.certify(lo.Full(A), solution)"
            )
        return self.prove(self)

    def save(self, path: str | PathLike[str]) -> None:
        """Write factors, start and history to a compressed .npz without pickled objects; all or nothing.

        Raises
        ------
        FileError
            If the file cannot be written.
        """
        from lopside.io import write_archive

        arrays = {"X": self.X, "Y": self.Y, "X0": self.initial[0], "Y0": self.initial[1]}
        arrays |= {f"trace_{name}": column for name, column in self.trace.columns().items()}
        arrays |= {f"detail_{name}": column for name, column in self.trace.detail_columns().items()}
        names = ("converged", "steps", "passes", "seconds", "loss", "relative_error", "step_size")
        facts = {name: getattr(self, name) for name in names}
        facts |= {
            "status": self.status.name,
            "solver": str(self.solver),
            "order": self.order,
            "trace_every": self.trace.every,
        }
        write_archive(path, arrays, {"format": FORMAT, "version": VERSION, **facts})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        FileError
            If the file is unreadable, truncated, not a solution, or from a newer version.
        """
        from lopside.io import read_archive

        arrays, facts = read_archive(path)
        if facts.get("format") != FORMAT or facts.get("version", 0) > VERSION:
            raise FileError(
                f"got {path}: {facts.get('format', 'no format name')} version {facts.get('version', '?')}; "
                f"expected {FORMAT} version {VERSION} or older. Try a newer lopside, or load X and Y with numpy.load"
            )
        try:
            trace, details = (
                {key.removeprefix(kind): value for key, value in arrays.items() if key.startswith(kind)}
                for kind in ("trace_", "detail_")
            )
            X, Y, X0, Y0 = (_locked(arrays[name]) for name in ("X", "Y", "X0", "Y0"))
            return cls(
                X=X,
                Y=Y,
                status=Status[facts["status"]],
                converged=bool(facts["converged"]),
                steps=int(facts["steps"]),
                passes=int(facts["passes"]),
                seconds=float(facts["seconds"]),
                loss=float(facts["loss"]),
                relative_error=float(facts["relative_error"]),
                trace=Trace.from_columns(int(facts["trace_every"]), trace, details),
                solver=str(facts["solver"]),
                order=_ORDERS[facts["order"]],
                step_size=float(facts["step_size"]),
                initial=(X0, Y0),
            )
        except (KeyError, ValueError, TypeError) as error:
            raise FileError(
                f"got {path} with an unusable entry ({error}); expected a file that save() wrote"
            ) from error

    def __repr__(self) -> str:
        m, n = self.shape
        return (
            f"Solution({m} × {n}, rank {self.rank}, relative error {self.relative_error:.3g}, "
            f"{self.steps} steps, {self.passes} passes, {self.seconds:.3g} s: {self.status.value})"
        )

    def _repr_html_(self) -> str:
        m, n = self.shape
        rows = {
            "shape": f"{m} × {n}",
            "rank": self.rank,
            "relative error": f"{self.relative_error:.6g}",
            "status": self.status.value,
            "steps": self.steps,
            "passes over A": self.passes,
            "seconds": f"{self.seconds:.3g}",
            "solver": self.solver,
        }
        from html import escape

        cells = "".join(f"<tr><th>{name}</th><td>{escape(str(value))}</td></tr>" for name, value in rows.items())
        return f"<table>{cells}</table>"


def _locked(factor: Array) -> Array:
    if factor.ndim != 2 or factor.dtype.kind != "f" or not np.isfinite(factor).all():
        raise ValueError(f"a factor of shape {factor.shape} and type {factor.dtype} that is not a finite matrix")
    factor.flags.writeable = False
    return factor
