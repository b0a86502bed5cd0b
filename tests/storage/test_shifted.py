"""A − u vᵀ where it matters: means a million times the deviations."""

from __future__ import annotations

import numpy as np
import pytest

from lopside.storage.choose import as_storage
from lopside.storage.shifted import Shifted

WAYS = ("rows", "columns", "gaps", "sparse", "file", "operator")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("weighted", [False, True])
def test_means_of_a_million_deviations(makers, way, weighted):
    rng = np.random.default_rng(0)
    m, n, d = 300, 40, 3
    A = 1e6 * (1.0 + rng.random(n)) + rng.standard_normal((m, n))
    root = np.sqrt(rng.uniform(0.5, 2.0, m)) if weighted else np.ones(m)
    mean = (root**2) @ A / (root @ root)
    storage = Shifted(makers[way](A, 2, root if weighted else None), root, mean)
    B = (A - mean) * root[:, None]  # A − mean is exact to u·1e6
    R, Y, M, N = (rng.standard_normal(shape) for shape in ((m, d), (n, d), (2 * d, 2), (2 * d, 4)))
    K = np.hstack([R, B @ Y])
    for given in (None, N):
        swept = storage.sweep(R, Y, M, given, residual=True)
        probed = K @ (M if given is None else N)
        np.testing.assert_allclose(swept.rows, K @ M, rtol=0, atol=1e-8 * abs(K @ M).max())
        np.testing.assert_allclose(swept.probe, B.T @ probed, rtol=0, atol=1e-8 * abs(B.T @ probed).max())
        assert swept.residual2 == pytest.approx(np.linalg.norm(R @ Y.T - B) ** 2, rel=1e-9)
    assert storage.norm() == pytest.approx(np.linalg.norm(B), rel=1e-9)
    assert storage.residual_norm(R, Y) == pytest.approx(np.linalg.norm(R @ Y.T - B), rel=1e-9)


@pytest.mark.parametrize(("mean", "kept"), [(1.0, np.float32), (100.0, np.float64)])
def test_float32_is_left_where_too_much_cancels(mean, kept):
    rng = np.random.default_rng(0)
    A = (mean + rng.standard_normal((200, 30))).astype(np.float32)
    storage, transposed, notes = as_storage(A, center=True)
    assert not transposed
    assert storage.dtype == kept
    assert bool(notes) == (kept is np.float64)
    B = A - A.mean(axis=0, dtype=np.float64)
    Y = rng.standard_normal((30, 2)).astype(kept)
    swept = storage.sweep(None, Y, np.eye(2, dtype=kept))
    close = 1e-5 if kept is np.float32 else 1e-11
    np.testing.assert_allclose(swept.probe, B.T @ B @ Y, rtol=0, atol=close * np.linalg.norm(B) ** 2)


def test_a_shift_of_a_shift():
    rng = np.random.default_rng(1)
    A, u, v = rng.standard_normal((9, 5)), rng.standard_normal((2, 9)), rng.standard_normal((2, 5))
    storage, _, _ = as_storage(A)
    twice = Shifted(Shifted(storage, u[0], v[0]), u[1], v[1])
    B = A - u.T @ v
    np.testing.assert_allclose(twice.times(np.eye(5)), B, atol=1e-14)
    assert twice.norm() == pytest.approx(np.linalg.norm(B), rel=1e-13)
