"""The block Krylov relation holds to rounding through growth, deflation, restarts and rotations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside import krylov

SPECTRA = {
    "power": lambda i: i**-0.5,
    "multiple": lambda i: np.where(i <= 6, 1.0, np.where(i <= 12, 0.5, 0.1)),
    "low rank": lambda i: np.where(i <= 5, 1.0 / i, 0.0),
    "graded": lambda i: 10.0**-i,
    "nothing": lambda i: 0.0 * i,
}


def setting(kind, n, seed):
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    B = SPECTRA[kind](np.arange(1, n + 1.0))[:, None] * Q.T
    return B, (lambda F: (B.T @ (B @ F), (B @ F).T @ (B @ F))), rng


def check(relation, B, roundings=60):
    basis = np.hstack([relation.V, relation.F])
    assert np.linalg.norm(basis.T @ basis - np.eye(basis.shape[1])) < 1e-13
    missed = B.T @ (B @ relation.V) - relation.V @ relation.H - relation.F @ relation.C
    # What is dropped as noise is small beside ‖B F‖: a search has ‖B‖_F near 1.
    norm = np.linalg.norm(B)
    assert np.linalg.norm(missed) <= roundings * 2.3e-16 * max(norm, norm**2, 1e-300)
    np.testing.assert_array_equal(relation.H, relation.H.T)


@given(
    kind=st.sampled_from(sorted(SPECTRA)),
    n=st.integers(1, 30),
    block=st.integers(1, 7),
    width=st.integers(1, 5),
    seed=st.integers(0, 10**6),
)
def test_the_relation_holds_until_the_space_is_everything(kind, n, block, width, seed):
    B, product, rng = setting(kind, n, seed)
    relation = krylov.begin(rng.standard_normal((n, min(block, n))), n)
    for step in range(2 * n):
        relation = krylov.extended(product, relation, width, rng)
        check(relation, B)
        theta, Z = krylov.ritz(relation)
        if step % 3 == 2 and relation.F.shape[1] > 1:
            relation = krylov.focused(relation, Z[:, :2])
        if step == 4:
            keep = max(1, relation.size // 2)
            relation = krylov.restarted(relation, theta[:keep], Z[:, :keep], n)
            check(relation, B)
        if relation.size == n:
            break
    exact = SPECTRA[kind](np.arange(1, n + 1.0)) ** 2
    theta = krylov.ritz(relation)[0]
    assert relation.size == n
    assert relation.F.shape[1] == 0
    np.testing.assert_allclose(theta, exact, atol=1e-14)


def test_small_directions_are_not_lost_beside_large_ones():
    rng = np.random.default_rng(0)
    U = np.linalg.qr(rng.standard_normal((50, 4)))[0]
    W = U * [1.0, 1e-5, 1e-9, 1e-13] @ np.linalg.qr(rng.standard_normal((4, 4)))[0]
    Q, S = krylov.outside(W.copy(), (), 1e-14)
    assert Q.shape == (50, 4)
    assert np.linalg.norm(Q.T @ Q - np.eye(4)) < 1e-14
    assert np.linalg.norm(Q @ S - W) < 1e-15
    assert np.linalg.norm(U[:, 2] - Q @ (Q.T @ U[:, 2])) < 1e-6
    Q, _ = krylov.outside(W.copy(), (), 1e-7)
    assert Q.shape == (50, 2)


def test_two_continuations_of_one_space_do_not_disturb_each_other():
    B, product, rng = setting("power", 30, 1)
    first = krylov.extended(product, krylov.begin(rng.standard_normal((30, 3)), 30), 3, rng)
    one = krylov.extended(product, first, 3, rng)
    before = one.V.copy()
    other = krylov.extended(product, first._replace(F=first.F[:, ::-1], C=first.C[::-1]), 2, rng)
    check(other, B)
    np.testing.assert_array_equal(one.V, before)


@pytest.mark.parametrize("rows", [5, 9000, 20000])
def test_tall_products_are_those_of_numpy(rows):
    from lopside.linalg import remove_span, tall_inner, tall_qr, tall_times

    rng = np.random.default_rng(rows)
    V = np.linalg.qr(rng.standard_normal((rows, 4)))[0]
    W = rng.standard_normal((rows, 3))
    np.testing.assert_allclose(tall_inner(V, W), V.T @ W, atol=1e-12)
    np.testing.assert_allclose(tall_times(V, W[:4]), V @ W[:4], atol=1e-14)
    graded = W * [1.0, 1e-9, 1e-14]
    Q, R = tall_qr(graded)
    np.testing.assert_allclose(Q.T @ Q, np.eye(3), atol=1e-14)
    assert (np.linalg.norm(Q @ R - graded, axis=0) <= 1e-14 * np.linalg.norm(graded, axis=0)).all()
    left = W.copy()
    np.testing.assert_allclose(remove_span(left, V), V.T @ W, atol=1e-12)
    np.testing.assert_allclose(left, W - V @ (V.T @ W), atol=1e-12)
