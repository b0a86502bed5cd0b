"""The rivals of `LowRank` solve the same problem, and their matrices have the spectra they promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lopside.bench import spectra
from lopside.bench.estimators import RANK, Task, compare, off_center, peers
from lopside.bench.factorize import Case


def test_prescribed_singular_values_about_the_means() -> None:
    values = spectra.spectrum("gap", (90, 40), 5)
    A = off_center((90, 40), values)
    mean = A.mean(axis=0)
    assert_allclose(np.linalg.svd(A - mean, compute_uv=False), values, atol=1e-14)
    assert_allclose(np.linalg.norm(mean) * 90**0.5, 2.0)


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_each_rival_reaches_the_best_at_a_costly_setting(center: bool, sparse: bool) -> None:
    S = spectra.counts((200, 90), 4000, 5)
    A = S.toarray()
    least = float(np.linalg.norm(np.linalg.svd(A - A.mean(axis=0) * center, compute_uv=False)[5:]))
    case, found = Case("", "", S if sparse else A, least), peers(S if sparse else A, center)
    assert len(found) == {(False, False): 2, (False, True): 2, (True, False): 4, (True, True): 1}[center, sparse]
    for peer in found.values():
        assert abs(case.excess(*peer.fit(case.A, 5, peer.settings[-1]))) < 1e-6


def test_a_row_has_both_sides() -> None:
    values = spectra.spectrum("exponential", (300, 80), RANK)
    case = Case("dense", "exponential", off_center((300, 80), values), float(np.linalg.norm(values[RANK:])))
    said: list[str] = []
    row, details = compare(Task(case, True), 1, said.append)
    assert -1e-12 < row["excess"] <= row["proved"] + 1e-12 <= 2e-6
    for name in ("randomized", "arpack", "covariance_eigh", "full"):
        assert row[f"{name} excess"] <= 1e-6
        assert row[f"{name} ratio"] > 0.0
    assert [row["peer"] for row in details] == ["PCA randomized", "PCA arpack", "PCA covariance_eigh", "PCA full"]
    assert len(said) == 1
