"""Known entries from a file, as a completion problem: what `complete` and `certify` share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import numpy as np

from lopside import Completion, Solution
from lopside.cli.talk import Refusal, usage
from lopside.errors import FileError, InputError
from lopside.frames import Entries
from lopside.io import EntriesReading, read_entries, read_table
from lopside.observations import Observations, as_observations
from lopside.problems.completion import Duplicates
from lopside.problems.penalty import Bias, Penalty, RidgeScaling


class Source(NamedTuple):
    """Where known entries are, and how they are laid out.

    Attributes
    ----------
    path : Path
    table : bool
        A table with holes rather than triples.
    row, column, value, weight : str or None
        Names of columns, or their numbers counted from 1.
    duplicates : str
    """

    path: Path
    table: bool = False
    row: str | None = None
    column: str | None = None
    value: str | None = None
    weight: str | None = None
    duplicates: str = "error"

    @property
    def columns(self) -> dict[str, str | int | None]:
        """The choice of columns, numbers as numbers."""
        given = {name: getattr(self, name) for name in ("row", "column", "value", "weight")}
        return {name: int(text) if text and text.isdecimal() else text for name, text in given.items()}

    @property
    def stated(self) -> list[str]:
        """The options that were given."""
        given = [f"--{name}" for name, text in self.columns.items() if text is not None]
        given += ["--table"] if self.table else []
        return given + (["--duplicates"] if self.duplicates != "error" else [])


def require_layout(source: Source) -> None:
    """Make sure that the options about the input can be meant together.

    Raises
    ------
    Refusal
        If they cannot.
    """
    known = get_args(Duplicates)
    if source.duplicates not in known:
        raise Refusal(f"got --duplicates {source.duplicates}; expected one of {', '.join(known)}")
    others = [name for name in source.stated if name not in ("--table", "--row")]
    if source.table and others:
        raise Refusal(f"got {others[0]} with --table, which has no such columns; expected one of them")


def penalty_of(ridge: float, scaling: str, bias: str, bias_ridge: float | None) -> Penalty:
    """Return a penalty; a refusal blames the options."""
    with usage():
        return Penalty(ridge, cast(RidgeScaling, scaling), cast(Bias, bias), bias_ridge)


def read_known(source: Source) -> EntriesReading:
    """Return the known entries of a file, and what was done to read it.

    Raises
    ------
    FileError
        If it cannot be read.
    """
    if not source.table:
        try:
            return read_entries(source.path, **source.columns)  # type: ignore[arg-type]
        except FileError as error:
            if not source.path.is_file():
                raise
            raise FileError(f"{error}. A table with a column for each item is read with --table") from error
    A, row_ids, column_ids, notes = read_table(source.path, row=source.columns["row"])
    if A.ndim != 2 or A.dtype.kind not in "fiub":
        raise InputError(
            f"got {source.path.name} with an array of shape {A.shape} and type {A.dtype}; expected a table"
        )
    A = A if A.dtype.kind == "f" else A.astype(np.float64)
    i, j = np.nonzero(~np.isnan(A))
    m, n = A.shape
    return EntriesReading(Entries(i, j, A[i, j], None, row_ids, column_ids, (m, n)), notes)


def problem_of(known: Entries, penalty: Penalty, duplicates: str) -> Completion:
    """Return the problem of known entries, with their ids.

    Raises
    ------
    InputError
        For entries that cannot be used.
    """
    try:
        problem = Completion(
            known.rows,
            known.columns,
            known.values,
            shape=known.shape,
            weights=known.weights,
            ridge=penalty.ridge,
            ridge_scaling=penalty.scaling,
            bias=penalty.bias,
            bias_ridge=penalty.bias_ridge,
            duplicates=cast(Duplicates, duplicates),
        )
    except InputError as error:
        if duplicates != "error" or (repeated := _repeated(known)) is None:
            raise
        raise repeated from error
    problem.row_ids = _named(known.row_ids, problem.row_ids)
    problem.column_ids = _named(known.column_ids, problem.column_ids)
    return problem


def _repeated(known: Entries) -> InputError | None:
    """Return the error for a place with several values, by its ids; the library knows of places only."""
    used = slice(None) if known.weights is None else known.weights > 0
    pairs = np.column_stack([known.rows[used], known.columns[used]])
    distinct, counts = np.unique(pairs, axis=0, return_counts=True)
    if not (counts > 1).any():
        return None
    k = int(np.argmax(counts > 1))
    names = [
        i if ids is None else ids[i] for i, ids in zip(distinct[k], (known.row_ids, known.column_ids), strict=True)
    ]
    said = ", ".join(repr(name.item() if isinstance(name, np.generic) else name) for name in names)
    return InputError(
        f"got for {int((counts > 1).sum())} pairs of a row and a column, such as ({said}), a value {counts[k]} times; "
        "expected one. Try --duplicates mean or last"
    )


def _named(ids: Any, places: Any) -> Any:
    return places if ids is None else ids if places is None else ids[places]


def by_rows(known: Entries, duplicates: str) -> Observations:
    """Return the known entries row by row, as they were given: nothing is subtracted."""
    return as_observations(
        known.rows,
        known.columns,
        known.values,
        shape=known.shape,
        weights=known.weights,
        duplicates=duplicates,
    )


def require_same(problem: Completion, fitted: Solution, name: str) -> None:
    """Make sure that entries are of the rows and columns, and of the mean, that saved factors speak about.

    Raises
    ------
    InputError
        If they are not.
    """
    setting = fitted.setting
    if setting is None or problem.shape != fitted.shape:
        m, n = problem.shape
        raise InputError(
            f"got {name} with {m} × {n} rows and columns and factors of {fitted.shape[0]} × {fitted.shape[1]}; "
            "expected the entries they were fitted to"
        )
    for side in ("row_ids", "column_ids"):
        ours, theirs = getattr(problem, side), getattr(setting, side)
        if (ours is None) != (theirs is None) or (ours is not None and not np.array_equal(ours, theirs)):
            raise InputError(f"got {name} with other {side.replace('_', ' ')} than the factors; expected the same ones")
    if abs(problem.mean - setting.mean) > 1e-9 * (abs(setting.mean) + problem.norm / np.sqrt(problem.entries)):
        raise InputError(
            f"got {name} with values of mean {problem.mean:.10g} and factors fitted to {setting.mean:.10g}; expected "
            "the entries they were fitted to, with the same weights. Try the --weight or --duplicates of the fit"
        )
