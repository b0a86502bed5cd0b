"""Every file format in and out; arrays and dictionaries only, never pickled objects."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.errors import FileError

_FACTS = "facts_json"


def write_archive(path: str | PathLike[str], arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Write named arrays and a JSON-able dictionary to a compressed .npz; the file appears whole or not at all.

    Raises
    ------
    FileError
        If the path cannot be written.
    """
    path = Path(path)
    encoded = np.frombuffer(json.dumps(dict(facts)).encode(), dtype=np.uint8)
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez_compressed(file, **{_FACTS: encoded}, **arrays)  # type: ignore[arg-type]
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        raise FileError(
            f"cannot write {path}: {error.strerror or error}; expected a folder that exists and may be written to"
        ) from error


def read_archive(path: str | PathLike[str]) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_archive` wrote; refuses pickled objects.

    Raises
    ------
    FileError
        If the file is missing, truncated or something else.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return arrays, json.loads(arrays.pop(_FACTS).tobytes())
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise FileError(f"cannot read {path} as a lopside archive: {error}; expected an .npz that lopside wrote") from error
