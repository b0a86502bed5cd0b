from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lopside.errors import InputError
from lopside.theory.ye_du import hidden_constant
from lopside.theory.ye_du_stages import (
    blocks,
    blocks_from_svd,
    first_stage,
    first_stage_done,
    imbalance,
    sharpness,
)


@given(m=st.integers(2, 9), n=st.integers(2, 9), d=st.integers(1, 4), r=st.integers(1, 4), seed=st.integers(0, 1000))
def test_blocks_rebuild_the_residual(m: int, n: int, d: int, r: int, seed: int, planted: Any) -> None:
    d, r = min(m, n, d), min(m, n, d, r)
    problem = planted(m, n, r, 3.0, seed)
    X, Y = problem.rng.standard_normal((m, d)), problem.rng.standard_normal((n, d))
    at = blocks(problem.A, X, Y)
    parts = at.squared_error_parts()
    assert sum(parts) == pytest.approx(np.sum((X @ Y.T - problem.A) ** 2))
    assert at.symmetric_residual + at.skew_residual == pytest.approx(at.core_residual)
    assert at.symmetric_residual == pytest.approx(at.symmetric_residual.T)
    assert at.skew_residual == pytest.approx(-at.skew_residual.T)
    # In a full basis of the left space, U and J are the two blocks of the rotated X.
    left = np.linalg.svd(problem.A)[0]
    assert at.norms().left_outside == pytest.approx(np.linalg.norm(left[:, d:].T @ X, 2), abs=1e-12)


def test_both_stages_in_a_run(planted: Any, descend: Any) -> None:
    problem = planted(20, 15, 3, 2.0, seed=3)
    scale, d = 1e-3, 3
    X, Y = scale * problem.rng.standard_normal((20, d)), scale * problem.rng.standard_normal((15, d))
    pairs = descend(problem.A, X, Y, 0.1, 700, "simultaneous")
    decomposition = np.linalg.svd(problem.A, full_matrices=False)
    along = [blocks_from_svd(*decomposition, *pair) for pair in pairs]
    done = [all(c.holds for c in first_stage_done(at).conclusions) for at in along]
    end = done.index(True)
    assert 0 < end < 400
    assert all(done[end:])
    c = hidden_constant(0.1)
    for at in along[: end + 1]:
        checked = first_stage(at, scale, problem.A.shape, hidden_constant=c)
        assert checked.violations == ()
    # What the source proves with unknown constants: J and K fall, the core residual falls by 1 − ησ_d/2.
    norms = [at.norms() for at in along]
    outside = np.array([(n.left_outside, n.right_outside) for n in norms])
    assert (np.diff(outside, axis=0) <= 1e-16).all()
    core = np.array([n.core_residual for n in norms[end:]])
    assert (core[1:100] <= core[0] * (1 - 0.1 * 0.5 / 2) ** np.arange(1, 100)).all()
    assert imbalance(*pairs[-1]) < 100 * scale**2


def test_the_first_stage_does_not_hold_after_a_balanced_end() -> None:
    A = np.diag([2.0, 1.0])
    grown = 2 * np.eye(2)
    checked = first_stage(blocks(A, grown, grown), 1e-3, (2, 2))
    assert [c.name for c in checked.violations] == ["signal squared less 2 diag(σ)"]


def test_sharpness_is_the_largest_eigenvalue_of_the_hessian() -> None:
    rng = np.random.default_rng(1)
    X, Y = rng.standard_normal((4, 2)), rng.standard_normal((3, 2))

    # At a minimizer E = 0 and the Hessian is JᵀJ for the map (dX, dY) ↦ X dYᵀ + dX Yᵀ.
    columns = []
    for index in range(X.size + Y.size):
        step = np.zeros(X.size + Y.size)
        step[index] = 1
        dX, dY = step[: X.size].reshape(X.shape), step[X.size :].reshape(Y.shape)
        columns.append((X @ dY.T + dX @ Y.T).ravel())
    jacobian = np.array(columns).T
    assert sharpness(X, Y) == pytest.approx(np.linalg.norm(jacobian, 2) ** 2)


def test_too_few_singular_values_are_refused() -> None:
    with pytest.raises(InputError, match="singular values"):
        blocks(np.ones((2, 5)), np.ones((2, 3)), np.ones((5, 3)))
