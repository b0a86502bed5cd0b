"""Proofs of `factorize` allow for everything that rounds: means that cancel, operators, single precision."""

import warnings

import numpy as np
import pytest
import reference
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import lopside as lo


def holds(certificate, A, X, Y, slack=1e-13):
    """Judge a certificate by the decomposition of the very matrix."""
    s, norm, d = np.linalg.svd(A, compute_uv=False), np.linalg.norm(A), X.shape[1]
    low, high = np.array(certificate.singular_value_bounds).T
    assert (low <= s[:d] + slack * norm).all()
    assert (s[:d] - slack * norm <= high).all()
    least, reached = certificate.best_relative_error_bounds
    assert least <= reference.best(s, d) / norm + slack
    assert reference.best(s, d) / norm <= reached + slack
    assert 0.5 * (np.linalg.norm(X @ Y.T - A) ** 2 - reference.best(s, d) ** 2) <= certificate.gap + slack * norm**2


@pytest.mark.parametrize("search", [False, True])
@pytest.mark.parametrize("mean", [1.0, 1e3, 1e6])
def test_proofs_allow_for_what_cancels(mean, search, request):
    if search:
        request.getfixturevalue("searching")
    rng = np.random.default_rng(3)
    for k in range(5):
        A = reference.planted(90, 60, 0.8 ** np.arange(60.0)) + mean * rng.standard_normal(60) / 60
        problem = lo.Full(A, center=True)
        B = A - problem.storage._v.T  # exact: the difference of two close numbers
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lo.errors.ConvergenceWarning)
            solution = lo.factorize(problem, 5, rng=k)
        holds(solution.certificate, B, solution.X, solution.Y)
        holds(lo.certify(problem, solution), B, solution.X, solution.Y)
        assert solution.converged


@pytest.mark.parametrize("search", [False, True])
def test_proofs_allow_for_what_an_operator_rounds(search, request):
    if search:
        request.getfixturevalue("searching")
    A = reference.planted(90, 60, 0.5 ** np.arange(60.0))
    single = A.astype(np.float32)
    operator = LinearOperator(
        A.shape,
        dtype=np.float64,
        matmat=lambda V: single @ V.astype(np.float32),
        rmatmat=lambda U: single.T @ U.astype(np.float32),
        matvec=lambda v: single @ v.astype(np.float32),
        rmatvec=lambda u: single.T @ u.astype(np.float32),
    )
    problem = lo.Full(operator)
    assert 1e-9 < problem.epsilon < 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lo.errors.ConvergenceWarning)
        solution = lo.factorize(problem, 5)
    holds(solution.certificate, single.astype(np.float64), solution.X, solution.Y)


@pytest.mark.parametrize("search", [False, True])
@pytest.mark.parametrize("tail", [1e-3, 1e-2, 0.5])
@pytest.mark.parametrize("tol", [1e-6, 0.1])
def test_single_precision_proves_what_it_can_whatever_is_asked(search, tail, tol, request):
    if search:
        request.getfixturevalue("searching")
    sigma = np.where(np.arange(120) < 5, 1.0, tail)
    A = reference.planted(150, 120, sigma).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lo.errors.ConvergenceWarning)
        solution = lo.factorize(aslinearoperator(A), 5, tol=tol)
    holds(solution.certificate, A.astype(np.float64), solution.X, solution.Y)
    assert solution.certificate.excess < 0.05  # 0.025 with one BLAS for the tail of 1e-3, below 0.02 with another
    assert solution.converged or tol < 0.1
