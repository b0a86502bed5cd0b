"""Bounds on what is left of a matrix outside of a search space: never too small but with the stated probability."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lopside.theory import deflated_norm
from lopside.theory.deflated_norm import Probes, least_mass


def product_of(A):
    def product(F):
        return A.T @ (A @ F), (A @ F).T @ (A @ F)

    return product


def spectra(kind, k, rng):
    i = np.arange(1, k + 1.0)
    return {
        "noise": np.sqrt(rng.random(k)),
        "power": i**-0.5,
        "isolated": np.where(i == 1, 1.0, 0.1),
        "flat": np.ones(k),
        "two": np.where(i <= k // 2, 1.0, 1e-9),
        "zero": np.zeros(k),
        "deep": 10.0**-i,
    }[kind]


@given(
    kind=st.sampled_from(["noise", "power", "isolated", "flat", "two", "zero", "deep"]),
    n=st.integers(1, 60),
    size=st.integers(0, 8),
    passes=st.integers(1, 6),
    seed=st.integers(0, 10**6),
)
def test_the_bound_holds_for_every_number_of_passes(kind, n, size, passes, seed):
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    A = spectra(kind, n, rng)[:, None] * Q.T
    A /= np.linalg.norm(A) or 1.0
    V = np.linalg.qr(rng.standard_normal((n, min(size, n))))[0]
    true = np.linalg.norm(A - A @ V @ V.T, 2) ** 2
    probes = Probes.drawn(V, np.random.default_rng(seed + 1))
    for _ in range(passes):
        probes = probes.extended(product_of(A))
        bound = probes.bound(1.0, 1.0)
        assert bound >= true * (1 - 1e-12)
        assert probes.top() <= true * (1 + 1e-9) + 1e-28
    if kind == "zero":
        assert bound < 1e-26


def test_the_bound_is_tight_after_a_few_passes():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((300, 200)) / 250
    probes, true = Probes.drawn(np.zeros((200, 0)), rng), np.linalg.norm(A, 2) ** 2
    norm = np.linalg.norm(A)
    bounds = []
    for _ in range(6):
        probes = probes.extended(product_of(A))
        bounds.append(probes.bound(norm**2, norm) / true)
    assert bounds[3] < 1.6
    assert bounds[5] < 1.25


def test_the_failure_probability_is_that_of_the_event(monkeypatch):
    # With δ = 5 % the bound has to be wrong now and then, and not more often: the right-hand side is really used up.
    monkeypatch.setattr(deflated_norm, "FAILURE", 0.05)
    n, failures, rounds = 40, 0, 400
    A = np.diag([1.0] + [0.999] * 3 + [1e-3] * (n - 4))
    for seed in range(rounds):
        probes = Probes.drawn(np.zeros((n, 0)), np.random.default_rng(seed), count=2).extended(product_of(A))
        failures += probes.bound(4.0, 2.0) < 1.0
    assert failures <= 0.05 * rounds + 3 * np.sqrt(0.05 * rounds)


def test_least_mass_is_a_bound_on_the_chi_square_tail():
    from scipy.stats import chi2

    for p in (1, 2, 8, 10):
        for failure in (1e-10, 1e-3):
            assert chi2.cdf(least_mass(p, failure), p) >= failure * (0.95 if failure < 1e-5 else 0.5)
            assert chi2.cdf(least_mass(p, failure), p) <= failure * (1 + 1e-9)
