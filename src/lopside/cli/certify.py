"""`lopside certify`: the proofs again, from the files alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

import lopside as lo
from lopside.catalog import parse
from lopside.cli.entries import Source, problem_of, read_known, require_layout, require_same
from lopside.cli.show import least_pairs, verdict
from lopside.cli.talk import Refusal, print_pairs, say, usage
from lopside.io import holds_facts, json_text, read_factors, read_matrix
from lopside.problems.penalty import Penalty
from lopside.report import certificate_record, part_record
from lopside.threads import thread_count


def certify(
    matrix: Annotated[Path, typer.Argument(metavar="INPUT", help="The matrix, as for `lopside factor`.")],
    factors: Annotated[Path, typer.Argument(metavar="FACTORS", help="A saved solution, or an .npz with X and Y.")],
    key: Annotated[str | None, typer.Option(help="Which array of INPUT, an .npz with several.")] = None,
    center: Annotated[bool, typer.Option("--center", help="Subtract from each column of INPUT its mean.")] = False,
    solver: Annotated[
        str | None, typer.Option(help="For a plain pair: the method whose convergence from (X, Y) is asked for.")
    ] = None,
    step_size: Annotated[str | None, typer.Option(help="For a plain pair: its step size; needs --solver.")] = None,
    table: Annotated[
        bool, typer.Option("--table", help="For a completion, as for `lopside complete`: INPUT is a table with holes.")
    ] = False,
    row: Annotated[str | None, typer.Option(help="For a completion: column of INPUT with the row ids.")] = None,
    column: Annotated[str | None, typer.Option(help="Likewise, with the column ids.")] = None,
    value: Annotated[str | None, typer.Option(help="Likewise, with the values.")] = None,
    weight: Annotated[str | None, typer.Option(help="Likewise, with the weights.")] = None,
    duplicates: Annotated[str, typer.Option(help="For a completion, as it was fitted: error, mean or last.")] = "error",
    rng: Annotated[int, typer.Option(min=0, help="Seed of the probes; must not be what the data came from.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Prove what can be proved about factors.

    FACTORS are factors of the matrix in INPUT; nothing but these two files is trusted. Factors that `lopside complete`
    wrote know the ridge and the biases they were fitted with; INPUT is then what was completed.
    """
    source = Source(matrix, table, row, column, value, weight, duplicates)
    require_layout(source)
    if step_size is not None and solver is None:
        raise Refusal("got --step-size without --solver; expected both, or none. Try --solver agd")
    with usage():
        thread_count()
        method: Any = None if solver is None else parse("solver", solver)
        if step_size is not None:
            method = replace(method, step_size=parse("step size", step_size))
    fitted: Any = lo.Solution.load(factors) if holds_facts(factors) else read_factors(factors)
    if isinstance(fitted, lo.Solution) and method is not None:
        raise Refusal(f"got --solver and {factors.name}, a saved run that knows its own; expected one. Try without it")
    if isinstance(fitted, lo.Solution) and fitted.setting is not None:
        if key is not None or center:
            raise Refusal(f"got --key or --center with {factors.name}, a completion; expected neither. Try without it")
        problem = completed(source, fitted, fitted.setting.penalty)
    elif source.stated:
        raise Refusal(f"got {source.stated[0]} with {factors.name}, which is no completion. Try without it")
    else:
        problem = whole(matrix, key, center=center)
    certificate = lo.certify(problem, fitted, solver=method, rng=rng)
    X, Y = (fitted.X, fitted.Y) if isinstance(fitted, lo.Solution) else fitted
    missed = problem.residual_norm(X, Y)
    relative_error = missed / problem.norm if problem.norm else missed
    charge, rank = 0.0, X.shape[1]
    if isinstance(problem, lo.Completion):
        point = problem.located(X, Y)
        charge, rank = point.charge, point.layout.shared
    if as_json:
        facts = {
            "shape": problem.shape,
            "rank": rank,
            "loss": 0.5 * missed**2 + charge,
            "relative_error": relative_error,
            "best_relative_error_bounds": certificate.best_relative_error_bounds,
            "certificate": certificate_record(certificate),
            "parts": [part_record(part) for part in certificate.parts],
        }
        print(json_text(facts))
        return
    pairs = {
        "shape": "{} × {}".format(*problem.shape),
        "rank": str(rank),
        "relative error": f"{relative_error:.6g}",
        **least_pairs(relative_error, certificate),
        "holds": "yes" if certificate.holds else "no",
    }
    print_pairs(pairs | {"verdict": verdict(certificate)})
    print(f"\n{certificate.summary()}")


def completed(source: Source, fitted: lo.Solution, penalty: Penalty) -> lo.Completion:
    """Return the problem that a saved completion was fitted to, from its entries.

    Raises
    ------
    Error
        If these cannot be read, or are others.
    """
    reading = read_known(source)
    problem = problem_of(reading.entries, penalty, source.duplicates)
    for note in (*reading.notes, *problem.notes):
        say(f"Note: {note}")
    require_same(problem, fitted, source.path.name)
    return problem


def whole(matrix: Path, key: str | None, *, center: bool) -> lo.Full:
    """Return the problem of a matrix without holes."""
    A, notes = read_matrix(matrix, key)
    problem = lo.Full(A, center=center)
    for note in (*notes, *problem.notes):
        say(f"Note: {note}")
    return problem
