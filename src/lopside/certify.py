"""`certify`: the theorems applied to one problem and one pair of factors, with no trust in the run that made them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lopside.arrays import Array, as_factors, as_generator
from lopside.errors import AbilityError, InputError
from lopside.linalg import frobenius
from lopside.problems import Completion, Full, Sensing
from lopside.solution import Solution
from lopside.step_sizes import resolve
from lopside.theory import completion_gap, ye_du
from lopside.theory.all_time import AllTime, Order, all_time
from lopside.theory.certificate import Certificate, Check, Part, checks, first_failure
from lopside.theory.eckart_young import Gap, measured_gap
from lopside.theory.sensing_gap import sensing_gap
from lopside.theory.span import Span, column_span, measure_point
from lopside.theory.ward_kolda_window import window_theorem

_ALL_TIME = "theory.all_time, which sharpens WK23, Thm 5.1"


def certify(
    problem: Any,
    solution: Any,
    *,
    solver: Any = None,
    gap: float = 0.0,
    rng: int | np.random.Generator = 0,
) -> Certificate:
    """Prove what can be proved about factors of A.

    For `Completion` and `Sensing` it is the duality gap (any factors, with a ridge). For `Full` three theorems are
    tried: the Eckart–Young gap (any factors), the all-time theorem at the factors and at the start of the run, and
    Ward and Kolda's window theorem at the start (both: plain gradient descent on a matrix of rank r ≤ d). Every number
    is recomputed from A and the factors.

    Parameters
    ----------
    problem : Full, Completion or Sensing
        With the matrix.
    solution : Solution, or (X, Y)
        A solution, from a run or from a file; or any factors of shapes (m, d) and (n, d).
    solver : Solver, optional
        The method that would go on from (X, Y); its convergence is then what is asked for. Without it, a solution
        is judged with the method that made it.
    gap : float
        For `Completion`: a relative duality gap that is good enough. The proof is as tight as the factors are good to
        a tenth in any case.
    rng : int or numpy.random.Generator
        Of the random probes that a large matrix is searched with; `failure_probability` is over their draw. Give
        one of your own for a matrix that somebody may have built against the default.

    Returns
    -------
    Certificate
        Without a solver `holds` is true iff a gap is proved; with one, iff a convergence theorem holds.

    Raises
    ------
    AbilityError
        If the problem is another one.
    InputError
        If the factors do not fit the matrix.

    Examples
    --------
    >>> import lopside as lo
    >>> problem = lo.Full([[3.0, 0.0], [0.0, 4.0]])
    >>> certificate = lo.certify(problem, ([[0.0], [4.0]], [[0.0], [1.0]]))
    >>> (
    ...     certificate.holds,
    ...     certificate.gap < 1e-12,
    ...     [round(x, 6) for x in certificate.best_relative_error_bounds],
    ... )
    (True, True, [0.6, 0.6])
    """
    if isinstance(problem, Completion | Sensing):
        return _by_duality(problem, *_pair(solution), solver, gap, _of_its_own(rng))
    if not isinstance(problem, Full):
        raise AbilityError(f"got {type(problem).__name__}; certificates speak about Full(A), Completion and Sensing")
    X, Y = problem.factors(*_pair(solution), np.float64)
    places = [(0, X, Y)]
    if isinstance(solution, Solution) and solver is None:
        order, step_size = solution.order, solution.step_size
        if solution.steps > 0 and solution.initial is not None:
            places = [(solution.steps, X, Y), (0, *problem.factors(*solution.initial, np.float64))]
    else:
        order = None if solver is None else solver.order
        step_size = None if solver is None or order is None else resolve(solver.step_size, problem, X.shape[1], None)
    parts = [gap_part(problem, X, Y, _of_its_own(rng))]
    if order is None:
        parts += [_no_theorem(solver)] if solver is not None else []
    elif problem.norm > 0 and step_size is not None:
        span = column_span(problem, X.shape[1])
        for step, X, Y in places:
            parts += _convergence_parts(problem, span, step, X, Y, order, step_size)
        if order == "simultaneous" and span.exact and span.rank == X.shape[1]:
            parts.append(_ye_du_report(problem, span, places[-1], step_size))
    return Certificate(tuple(sorted(parts, key=lambda part: not part.holds)), asks_convergence=solver is not None)


def _by_duality(
    problem: Completion | Sensing, X: Array, Y: Array, solver: Any, gap: float, rng: np.random.Generator
) -> Certificate:
    """Apply the duality gap: distance to the least loss of every rank, for a ridge and any factors [SRJ04; RFP10]."""
    handle = problem.metered()
    if isinstance(handle, Sensing):
        X, Y = as_factors(X, Y, handle.shape, handle.dtype)
        columns, measured = X.shape[1], sensing_gap(handle, X, Y, rng, target=gap)
    else:
        columns = handle.located(X, Y).layout.shared
        measured = completion_gap.completion_gap(handle, X, Y, rng, target=gap)
    part = completion_gap.as_part(problem, measured, columns)
    return Certificate(
        (part, *([_no_theorem(solver)] if solver is not None else [])), asks_convergence=solver is not None
    )


def _of_its_own(rng: int | np.random.Generator) -> np.random.Generator:
    # The probes must not be what the data or the start were drawn from, and seed 0 is everybody's.
    if isinstance(rng, np.random.Generator):
        return rng
    return np.random.default_rng((_TAG, int(as_generator(rng).integers(2**62))))


_TAG = 0xCE271F


def _pair(solution: Any) -> tuple[Any, Any]:
    if isinstance(solution, Solution):
        return solution.X, solution.Y
    if not isinstance(solution, tuple | list) or len(solution) != 2:
        raise InputError(f"got {type(solution).__name__} where a Solution or a pair (X, Y) is expected")
    return solution[0], solution[1]


def gap_part(problem: Full, X: Array, Y: Array, rng: np.random.Generator) -> Part:
    """Apply the Eckart–Young gap: distance to the least loss at this rank, for any factors and any matrix [EY36]."""
    return as_part(measured_gap(problem, X, Y, rng), problem.norm)


def as_part(gap: Gap, norm: float) -> Part:
    """Put a proved gap into words; `norm` is ‖A‖_F."""
    loss, scale, rank = 0.5 * gap.missed**2, norm or 1.0, len(gap.singular_values)
    best = f"no rank-{rank} matrix is below {gap.least / scale:.6g}"
    if math.isfinite(gap.excess):
        best += f", so the error is at most {gap.excess:.2g} (relative) above the least"
    return Part(
        theorem="Eckart–Young gap",
        source="EY36",
        holds=True,
        checks=(Check("least loss ≥ ½(‖A‖² − Σ of the d largest σ²)", max(0.0, loss - gap.gap), loss, True),),
        conclusion=(
            f"loss within {gap.gap:.3g} of the least possible at rank {rank}; "
            f"relative error {gap.missed / scale:.6g}, {best}"
        ),
        gap=gap.gap,
        best_relative_error_bounds=(gap.least / scale, gap.reached / scale),
        failure_probability=gap.failure_probability,
        excess=gap.excess if math.isfinite(gap.excess) else None,
        singular_value_bounds=tuple((float(low), float(high)) for low, high in gap.singular_values),
    )


def _no_theorem(solver: Any) -> Part:
    return Part(
        theorem="convergence",
        source="none",
        holds=False,
        checks=(),
        conclusion=(
            f"no convergence theorem for {type(solver).__name__}: those here are about plain gradient descent, "
            "alternating or simultaneous"
        ),
    )


def _convergence_parts(
    problem: Full, span: Span, step: int, X: Array, Y: Array, order: Order, step_size: float
) -> list[Part]:
    d, where = X.shape[1], "at the start" if step == 0 else f"at step {step}"
    if not _small_rank(span, d):
        rank = Check("rank of A up to rounding, against the columns d", float(span.rank), float(d), span.rank <= d)
        conclusion = (
            f"no convergence theorem: A has numerical rank {'at least ' if not span.exact else ''}{span.rank} > {d}, "
            "so its residual cannot vanish"
        )
        return [Part(f"all-time theorem {where}", _ALL_TIME, False, (rank,), conclusion, step)]
    measured = measure_point(problem, span, X, Y, problem.residual_norm(X, Y))
    parts = [_all_time_part(all_time(measured, step_size, order=order), step, where)]
    if step == 0 and order == "alternating":
        proved = window_theorem(measured, step_size)
        tried = checks(proved.conditions)
        conclusion = (
            f"each of the first {proved.steps} steps multiplies the loss by at most {proved.bound.rate:.6g}"
            if proved.bound
            else f"does not apply: {first_failure(tried)}"
        )
        name = "window theorem at the start"
        parts.append(Part(name, "WK23, Thm 5.1", proved.holds, tried, conclusion, 0, proved.bound, proved.steps))
    return parts


def _small_rank(span: Span, columns: int) -> bool:
    return span.exact and 0 < span.rank <= columns


def _ye_du_report(problem: Full, span: Span, start: tuple[int, Array, Array], step_size: float) -> Part:
    """Compare a run with Ye and Du's theorem; never a claim, because the source hides its constants."""
    _, X, Y = start
    sigma1, sigma_d, d = float(span.sigma[0]), float(span.sigma[-1]), span.rank
    scale = ye_du.start_scale(sigma1, sigma_d, d, problem.shape)
    step = ye_du.theory_step(sigma1, sigma_d, d, scale)
    # In units of σ₁, where no square leaves the range of float64.
    target = 0.5 * (1e-5 * problem.norm / sigma1) ** 2
    steps = ye_du.total_steps(sigma_d / sigma1, d, scale / sigma1**0.5, step * sigma1, target)
    used = float(np.hypot(frobenius(X), frobenius(Y)) / np.sqrt(X.size + Y.size))
    return Part(
        theorem="Ye–Du theorem, constants hidden in the source set to 1",
        source="YD21, Thm 1.1",
        holds=False,
        checks=(
            Check("root mean square of the entries of the start, against ε", used, scale, used <= scale),
            Check("step size η, against σ_d ε²/(dσ₁³)", step_size, step, step_size <= step),
        ),
        conclusion=f"a report, never a claim: at that scale and step it asks for about {steps:.1g} steps to 1e-5",
    )


def _all_time_part(proved: AllTime, step: int, where: str) -> Part:
    tried = checks(proved.conditions)
    conclusion = (
        f"from step {step} on each step multiplies the loss by at most {proved.bound.rate:.6g}, for ever "
        f"(down to {proved.bound.floor:.2g})"
        if proved.bound
        else f"does not apply: {first_failure(tried) or 'the motion of the factors cannot be bounded'}"
    )
    return Part(f"all-time theorem {where}", _ALL_TIME, proved.holds, tried, conclusion, step, proved.bound)


class Watch:
    """The all-time theorem at any state of a run: whether linear convergence is certain by now, and how fast.

    Parameters
    ----------
    run : Run
        A run in progress.

    Examples
    --------
    >>> import numpy as np, lopside as lo
    >>> A = np.outer([1.0, 2.0, 2.0], [2.0, 1.0])
    >>> run = lo.Run(lo.Full(A), lo.solvers.AlternatingGradientDescent(0.05), rank=1, stop=lo.Stop(max_steps=20))
    >>> watch = lo.Watch(run)
    >>> parts = [watch(state) for state in run]
    >>> parts[-1].steps_to(1e-9) > 0
    True
    """

    def __init__(self, run: Any) -> None:
        self._problem: Full = run.problem
        self._order: Order | None = run.solver.order
        self._step_size: float = run.step_size or 0.0
        self._columns: int = run.rank
        self._span: Span | None = None

    def __call__(self, state: Any) -> Part | None:
        """Return the all-time part if its hypotheses hold at this state, else None; the first call reads A."""
        if self._order is None:
            return None
        if self._span is None:
            self._span = column_span(self._problem, self._columns)
        span, X, Y = self._span, state.point.X, state.point.Y
        if not _small_rank(span, self._columns):
            return None
        # From the residual, because a certificate never rests on a number that rounding has eaten; and on the
        # problem's own meter, because being watched is no part of the run.
        measured = measure_point(self._problem, span, X, Y, self._problem.residual_norm(X, Y))
        proved = all_time(measured, self._step_size, order=self._order)
        return _all_time_part(proved, state.step, f"at step {state.step}") if proved.holds else None
