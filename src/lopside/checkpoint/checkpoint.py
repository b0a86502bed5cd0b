"""A run's file: when it is written, what is read from it, and what is refused."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from numpy.typing import NDArray

from lopside.arrays import as_positive
from lopside.checkpoint.packing import Packer, Unpacker
from lopside.checkpoint.subject import differences
from lopside.errors import FileError, InputError
from lopside.io import clear_parts, previous_of, read_sealed, require_writable, write_sealed

FORMAT = "lopside-checkpoint"
VERSION = 1

_SECONDS, _SHARE = 30.0, 0.01
"""Unless told otherwise: this much time between two writes at least, of which writing takes at most this share."""

_UNUSABLE = (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, MemoryError, RecursionError)

T = TypeVar("T")


class _OtherMatrix(InputError):
    """A sound state that does not belong here; every other error in one is the file's."""


class Checkpoint:
    """The file that a run is kept in, beside the one before it (PATH.previous).

    Parameters
    ----------
    path : path-like
    every : float, optional
        Seconds from one write to the next at least, ≥ 0; 0 writes whenever the run can be kept. Default: 30, or 100
        times what the last write took where that is more. The first is written at once.
    about : mapping
        What the run is about (`subject`); a file about another one is refused.

    Attributes
    ----------
    resumed : Path or None
        The file that the run went on from.
    writes, spent : int, float
        How often it was written, and the seconds that took.

    Raises
    ------
    InputError
        If it is no path.
    FileError
        If the path cannot be written, before any work is done.
    """

    def __init__(self, path: str | PathLike[str], every: float | None, about: Mapping[str, Any]) -> None:
        try:
            self.path = Path(path)
        except TypeError:
            raise InputError(f"got checkpoint = {path!r}; expected the path of a file. Try 'run.ckpt'") from None
        self._every = None if every is None else as_positive(every, "every", zero=True)
        require_writable(self.path)
        clear_parts(self.path)
        self._about = dict(about)
        self.resumed: Path | None = None
        self._keep = True
        self.writes, self.spent = 0, 0.0
        self._cost, self._last = 0.0, -math.inf  # at once, so that what cannot be kept is known before the work
        self._read: tuple[Any, list[NDArray[Any]]] | None = None

    def found(self) -> bool:
        """Whether there is something to go on from; `state` then gives it.

        Raises
        ------
        FileError
            If there are files and none of them is sound, or they are from a newer version.
        InputError
            If they are about another run.

        Warns
        -----
        UserWarning
            Where the last file is damaged and the one before it is taken.
        """
        places = [self.path, previous_of(self.path)]
        failures: list[FileError] = []
        for place in places if any(map(os.path.exists, places)) else ():
            try:
                facts, arrays = read_sealed(place)
            except FileError as error:
                failures.append(error)
                continue
            self._require(place, facts)
            if failures:
                warnings.warn(f"{failures[0]}. The run goes on from the one before it, {place}", stacklevel=4)
            self.resumed, self._keep, self._read = place, not failures, (facts.get("state"), arrays)
            self._last = time.perf_counter()
            return True
        if failures:
            raise FileError(f"{failures[0]}, or delete it to begin anew (there is none before it: {places[1].name})")
        return False

    def _require(self, place: Path, facts: Mapping[str, Any]) -> None:
        version, about = facts.get("version"), facts.get("about")
        if facts.get("format") != FORMAT or not isinstance(version, int) or version < 1 or not isinstance(about, dict):
            raise FileError(f"got {place}, a {facts.get('format', 'file without a format name')}; expected {FORMAT}")
        if version > VERSION:
            raise FileError(
                f"got {place}, a checkpoint of version {version}; this lopside reads versions up to {VERSION}. "
                "Try a newer lopside, or another file"
            )
        if others := differences(about, self._about):
            raise InputError(
                f"got {place}, the checkpoint of another run: {'; '.join(others)}. Expected the same problem, solver, "
                "rank, start and seed. Try another file, or delete this one to begin anew"
            )

    def state(self, tokens: Mapping[str, Any], use: Callable[[Any], T]) -> T:
        """Return what `use` makes of the state that was found.

        Raises
        ------
        FileError
            If it is none that this version can use.
        """
        tree, arrays = self._read or (None, [])
        self._read = None
        try:
            return use(Unpacker(arrays, tokens).value(tree))
        except _UNUSABLE as error:
            if isinstance(error, _OtherMatrix):
                raise
            raise FileError(
                f"got {self.resumed} with an unusable entry ({type(error).__name__}: {error}); expected one that this "
                "version of lopside wrote. Try the version that wrote it, or delete it to begin anew"
            ) from error

    def refuse(self, why: str) -> NoReturn:
        """Raise for a state that does not belong to this matrix; for what is given to `state`."""
        raise _OtherMatrix(
            f"got {self.resumed}, the checkpoint of another matrix: {why}. Expected the same entries in the same "
            "places. Try another file, or delete this one to begin anew"
        )

    def due(self) -> bool:
        """Whether it is time to write."""
        wait = max(_SECONDS, self._cost / _SHARE) if self._every is None else self._every
        return time.perf_counter() - self._last >= wait

    def write(self, state: Any, tokens: Mapping[str, Any]) -> None:
        """Write the state, whole or not at all.

        Raises
        ------
        AbilityError
            If something in it is of no class that checkpoints know.
        FileError
            If the file cannot be written and there is none yet.

        Warns
        -----
        UserWarning
            If it cannot be written later on: the run is worth more than its checkpoint, and the old one is still there.
        """
        began, packer = time.perf_counter(), Packer(tokens)
        facts = {"format": FORMAT, "version": VERSION, "about": self._about, "state": packer.tree(state)}
        try:
            write_sealed(self.path, facts, packer.arrays, keep=self._keep)
            self._keep = True
        except FileError as error:
            if self.resumed is None and self.writes == 0:
                raise
            warnings.warn(f"{error}. The run goes on; what was written before is unchanged", stacklevel=2)
        self._last = time.perf_counter()
        self._cost = self._last - began
        self.writes, self.spent = self.writes + 1, self.spent + self._cost
