"""Files that appear whole or not at all, and the checks before anything is read or written."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from lopside.errors import FileError


@contextmanager
def whole_file(path: str | PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that becomes `path` when the block ends; after an error nothing is left behind.

    The bytes go to a temporary neighbour, which takes the name in one step, so that a reader never sees half
    a file and an older file stays until the new one is complete.

    Parameters
    ----------
    path : path-like
        Replaced if it exists.

    Yields
    ------
    binary file

    Raises
    ------
    FileError
        If the path cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            # Not tempfile: it would leave the file readable by its owner only.
            with open(temporary, "xb") as file:
                yield file
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def require_writable(path: str | PathLike[str]) -> None:
    """Make sure, before long work, that a file can be created at `path`; missing folders are made.

    Raises
    ------
    FileError
        If `path` is a folder, or its folder cannot be made or written to.
    """
    path = Path(path)
    if path.is_dir():
        raise FileError(f"got the folder {path} to write to; expected a file name. Try {path / 'factors.npz'}")
    probe = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(probe, "xb"):
            pass
        probe.unlink()
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(13, "the file is write-protected")
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def no_empty_folder(path: str | PathLike[str]) -> Iterator[None]:
    """Remove, when the block ends, those folders on the way to `path` that were made in it and stayed empty.

    Parameters
    ----------
    path : path-like
        A folder, or a file in one.
    """
    path = Path(path)
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):  # not empty, no folder, or never made
                folder.rmdir()


def _unwritable(path: Path, error: OSError) -> FileError:
    return FileError(
        f"cannot write {path}: {error.strerror or error}; expected a place where files may be created. "
        "Try another folder"
    )


def require_readable(path: Path, expected: str) -> None:
    """Refuse what is no ordinary, non-empty file that may be read.

    Raises
    ------
    FileError
        With `expected`, the kinds of file that would do.
    """
    try:
        if path.is_dir():
            found = "a folder"
        elif not path.exists():
            found = "nothing there"
        elif not path.is_file():
            found = "no ordinary file (a pipe or a device)"
        elif path.stat().st_size == 0:
            found = "an empty file"
        else:
            with open(path, "rb"):
                return
    except OSError as error:
        found = error.strerror or str(error)
    except ValueError as error:  # a NUL in the name
        found = str(error)
    raise FileError(f"cannot read {path}: {found}; expected {expected}. Try the path of such a file")
