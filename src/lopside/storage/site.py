"""A device, and the library that computes on it: PyTorch, CuPy, JAX, or any other that keeps to the array API standard.

Everything here is asked of the library through `array_api_compat`, and nothing imports a library that the user has not
loaded, but PyTorch where a device is named by text.  Arrays are never written to: JAX has none that could be.
"""

from __future__ import annotations

import importlib
import math
import os
import warnings
from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.errors import AbilityError, InputError

HOST_BLOCK = 1 << 26
"""Bytes of A that a processor works on at once: as fast as no blocks, by PyTorch's products with 4 to 64 columns.
Of 1 to 1024 MiB, 1 was faster by a quarter at 4 columns of float64, where A then comes from memory once, and slower by
half at 64.
"""

ACCELERATOR_BLOCK = 1 << 28
"""Bytes of A that an accelerator works on at once. The calls for a block take Python some 60 µs, in which an H100 reads
200 MB by its data sheet: blocks that fit its 50 MB of cache would leave it idle, so A comes from its memory twice.
"""

HOST_PIECE, ACCELERATOR_PIECE = 1 << 20, 1 << 26
"""Bytes of A that are converted at once: on a processor few, so that the copy stays in cache, which makes a pass over
float32 in float64 2 to 2.7 times as fast as with `HOST_BLOCK`, and faster than one over float64.
"""

LEAST_ROWS = 64
"""Each block costs a visit to the whole of Y and of AᵀX, n × d: with fewer rows that would cost more than A does."""

_SHARE = 0.4
"""Of the memory free on a device, what a matrix brought there may take; more of it is streamed."""

LIBRARIES = {"torch": "torch", "cupy": "cupy", "jax": "jax", "jaxlib": "jax", "array_api_strict": "array_api_strict"}


class Site(NamedTuple):
    """A device of an array library.

    Attributes
    ----------
    library : str
        Its name.
    xp : module
        Its namespace, as the standard has it.
    device : object
        As the library calls it.
    """

    library: str
    xp: Any
    device: Any

    def __str__(self) -> str:
        return f"{self.library} ({self.device})"

    def put(self, M: Any, dtype: Any = None) -> Any:
        """Return a copy of a NumPy array on the device."""
        # NumPy copies, so that what the library may share afterwards belongs to nobody else.
        return self.xp.asarray(np.array(M, dtype, order="C"), device=self.device)

    def get(self, values: Any) -> Array:
        """Return a copy of an array of the device as a NumPy array, once the work on it is done."""
        if self.library == "torch":
            values = values.cpu().resolve_neg().numpy()
        elif self.library == "cupy":
            values = values.get()
        elif self.library == "array_api_strict":
            values = values.to_device(type(self.device)("CPU_DEVICE"))
        return np.array(values, order="C")

    def dtype(self, values: Any) -> np.dtype[Any]:
        """Return float32 or float64, as NumPy says it."""
        return np.dtype(str(values.dtype).rpartition(".")[2])

    def cast(self, values: Any, dtype: Any) -> Any:
        """Return an array in this precision, without a copy where it has it."""
        return self.xp.astype(values, getattr(self.xp, np.dtype(dtype).name), copy=False)

    def matmul(self, left: Any, right: Any) -> Any:
        """Return the product of two matrices of one precision, rounded as that precision is."""
        if self.library == "jax":  # by default float32 is rounded to ten bits where that is faster
            return self.xp.matmul(left, right, precision="highest")
        return self.xp.matmul(left, right)

    def require_float32(self) -> None:
        """Refuse settings with which products of float32 would be rounded to ten bits.

        Raises
        ------
        InputError
        """
        found = "highest"
        if self.library == "torch" and not self.is_host:
            found = importlib.import_module("torch").get_float32_matmul_precision()
        elif self.library == "cupy" and os.environ.get("CUPY_TF32", "0") != "0":
            found = "CUPY_TF32"
        if found != "highest":
            raise InputError(
                f"got float32 on {self} with products set to less than its precision ({found}); expected all of its "
                "digits, which losses and probes need. Try torch.set_float32_matmul_precision('highest'), or without "
                "CUPY_TF32 in the environment"
            )

    def length(self, values: Any) -> float:
        """Return the Frobenius norm of a float64 matrix without overflow or underflow of the squares."""
        largest = float(self.xp.max(self.xp.abs(values))) if math.prod(values.shape) else 0.0
        if largest == 0.0 or not math.isfinite(largest):
            return largest
        unit = 2.0 ** math.floor(math.log2(largest))
        scaled = values / unit
        return math.sqrt(float(self.xp.sum(scaled * scaled))) * unit

    def numbers(self, scalars: list[Any]) -> Array:
        """Return arrays without dimensions as one NumPy array: the device is waited for once."""
        return self.get(self.xp.stack(scalars))

    @property
    def is_host(self) -> bool:
        """Whether the device is the processor, and its memory this machine's."""
        kind = getattr(self.device, "type", None) or getattr(self.device, "platform", None)
        return self.library == "array_api_strict" or kind == "cpu"

    def cuts(self, rows: int, row_bytes: int) -> list[slice]:
        """Cut rows of so many bytes into blocks whose size depends on these alone, so that sums have one order."""
        return _cut(rows, row_bytes, HOST_BLOCK if self.is_host else ACCELERATOR_BLOCK)

    def pieces(self, rows: int, row_bytes: int) -> list[slice]:
        """Cut a block further, for what needs a copy of it."""
        return _cut(rows, row_bytes, HOST_PIECE if self.is_host else ACCELERATOR_PIECE)

    def has_room(self, nbytes: int) -> bool:
        """Say whether a matrix of so many bytes can be brought to the device as a whole, with room for the work."""
        if self.is_host:
            return True
        if self.library == "torch" and self.device.type == "cuda":
            free = importlib.import_module("torch").cuda.mem_get_info(self.device)[0]
        elif self.library == "cupy":
            free = self.device.mem_info[0]
        else:
            known = getattr(self.device, "memory_stats", dict)() or {}
            free = known.get("bytes_limit", 0) - known.get("bytes_in_use", 0)
        return nbytes <= _SHARE * free


def _cut(rows: int, row_bytes: int, wanted: int) -> list[slice]:
    step = max(1, wanted // row_bytes, min(LEAST_ROWS, 16 * wanted // row_bytes))
    return [slice(first, min(first + step, rows)) for first in range(0, rows, step)]


def as_site(device: Any) -> Site:
    """Return the site of a device that is named by text, as PyTorch names them, or is an object of its library.

    Raises
    ------
    InputError
        If nobody knows it, or it has no float64.
    AbilityError
        If PyTorch is needed and not installed.
    """
    root = type(device).__module__.split(".")[0]
    library = "torch" if isinstance(device, str) else LIBRARIES.get(root)
    if library is None:
        raise InputError(
            f"got device = {device!r}; expected text such as 'cuda' or 'cuda:1' (PyTorch), or a device of PyTorch, "
            "CuPy or JAX. Try device='cuda'"
        )
    if library == "torch":
        device = _torch_device(device)
    names = {"jax": "jax.numpy", "array_api_strict": library}
    site = Site(library, importlib.import_module(names.get(library, f"array_api_compat.{library}")), device)
    require_usable(site)
    return site


def _torch_device(device: Any) -> Any:
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise AbilityError(
            f"got device = {device!r}, which PyTorch would reach, and it is not installed ({error}); try installing "
            "it, or a device of CuPy or JAX"
        ) from error
    try:
        found = torch.empty(0, device=device).device  # with its number
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"got device = {device!r}, which PyTorch cannot use: {reason}. Try device='cpu'") from error
    if found.type == "meta":
        raise InputError("got the meta device, which holds no numbers; expected one that does. Try device='cuda'")
    return found


def require_usable(site: Site) -> None:
    """Refuse more than one device, a device of CuPy that is not the current one, and one without float64.

    Raises
    ------
    InputError
    """
    if hasattr(site.device, "device_set"):
        raise InputError(
            f"got an array spread over {len(site.device.device_set)} devices; expected one on a single device. "
            "Try jax.device_put(A, jax.devices()[0])"
        )
    if site.library == "cupy" and site.device != type(site.device)():
        raise InputError(
            f"got an array on {site.device} while {type(site.device)()} is the current device; expected the same. "
            f"Try `with {site.device}:` around this and all that follows"
        )
    _require_double(site)


def _require_double(site: Site) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # JAX warns, and gives float32
        try:
            found = site.xp.zeros((1,), dtype=site.xp.float64, device=site.device).dtype
        except (TypeError, ValueError, RuntimeError) as error:
            found = str(error).splitlines()[0]
    if str(found).rpartition(".")[2] != "float64":
        way = 'jax.config.update("jax_enable_x64", True)' if site.library == "jax" else "a NumPy array of it"
        raise InputError(
            f"got {site}, which has no float64 (asked for it, it gave: {found}); expected it, because Gram matrices "
            f"and residuals are summed in it whatever A is. Try {way}"
        )
