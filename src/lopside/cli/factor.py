"""`lopside factor`: from a file with a matrix to factors, a table or JSON, and pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from lopside import Full, Run, Solution, Status, Stop
from lopside.arrays import as_rank
from lopside.catalog import parse
from lopside.cli.progress import Interruption, Progress
from lopside.cli.show import fit_pairs
from lopside.cli.talk import Exit, Refusal, print_pairs, say, usage
from lopside.errors import DivergedError
from lopside.io import json_text, no_empty_folder, read_matrix, require_writable
from lopside.linalg import one_blas_thread, thread_count
from lopside.report import fit_record, write_trace

DEFAULT_STEPS = Stop().max_steps
_PICTURES = (".png", ".jpg", ".jpeg")


class Targets(NamedTuple):
    """Where results go; None for what was not asked for."""

    factors: Path | None = None
    trace: Path | None = None
    picture: Path | None = None  # without its ending

    def paths(self) -> list[Path]:
        """Return every file that will be written."""
        pictures = [Path(f"{self.picture}.{kind}") for kind in ("png", "svg")] if self.picture else []
        return [path for path in (self.factors, self.trace, *pictures) if path is not None]


def factor(
    matrix: Annotated[Path, typer.Argument(metavar="INPUT", help="Matrix: .npy .npz .csv .tsv .mtx .mtx.gz .png .jpg")],
    rank: Annotated[int, typer.Option("--rank", "-r", min=1, help="Columns d of X and Y.")],
    key: Annotated[str | None, typer.Option(help="Which array of an .npz with several.")] = None,
    solver: Annotated[str, typer.Option(help="agd or gd; see `lopside catalog`.")] = "agd",
    step_size: Annotated[
        str | None, typer.Option(help="A number, 0.9/sigma1, or a rule such as all-time; default: the solver's.")
    ] = None,
    start: Annotated[
        str, typer.Option(help="For example unbalanced[C=4,nu=1e-10] or sketch; C=none takes 4, or more if needed.")
    ] = "unbalanced[C=none]",
    max_steps: Annotated[
        int | None, typer.Option(min=0, help=f"Steps at most; {DEFAULT_STEPS} unless --seconds is given.")
    ] = None,
    relative_error: Annotated[
        float | None, typer.Option(help="Stop once the Frobenius norm of XYᵀ−A over that of A is at most this.")
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
    trace_every: Annotated[int, typer.Option(min=1, help="Steps between two full entries of the trace.")] = 100,
    out: Annotated[
        Path | None,
        typer.Option(help="A folder for factors.npz and trace.csv, or one FILE.npz; nothing is kept without it."),
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Also draw the run, as .png and .svg; needs --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors (and JSON).")] = False,
) -> None:
    """Factor a matrix: A ≈ X Yᵀ.

    A (m × n) is read from INPUT; X is m × d and Y n × d, with d given by --rank.
    """
    with usage():
        method = parse("solver", solver)
        if step_size is not None:
            method = replace(method, step_size=parse("step size", step_size))
        begin = parse("start", start)
        stop = chosen_stop(max_steps, relative_error, gradient_norm, no_progress, seconds)
        targets = choose_targets(out, plot=plot)
        thread_count()
    A, notes = read_matrix(matrix, key)
    problem = Full(A)
    for note in notes:
        say(f"Note: {note}", quiet=quiet)
    certificate = None
    with usage(), no_empty_folder(out or Path()):
        as_rank(rank, problem.shape)
        for path in targets.paths():
            if path.exists() and path.samefile(matrix):
                raise Refusal(f"got --out {out}, which would overwrite INPUT; expected another place. Try a folder")
            require_writable(path)
        run = Run(
            problem,
            method,
            rank=rank,
            start=begin,
            stop=stop,
            rng=rng,
            sigma1=sigma1,
            trace_every=trace_every,
            watch=plot,
        )
        solution, failure = finish(run, shown=not (quiet or as_json))
        outputs = save(solution, targets)  # what cannot be written here could be a moment ago: a full disk
        try:
            if solution.status not in (Status.INTERRUPTED, Status.DIVERGED):
                certificate = solution.certificate
            if targets.picture is not None:
                outputs |= draw(A, solution, certificate, targets.picture, matrix)
        except KeyboardInterrupt:
            raise Refusal(f"Interrupted after the run; {kept(solution, outputs)}", Exit.INTERRUPTED) from None
    if as_json:
        print(json_text(fit_record(solution, certificate, outputs)))
    elif not quiet:
        print_pairs(fit_pairs(solution, certificate, outputs))
    conclude(solution, run.stop, outputs, failure)


def chosen_stop(
    max_steps: int | None,
    relative_error: float | None,
    gradient_norm: float | None,
    no_progress: float | None,
    seconds: float | None,
) -> Stop | None:
    """Return the conditions that were given, with a budget where no clock ends the run; None if none was given."""
    given = (relative_error, gradient_norm, no_progress, seconds)
    if max_steps is None and all(condition is None for condition in given):
        return None
    if max_steps is None and seconds is None:
        max_steps = DEFAULT_STEPS
    return Stop(max_steps, *given)


def choose_targets(out: Path | None, *, plot: bool) -> Targets:
    """Decide from --out and --plot what is written where.

    Raises
    ------
    Refusal
        For a picture without a place, or a place that is neither a folder nor an .npz.
    """
    if out is None:
        if plot:
            raise Refusal("got --plot without --out; expected a place for the picture. Try --out folder")
        return Targets()
    if out.suffix.lower() == ".npz" and not out.is_dir():
        return Targets(out, None, out.with_suffix("") if plot else None)
    if out.is_file() or out.suffix.lower() in (".npy", ".csv", ".json", ".txt", ".mat", *_PICTURES, ".svg"):
        raise Refusal(f"got --out {out}; expected a folder or a file that ends in .npz. Try {out.with_suffix('.npz')}")
    return Targets(out / "factors.npz", out / "trace.csv", out / "run" if plot else None)


def finish(run: Run, *, shown: bool) -> tuple[Solution, str]:
    """Run to the end, to the first Ctrl-C or until it diverges; return what there is, and why it diverged."""
    try:
        with Interruption() as interruption, Progress(run, shown=shown) as progress, one_blas_thread:
            for state in run:
                progress.look(state)
                if interruption.asked and run.status is Status.RUNNING:
                    return run.interrupt(), ""
    except DivergedError as error:
        return error.solution, str(error)
    return run.solution(), ""


def save(solution: Solution, targets: Targets) -> dict[str, str]:
    """Write factors and trace; return what was written."""
    outputs = {}
    if targets.factors is not None:
        solution.save(targets.factors)
        outputs["factors"] = str(targets.factors)
    if targets.trace is not None:
        write_trace(targets.trace, solution.trace)
        outputs["trace"] = str(targets.trace)
    return outputs


def draw(A: Any, solution: Solution, certificate: Any, target: Path, matrix: Path) -> dict[str, str]:
    """Draw the run and return what was written."""
    from lopside.plots.canvas import save as save_picture
    from lopside.plots.run import draw_run

    colours = "gray" if matrix.suffix.lower() in _PICTURES else "viridis"
    written = save_picture(draw_run(A, solution, certificate, title=matrix.name, colours=colours), target)
    return {path.suffix[1:]: str(path) for path in written}


def kept(solution: Solution, outputs: dict[str, str]) -> str:
    """Say where the factors are."""
    if not outputs:
        return "nothing was kept. Try --out next time"
    return f"the factors of step {solution.steps} are in {outputs['factors']}"


def conclude(solution: Solution, stop: Stop, outputs: dict[str, str], failure: str) -> None:
    """Leave with a sentence and an exit code of its own if the run did not end well.

    Raises
    ------
    Refusal
        If it diverged, was interrupted, or missed a tolerance.
    """
    if solution.status is Status.DIVERGED:
        raise Refusal(f"{failure}; {kept(solution, outputs)}", Exit.DIVERGED)
    if solution.status is Status.INTERRUPTED:
        raise Refusal(f"Interrupted after step {solution.steps}; {kept(solution, outputs)}", Exit.INTERRUPTED)
    if stop.asks_for_tolerance and not solution.converged:
        raise Refusal(
            f"{solution.status.value} after {solution.steps} steps, at relative error {solution.relative_error:.4g}, "
            "before the tolerance asked for was reached. Try more steps, a larger step size or a larger rank",
            Exit.TOLERANCE,
        )
