"""Everything the catalog offers works together, has the same bits on any number of threads, and fails with advice."""

import warnings

import numpy as np
import pytest
import reference

import lopside as lo
from lopside import catalog

A = reference.planted(40, 30, np.linspace(1.0, 0.5, 4), seed=77)
STEADY = {"agd", "alt-scaled-gd", "als", "nesterov", "block-krylov"}
SOLVERS = [name for name in catalog.SOLVERS if name not in catalog.PARTIAL]
PAIRS = [(solver, start) for solver in SOLVERS for start in catalog.STARTS if start not in catalog.PARTIAL]


@pytest.mark.parametrize(("solver", "start"), PAIRS)
@pytest.mark.parametrize("transposed", [False, True])
def test_every_solver_runs_from_every_start(solver, start, transposed):
    problem = lo.Full(np.asfortranarray(A) if transposed else A)
    stop = lo.Stop(max_steps=400, relative_error=1e-4)
    method, begin = catalog.SOLVERS[solver](), catalog.STARTS[start]()
    if solver == "frozen" and start == "sketch":
        with pytest.raises(lo.errors.InputError, match="never left.*PowerSketch"):
            lo.Run(problem, method, rank=4, start=begin)
        return
    run = lo.Run(problem, method, rank=4, start=begin, rng=1, stop=stop)
    if solver not in STEADY:  # simultaneous steps may wander from a start with no relation to A; a frozen Y may miss it
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lo.errors.ConvergenceWarning)
            assert np.isfinite(run.finish(throw=False).X).all()
        return
    solution = run.finish()
    assert solution.converged
    assert np.linalg.norm(solution.matrix() - A) <= 1.001e-4 * np.linalg.norm(A)


@pytest.mark.parametrize("name", sorted(catalog.PARTIAL))
def test_what_is_about_some_of_the_entries_refuses_all(name):
    chosen = {"solver": catalog.SOLVERS[name]()} if name in catalog.SOLVERS else {"start": catalog.STARTS[name]()}
    with pytest.raises(lo.errors.AbilityError, match="Completion"):
        lo.solve(lo.Full(A), rank=4, **chosen)


# Block Krylov and a frozen factor are about all entries; plain steps are slow here.
@pytest.mark.parametrize("solver", ["als", "alt-scaled-gd", "gnmr"])
@pytest.mark.parametrize("start", ["spectral", "woodruff-yasuda", "small-gaussian"])
def test_methods_for_some_of_the_entries_find_the_others(solver, start):
    known = np.random.default_rng(3).random(A.shape) < 0.6
    problem = lo.Completion(*np.nonzero(known), A[known], shape=A.shape)
    stop = lo.Stop(max_steps=2000, relative_error=1e-8)
    solution = lo.solve(problem, catalog.SOLVERS[solver](), rank=4, start=catalog.STARTS[start](), stop=stop)
    assert solution.converged
    assert np.linalg.norm(solution.matrix() - A) <= 1e-5 * np.linalg.norm(A)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("scale", [1e-140, 1e140])
def test_default_starts_belong_to_any_unit(solver, scale):
    stop = lo.Stop(max_steps=60)
    plain, scaled = (lo.solve(lo.Full(c * A), catalog.SOLVERS[solver](), rank=4, stop=stop) for c in (1.0, scale))
    assert plain.relative_error < 1e-2
    assert scaled.relative_error == pytest.approx(plain.relative_error, rel=1e-2, abs=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_for_any_thread_count(solver, layout, dtype):
    B = reference.planted(900, 700, np.linspace(1.0, 0.1, 6), noise=0.1).astype(dtype, order=layout)
    stop = lo.Stop(max_steps=4)
    runs = [lo.solve(lo.Full(B, threads=k), catalog.SOLVERS[solver](), rank=5, stop=stop) for k in (1, 2, 3)]
    for run in runs[1:]:
        assert run.X.tobytes() == runs[0].X.tobytes()
        assert run.Y.tobytes() == runs[0].Y.tobytes()
        assert run.loss == runs[0].loss


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("B", [np.zeros((5, 4)), np.ones((1, 6)), np.eye(3)])
def test_degenerate_matrices(solver, B):
    solution = lo.solve(lo.Full(B), catalog.SOLVERS[solver](), rank=1, stop=lo.Stop(max_steps=300))
    best = np.sqrt(np.sum(np.linalg.svd(B, compute_uv=False)[1:] ** 2))
    assert np.linalg.norm(solution.matrix() - B) == pytest.approx(best, abs=1e-6)


def test_a_scaled_method_that_diverges_is_not_told_of_sigma1():
    # Y so small that the first simultaneous step throws X far away.
    pair = np.ones((40, 1)), np.full((30, 1), 1e-12)
    with pytest.raises(lo.errors.DivergedError, match=r"ScaledGradientDescent.*Y₀ = 0") as caught:
        lo.solve(lo.Full(A), lo.solvers.ScaledGradientDescent(), start=pair)
    assert "sigma1" not in str(caught.value)


def test_more_columns_than_rank_do_no_harm():
    for dtype, floor in ((np.float64, 1e-12), (np.float32, 1e-6)):
        for method in (lo.solvers.AlternatingScaledGradientDescent(), lo.solvers.ScaledGradientDescent(0.3)):
            for start in (None, lo.starts.Gaussian(1.0)):
                problem = lo.Full(A.astype(dtype))
                solution = lo.solve(problem, method, rank=7, start=start, rng=1, stop=lo.Stop(max_steps=300))
                assert solution.relative_error < floor
