"""The loop: trajectories, stopping, divergence, traces, bits."""

import threading
import warnings

import numpy as np
import pytest
import reference

import lopside as lo
from lopside import starts
from lopside.threads import one_blas_thread

A = reference.planted(40, 30, np.linspace(1.0, 0.5, 4))
RULES = [
    starts.Unbalanced(),
    starts.Unbalanced(C=2.0, nu=0.5),
    starts.ColumnSpan(),
    starts.ColumnSpan(right_scale=0.0),
    starts.Gaussian(),
    starts.UnbalancedGaussian(),
    starts.SmallGaussian(1e-2),
    starts.YeDu(),
    starts.Sketch(),
    starts.Spectral(),
]
METHODS = [
    (lo.solvers.AlternatingGradientDescent, reference.alternating),
    (lo.solvers.GradientDescent, reference.simultaneous),
]


def states(problem, solver, X, Y, count):
    walk = lo.iterate(problem, solver, X, Y)
    return [next(walk) for _ in range(count)]


@pytest.mark.parametrize(("solver", "formula"), METHODS)
@pytest.mark.parametrize("start", RULES, ids=repr)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-5)])
def test_trajectories_equal_the_papers_formulas(solver, formula, start, dtype, tolerance):
    problem = lo.Full(A.astype(dtype))
    X, Y = start(problem, 4, step_size=0.3, sigma1=1.0, rng=np.random.default_rng(5))
    X, Y = X.astype(dtype), Y.astype(dtype)
    ours = states(problem, solver(0.3), X, Y, 201)
    exact = formula(A.astype(dtype).astype(np.float64), X.astype(np.float64), Y.astype(np.float64), 0.3, 200)
    for state, (U, V) in zip(ours, exact, strict=True):
        assert state.X.dtype == dtype
        assert np.linalg.norm(state.X - U) <= tolerance * np.linalg.norm(U)
        assert np.linalg.norm(state.Y - V) <= tolerance * np.linalg.norm(V)


@pytest.mark.parametrize("layout", ["C", "F", "transposed", "strided", "reversed"])
def test_layout_and_views_do_not_change_the_answer(layout):
    views = {
        "C": np.ascontiguousarray(A),
        "F": np.asfortranarray(A),
        "transposed": np.ascontiguousarray(A.T).T,
        "strided": np.repeat(np.repeat(A, 2, axis=0), 3, axis=1)[::2, ::3],
        "reversed": np.ascontiguousarray(A[::-1, ::-1])[::-1, ::-1],
    }
    expected = lo.solve(lo.Full(A), rank=4, stop=lo.Stop(max_steps=30))
    solution = lo.solve(lo.Full(views[layout]), rank=4, stop=lo.Stop(max_steps=30))
    np.testing.assert_allclose(solution.X, expected.X, rtol=1e-11, atol=1e-13)


def test_integers_and_booleans_are_converted():
    counts = np.random.default_rng(0).poisson(3.0, (12, 9))
    for given in (counts, counts > 2):
        solution = lo.solve(lo.Full(given), rank=3, stop=lo.Stop(max_steps=5))
        expected = lo.solve(lo.Full(given.astype(np.float64)), rank=3, stop=lo.Stop(max_steps=5))
        assert np.array_equal(solution.X, expected.X)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_for_any_thread_count(dtype):
    B = reference.planted(3000, 90, np.linspace(1.0, 0.1, 6), noise=0.1).astype(dtype)
    runs = [lo.solve(lo.Full(B, threads=k), rank=6, stop=lo.Stop(max_steps=15)) for k in (1, 2, 3, 4)]
    assert len(lo.Full(B).storage._groups) >= 4
    for run in runs[1:]:
        assert run.X.tobytes() == runs[0].X.tobytes()
        assert run.Y.tobytes() == runs[0].Y.tobytes()
        assert run.loss == runs[0].loss


def test_same_bits_whatever_the_blas_setting():
    from threadpoolctl import threadpool_limits

    B = reference.planted(900, 300, np.linspace(1.0, 0.1, 12), noise=0.1)
    runs = []
    for limit in (1, 2):
        with threadpool_limits(limit, user_api="blas"):
            runs.append(lo.solve(lo.Full(B), rank=12, start=starts.Sketch(), stop=lo.Stop(max_steps=5)))
    assert runs[0].X.tobytes() == runs[1].X.tobytes()


def test_two_threads_may_solve_at_once_and_the_blas_setting_is_put_back():
    from threadpoolctl import threadpool_info

    before = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    problem = lo.Full(A)
    expected = lo.solve(problem, rank=4, stop=lo.Stop(max_steps=200))
    results = [None] * 4

    def work(k):
        results[k] = lo.solve(problem, rank=4, stop=lo.Stop(max_steps=200))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result.X.tobytes() == expected.X.tobytes() for result in results)
    assert all(result.passes == results[0].passes for result in results)
    assert [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"] == before
    with one_blas_thread:
        inside = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # NumPy's own where it brings one: SciPy's, loaded later, does no work of ours.
    ours = [pool for pool in inside if "numpy" in pool["filepath"]] or inside
    assert {pool["num_threads"] for pool in ours} == {1}


def test_a_state_is_read_only_and_fresh():
    first, second = states(lo.Full(A), lo.solvers.GradientDescent(0.1), np.ones((40, 2)), np.ones((30, 2)), 2)
    assert (first.step, second.step) == (0, 1)
    assert not np.shares_memory(first.X, second.X)
    with pytest.raises(ValueError, match="read-only"):
        first.X[0, 0] = 1.0


def test_iterate_copies_its_start():
    X, Y = np.ones((40, 2)), np.ones((30, 2))
    list(zip(range(3), lo.iterate(lo.Full(A), lo.solvers.GradientDescent(0.001), X, Y), strict=False))
    assert (X == 1).all()


def test_loss_is_right_at_every_size():
    walk = lo.iterate(lo.Full(A), lo.solvers.AlternatingGradientDescent(0.9), 0.3 * A[:, :5], np.zeros((30, 5)))
    seen = []
    for state, _ in zip(walk, range(300), strict=False):
        exact = reference.loss(A, state.X, state.Y)
        assert abs(state.loss - exact) <= 1e-5 * exact + 1e-29
        assert state.relative_error == pytest.approx(np.sqrt(2 * state.loss) / np.linalg.norm(A), rel=1e-9)
        seen.append(exact)
    assert seen[-1] < 1e-28 < 1e-2 < seen[0]


def test_one_read_a_step_and_an_honest_count():
    solution = lo.solve(
        lo.Full(A),
        lo.solvers.AlternatingGradientDescent(0.01),
        rank=4,
        stop=lo.Stop(max_steps=50),
        sigma1=1.0,
    )
    # Start, AᵀX₀, 50 steps, two gradient norms, the residual of the final loss.
    assert solution.passes == 1 + 1 + 50 + 2 + 1


STOPS = [
    (lo.Stop(relative_error=1e-6), lo.Status.RELATIVE_ERROR, True),
    (lo.Stop(gradient_norm=1e-6, every=5), lo.Status.GRADIENT, True),
    (lo.Stop(no_progress=1e-3, every=10), lo.Status.NO_PROGRESS, False),
    (lo.Stop(max_steps=3), lo.Status.MAX_STEPS, False),
    (lo.Stop(max_steps=0), lo.Status.MAX_STEPS, False),
    (lo.Stop(max_steps=None, seconds=0.02), lo.Status.SECONDS, False),
]


@pytest.mark.parametrize(("stop", "status", "converged"), STOPS)
def test_each_condition_stops_and_says_so(stop, status, converged):
    B = reference.planted(40, 30, np.linspace(1.0, 0.5, 4), noise=0.0 if status is lo.Status.RELATIVE_ERROR else 1e-3)
    if status is lo.Status.GRADIENT:
        B = A
    solution = lo.solve(lo.Full(B), lo.solvers.AlternatingGradientDescent(0.5), rank=4, stop=stop)
    assert solution.status is status
    assert solution.converged is converged
    assert solution.steps == solution.trace.step[-1]
    if status is lo.Status.MAX_STEPS:
        assert solution.steps == stop.max_steps
    if status is lo.Status.RELATIVE_ERROR:
        assert solution.relative_error <= 1e-6 < solution.trace.relative_error[-2]
    if status is lo.Status.NO_PROGRESS:
        assert solution.trace.loss[-1] >= (1 - 1e-3) * solution.trace.loss[-11]
    if status is lo.Status.GRADIENT:
        E = solution.matrix() - B
        norm = np.hypot(np.linalg.norm(E @ solution.Y), np.linalg.norm(E.T @ solution.X))
        assert norm <= 1.001e-6 * np.linalg.norm(B) ** 1.5


def test_running_out_of_budget_warns_only_if_a_tolerance_was_asked_for():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not lo.solve(lo.Full(A), rank=2, stop=lo.Stop(max_steps=5)).converged
    with pytest.warns(lo.errors.ConvergenceWarning, match="budget of steps"):
        lo.solve(lo.Full(A), rank=2, stop=lo.Stop(max_steps=5, relative_error=1e-9))


@pytest.mark.parametrize(("solver", "_"), METHODS)
def test_divergence_carries_the_last_finite_factors(solver, _):
    with pytest.raises(lo.errors.DivergedError, match="step size 9") as caught:
        lo.solve(lo.Full(A), solver(9.0), rank=4)
    error = caught.value
    assert np.isfinite(error.X).all()
    assert np.isfinite(error.Y).all()
    assert error.solution.status is lo.Status.DIVERGED
    assert error.solution.steps == error.step
    returned = lo.solve(lo.Full(A), solver(9.0), rank=4, throw=False)
    assert returned.status is lo.Status.DIVERGED
    assert not returned.converged
    assert np.array_equal(returned.X, error.X)
    with pytest.raises(lo.errors.DivergedError):
        states(lo.Full(A), solver(9.0), error.X, error.Y, 5000)


@pytest.mark.parametrize("scale", [1e150, 1e-150, 1e30, 1e-30])
def test_extreme_scales_give_the_same_run(scale):
    plain = lo.solve(lo.Full(A), rank=4, stop=lo.Stop(relative_error=1e-9))
    scaled = lo.solve(lo.Full(A * scale), rank=4, stop=lo.Stop(relative_error=1e-9))
    assert scaled.steps == plain.steps
    assert scaled.relative_error == pytest.approx(plain.relative_error, rel=1e-3)
    np.testing.assert_allclose(scaled.matrix() / scale, A, atol=1e-8)
    assert np.isfinite(scaled.trace.details[0].gradient_norm_x)
    assert scaled.certificate.holds


@pytest.mark.parametrize(
    "B",
    [np.zeros((5, 4)), np.ones((6, 1)), np.ones((1, 6)), np.outer([1.0, 2.0, 3.0], [1.0, -1.0]), np.eye(1)],
)
def test_degenerate_matrices_have_right_answers(B):
    solution = lo.solve(lo.Full(B), rank=1, stop=lo.Stop(relative_error=1e-8))
    assert solution.converged
    np.testing.assert_allclose(solution.matrix(), B, atol=1e-7)
    assert solution.certificate.holds
    s = solution.svd()[1]
    np.testing.assert_allclose(s, np.linalg.svd(B, compute_uv=False)[:1], atol=1e-7)
