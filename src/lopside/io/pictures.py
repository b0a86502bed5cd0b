"""Pictures as matrices of grey levels."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lopside.errors import FileError
from lopside.io.archives import unreadable

_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, LookupError, MemoryError, struct.error, zlib.error)
"""What Pillow's decoders raise on damaged files."""


def read_picture(path: Path) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Read a PNG or JPEG as grey levels from 0 (black) to 255 (white), row 0 at the top.

    Colours become 0.299 R + 0.587 G + 0.114 B (ITU-R 601), rounded; 16-bit grey is divided by 257 and not
    rounded; what is transparent is laid on white; a camera's note on which way is up is obeyed.

    Parameters
    ----------
    path : Path

    Returns
    -------
    A : ndarray, shape (height, width), float64
    notes : tuple of str

    Raises
    ------
    FileError
        If the file is damaged, too large to be safe (Pillow's limit on pixels), or neither PNG nor JPEG.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as picture:
                picture.load()
                kind = picture.mode
                upright = ImageOps.exif_transpose(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FileError(f"cannot read {path}: {error}; expected a smaller picture. Try scaling it down") from error
    except _DAMAGED as error:
        raise unreadable(path, error, "a sound PNG or JPEG") from error
    notes = []
    if kind.startswith("I"):
        notes.append(f"{path.name}: 16-bit grey levels scaled to 0…255")
        return np.asarray(upright, dtype=np.float64) / 257.0, tuple(notes)
    if upright.has_transparency_data:
        upright = upright.convert("RGBA")
        if np.asarray(upright.getchannel("A")).min() < 255:
            notes.append(f"{path.name}: transparent parts laid on white")
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
    if kind not in ("1", "L", "LA"):
        notes.append(f"{path.name}: colours turned to grey")
    return np.asarray(upright.convert("L"), dtype=np.float64), tuple(notes)
