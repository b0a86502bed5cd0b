"""`lopside complete`: from a file with known entries to factors, predictions and a filled table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from lopside import Completion, Status
from lopside.arrays import as_positive, as_rank
from lopside.catalog import parse
from lopside.cli import keeping
from lopside.cli.completing import (
    MOST_CELLS,
    How,
    Outcome,
    chosen,
    completion_record,
    conclude,
    fitted,
    held_out,
    places,
    require_places,
    stop_of,
    written,
)
from lopside.cli.entries import Source, penalty_of, problem_of, read_known, require_layout
from lopside.cli.predicting import Located, located
from lopside.cli.progress import waiting
from lopside.cli.show import completion_pairs, path_rows
from lopside.cli.talk import Exit, Refusal, print_pairs, print_table, say, usage
from lopside.io import json_text, no_empty_folder, read_pairs
from lopside.problems.observed import Withheld
from lopside.threads import thread_count

RANK, STEPS = 16, 500


def complete(
    ratings: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="Known entries, a row id, a column id and a value in each line: .csv .tsv .inter .parquet .npz .mtx",
        ),
    ],
    rank: Annotated[
        int | None, typer.Option("--rank", "-r", min=1, help=f"Columns of X and Y beside biases; default {RANK}.")
    ] = None,
    ridge: Annotated[
        str, typer.Option("--lambda", help="The ridge, a number; auto: what predicts a tenth held out best.")
    ] = "auto",
    holdout: Annotated[
        float | None, typer.Option(help="Estimate the error on unseen entries from this share, held out at random.")
    ] = None,
    bias: Annotated[str, typer.Option(help="none, mean, rows, columns or both.")] = "both",
    ridge_scaling: Annotated[
        str, typer.Option(help="The ridge of a line: none, counts (times its entries) or smoothed.")
    ] = "smoothed",
    bias_ridge: Annotated[float | None, typer.Option(help="A ridge of its own for the biases.")] = None,
    table: Annotated[
        bool, typer.Option("--table", help="INPUT is a table with empty cells or NaN: .csv .tsv .npy .parquet.")
    ] = False,
    row: Annotated[
        str | None, typer.Option(help="Column with the row ids, also of a table: its name, or number from 1.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="Column with the column ids.")] = None,
    value: Annotated[str | None, typer.Option(help="Column with the values.")] = None,
    weight: Annotated[str | None, typer.Option(help="Column with weights; without it all entries count alike.")] = None,
    duplicates: Annotated[str, typer.Option(help="Several values at one place: error, mean or last.")] = "error",
    gap: Annotated[
        float | None, typer.Option(help="Done when the loss is proved to be this near the least possible, relative.")
    ] = None,
    max_steps: Annotated[int, typer.Option(min=0, help="Steps of a fit at most.")] = STEPS,
    solver: Annotated[str, typer.Option(help="A method by name; see `lopside catalog`.")] = "als",
    predict: Annotated[
        Path | None, typer.Option(metavar="PAIRS", help="Predict these pairs of row id and column id.")
    ] = None,
    fill: Annotated[bool, typer.Option("--fill", help="Write the whole table with its holes filled.")] = False,
    clip: Annotated[bool, typer.Option("--clip", help="Predict nothing beyond the values that are known.")] = False,
    rng: Annotated[int, typer.Option(min=0, help="Seed; the same seed gives the same factors, bit for bit.")] = 0,
    checkpoint: keeping.File = None,
    checkpoint_every: keeping.Every = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A folder for all results, or one file; nothing is kept without it."),
    ] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Also draw the fit, as .png and .svg; needs --out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors (and JSON).")] = False,
) -> None:
    """Complete a matrix of which some entries are known: A ≈ μ + X Yᵀ, with biases of rows and columns.

    How near the fit is to the best one is proved; how well unseen entries are predicted is another question, which
    --holdout estimates on a fit without a share of the entries. The factors that are written are fitted to all of them.
    """
    where = keeping.kept_in(checkpoint, checkpoint_every, out)
    source = Source(ratings, table, row, column, value, weight, duplicates)
    require_layout(source)
    level = ridge_of(ridge, bias_ridge, gap)
    penalty = penalty_of(level or 0.0, ridge_scaling, bias, bias_ridge)
    with usage():
        method = parse("solver", solver)
        stop = stop_of(gap, max_steps, provable=level != 0.0)
        thread_count()
    if holdout is not None and not 0.0 < holdout < 1.0:
        raise Refusal(f"got --holdout {holdout:g}; expected a share between 0 and 1. Try 0.1")
    wanted = {"predictions": predict, "filled": ratings if fill else None, "picture": ratings if plot else None}
    found = places(out, source, wanted)
    shown = not (quiet or as_json)
    with waiting(f"reading {ratings.name}", shown=shown):
        known, notes, names = read_known(source)
        problem = problem_of(known, penalty, duplicates)
        pairs, told = (None, ()) if predict is None else pairs_of(predict, source, names, problem)
    for note in (*notes, *told, *(() if shown else problem.notes)):  # the table has a line for the latter
        say(f"Note: {note}", quiet=quiet)
    m, n = problem.shape
    if fill and m * n > MOST_CELLS:
        raise Refusal(
            f"got --fill for a table of {m} × {n} = {m * n:.3g} cells; expected at most {MOST_CELLS:.0e}. "
            "Try --predict with the pairs that are needed"
        )
    with usage(), no_empty_folder(out or Path()):
        how = How(as_rank(min(RANK, m, n) if rank is None else rank, problem.shape), method, stop, rng, shown)
        require_places(found, [path for path in (ratings, predict) if path is not None])
        draws = np.random.default_rng(rng)
        split = None if holdout is None else problem.split(holdout, draws)
        choice = None
        if level is None:
            choice = chosen(problem if split is None else split[0], how, draws)
            problem = problem.with_ridge(choice.ridge)
        solution, failure = fitted(problem, how, quiet=quiet, **where)
        outputs = written(found, problem, solution, known, source, pairs, clip=clip)
        outcome = Outcome(problem, how.rank, solution, None, choice, None, outputs)
        if solution.status not in (Status.INTERRUPTED, Status.DIVERGED):
            outcome = judged(outcome, split, how, found.get("picture"), ratings.name, clip=clip)
    tell(outcome, as_json=as_json, quiet=quiet)
    conclude(outcome, failure, gap, estimated=split is not None, kept_at=checkpoint)


def ridge_of(ridge: str, bias_ridge: float | None, gap: float | None) -> float | None:
    """Return λ as a number, None for one that is to be chosen.

    Raises
    ------
    Refusal
        If it is neither, or does not go with what else was asked for.
    """
    if ridge == "auto":
        if bias_ridge is not None:
            raise Refusal("got --bias-ridge with --lambda auto; expected a number for λ beside it")
        return None
    try:
        level = as_positive(float(ridge), "lambda", zero=True)
    except ValueError:
        raise Refusal(f"got --lambda {ridge}; expected a finite number ≥ 0, or auto") from None
    if level == 0.0 and gap is not None:
        raise Refusal("got --gap with --lambda 0, without which nothing is proved; expected λ > 0. Try --lambda auto")
    return level


def pairs_of(
    file: Path, source: Source, names: tuple[str, ...], problem: Completion
) -> tuple[Located, tuple[str, ...]]:
    """Return the pairs of a file, and where they are in a problem; names of columns are those of the input."""
    pairs = read_pairs(file, row=source.columns["row"], column=source.columns["column"])
    return located(pairs, problem, file.name, names)


def judged(
    outcome: Outcome,
    split: tuple[Completion, Withheld] | None,
    how: How,
    picture: Path | None,
    title: str,
    *,
    clip: bool,
) -> Outcome:
    """Return the outcome with its proof, its picture and the error on entries held out.

    Raises
    ------
    Refusal
        If Ctrl-C cuts it short.
    """
    outputs = dict(outcome.outputs)
    try:
        outcome = outcome._replace(certificate=outcome.solution.certificate, outputs=outputs)
        if picture is not None:
            from lopside.plots.canvas import save
            from lopside.plots.completion import draw_completion

            drawn = draw_completion(outcome.solution, outcome.certificate, outcome.choice, title=title)
            outputs |= {path.suffix[1:]: str(path) for path in save(drawn, picture)}
        if split is not None:
            kept, held = split
            ridge = outcome.problem.ridge
            fit = held_out(kept.with_ridge(ridge) if kept.ridge != ridge else kept, held, how, clip=clip)
            outcome = outcome._replace(held_out=fit)
    except KeyboardInterrupt:
        where = ", ".join(outputs.values())
        raise Refusal(
            f"Interrupted after the fit; {f'it is in {where}' if where else 'nothing was kept'}", Exit.INTERRUPTED
        ) from None
    return outcome


def tell(outcome: Outcome, *, as_json: bool, quiet: bool) -> None:
    """Print what came of it."""
    if as_json:
        print(json_text(completion_record(outcome)))
    elif not quiet:
        print_pairs(completion_pairs(outcome))
        if outcome.choice is not None:
            print()
            print("Tried for λ, on entries held out of the known ones:")
            print_table("", *path_rows(outcome.choice))
