"""What arrays are called here. SciPy is imported where it is used: the first page needs none of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]

Ints = npt.NDArray[np.int64]

Sparse = Any
"""A csr_array; SciPy does not tell its types."""
