"""What foreign JSON has to look like before anything of it is believed: types, lengths, and what dates are."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from lopside.errors import FileError

Check = Callable[[Any, str], Any]
"""(value, where it stands) ↦ the value; FileError if it is something else."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def refuse(where: str, got: object, expected: str) -> FileError:
    """Return the error that says what is wrong where."""
    shown = repr(got)
    shown = shown if len(shown) <= 60 else f"{shown[:60]}…"
    return FileError(
        f"got {shown.encode('utf-8', 'replace').decode()} as {where or 'the library'}; expected {expected}. Nothing "
        "was changed. Try a file that lopside wrote"
    )


def text(longest: int, pattern: str = "", *, shortest: int = 0) -> Check:
    """Return the check of a string."""
    fits = re.compile(pattern).fullmatch if pattern else None

    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or not shortest <= len(value) <= longest or (fits and not fits(value)):
            raise refuse(
                where, value, f"a text of {shortest} to {longest} letters" + (f" as {pattern}" if fits else "")
            )
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise refuse(where, value, "a text without halves of letters")
        return value

    return check


def whole(low: int, high: int) -> Check:
    """Return the check of a whole number."""

    def check(value: Any, where: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise refuse(where, value, f"a whole number from {low} to {high}")
        return value

    return check


def one_of(*allowed: str) -> Check:
    """Return the check of a word from a list."""

    def check(value: Any, where: str) -> str:
        if value not in allowed:
            raise refuse(where, value, f"one of {', '.join(allowed)}")
        return value

    return check


def day(value: Any, where: str) -> str:
    """Check a day, or a day with a time."""
    shown = text(40)(value, where)
    try:
        _ = date.fromisoformat(shown) if len(shown) == 10 else datetime.fromisoformat(shown)
        fits = _DAY.match(shown) is not None
    except ValueError:
        fits = False
    if not fits:
        raise refuse(where, value, "a day as 2021-06-29, or one with a time behind it")
    return shown


def optional(inner: Check) -> Check:
    """Return the check of something that may be null."""
    return lambda value, where: None if value is None else inner(value, where)


def many(inner: Check, most: int) -> Check:
    """Return the check of a list."""

    def check(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            raise refuse(where, value, f"a list of at most {most}")
        return [inner(one, f"{where}[{place}]") for place, one in enumerate(value)]

    return check


def record(fields: Mapping[str, Check]) -> Check:
    """Return the check of an object with these names and no others."""

    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise refuse(where, value, "an object")
        if missing := fields.keys() - value.keys():
            raise refuse(where, sorted(value)[:5], f"an object that has {', '.join(sorted(missing))} as well")
        if further := value.keys() - fields.keys():
            raise refuse(where, sorted(further)[0], f"only {', '.join(fields)}")
        return {name: inner(value[name], f"{where}.{name}" if where else name) for name, inner in fields.items()}

    return check


@contextmanager
def understood() -> Iterator[None]:
    """Turn what the decoder of JSON says into a sentence."""
    try:
        yield
    except (ValueError, RecursionError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(
            f"got a file that is no JSON ({str(error)[:100]}); expected a library as lopside exports it. Nothing was "
            "changed. Try one that ends with .json"
        ) from error


def decoded(raw: bytes, largest: int) -> Any:
    """Return what JSON says; FileError if it is none or too large."""
    if len(raw) > largest:
        raise FileError(
            f"got a file of {len(raw)} bytes; expected at most {largest}. Nothing was changed. Try a smaller one"
        )
    with understood():
        return json.loads(raw.decode("utf-8-sig"))
