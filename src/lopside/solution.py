"""What came out of a run: factors, how it ended, its history, and a certificate made when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from typing import Any, Self

from lopside.arrays import Array
from lopside.errors import FileError, InputError
from lopside.io.entries import locked, number, or_none, typed, whole
from lopside.kept_solution import LATER, later, numbers, require_agreement
from lopside.linalg import factored_svd
from lopside.problems.penalty import Penalty
from lopside.problems.protocol import Order
from lopside.problems.setting import Setting
from lopside.rows import Rows
from lopside.stopping import Status
from lopside.threads import one_blas_thread
from lopside.trace import Trace

FORMAT = "lopside-solution"
VERSION = 3

_ORDERS: dict[str, Order | None] = {"alternating": "alternating", "simultaneous": "simultaneous", "none": None}


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
        f = ½‖X Yᵀ − A‖_F² and ‖X Yᵀ − A‖_F/‖A‖_F (not squared), from the residual itself; after `factorize` from
        ‖A‖² − Σ s² where that is as good.
    trace : Trace
    solver : Any
        The solver; if read from a file, the text of its dataclass repr, as `save` stored it.
    order : "alternating", "simultaneous" or None
        Which X the Y-step of a plain gradient method saw; the convergence theorems ask for it. None for other methods.
    step_size : float or None
        η as resolved, where the method has one.
    initial : (ndarray, ndarray) or None
        The start (X₀, Y₀), which the convergence theorems need; None where none is about the problem.
    prove : callable, optional
        Makes `certificate` from this solution and the matrix of the run; absent in a solution read from a file.
    choices : tuple of str
        What was chosen for the user, and why.
    bytes_read : int or None
        Bytes of A that were read, all passes together.
    peak_memory : int or None
        Bytes that the process held at most beside A, as predicted for the steps it took; see `lopside.plan`.
    certificate_passes : int
        Passes that only the proof needed, contained in `passes`.
    certificate_seconds : float
        Time for the proof alone, contained in `seconds`.
    setting : Setting or None
        For `Completion`: the mean, the ridge and the ids; `setting.predict(solution, rows, cols)` needs no entries.
    held : (X, Y), optional
        As the run held them: NumPy arrays, or `Rows` where A lives elsewhere. Absent in a solution read from a file.
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
    order: Order | None
    step_size: float | None
    initial: tuple[Array, Array] | None
    prove: Callable[[Solution], Any] | None = None
    choices: tuple[str, ...] = ()
    bytes_read: int | None = None
    peak_memory: int | None = None
    certificate_passes: int = 0
    certificate_seconds: float = 0.0
    setting: Setting | None = None
    held: tuple[Any, Any] | None = None

    @classmethod
    def of(cls, run: Any, seconds: float) -> Self:
        """Return the solution at a run's current state; the run may go on."""
        point, handle = run.state.point, run.state.point.problem
        missed = point.residual_norm
        loss, relative_error = 0.5 * missed * missed + getattr(point, "charge", 0.0), point.relative_error
        trace = run.trace.closed(run.state, seconds, loss=loss)
        return cls(
            X=run.state.X,
            Y=run.state.Y,
            status=run.status,
            converged=run.status.converged,
            steps=run.state.step,
            passes=handle.reads,
            seconds=trace.seconds[-1],
            loss=loss,
            relative_error=relative_error,
            trace=trace,
            solver=run.solver,
            order=run.solver.order,
            step_size=run.step_size,
            initial=run.initial,
            prove=run.prove,
            choices=tuple(getattr(handle, "notes", ())),
            bytes_read=getattr(handle, "bytes_read", None),
            setting=Setting.of(handle) if isinstance(getattr(handle, "penalty", None), Penalty) else None,
            held=(point.X, point.Y),
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
        with one_blas_thread:
            return self.X @ self.Y.T

    def svd(self) -> tuple[Array, Array, Array]:
        """Return U (m × d), s (d,), Vᵗ (d × n) with X Yᵀ = U diag(s) Vᵗ.

        s falls; the entry of largest modulus in each row of Vᵗ is positive. Costs O((m + n)d²); X Yᵀ is
        never formed.
        """
        U, s, V = factored_svd(*(self.held or (self.X, self.Y)))
        rows = next((factor for factor in (U, V) if isinstance(factor, Rows)), None)
        if rows is None:
            return U, s, V.T
        U, s, V = (part.native() if isinstance(part, Rows) else rows.given(part) for part in (U, s, V))
        return U, s, V.T

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

        arrays = {"X": numbers(self.X), "Y": numbers(self.Y)}
        if self.initial is not None:
            arrays |= {"X0": numbers(self.initial[0]), "Y0": numbers(self.initial[1])}
        arrays |= {f"trace_{name}": column for name, column in self.trace.columns().items()}
        arrays |= {f"detail_{name}": column for name, column in self.trace.detail_columns().items()}
        names = ("converged", "steps", "passes", "seconds", "loss", "relative_error", "step_size", *LATER)
        facts = {name: getattr(self, name) for name in names}
        facts |= {
            "status": self.status.name,
            "solver": str(self.solver),
            "order": self.order or "none",
            "choices": list(self.choices),
            "trace_every": self.trace.every,
        }
        ids, asked = ({}, None) if self.setting is None else self.setting.stored()
        write_archive(path, arrays | ids, {"format": FORMAT, "version": VERSION, **facts, "setting": asked})

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
        version = facts.get("version")
        if facts.get("format") != FORMAT or type(version) is not int or not 1 <= version <= VERSION:
            raise FileError(
                f"got {path}: {facts.get('format', 'no format name')} version {facts.get('version', '?')}; "
                f"expected {FORMAT} version {VERSION} or older. Try a newer lopside, or load X and Y with numpy.load"
            )
        try:
            trace, details = (
                {key.removeprefix(kind): value for key, value in arrays.items() if key.startswith(kind)}
                for kind in ("trace_", "detail_")
            )
            X, Y = locked(arrays, "X"), locked(arrays, "Y")
            order = _ORDERS[facts["order"]]
            started = order is not None or "X0" in arrays or "Y0" in arrays
            solution = cls(
                X=X,
                Y=Y,
                status=Status[facts["status"]],
                converged=typed(facts, "converged", bool),
                steps=whole(facts, "steps"),
                passes=whole(facts, "passes"),
                seconds=number(facts, "seconds"),
                loss=number(facts, "loss"),
                relative_error=number(facts, "relative_error"),
                trace=Trace.from_columns(whole(facts, "trace_every"), trace, details),
                solver=typed(facts, "solver", str),
                order=order,
                step_size=or_none(number, facts, "step_size") if order is None else number(facts, "step_size"),
                initial=(locked(arrays, "X0"), locked(arrays, "Y0")) if started else None,
                setting=None
                if version < 3 or facts["setting"] is None
                else Setting.restored(arrays, facts["setting"], (len(X), len(Y))),
                **later(facts, version),
            )
            require_agreement(solution)
        except (KeyError, ValueError, TypeError, OverflowError, IndexError) as error:
            reason = f"{error} is unknown or absent" if isinstance(error, KeyError) else str(error)
            raise FileError(
                f"got {path} with an unusable entry ({reason}); expected a file that save() wrote. "
                "Try an unchanged copy, or load X and Y with numpy.load"
            ) from error
        return solution

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
