"""What may be an id: text, whole numbers, numbers, dates; all of one kind, none missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.errors import InputError

LONGEST = 1000
"""Letters of an id: distinct ones are kept in an array of equal widths, which one long id would blow up."""

KINDS = {"b": "truth values", "i": "whole numbers", "u": "whole numbers", "f": "numbers", "U": "text", "M": "dates"}
"""What the kinds of NumPy's types are called in messages."""

_PYTHON = {  # bool before int, which it is a kind of
    "truth values": (bool, np.bool_),
    "whole numbers": (int, np.integer),
    "numbers": (float, np.floating),
    "text": (str,),
    "dates": (date, np.datetime64),
}
_NULLS = ("NoneType", "NAType", "NaTType")
_EXPECTED = "text, whole numbers, numbers or dates, all of one kind"


def as_ids(values: Any, name: str = "ids", *, first: int = 0) -> NDArray[Any]:
    """Return ids as a one-dimensional array of int64, uint64, float64, bool, datetime64 or fixed-width text.

    Parameters
    ----------
    values : array_like, shape (n,)
        Bytes are read as UTF-8. Python objects are accepted where they are all text, all whole numbers, and so on:
        1 and "1" are never taken for one another.
    name : str
        What messages call them.
    first : int
        The row that values[0] stands in, for messages.

    Raises
    ------
    InputError
        If one is missing, of another kind than the others, or no id; names its row, counted from 0.

    Examples
    --------
    >>> as_ids(["b", "a"])
    array(['b', 'a'], dtype='<U1')
    """
    if isinstance(values, list | tuple):
        return _from_objects(values, name, first)
    array = np.asarray(values)
    if array.ndim != 1:
        raise InputError(f"got {name} of shape {array.shape}; expected one dimension, an id for each row")
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise _missing(name, first + int(np.flatnonzero(np.ma.getmaskarray(values))[0]))
    kind = array.dtype.kind
    if kind in "OT":
        return _from_objects(array.tolist(), name, first)
    if kind == "S":
        return _decoded(array, name)
    if kind not in KINDS or (kind == "f" and array.dtype.itemsize > 8):
        raise InputError(f"got {name} of type {array.dtype}; expected {_EXPECTED}. Try turning them into text")
    return _native(array, name, first)


def shown(value: Any) -> str:
    """Return an id as messages show it: text in quotation marks, numbers and dates without."""
    text = repr(value.item()) if isinstance(value, np.generic) and value.dtype.kind != "M" else str(value)
    text = repr(value) if type(value) is str else text
    return text if len(text) <= 40 else text[:40] + "…"


def mixed(name: str, one: Any, other: Any) -> InputError:
    """Return the error for ids of two kinds, each with its place where that is known."""
    return InputError(
        f"got {name} with both {one} and {other}; expected {_EXPECTED}. Try turning all of them into text, "
        "if 1 and '1' are the same"
    )


def _native(array: NDArray[Any], name: str, first: int) -> NDArray[Any]:
    kind = array.dtype.kind
    if kind in "fM":
        absent = np.isnat(array) if kind == "M" else ~np.isfinite(array)
        if absent.any():
            raise _missing(name, first + int(np.argmax(absent)))
    if kind == "f":
        return array.astype(np.float64, copy=False)
    if kind == "i" or (kind == "u" and array.dtype.itemsize < 8):
        return array.astype(np.int64, copy=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _missing(name: str, row: int) -> InputError:
    return InputError(
        f"got a missing id (null, NaN or infinite) among the {name}, in row {row} (counted from 0); expected an id "
        "in every row. Try dropping such rows"
    )


def _from_objects(objects: Sequence[Any], name: str, first: int) -> NDArray[Any]:
    types = set(map(type, objects))
    found = {_kind(given) for given in types}
    if len(found) != 1 or None in found:
        if not objects:
            return np.empty(0, np.int64)
        raise _puzzled(objects, name, first)
    (kind,) = found
    if kind == "whole numbers":
        return _whole(objects, name)
    if kind == "text":
        return _text(objects, name, first)
    if kind == "dates":
        if zoned := next((x for x in objects if getattr(x, "tzinfo", None) is not None), None):
            raise InputError(f"got {name} with a time zone ({zoned}); expected none. Try turning them into UTC without")
        moments = any(issubclass(given, datetime | np.datetime64) for given in types)
        return _native(np.array(objects, dtype="M8[us]" if moments else "M8[D]"), name, first)
    return _native(np.array(objects, dtype=bool if kind == "truth values" else np.float64), name, first)


def _kind(given: type) -> str | None:
    if given.__name__ in _NULLS:
        return None
    return next((kind for kind, bases in _PYTHON.items() if issubclass(given, bases)), None)


def _puzzled(objects: Sequence[Any], name: str, first: int) -> InputError:
    """Return the error for a missing id, an object that is none, or ids of two kinds, in this order."""
    seen: dict[str, str] = {}
    strange = None
    for row, value in enumerate(objects, first):
        kind = _kind(type(value))
        if type(value).__name__ in _NULLS or (kind == "numbers" and value != value):
            return _missing(name, row)
        if kind is None and strange is None:
            strange = f"got {name} of type {type(value).__name__}, the first in row {row} (counted from 0)"
        elif kind is not None:
            seen.setdefault(kind, f"{kind} ({shown(value)}, row {row})")
    if strange:
        return InputError(f"{strange}; expected {_EXPECTED}. Try turning them into text")
    return mixed(name, *list(seen.values())[:2])


def _whole(objects: Sequence[Any], name: str) -> NDArray[Any]:
    for kind in (np.int64, np.uint64):
        try:
            return np.array(objects, dtype=kind)
        except OverflowError:
            continue
    largest = max(objects, key=abs)
    raise InputError(
        f"got {name} such as {shown(largest)}; expected whole numbers of 64 bits. Try turning them into text"
    )


def _text(objects: Sequence[str], name: str, first: int) -> NDArray[np.str_]:
    lengths = list(map(len, objects))
    if (longest := max(lengths)) > LONGEST:
        raise InputError(
            f"got one of the {name} with {longest} letters, in row {first + lengths.index(longest)} (counted from 0); "
            f"expected at most {LONGEST}. Try shorter ones, such as numbers"
        )
    array = np.array(objects, dtype=np.str_)
    # NumPy takes a NUL at the end for filling, and would make 'a' of 'a\0'.
    if int(np.strings.str_len(array).sum()) != sum(lengths):
        raise InputError(f"got {name} with a NUL (\\0) at the end; expected text without. Try stripping it")
    return array


def _decoded(array: NDArray[np.bytes_], name: str) -> NDArray[np.str_]:
    try:
        return np.strings.decode(array, "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"got {name} with bytes that are no UTF-8 ({error.object!r}); expected text") from error
