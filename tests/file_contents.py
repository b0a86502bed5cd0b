"""The bytes of small files, for the tests of what is read and written."""

from __future__ import annotations

import io
import zipfile

import numpy as np
from PIL import Image


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**named: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **named)  # type: ignore[arg-type]
    return file.getvalue()


def picture(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def header(shape: tuple[int, ...], promise: str = "<f8") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": promise, "fortran_order": False, "shape": shape})
    return file.getvalue()


def zipped(name: str, contents: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, contents)
    return file.getvalue()


GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
MARKET = "%%MatrixMarket matrix coordinate real general\n% by hand\n2 3 3\n1 1 1.5\n2 3 -2\n1 2 4\n"
