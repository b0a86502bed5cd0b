"""The two bounds on ‖W‖₂ are never violated, on any spectrum, and meet where the certificate needs them to."""

import numpy as np
import pytest
import reference
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

import lopside as lo
from lopside.theory.spectral_norm import norm_bound

SPECTRA = {
    "one": [1.0],
    "one far above": [1.0, *[1e-3] * 60],
    "falling": 0.8 ** np.arange(80.0),
    "slowly falling": 1 / np.arange(1.0, 91.0) ** 0.3,
    "isometry on top": [*[1.0] * 12, *np.linspace(0.9, 0.1, 60)],
    "isometry alone": [1.0] * 70,
    "clustered top": [*np.linspace(1.0, 0.9999, 40), *[0.5] * 40],
    "pair": [1.0, 1.0 - 1e-9, *[0.1] * 20],
    "deep": 10.0 ** -np.arange(0.0, 40.0),
}
SHAPES = {"tall": (150, 95), "wide": (95, 150)}


def bounded(W, block, enough, seed=0, held=np.asarray):
    handle = lo.Full(held(W)).metered()
    return norm_bound(handle, block, np.random.default_rng(seed), enough), handle.reads


def never(low, high):
    return False


def within(share):
    return lambda low, high: high <= (1.0 + share) * low


def sound(found, W):
    norm = np.linalg.norm(W.astype(np.float64), 2)
    assert 0.0 <= found.low <= norm * (1 + 1e-13)
    assert norm * (1 - 1e-15) <= found.high
    assert 0.0 <= found.failure_probability < 1e-8
    return norm


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("wanted", [1e-2, 1e-6, None])
def test_every_spectrum(spectrum, shape, wanted):
    W = reference.planted(*SHAPES[shape], SPECTRA[spectrum], seed=3)
    W *= {1e-2: 1e-6, 1e-6: 1.0, None: 1e6}[wanted]
    block = np.random.default_rng(1).standard_normal((W.shape[1], 3))
    found, reads = bounded(W, block, never if wanted is None else within(wanted))
    norm = sound(found, W)
    assert reads <= 80
    assert found.high <= norm * (1 + max(wanted or 0.0, 1e-6))
    if wanted is not None:
        assert found.high <= (1 + wanted) * found.low


@pytest.mark.parametrize("held", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_where_the_leading_space_is_known_two_reads_will_do(held, kind):
    # What the certificate asks at the best fit: W is an isometry on the rows of X Yᵀ and less elsewhere.
    W = reference.planted(400, 300, SPECTRA["isometry on top"], seed=5).astype(kind)
    V = np.linalg.svd(W.astype(np.float64))[2][:12].T
    found, reads = bounded(W, V, within(1e-7), held=held)
    sound(found, W)
    assert found.high <= (1 + 2e-7) * found.low
    assert reads <= 12


@settings(max_examples=60)
@given(m=st.integers(1, 40), n=st.integers(1, 40), width=st.integers(1, 5), density=st.sampled_from([0.05, 0.3, 1.0]),
       size=st.sampled_from([1e-100, 1e-8, 1.0, 1e100]), seed=st.integers(0, 999), kind=st.sampled_from("df"),
       share=st.sampled_from([1.0, 1e-1, 1e-8, 0.0]))  # fmt: skip
def test_random_matrices_of_any_shape(m, n, width, density, size, seed, kind, share):
    rng = np.random.default_rng(seed)
    W = (rng.standard_normal((m, n)) * (rng.random((m, n)) < density)).astype(kind)
    if kind == "d":
        W = W * size
    block = rng.standard_normal((n, min(width, n)))
    found, _ = bounded(scipy.sparse.csr_array(W), block, within(share), seed, held=lambda A: A)
    if not W.any():
        assert found == (0.0, 0.0, 0.0)
        return
    sound(found, W)
    assert found.high <= (1 + max(share, 1e-6)) * found.low


@pytest.mark.parametrize("seed", range(20))
def test_a_start_that_knows_nothing_of_the_top_is_no_trap(seed):
    # Exactly orthogonal to the leading vectors, and an invariant space: only probes can see what is outside.
    W = reference.planted(120, 100, [1.0, *np.linspace(0.5, 0.1, 99)], seed=seed)
    V = np.linalg.svd(W)[2][40:50].T
    found, _ = bounded(W, V, within(0.05), seed)
    norm = sound(found, W)
    assert found.high <= 1.06 * norm


def test_it_stops_as_soon_as_it_is_enough():
    W = reference.planted(300, 250, SPECTRA["slowly falling"], seed=1)
    block = np.random.default_rng(0).standard_normal((250, 4))
    loose, few = bounded(W, block, lambda low, high: True)
    tight, many = bounded(W, block, within(1e-6))
    assert few == 1
    assert few < many
    assert loose.failure_probability == 0.0
    assert tight.high <= loose.high
    assert bounded(W, block, within(1e-6))[0] == tight  # nothing of it is left to chance
