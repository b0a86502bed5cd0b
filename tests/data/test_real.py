"""The real matrices are the ones their packages hand out."""

from __future__ import annotations

import importlib.util
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import cbook
from sklearn.datasets import load_digits, load_sample_image

from lopside.data import china, digits, elevation, real
from lopside.errors import FileError


def test_digits() -> None:
    np.testing.assert_array_equal(digits(), load_digits().data)  # type: ignore[attr-defined]


def test_china_is_the_grey_photograph() -> None:
    grey = load_sample_image("china.jpg") @ np.array([0.299, 0.587, 0.114])
    A = china()
    assert A.shape == (427, 640)
    np.testing.assert_allclose(A, grey, atol=0.51)


def test_elevation() -> None:
    sample: Any = cbook.get_sample_data("jacksboro_fault_dem.npz")
    with sample:
        expected = sample["elevation"]
    assert expected.shape == (344, 403)
    np.testing.assert_array_equal(elevation(), expected)


@pytest.mark.parametrize("matrix", [digits, china])
def test_without_scikit_learn_the_error_says_what_to_install(matrix: object, monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(matrix)
    monkeypatch.setattr(real, "find_spec", lambda name: None)
    with pytest.raises(FileError, match="pip install scikit-learn"):
        matrix()


def test_without_sample_data_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = importlib.util.spec_from_loader("matplotlib", None)
    assert mpl.__name__ == "matplotlib"
    monkeypatch.setattr(real, "find_spec", lambda name: empty)
    with pytest.raises(FileError, match="jacksboro_fault_dem"):
        elevation()
