"""The matrices of the benchmarks have the spectra they promise, and every peer is judged by its true error."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lopside.bench import spectra
from lopside.bench.factorize import Case, residual, search
from lopside.bench.peers import Peer, installed


@pytest.mark.parametrize("name", spectra.NAMES)
@pytest.mark.parametrize("shape", [(130, 60), (60, 130), (80, 80)])
def test_prescribed_singular_values(name: str, shape: tuple[int, int]) -> None:
    values = spectra.spectrum(name, shape, 20)
    A = spectra.prescribed(shape, values, seed=3)
    assert A.shape == shape
    assert values[0] == 1.0
    assert (np.diff(values) <= 0.0).all()
    assert_allclose(np.linalg.svd(A, compute_uv=False), values, atol=1e-14)


def test_white_noise_is_white() -> None:
    drawn = np.linalg.svd(np.random.default_rng(0).standard_normal((420, 170)), compute_uv=False)
    values = spectra.spectrum("noise", (420, 170), 20)[20:]
    assert_allclose(values / values[0], drawn[:150] / drawn[0], atol=0.12)
    assert_allclose(np.linalg.norm(values), 0.01 * np.sqrt(20))


@pytest.mark.parametrize("topics", [0, 4])
def test_counts_are_a_sound_csr_matrix(topics: int) -> None:
    S = spectra.counts((300, 120), 4000, topics)
    assert S.shape == (300, 120)
    assert S.nnz == 4000
    S.check_format(full_check=True)
    assert S.has_canonical_format
    assert (S.data > 0.0).all()
    s = np.linalg.svd(S.toarray(), compute_uv=False)
    assert bool(s[3] / s[4] > 1.3) is bool(topics)


def test_excess_is_that_of_the_residual() -> None:
    S = spectra.counts((90, 40), 900, 0)
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((90, 3)), rng.standard_normal((3, 40))
    truth = np.linalg.norm(left @ right - S.toarray())
    assert residual(S, left, right) == pytest.approx(truth, rel=1e-13)
    assert residual(S.toarray(), left, right) == pytest.approx(truth, rel=1e-13)


@pytest.mark.parametrize("peer", installed(), ids=lambda peer: peer.name)
@pytest.mark.parametrize("sparse", [False, True])
def test_each_peer_reaches_the_best_at_a_costly_setting(peer: Peer, sparse: bool) -> None:
    A = spectra.counts((200, 90), 4000, 5)
    dense = A.toarray()
    s = np.linalg.svd(dense, compute_uv=False)
    case = Case("", "", A if sparse else dense, float(np.linalg.norm(s[5:])))
    costly = peer.settings[-8]
    assert abs(case.excess(*peer.fit(peer.hold(case.A), 5, costly))) < 1e-6


@pytest.mark.parametrize("needed", [0, 1, 2, 5, 11, 25, None])
def test_the_search_finds_the_cheapest_setting(needed: int | None) -> None:
    A = np.diag([2.0, 1.0])
    settings = tuple(range(26))
    asked = []

    def fit(_A: np.ndarray, _k: int, setting: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        asked.append(setting)
        error = 0.0 if needed is not None and setting >= needed else 0.1
        return np.eye(2)[:, :1], np.array([2.0 + error]), np.eye(2)[:1]

    peer = Peer("made up", "numpy", "n", settings, (), fit)
    found, tried = search(peer, A, Case("", "", A, 1.0), limit=10.0)
    assert (found.setting if found else None) == needed
    assert sorted(tried) == sorted(asked)
    assert len(asked) < 12


def test_the_search_gives_up_on_a_peer_that_takes_too_long_or_raises() -> None:
    def fit(*_: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        raise ArithmeticError

    peer = Peer("made up", "numpy", "n", (1, 2, 3), (), fit)
    found, tried = search(peer, np.eye(2), Case("", "", np.eye(2), 1.0), limit=-1.0)
    assert found is None
    assert [attempt.excess for attempt in tried.values()] == [float("inf")]
