"""Every merge keeps its promise: what it drops is positive semidefinite and no more than it says."""

from __future__ import annotations

import numpy as np
import pytest

from lopside.bench.streaming import MERGES, Rows, compared, docstrings, drifting


@pytest.mark.parametrize("name", MERGES)
@pytest.mark.parametrize("shape", [(60, 25), (30, 90)])
def test_what_is_dropped_is_bounded(name: str, shape: tuple[int, int]) -> None:
    C = np.random.default_rng(0).standard_normal(shape) * 0.9 ** np.arange(shape[1])
    held, said = MERGES[name](C, 12)
    assert held.shape == (12, shape[1])
    dropped = np.linalg.eigvalsh(C.T @ C - held.T @ held)[::-1]
    assert dropped[-1] > -1e-10
    assert dropped[0] > 1e-3
    for d in (1, 3, 12):
        assert dropped[:d].sum() <= said[:d].sum() * (1.0 + 1e-10)


def test_a_row_has_error_and_proof() -> None:
    rows = compared(Rows("drifting", drifting(600, 300, 1.0)), 5, 1)
    found = {row["merge"]: row for row in rows}
    assert list(found) == list(MERGES)
    for row in rows:
        assert -1e-12 < row["excess"] <= row["proved"]
    assert found["lopside"]["excess"] == pytest.approx(found["SVD"]["excess"], rel=1e-6)
    assert found["lopside"]["excess"] < found["frequent directions"]["excess"]


def test_docstrings_are_counted() -> None:
    A = docstrings(50)
    assert A.shape[0] > 1000
    assert A.shape[1] == 50
    assert (A.sum(axis=0)[:-1] >= A.sum(axis=0)[1:]).all()
