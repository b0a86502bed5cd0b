"""`lopside factor`: from a file with a matrix to factors, a table or JSON, and pictures."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from lopside import Full, Run, Solution, Status, Stop, factorize
from lopside.arrays import as_rank
from lopside.catalog import parse
from lopside.cli import keeping
from lopside.cli.progress import Progress, waiting
from lopside.cli.show import fit_pairs
from lopside.cli.talk import Exit, Refusal, print_pairs, say, usage
from lopside.cli.targets import choose_targets, draw, kept, require_targets, save
from lopside.errors import ConvergenceWarning, DivergedError
from lopside.interruption import Interruption
from lopside.io import json_text, no_empty_folder, read_matrix
from lopside.report import fit_record
from lopside.threads import one_blas_thread, thread_count

DEFAULT_STEPS = Stop().max_steps
TOLERANCE = 1e-6


def factor(
    matrix: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Matrix: .npy .npz (dense, sparse) .csv .tsv .mtx .mtx.gz .png .jpg")
    ],
    rank: Annotated[
        int | None, typer.Option("--rank", "-r", min=1, help="Columns d of X and Y; else give --relative-error.")
    ] = None,
    relative_error: Annotated[
        float | None,
        typer.Option(
            help="Norm of XYᵀ−A over that of A: without --rank, the least rank proved to reach it; else stop."
        ),
    ] = None,
    tol: Annotated[
        float | None,
        typer.Option(help=f"Done when proved this near the least possible error, relative; default {TOLERANCE:g}."),
    ] = None,
    center: Annotated[bool, typer.Option("--center", help="Subtract from each column its mean.")] = False,
    memory_limit: Annotated[float | None, typer.Option(help="Gigabytes that the work may take at most.")] = None,
    key: Annotated[str | None, typer.Option(help="Which array of an .npz with several.")] = None,
    solver: Annotated[
        str | None, typer.Option(help="A method by name, such as agd; see `lopside catalog`. Default: what fits A.")
    ] = None,
    step_size: Annotated[
        str | None, typer.Option(help="A number, 0.9/sigma1, or a rule such as all-time; default: the solver's.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="For example unbalanced[C=4,nu=1e-10] or sketch; default: the solver's.")
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=0, help=f"Steps at most; {DEFAULT_STEPS} unless --seconds is given.")
    ] = None,
    gradient_norm: Annotated[
        float | None,
        typer.Option(help="Stop once the gradient's norm over that of A to the power 3/2 is at most this."),
    ] = None,
    no_progress: Annotated[
        float | None, typer.Option(help="Stop once 50 steps lower the loss by less than this share of it.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after this time.")] = None,
    rng: Annotated[int, typer.Option(min=0, help="Seed; the same seed gives the same factors, bit for bit.")] = 0,
    sigma1: Annotated[float | None, typer.Option(help="Largest singular value of A; estimated if not given.")] = None,
    trace_every: Annotated[
        int | None, typer.Option(min=1, help="Steps between two full entries of the trace; default 100.")
    ] = None,
    checkpoint: keeping.File = None,
    checkpoint_every: keeping.Every = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A folder for factors.npz and trace.csv, or one FILE.npz; nothing is kept without it."),
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Also draw the run, as .png and .svg; needs --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors (and JSON).")] = False,
) -> None:
    """Factor a matrix: A ≈ X Yᵀ.

    A (m × n) is read from INPUT; X is m × d and Y n × d, with d given by --rank. The method is chosen and the result
    proved to be within --tol of the best possible; --solver, --start, --step-size, --sigma1, --trace-every and the
    conditions to stop (--relative-error beside --rank among them) ask for a gradient method instead.
    """
    conditions = {
        "max_steps": max_steps,
        "relative_error": None if rank is None else relative_error,
        "gradient_norm": gradient_norm,
        "no_progress": no_progress,
        "seconds": seconds,
    }
    options = {"--solver": solver, "--step-size": step_size, "--start": start, "--sigma1": sigma1}
    options |= {"--trace-every": trace_every, **{_option(name): given for name, given in conditions.items()}}
    steering = [name for name, given in options.items() if given is not None]
    where = keeping.kept_in(checkpoint, checkpoint_every, out)
    require_one_goal(rank, relative_error, tol, memory_limit, steering)
    with usage():
        method = parse("solver", solver or "agd")
        if step_size is not None:
            method = stepping(method, step_size)
        begin = None if start is None else parse("start", start)
        stop = chosen_stop(conditions)
        targets = choose_targets(out, plot=plot)
        thread_count()
    A, notes = read_matrix(matrix, key)
    if plot and not isinstance(A, np.ndarray):
        raise Refusal(f"got --plot with {matrix.name}, which is sparse or too large to draw; try it without --plot")
    problem = Full(A, center=center)
    for note in (*notes, *(problem.notes if as_json else ())):  # the table has a line for the latter
        say(f"Note: {note}", quiet=quiet)
    shown = not (quiet or as_json)
    with usage(), no_empty_folder(out or Path()):
        if rank is not None:
            as_rank(rank, problem.shape)
        require_targets(targets, matrix, out)
        if steering:
            how = {"rank": rank, "start": begin, "stop": stop, "rng": rng, "sigma1": sigma1, "watch": plot, **where}
            run = Run(problem, method, **how, trace_every=trace_every or 100)
            solution, failure = finish(run, shown=shown, quiet=quiet)
        else:
            goal = {"relative_error": relative_error, "tol": TOLERANCE if tol is None else tol}
            limit = None if memory_limit is None else 1e9 * memory_limit
            if checkpoint is not None and checkpoint.exists():
                say(f"Going on from {checkpoint}, if that is of this run", quiet=quiet)
            solution, failure = best(problem, rank, **goal, rng=rng, memory_limit=limit, **where, shown=shown)
        outputs = save(solution, targets)  # what cannot be written here could be a moment ago: a full disk
        certificate = None
        try:
            if solution.status not in (Status.INTERRUPTED, Status.DIVERGED):
                certificate = solution.certificate
            if targets.picture is not None:
                shown_matrix = A - A.mean(axis=0) if center else A
                outputs |= draw(shown_matrix, solution, certificate, targets.picture, matrix)
        except KeyboardInterrupt:
            raise Refusal(f"Interrupted after the run; {kept(solution, outputs)}", Exit.INTERRUPTED) from None
    if as_json:
        print(json_text(fit_record(solution, certificate, outputs)))
    elif not quiet:
        print_pairs(fit_pairs(solution, certificate, outputs))
        if certificate and not steering:
            print(f"\n{certificate.summary()}")
    conclude(
        solution,
        outputs,
        failure,
        kept_at=checkpoint,
        asked=not steering or (stop is not None and stop.asks_for_tolerance),
    )


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def require_one_goal(
    rank: int | None,
    relative_error: float | None,
    tol: float | None,
    memory_limit: float | None,
    steering: Sequence[str],
) -> None:
    """Make sure that what is asked for is one thing.

    Parameters
    ----------
    steering : sequence of str
        The options given that ask for a run of a gradient method.

    Raises
    ------
    Refusal
        If nothing is asked for, or two things that exclude each other.
    """
    if rank is None and relative_error is None:
        raise Refusal("got neither --rank nor --relative-error; expected how much to keep. Try --rank 10")
    if rank is None and steering:
        raise Refusal(f"got {steering[0]} without --rank; expected the rank beside it. Try --rank 10")
    if rank is None and tol is not None:
        raise Refusal("got --tol without --rank; expected it with a rank, or --relative-error alone")
    for name, given in (("--tol", tol), ("--memory-limit", memory_limit)):
        if given is not None and steering:
            raise Refusal(f"got {name} with {steering[0]}, which asks for a run of its own; expected one of them")


def best(problem: Full, rank: int | None, *, shown: bool, **asked: Any) -> tuple[Solution, str]:
    """Return the best fit, or after Ctrl-C the best so far, and a sentence if it is not proved to be that good.

    Parameters
    ----------
    shown : bool
    **asked
        What `factorize` is asked for.
    """
    with waiting(f"factoring {problem!r}", shown=shown), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        solution = factorize(problem, rank, **asked)
    missed = [warning for warning in caught if issubclass(warning.category, ConvergenceWarning)]
    for warning in caught:
        if warning not in missed:
            say(f"Warning: {warning.message}")
    return solution, "".join(str(warning.message) for warning in missed)


def stepping(method: Any, step_size: str) -> Any:
    """Return the method with another step size.

    Raises
    ------
    Refusal
        If it has none.
    """
    if "step_size" not in {field.name for field in fields(method)}:
        raise Refusal(f"got --step-size {step_size}, but {type(method).__name__} has none; try it without")
    return replace(method, step_size=parse("step size", step_size))


def chosen_stop(conditions: Mapping[str, Any]) -> Stop | None:
    """Return the conditions that were given, with a budget where no clock ends the run; None if none was given."""
    given: dict[str, Any] = {name: bound for name, bound in conditions.items() if bound is not None}
    if not given:
        return None
    if "seconds" in given:
        given.setdefault("max_steps", None)
    return Stop(**given)


def finish(run: Run, *, shown: bool, quiet: bool = False) -> tuple[Solution, str]:
    """Run to the end, to the first Ctrl-C or until it diverges; return what there is, and why it diverged."""
    if run.resumed is not None:
        say(f"Resumed from {run.resumed} at step {run.state.step}", quiet=quiet)
    try:
        with Interruption() as interruption, Progress(run, shown=shown) as progress, one_blas_thread:
            for state in run:
                progress.look(state)
                if interruption.asked and run.status is Status.RUNNING:
                    return run.interrupt(), ""
    except DivergedError as error:
        return error.solution, str(error)
    return run.solution(), ""


def conclude(
    solution: Solution, outputs: dict[str, str], failure: str, *, asked: bool, kept_at: Path | None = None
) -> None:
    """Leave with a sentence and an exit code of its own if the run did not end well.

    Parameters
    ----------
    failure : str
        What is known of the reason.
    asked : bool
        Whether a tolerance was asked for.
    kept_at : Path or None
        The checkpoint, which an interrupted run can go on from.

    Raises
    ------
    Refusal
        If it diverged, was interrupted, or missed a tolerance.
    """
    if solution.status is Status.DIVERGED:
        raise Refusal(f"{failure}; {kept(solution, outputs)}", Exit.DIVERGED)
    if solution.status is Status.INTERRUPTED:
        more = keeping.going_on(kept_at)
        raise Refusal(f"Interrupted after step {solution.steps}; {kept(solution, outputs)}{more}", Exit.INTERRUPTED)
    if asked and not solution.converged:
        raise Refusal(
            failure
            or f"{solution.status.value} after {solution.steps} steps, relative error {solution.relative_error:.4g}, "
            "before the tolerance asked for was reached. Try more steps, a larger step size or a larger rank",
            Exit.TOLERANCE,
        )
