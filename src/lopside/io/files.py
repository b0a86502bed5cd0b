"""Files that appear whole or not at all, and the checks before anything is read or written."""

from __future__ import annotations

import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from lopside.errors import FileError


@contextmanager
def whole_file(path: str | PathLike[str], *, durable: bool = False, previous: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file that becomes `path` when the block ends; after an error nothing is left behind.

    The bytes go to a temporary neighbour, which takes the name in one step, so that a reader never sees half
    a file and an older file stays until the new one is complete.

    Parameters
    ----------
    path : path-like
        Replaced if it exists.
    durable : bool
        Wait until the bytes, and then the name, are on the disk: they outlast a power cut.
    previous : Path, optional
        A name in the same folder under which the file replaced stays.

    Yields
    ------
    binary file

    Raises
    ------
    FileError
        If the path cannot be written.
    """
    path = Path(path)
    temporary = _temporary(path, named=durable)
    try:
        try:
            # Not tempfile: it would leave the file readable by its owner only.
            with open(temporary, "xb") as file:
                yield file
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            if previous is not None and path.exists():
                _keep(path, previous)
            temporary.replace(path)
            if durable:
                _settle(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _temporary(path: Path, *, named: bool = False) -> Path:
    # What is written for long may be left behind by a kill, and is then to be found by its name.
    return path.with_name(f".{f'{path.name}.' if named else ''}{secrets.token_hex(8)}.part")


def _keep(path: Path, previous: Path) -> None:
    """Give a file its second name; it keeps the first, where the file system has links."""
    link = _temporary(path, named=True)
    try:
        os.link(path, link)
        link.replace(previous)
    except OSError:
        path.replace(previous)
    finally:
        link.unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    with suppress(OSError):  # where folders cannot be opened, as on Windows
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def clear_parts(path: Path) -> None:
    """Remove what durable writes to `path` have left behind that were killed."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 16}.part"):
        with suppress(OSError):
            part.unlink()


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
    probe = _temporary(path)
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
