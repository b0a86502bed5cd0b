"""Figures that repeat byte for byte and leave matplotlib's settings alone."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import pytest

from lopside.errors import FileError
from lopside.plots import canvas


def picture():
    fig, axes = canvas.figure(1, 2, 4.0, 2.0)
    axes[0, 0].semilogy([1, 2, 3], [1.0, 1e-3, 1e-6])
    with canvas.style():
        axes[0, 1].set_title("κ = 10/9, ‖XYᵀ − A‖, σ₁ ≤ ½")
    return fig


def test_equal_figures_have_equal_bytes_without_date_or_version(tmp_path):
    first, second = (canvas.save(picture(), tmp_path / name) for name in ("first", "second"))
    assert [path.name for path in first] == ["first.png", "first.svg"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert mpl.__version__.encode() not in one.read_bytes()


def test_the_style_does_not_leak(tmp_path):
    settings: Any = mpl.rcParams
    names = [name for name in settings if name != "backend"]  # reading that one would choose a backend
    before = [settings[name] for name in names]
    canvas.save(picture(), tmp_path / "picture", formats=("svg",))
    with canvas.style():
        assert mpl.rcParams["axes.grid"]
    assert [settings[name] for name in names] == before


def test_axes_come_as_a_grid_and_every_glyph_is_in_the_font():
    fig, axes = canvas.figure(2, 3)
    assert axes.shape == (2, 3)
    axes[0, 0].set_xlabel("ησ₁‖·‖ᵀ − ≤ ½ τ κ²")
    fig.draw_without_rendering()  # a missing glyph is a warning, and warnings are errors here


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(FileError, match="missing"):
        canvas.save(picture(), tmp_path / "missing" / "picture")
