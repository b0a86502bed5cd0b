"""Everything public on a matrix of another array library: the same answers as on NumPy's, on the device it is on."""

import warnings

import numpy as np
import pytest
import reference
from device_libraries import LIBRARIES, here

import lopside as lo
from lopside import catalog
from lopside.errors import ConvergenceWarning
from lopside.storage.device import Device

A = reference.planted(60, 40, 0.8 ** np.arange(12), seed=7, noise=1e-3)
SOLVERS = [name for name in catalog.SOLVERS if name not in catalog.PARTIAL]
STARTS = [name for name in catalog.STARTS if name not in catalog.PARTIAL | {"ye-du", "spectral", "sketch"}]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr("lopside.storage.site.HOST_BLOCK", 2000)
    monkeypatch.setattr("lopside.storage.site.HOST_PIECE", 300)
    monkeypatch.setattr("lopside.storage.site.ACCELERATOR_BLOCK", 2000)
    monkeypatch.setattr("lopside.storage.site.ACCELERATOR_PIECE", 300)
    monkeypatch.setattr("lopside.storage.site.LEAST_ROWS", 3)


def same_place(values, given):
    """Say whether an array is of the kind of the one given, on its device."""
    return type(values) is type(given) and values.device == given.device


def solved(problem, solver, **how):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return lo.solve(problem, solver, **how)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_solver_agrees_with_numpy(library, solver, dtype):
    B = LIBRARIES[library](A.astype(dtype))
    how = {"rank": 4, "stop": lo.Stop(max_steps=12), "rng": 5}
    found = solved(lo.Full(B), catalog.SOLVERS[solver](), **how)
    wanted = solved(lo.Full(A.astype(dtype)), catalog.SOLVERS[solver](), **how)
    assert same_place(found.X, B)
    assert same_place(found.Y, B)
    assert found.X.dtype == found.Y.dtype == B.dtype
    assert same_place(found.initial[0], B)
    close = 1e-9 if dtype == np.float64 else 2e-3
    X, Y, norm = here(found.X), here(found.Y), np.linalg.norm(A)
    np.testing.assert_allclose(X @ Y.T, wanted.X @ wanted.Y.T, atol=close * norm)
    np.testing.assert_allclose(found.trace.loss, wanted.trace.loss, rtol=close)
    assert (found.steps, found.passes) == (wanted.steps, wanted.passes)
    assert found.loss == pytest.approx(reference.loss(A.astype(dtype).astype(np.float64), X.astype(np.float64), Y))
    least = 0.5 * float(np.sum(np.linalg.svd(A.astype(dtype).astype(np.float64))[1][4:] ** 2))
    assert found.certificate.gap >= (found.loss - least) * (1.0 - 1e-6) - 1e-14 * norm**2
    assert found.certificate.gap == pytest.approx(wanted.certificate.gap, rel=0.05, abs=1e-12 * norm**2)
    assert found.certificate.theorem == wanted.certificate.theorem


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("start", STARTS)
def test_a_seed_starts_as_on_numpy(library, start):
    B, begin = LIBRARIES[library](A), catalog.STARTS[start]()
    found, wanted = (lo.Run(lo.Full(M), rank=3, start=begin, rng=11).initial for M in (B, A))
    for F, G in zip(found, wanted, strict=True):
        assert same_place(F, B)
        np.testing.assert_allclose(here(F), G, rtol=1e-10, atol=1e-12 * abs(G).max())


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("asked", [{"rank": 5}, {"relative_error": 0.2}])
@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("center", [False, True])
def test_factorize(library, dtype, asked, large, center, request):
    if large:
        request.getfixturevalue("searching")
    M = (A + 0.2 if center else A).astype(dtype)
    B = LIBRARIES[library](M)
    found, wanted = (lo.factorize(matrix, center=center, **asked) for matrix in (B, M))
    assert found.converged
    assert found.rank == wanted.rank
    assert same_place(found.X, B)
    assert same_place(found.Y, B)
    assert found.relative_error == pytest.approx(wanted.relative_error, rel=1e-6)
    close = 1e-8 if dtype == np.float64 else 1e-3
    np.testing.assert_allclose(here(found.X), wanted.X, atol=close)
    np.testing.assert_allclose(here(found.Y), wanted.Y, atol=close)
    best = M.astype(np.float64) - (M.mean(axis=0, dtype=np.float64) if center else 0.0)
    s = np.linalg.svd(best)[1]
    least = np.linalg.norm(s[found.rank :]) / np.linalg.norm(s)
    low, high = found.certificate.best_relative_error_bounds
    assert low * (1 - 1e-6) <= least <= high * (1 + 1e-6)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("center", [False, True])
def test_weights_and_columns_less_their_means(library, center):
    weights = np.linspace(0.5, 2.0, len(A))
    means = weights @ A / weights.sum() if center else 0.0
    wanted = np.sqrt(weights)[:, None] * (A - means)
    put = LIBRARIES[library]
    for form in (weights, put(weights)):
        problem = lo.Full(put(A), center=center, weights=form)
        assert problem.norm == pytest.approx(np.linalg.norm(wanted), rel=1e-12)
        found = lo.factorize(problem, rank=3)
        assert found.relative_error == pytest.approx(lo.factorize(wanted, rank=3).relative_error, rel=1e-9)
        solution = solved(problem, catalog.SOLVERS["agd"](), rank=3, stop=lo.Stop(max_steps=20))
        same = solved(lo.Full(A, center=center, weights=weights), None, rank=3, stop=lo.Stop(max_steps=20))
        assert solution.loss == pytest.approx(same.loss, rel=1e-9)


@pytest.mark.parametrize("library", LIBRARIES)
def test_iterate_and_what_a_solution_can_do(library, tmp_path):
    B, rng = LIBRARIES[library](A), np.random.default_rng(2)
    X, Y = 0.1 * rng.standard_normal((60, 3)), 0.1 * rng.standard_normal((40, 3))
    problem, solver = lo.Full(B), lo.solvers.AlternatingGradientDescent(0.5)
    wanted = reference.alternating(A, X, Y, 0.5, 3)
    for form in ((X, Y), (LIBRARIES[library](X), LIBRARIES[library](Y))):
        for state, (X_now, Y_now) in zip(lo.iterate(problem, solver, *form), wanted, strict=False):
            np.testing.assert_allclose(here(state.X), X_now, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(here(state.Y), Y_now, rtol=1e-10, atol=1e-12)
            assert same_place(state.X, B)
            state.X[0, 0] = 1e9  # a copy
            state.Y[0, 0] = 1e9
    solution = solved(problem, solver, rank=3, stop=lo.Stop(max_steps=5))
    U, s, Vt = solution.svd()
    assert all(same_place(part, B) for part in (U, s, Vt))
    product = here(solution.X) @ here(solution.Y).T
    np.testing.assert_allclose((here(U) * here(s)) @ here(Vt), product, atol=1e-12)
    np.testing.assert_allclose(here(U).T @ here(U), np.eye(3), atol=1e-12)
    peaks = np.take_along_axis(here(Vt), np.argmax(np.abs(here(Vt)), axis=1)[:, None], axis=1)
    assert (peaks > 0).all()
    assert same_place(solution.matrix(), B)
    np.testing.assert_allclose(here(solution.matrix()), product, atol=1e-12)
    solution.save(tmp_path / "solution.npz")
    loaded = lo.Solution.load(tmp_path / "solution.npz")
    np.testing.assert_array_equal(loaded.X, here(solution.X))
    assert "60 × 40, rank 3" in repr(solution)
    # A solution of one place is judged, and gone on from, in the other.
    gaps = [lo.certify(where, which).gap for where in (problem, lo.Full(A)) for which in (solution, loaded)]
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-6)
    judged = lo.certify(problem, (solution.X, solution.Y), solver=lo.solvers.AlternatingGradientDescent(0.5))
    assert judged.gap == pytest.approx(gaps[0], rel=1e-6)
    again = solved(lo.Full(A), solver, start=(here(solution.X), here(solution.Y)), stop=lo.Stop(max_steps=2))
    further = solved(problem, solver, start=(solution.X, solution.Y), stop=lo.Stop(max_steps=2))
    assert further.loss == pytest.approx(again.loss, rel=1e-10)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_run_is_watched_and_diverges_as_on_numpy(library):
    B = reference.planted(30, 20, [1.0, 0.8], seed=3)
    problem = lo.Full(LIBRARIES[library](B))
    solution = lo.solve(problem, rank=2, stop=lo.Stop(relative_error=1e-6), watch=True, trace_every=10)
    certified = lo.solve(lo.Full(B), rank=2, stop=lo.Stop(relative_error=1e-6), watch=True, trace_every=10)
    assert solution.certificate.theorem == certified.certificate.theorem
    assert solution.certificate.holds
    excess = lo.solve(problem, lo.solvers.BlockKrylov(), rank=1, stop=lo.Stop(excess=1e-6))
    assert excess.converged
    with pytest.raises(lo.errors.DivergedError) as caught:
        lo.solve(problem, lo.solvers.GradientDescent(50.0), rank=2)
    assert np.isfinite(here(caught.value.solution.X)).all()
    assert same_place(caught.value.X, LIBRARIES[library](B))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_matrix_of_zeros(library):
    problem = lo.Full(LIBRARIES[library](np.zeros((5, 4))))
    assert isinstance(problem.storage, Device)
    assert lo.factorize(problem, rank=2).relative_error == 0.0
    assert lo.solve(problem, rank=2).relative_error == 0.0
