"""The measurements of a device return what their tables show."""

from __future__ import annotations

import numpy as np
import pytest

from lopside.bench import device, rounds
from lopside.bench.device import Bed


def test_without_torch_it_says_so(monkeypatch):
    monkeypatch.setattr(device, "version", lambda package: None)
    (table,) = device.tables(quick=True, say=lambda sentence: None)
    assert "not installed" in table.text()


@pytest.mark.parametrize(("kind", "least"), [("float64", 1e-18), ("float32", 1e-9)])
def test_every_row_has_all_columns(monkeypatch, kind, least):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(rounds, "_PAUSE", 0.0)
    bed = Bed(torch, torch.device("cpu"), torch.randn(60, 40, dtype=getattr(torch, kind)))
    row = device.passes(bed, 3, 1)
    assert {"type", "d", *row} == {column.key for column in device._PASSES}
    assert least < row["error"] < 1e3 * float(np.finfo(kind).eps)
    assert all(row[name] > 0.0 for name in ("milliseconds", "share", "there", "moved", "bandwidth", "rate"))
    sizes = list(device.block_sizes(bed, 3, 1))
    assert {"type", *sizes[0]} == {column.key for column in device._BLOCKS}
    assert {"type", "d", *device.streamed(bed, 3, 1)} == {column.key for column in device._STREAMED}
    fit = device.fits(torch, bed.device, (60, 40), kind, "exponential", 4)
    assert {"type", "spectrum", *fit} == {column.key for column in device._FITS}
    assert fit["excess"] <= device._EXCESS
    assert fit["theirs"] <= device._EXCESS
