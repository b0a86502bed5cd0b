"""From ids to their positions 0 … k−1.

Ids of all kinds are coded by the same means: a chunk is reduced to its distinct ids, and only those are looked up among
the sorted ids known so far. Nothing as long as the data is held besides the int32 codes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.errors import InputError
from lopside.ids.kinds import KINDS, as_ids, mixed, shown

CHUNK = 1 << 18
"""Ids looked at together: so many, with their sorted order, stay in cache."""

_MOST = int(np.iinfo(np.int32).max)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_GROUPS = {"b": "numbers", "i": "numbers", "u": "numbers", "f": "numbers", "U": "text", "M": "dates"}


class Factorized(NamedTuple):
    """Ids as positions.

    Attributes
    ----------
    codes : ndarray of int32, shape (n,)
        Position of each id in `ids`.
    ids : Ids
        The distinct ones, sorted.
    """

    codes: NDArray[np.int32]
    ids: Ids


@dataclass(frozen=True, eq=False, repr=False)
class Ids:
    """Distinct ids and the way back from an id to its position.

    Parameters
    ----------
    ids : array_like, shape (k,)
        Text, whole numbers, numbers or dates, all of one kind and each once, in any order; copied and kept read-only as
        int64, uint64, float64, bool, datetime64 or fixed-width text, all of which an .npz takes without pickle.

    Raises
    ------
    InputError
        If an id is missing, there twice, or of another kind than the others.

    Examples
    --------
    >>> films = Ids(["Alien", "Brazil", "Casablanca"])
    >>> films.codes(["Brazil", "Dune"])
    array([ 1, -1], dtype=int32)
    >>> len(films), str(films.ids[1])
    (3, 'Brazil')
    """

    ids: NDArray[Any]
    _keys: NDArray[Any] = field(init=False)
    _places: NDArray[np.int32] | None = field(init=False)

    def __post_init__(self) -> None:
        """Sort what is not sorted, and lock."""
        ids = as_ids(self.ids).copy()
        keys, places = ids, None
        if len(ids) > 1 and not (ids[1:] > ids[:-1]).all():
            order = np.argsort(ids, kind="stable")
            keys, places = ids[order], order.astype(np.int32)
            if len(same := np.flatnonzero(keys[1:] == keys[:-1])):
                first, again = order[same[0]], order[same[0] + 1]
                raise InputError(f"got the id {shown(ids[again])} in rows {first} and {again}; expected each id once")
        for array in (ids, keys):
            array.flags.writeable = False
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "_keys", keys)
        object.__setattr__(self, "_places", places)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"Ids({len(self)}: {', '.join(map(shown, self.ids[:3]))}{', …' if len(self) > 3 else ''})"

    def codes(self, ids: Any, name: str = "ids") -> NDArray[np.int32]:
        """Return the position of each id, −1 for one that is not there.

        Parameters
        ----------
        ids : array_like, shape (n,)
            Of the same kind: text, dates, or numbers of any type.
        name : str
            What messages call them.

        Returns
        -------
        ndarray of int32, shape (n,)

        Raises
        ------
        InputError
            If an id is missing, or they are of another kind.
        """
        given = _listed(ids, name)
        codes = np.empty(len(given), np.int32)
        for part in chunks(len(given)):
            codes[part] = self._codes(as_ids(given[part], name, first=part.start), name)
        return codes

    def _codes(self, values: NDArray[Any], name: str) -> NDArray[np.int32]:
        if not len(values) or not len(self):
            return np.full(len(values), -1, np.int32)
        if _GROUPS[values.dtype.kind] != _GROUPS[self.ids.dtype.kind]:
            raise InputError(
                f"got {name} that are {KINDS[values.dtype.kind]}, such as {shown(values[0])}; expected "
                f"{KINDS[self.ids.dtype.kind]}, such as {shown(self.ids[0])}. Try astype({self.ids.dtype.str!r})"
            )
        with np.errstate(invalid="ignore"):  # a number that is no integer is simply not there
            alike = values.astype(self.ids.dtype)
        exact = alike == values
        distinct, inverse = distinct_ids(alike)
        places, known = _found(self._keys, distinct)
        codes = places if self._places is None else self._places[places]
        return np.where(exact, np.where(known, codes, -1)[inverse], -1).astype(np.int32)


class Coder:
    """Codes for ids that arrive in chunks, in order of first appearance until `finish` sorts them.

    Parameters
    ----------
    name : str
        What messages call the ids.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._keys: NDArray[Any] | None = None
        self._codes = np.empty(0, np.int32)

    def codes(self, values: NDArray[Any]) -> NDArray[np.int32]:
        """Return the codes of a chunk that `as_ids` made.

        Raises
        ------
        InputError
            If they are of another kind than those before.
        """
        if not len(values):
            return np.empty(0, np.int32)
        distinct, inverse = distinct_ids(values)
        keys = self._keys if self._keys is not None else distinct[:0]
        if keys.dtype.kind != distinct.dtype.kind:
            old, new = (f"{KINDS[ids.dtype.kind]} ({shown(ids[0])})" for ids in (keys, distinct))
            raise mixed(self.name, old, new)
        places, known = _found(keys, distinct)
        fresh = np.flatnonzero(~known)
        codes = np.empty(len(distinct), np.int32)
        codes[known] = self._codes[places[known]]
        if len(self._codes) + len(fresh) > _MOST:
            raise InputError(f"got more than {_MOST} distinct {self.name}; expected at most as many")
        codes[fresh] = len(self._codes) + np.arange(len(fresh), dtype=np.int32)
        # Insertion would cut longer text to the width of the old.
        wide = keys.astype(np.result_type(keys, distinct), copy=False)
        before = np.searchsorted(keys, distinct[fresh])
        self._keys = np.insert(wide, before, distinct[fresh])
        self._codes = np.insert(self._codes, before, codes[fresh])
        return codes[inverse]

    def finish(self, *codes: NDArray[np.int32]) -> Ids:
        """Return the ids sorted, and turn the codes given out so far, in place, into positions among them."""
        rank = np.empty(len(self._codes), np.int32)
        rank[self._codes] = np.arange(len(rank), dtype=np.int32)
        for array in codes:
            for part in chunks(len(array)):
                array[part] = rank[array[part]]
        return Ids(self._keys if self._keys is not None else np.empty(0, np.int64))

    def as_text(self) -> None:
        """Go on with the ids, whole numbers so far, as text."""
        if self._keys is not None and self._keys.dtype.kind == "i":
            text = self._keys.astype("U")
            order = np.argsort(text)
            self._keys, self._codes = text[order], self._codes[order]


def chunks(count: int) -> Iterator[slice]:
    """Yield slices that cut `count` ids into chunks; one empty slice where there are none."""
    for start in range(0, max(count, 1), CHUNK):
        yield slice(start, min(start + CHUNK, count))


def factorized(values: Any, name: str = "ids") -> Factorized:
    """Return the distinct ids, sorted, and the position of each given one among them.

    Parameters
    ----------
    values : array_like, shape (n,)
        Text (sorted by code point), whole numbers, numbers or dates, all of one kind.
    name : str
        What messages call them.

    Returns
    -------
    Factorized

    Raises
    ------
    InputError
        If an id is missing, or they are not all of one kind that can be sorted.

    Examples
    --------
    >>> factorized(["b", "a", "b"])
    Factorized(codes=array([1, 0, 1], dtype=int32), ids=Ids(2: 'a', 'b'))
    """
    given = _listed(values, name)
    coder, codes = Coder(name), np.empty(len(given), np.int32)
    for part in chunks(len(given)):
        codes[part] = coder.codes(as_ids(given[part], name, first=part.start))
    return Factorized(codes, coder.finish(codes))


def _listed(values: Any, name: str) -> Any:
    # A list stays one: NumPy would make text of the 1 in [1, "1"].
    given = values if isinstance(values, list | tuple) else np.asanyarray(values)
    if isinstance(given, np.ndarray) and given.ndim != 1:
        raise InputError(f"got {name} of shape {given.shape}; expected one dimension, an id for each row")
    return given


def _found(keys: NDArray[Any], distinct: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return where each of `distinct` is or would be among the sorted `keys`, and whether it is there."""
    if not len(keys):
        return np.zeros(len(distinct), np.intp), np.zeros(len(distinct), np.bool_)
    places = np.minimum(np.searchsorted(keys, distinct), len(keys) - 1)
    return places, keys[places] == distinct


def distinct_ids(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the distinct values, sorted, and the place of each value among them; text may also be bytes."""
    if values.dtype.kind not in "US" or not values.itemsize:
        return np.unique(values, return_inverse=True)
    # Sorting numbers takes a fifth of the time that sorting text does.
    digest = np.zeros(len(values), np.uint64)
    letter = np.uint32 if values.dtype.kind == "U" else np.uint8
    for place in np.ascontiguousarray(values).view(letter).reshape(len(values), -1).T:
        digest = (digest + place) * _ODD
        digest ^= digest >> np.uint64(29)
    digests, inverse = np.unique(digest, return_inverse=True)
    last = np.empty(len(digests), np.intp)
    last[inverse] = np.arange(len(values))
    found = values[last]
    if (found[inverse] != values).any():  # two texts of one digest
        return np.unique(values, return_inverse=True)
    order = np.argsort(found)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return found[order], rank[inverse]
