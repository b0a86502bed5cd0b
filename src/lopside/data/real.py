"""Real matrices that come with packages already installed: nothing is downloaded."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lopside.errors import FileError
from lopside.io import read_matrix


def digits() -> NDArray[np.float64]:
    """Return 1797 handwritten digits, one a row, each 8 × 8 grey levels from 0 to 16: a 1797 × 64 matrix.

    From scikit-learn: the test set of the Optical Recognition of Handwritten Digits data of the UCI repository.

    Returns
    -------
    ndarray, shape (1797, 64)

    Raises
    ------
    FileError
        If scikit-learn is not installed.
    """
    path = installed("scikit-learn", "sklearn", "datasets/data/digits.csv.gz")
    return np.loadtxt(path, delimiter=",")[:, :-1]  # the last column says which digit it is


def china() -> NDArray[np.float64]:
    """Return a photograph of a Chinese palace as grey levels from 0 to 255: a 427 × 640 matrix.

    scikit-learn's china.jpg, by danielbuechele (flickr 6061409035), CC BY 2.0.

    Returns
    -------
    ndarray, shape (427, 640)

    Raises
    ------
    FileError
        If scikit-learn is not installed.
    """
    return read_matrix(installed("scikit-learn", "sklearn", "datasets/images/china.jpg")).A


def elevation() -> NDArray[np.float64]:
    """Return heights in metres around the Jacksboro fault, Tennessee, row 0 in the north: a 344 × 403 matrix.

    matplotlib's jacksboro_fault_dem.npz, from a digital elevation model of the United States Geological Survey.

    Returns
    -------
    ndarray, shape (344, 403)

    Raises
    ------
    FileError
        If matplotlib was installed without its sample data.
    """
    path = installed("matplotlib", "matplotlib", "mpl-data/sample_data/jacksboro_fault_dem.npz")
    return read_matrix(path, "elevation").A.astype(np.float64)


def installed(distribution: str, package: str, name: str) -> Path:
    """Return where a file of an installed package lies; `distribution` is what to install where it is missing."""
    # Found without importing the package, which can take seconds.
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    paths = [path for path in (Path(folder, name) for folder in folders or ()) if path.is_file()]
    if not paths:
        found = f"a {distribution} without {name}" if spec else f"no {distribution}"
        raise FileError(
            f"got {found} in this Python; expected {distribution}, which this matrix comes with. "
            f"Try pip install {distribution}"
        )
    return paths[0]
