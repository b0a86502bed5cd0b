"""Small results as text: JSON for programs, CSV for tables."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from lopside.io.files import whole_file


def json_text(value: Any) -> str:
    """Return indented JSON; numbers that JSON does not have (NaN, infinity) become null.

    >>> print(json_text({"gap": float("inf"), "shape": (2, 3)}))
    {
      "gap": null,
      "shape": [
        2,
        3
      ]
    }
    """
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def write_json(path: str | PathLike[str], value: Any) -> None:
    """Write `json_text` to a file that appears whole or not at all.

    Raises
    ------
    FileError
        If the path cannot be written.
    """
    with whole_file(path) as file:
        file.write((json_text(value) + "\n").encode())


def write_table(path: str | PathLike[str], columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of equal length as CSV with a header row; the file appears whole or not at all.

    Floats keep all their digits, so that reading them back gives the same numbers.

    Raises
    ------
    FileError
        If the path cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    with whole_file(path) as file:
        file.write(text.getvalue().encode())
