"""Bounds on leading energies and singular values from a search space, against LAPACK."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.theory.leading_energy import (
    SearchSpace,
    energy_excess,
    leading_eigenvalues,
    second_order_closed,
    singular_value_bounds,
)

SPECTRA = {
    "power": lambda i, a: i ** -(3 * a),
    "exponential": lambda i, a: 10.0 ** (-3 * a * i),
    "ties": lambda i, a: np.where(i <= 3, 2.0, np.where(i <= 7, 1.0, a)),
    "one cluster": lambda i, a: 1 + 1e-6 * a * (8 - i),
    "low rank": lambda i, a: np.where(i <= 4, 1.0 / i, 0.0),
}


def space_of(A, V, h=None):
    """The search space of any orthonormal V, from the definitions."""
    M = A.T @ A
    theta, Q = np.linalg.eigh(V.T @ M @ V)
    theta, V = theta[::-1], V @ Q[:, ::-1]
    rest = M @ V - V @ (V.T @ M @ V)
    C = np.linalg.qr(rest, mode="r")
    true = np.linalg.norm(A - A @ V @ V.T, 2) ** 2
    error = np.full(len(theta), 2e-15 * np.linalg.norm(M))
    return SearchSpace(theta, C, error, true if h is None else h * true, 4e-15 * np.trace(M))


def instance(m, n, size, passes, kind, a, seed):
    rng = np.random.default_rng(seed)
    s = SPECTRA[kind](np.arange(1, min(m, n) + 1.0), a)
    U, W = (np.linalg.qr(rng.standard_normal((k, len(s))))[0] for k in (m, n))
    A = (U * s) @ W.T
    V = np.linalg.qr(rng.standard_normal((n, min(size, n))))[0]
    for _ in range(passes):
        V = np.linalg.qr(A.T @ (A @ V) + 1e-14 * rng.standard_normal(V.shape))[0]
    if passes == 3 and size > 1:  # a space that misses the dominant direction
        V = np.linalg.qr(V - np.outer(W[:, 0], W[:, 0] @ V))[0]
    return A, V, s**2


@given(
    m=st.integers(2, 20),
    n=st.integers(2, 20),
    size=st.integers(1, 10),
    passes=st.integers(0, 4),
    kind=st.sampled_from(sorted(SPECTRA)),
    a=st.floats(0.01, 1.0),
    h=st.sampled_from([1.0, 1.3, 10.0]),
    d=st.integers(1, 9),
    seed=st.integers(0, 10**6),
)
def test_no_bound_is_below_the_truth(m, n, size, passes, kind, a, h, d, seed):
    A, V, lam = instance(m, n, size, passes, kind, a, seed)
    d = min(d, m, n)
    space = space_of(A, V, h)
    known = space.theta[:d].sum()
    slack = 4e-15 * lam.sum()
    assert lam[:d].sum() <= known + energy_excess(space, d) + slack
    assert lam[:d].sum() <= leading_eigenvalues(space, d).sum() + slack
    assert (leading_eigenvalues(space, d) >= lam[:d] - slack).all()
    closed = second_order_closed(space, d)
    assert lam[:d].sum() <= known + closed + slack
    low, high = singular_value_bounds(space, d).T
    assert (low**2 <= lam[:d] + slack).all()
    assert (high**2 >= lam[:d] - slack).all()


@given(
    kind=st.sampled_from(["power", "exponential"]),
    a=st.floats(0.3, 1.0),
    d=st.integers(1, 5),
    seed=st.integers(0, 10**6),
)
def test_the_second_order_is_tight_and_never_worse_than_its_closed_form(kind, a, d, seed):
    A, V, lam = instance(20, 18, d + 4, 2, kind, a, seed)
    space = space_of(A, V)
    truth = lam[:d].sum() - space.theta[:d].sum()
    excess = energy_excess(space, d)
    assert excess <= second_order_closed(space, d) * (1 + 1e-9) + 1e-13 * lam.sum()
    if space.theta[d - 1] > 2 * space.h:
        assert excess <= 10 * truth + 1e-13 * lam.sum()


def test_cancellation_does_not_limit_the_second_order():
    # Σλ − Σθ is 1e-22 here, far below the rounding of Σλ.
    theta, residual, h = np.array([1.0, 1e-3]), 1e-13, 1e-6
    C = np.array([[residual, 0.0], [0.0, residual]])
    space = SearchSpace(theta, C, np.zeros(2), h, 1e-15)
    exact = sum(residual**2 / (t - h) for t in theta)
    assert energy_excess(space, 2) == pytest.approx(exact, rel=1e-9)


def test_a_tie_at_d_is_cut_where_there_is_a_gap():
    theta = np.array([2.0, 1.0, 1.0, 1.0])
    C = np.full((1, 4), 1e-9)
    space = SearchSpace(theta, C, np.zeros(4), 0.1, 1e-15)
    assert energy_excess(space, 2) <= 1e-17
    below = SearchSpace(np.array([1.0, 1e-8, 1e-8]), np.zeros((1, 3)), np.zeros(3), 1e-8, 1e-15)
    assert energy_excess(below, 2) <= 1e-22


def test_nothing_known_is_the_trivial_bound():
    space = SearchSpace(np.zeros(0), np.zeros((0, 0)), np.zeros(0), 3.0, 0.0)
    assert energy_excess(space, 2) == 6.0
    np.testing.assert_array_equal(singular_value_bounds(space, 2), [[0.0, 3.0**0.5]] * 2)


def test_rounding_is_added_in_second_order():
    theta, error = np.array([1.0, 0.5]), np.array([1e-8, 1e-8])
    space = SearchSpace(theta, np.zeros((1, 2)), error, 0.1, 1e-7)
    assert 1e-16 * (1 / 0.9 + 1 / 0.4) <= energy_excess(space, 2) <= 1.1e-16 * (1 / 0.9 + 1 / 0.4)
