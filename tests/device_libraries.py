"""The array libraries that can be tried here, and devices of theirs: what is installed decides."""

from __future__ import annotations

import importlib.util

import array_api_strict as strict
import numpy as np

SECOND = strict.Device("device1")
"""Not the default one: whatever forgets to say where it works ends up elsewhere, and is refused."""


def libraries():
    """Return functions that put a NumPy array on a device, by name."""
    found = {"strict": lambda A: strict.asarray(np.array(A), device=SECOND)}
    if importlib.util.find_spec("torch"):
        import torch

        found["torch"] = lambda A: torch.tensor(np.array(A))
        if torch.cuda.is_available():
            found["torch cuda"] = lambda A: torch.tensor(np.array(A), device="cuda")
    if importlib.util.find_spec("cupy"):
        import cupy

        if cupy.cuda.runtime.getDeviceCount():
            found["cupy"] = cupy.asarray
    return found


LIBRARIES = libraries()


def here(values):
    """Return an array of any of them as NumPy's."""
    module = type(values).__module__
    if module.startswith("array_api_strict"):
        return np.asarray(values.to_device(strict.Device("CPU_DEVICE")))
    if module.startswith("cupy"):
        return values.get()
    return np.asarray(values.cpu() if module.startswith("torch") else values)
