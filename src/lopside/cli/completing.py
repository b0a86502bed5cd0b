"""The work behind `lopside complete`: λ, the fit of all entries, the error on entries held out, and the files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lopside import Certificate, Completion, Run, Solution, Status, Stop
from lopside.cli import keeping
from lopside.cli.entries import Source, by_rows
from lopside.cli.factor import finish
from lopside.cli.holdout import HeldOut, measured
from lopside.cli.predicting import Located, filled, predictions
from lopside.cli.progress import waiting
from lopside.cli.talk import Exit, Refusal
from lopside.frames import Entries
from lopside.interruption import Interruption
from lopside.io import FILLED_SUFFIXES, PREDICTION_SUFFIXES, require_writable, write_filled, write_predictions
from lopside.problems.observed import Withheld
from lopside.report import fit_record, write_trace
from lopside.ridge_path import Choice, best_of, ridge_search

MOST_CELLS = 50_000_000
"""Of a filled table."""

_GAP, _PROGRESS, _STRIDE = 1e-4, 1e-5, 10
"""Unless a gap is asked for, a fit ends within this one, or where that many steps gain less than this share."""


class How(NamedTuple):
    """How entries are fitted."""

    rank: int
    solver: Any
    stop: Stop
    rng: int
    shown: bool


class Outcome(NamedTuple):
    """All that came of it.

    Attributes
    ----------
    problem : Completion
        Of all entries.
    rank : int
        Without the columns of biases.
    solution : Solution
    certificate : Certificate or None
    choice : Choice or None
        Where λ was chosen.
    held_out : HeldOut or None
    outputs : dict
        Kind of file to path.
    """

    problem: Completion
    rank: int
    solution: Solution
    certificate: Certificate | None
    choice: Choice | None
    held_out: HeldOut | None
    outputs: dict[str, str]


def places(out: Path | None, source: Source, wanted: Mapping[str, Path | None]) -> dict[str, Path]:
    """Decide what is written where.

    Parameters
    ----------
    out : Path or None
        A folder, or one file.
    source : Source
    wanted : mapping
        "predictions" to the file of pairs, "filled" and "picture" to the input; None for what was not asked for.

    Raises
    ------
    Refusal
        If there is no place for something.
    """
    asked = [kind for kind, origin in wanted.items() if origin is not None]
    tables = [kind for kind in asked if kind != "picture"]
    if out is None:
        if asked:
            option = {"predictions": "--predict", "filled": "--fill", "picture": "--plot"}[asked[0]]
            raise Refusal(f"got {option} without --out; expected a place for the result. Try --out folder")
        return {}
    suffix = "" if out.is_dir() else out.suffix.lower()
    picture = {"picture": out.with_suffix("")} if "picture" in asked else {}
    if suffix == ".npz" and not tables:
        return {"factors": out} | picture
    if len(tables) == 1 and suffix in (PREDICTION_SUFFIXES if tables == ["predictions"] else FILLED_SUFFIXES):
        return {tables[0]: out} | picture
    if out.is_file() or suffix in (".npz", ".json", ".txt", ".png", ".svg", *FILLED_SUFFIXES):
        raise Refusal(
            f"got --out {out}; expected a folder, or an .npz for the factors alone, or with --predict or --fill "
            f"{', '.join(PREDICTION_SUFFIXES)} for what they write. Try {out.with_suffix('')}"
        )
    found = {"factors": out / "factors.npz", "trace": out / "trace.csv"}
    for kind in tables:
        found[kind] = out / f"{kind}{_ending(wanted[kind] or source.path, kind)}"
    return found | ({"picture": out / "run"} if picture else {})


def _ending(origin: Path, kind: str) -> str:
    """Return the ending of a table made of another file: the same where that can be written."""
    suffix = origin.suffix.lower()
    if kind == "filled" and suffix in (".npy", ".npz", ".mtx"):
        return ".npy"
    return suffix if suffix in PREDICTION_SUFFIXES else ".csv"


def require_places(found: Mapping[str, Path], inputs: list[Path]) -> None:
    """Make sure that every file can be written and none of them is an input.

    Raises
    ------
    Refusal, FileError
        If one is, or cannot.
    """
    for kind, place in found.items():
        for path in [Path(f"{place}{end}") for end in (".png", ".svg")] if kind == "picture" else [place]:
            if path.exists() and any(path.samefile(given) for given in inputs):
                raise Refusal(f"got {path} to write to, which is read; expected another place. Try a folder for --out")
            require_writable(path)


def stop_of(gap: float | None, max_steps: int, *, provable: bool) -> Stop:
    """Return when a fit ends: within the gap asked for; else within a small one, or when it hardly moves."""
    if gap is not None:
        return Stop(max_steps=max_steps, gap=gap)
    return Stop(max_steps=max_steps, gap=_GAP if provable else None, no_progress=_PROGRESS, every=_STRIDE)


def chosen(problem: Completion, how: How, rng: np.random.Generator) -> Choice:
    """Return the λ that predicts some of the entries best which are held out of the others.

    Raises
    ------
    Refusal
        After Ctrl-C.
    """
    tried = []
    with Interruption() as interruption, waiting("choosing λ", shown=how.shown) as tell:
        for fit in ridge_search(problem, how.rank, rng=rng, solver=how.solver):
            tried.append(fit)
            tell(f"choosing λ: {fit.ridge:.4g} misses entries held out by {fit.error:.5g}")
            if interruption.asked:
                best = best_of(tuple(tried))
                raise Refusal(
                    f"Interrupted while λ was chosen; the best of {len(tried)} so far is {best.ridge:.4g}. Nothing was "
                    f"kept. Try --lambda {best.ridge:.4g}",
                    Exit.INTERRUPTED,
                )
    return best_of(tuple(tried))


def fitted(problem: Completion, how: How, *, quiet: bool = False, **kept: Any) -> tuple[Solution, str]:
    """Return a fit, or what there is after Ctrl-C or where it diverged, and why it diverged.

    Parameters
    ----------
    problem : Completion
    how : How
    quiet : bool
    **kept
        In which file the run is kept, and how often.
    """
    run = Run(problem, how.solver, rank=how.rank, stop=how.stop, rng=how.rng, **kept)
    return finish(run, shown=how.shown, quiet=quiet)


def held_out(kept: Completion, held: Withheld, how: How, *, clip: bool) -> HeldOut | None:
    """Return the errors of a fit to the other entries; None if it did not end by itself."""
    solution, _ = fitted(kept, how)
    if solution.status in (Status.INTERRUPTED, Status.DIVERGED):
        return None
    return measured(kept, solution, held, clip=clip)


def written(
    found: Mapping[str, Path],
    problem: Completion,
    solution: Solution,
    known: Entries,
    source: Source,
    pairs: Located | None,
    *,
    clip: bool,
) -> dict[str, str]:
    """Write factors, trace, predictions and the filled table; return what was written.

    Parameters
    ----------
    pairs : Located or None
        What to predict.
    """
    bounds = (float(known.values.min()), float(known.values.max())) if clip else None
    if "factors" in found:
        solution.save(found["factors"])
    if "trace" in found:
        write_trace(found["trace"], solution.trace)
    if "predictions" in found and pairs is not None:
        values = predictions(problem, solution, pairs, bounds)
        write_predictions(found["predictions"], pairs.rows, pairs.columns, values)
    if "filled" in found:
        A = filled(problem, solution, by_rows(known, source.duplicates), bounds)
        write_filled(found["filled"], A, row_ids=problem.row_ids, column_ids=problem.column_ids)
    return {kind: str(path) for kind, path in found.items() if kind != "picture"}


def completion_record(outcome: Outcome) -> dict[str, Any]:
    """Return a completion as one dictionary: the keys of a fit, and more."""
    choice = outcome.choice
    tried = (
        None
        if choice is None
        else [{"ridge": fit.ridge, "rmse": fit.error, "steps": fit.solution.steps} for fit in choice.tried]
    )
    return {
        **fit_record(outcome.solution, outcome.certificate, outcome.outputs),
        "rank": outcome.rank,
        "entries": outcome.problem.entries,
        "mean": outcome.problem.mean,
        "ridge": outcome.problem.ridge,
        "ridge_path": tried,
        "holdout": None if outcome.held_out is None else outcome.held_out._asdict(),
    }


def conclude(
    outcome: Outcome, failure: str, gap: float | None, *, estimated: bool, kept_at: Path | None = None
) -> None:
    """Leave with a sentence and an exit code of its own if something did not end well.

    Parameters
    ----------
    failure : str
        Why the fit diverged.
    gap : float or None
        As asked for.
    estimated : bool
        Whether an error on entries held out was asked for.
    kept_at : Path or None
        The checkpoint, which an interrupted fit can go on from.

    Raises
    ------
    Refusal
    """
    solution, where = outcome.solution, ", ".join(outcome.outputs.values())
    said = f"what there is of step {solution.steps} is in {where}" if where else "nothing was kept. Try --out next time"
    if solution.status is Status.DIVERGED:
        raise Refusal(f"{failure}; {said}", Exit.DIVERGED)
    if solution.status is Status.INTERRUPTED:
        raise Refusal(f"Interrupted after step {solution.steps}; {said}{keeping.going_on(kept_at)}", Exit.INTERRUPTED)
    if estimated and outcome.held_out is None:
        raise Refusal(f"Interrupted before the error on unseen entries was estimated; {said}", Exit.INTERRUPTED)
    if gap is not None and not solution.converged:
        certificate = outcome.certificate
        proved = certificate.gap / solution.loss if certificate and certificate.gap is not None else np.inf
        raise Refusal(
            f"{solution.status.value} after {solution.steps} steps, with the loss proved to be within {proved:.2g} of "
            f"the least possible, relative, before the gap of {gap:g} asked for. Try a larger --rank, a larger "
            "--lambda or more --max-steps",
            Exit.TOLERANCE,
        )
