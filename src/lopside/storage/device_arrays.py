"""Arrays of other libraries than NumPy: told apart, checked, and brought to this side."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lopside.errors import InputError
from lopside.storage.site import LIBRARIES, Site, require_usable

_KINDS = {"float32": "float32", "float64": "float64", "float16": "float32", "bfloat16": "float32", "bool": "float64"}
_KINDS |= {f"{sign}int{bits}": "float64" for sign in ("", "u") for bits in (8, 16, 32, 64)}


class Native(NamedTuple):
    """An array of a device in float32 or float64, and one sentence for each thing that was done to get it."""

    site: Site
    values: Any
    notes: tuple[str, ...]


def is_device_array(A: Any) -> bool:
    """Say whether A is an array of a library other than NumPy, on whatever device; loads none."""
    if isinstance(A, np.ndarray | np.generic) or not (hasattr(A, "__dlpack__") or hasattr(A, "__array_namespace__")):
        return False
    import array_api_compat as compat

    others = compat.is_dask_array(A) or compat.is_pydata_sparse_array(A) or compat.is_ndonnx_array(A)
    return compat.is_array_api_obj(A) and not compat.is_numpy_array(A) and not others


def as_native(A: Any) -> Native:
    """Return a matrix of a device as float32 or float64 there, detached from any graph, without a copy where possible.

    Raises
    ------
    InputError
        If it is sparse, spread over devices, not two-dimensional, empty, complex or of another type; or if its device
        has no float64, in which Gram matrices and residuals are summed.
    """
    A, notes = _detached(A)
    _require_dense(A)
    name = _name(A.dtype)
    if name.startswith("complex"):
        raise InputError(f"got complex entries ({name}); expected real ones. Try A.real, or stack A.real and A.imag")
    if name not in _KINDS:
        raise InputError(f"got {name} entries; expected float64 or float32. Try converting A to one of these")
    if A.ndim != 2:
        raise InputError(
            f"got an array with {A.ndim} dimensions, shape {tuple(A.shape)}; expected a matrix. {_RESHAPE}"
        )
    if 0 in A.shape:
        raise InputError(f"got an empty matrix of shape {tuple(A.shape)}; expected at least one row and one column")
    site = _site(A)
    require_usable(site)
    if _KINDS[name] != name:
        notes = (*notes, f"{name} entries were converted to {_KINDS[name]}, a copy on the device")
    return Native(site, site.cast(A, _KINDS[name]), notes)


_RESHAPE = "Try A[:, None] for one column, A[None, :] for one row, or A.reshape((len(A), -1))"


def to_host(A: Any) -> Any:
    """Return an array of a device as a NumPy array, and whatever else as it is."""
    if not is_device_array(A):
        return A
    A = _detached(A)[0]
    _require_dense(A)
    site, name = _site(A), _name(A.dtype)
    return site.get(site.cast(A, "float32") if name in ("float16", "bfloat16") else A)


def _site(A: Any) -> Site:
    import array_api_compat as compat

    roots = [base.__module__.split(".")[0] for base in type(A).__mro__]
    library = next((LIBRARIES[root] for root in roots if root in LIBRARIES), roots[0])
    return Site(library, compat.array_namespace(A), compat.device(A))


def _name(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


def _detached(A: Any) -> tuple[Any, tuple[str, ...]]:
    if getattr(A, "requires_grad", False) is True:
        return A.detach(), ("the tensor is used without its graph: no gradients flow through the factors",)
    return A, ()


def _require_dense(A: Any) -> None:
    layout = str(getattr(A, "layout", "torch.strided"))
    if layout.startswith("torch.") and layout != "torch.strided":
        raise InputError(
            f"got a tensor with the layout {layout}; expected a dense one. Try A.to_dense() if it fits in memory, or "
            "a SciPy sparse array, which is worked on as it is"
        )
    if getattr(A, "is_meta", False) is True:
        raise InputError("got a tensor on the meta device, which holds no numbers; expected one with numbers")
