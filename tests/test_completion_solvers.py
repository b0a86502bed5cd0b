"""Every method on a completion problem: one answer, honest stops, the same bits, files, Ctrl-C and what cannot be."""

import itertools

import numpy as np
import pytest
from reference_completion import BIASES, planted

import lopside as lo
from lopside.errors import AbilityError, ConvergenceWarning, InputError

SOLVERS = {
    "als": lo.solvers.AlternatingLeastSquares(),
    "als by conjugate gradients": lo.solvers.AlternatingLeastSquares(inner_steps=2),
    "als, damped": lo.solvers.AlternatingLeastSquares(damping=0.05),
    "agd": lo.solvers.AlternatingGradientDescent("1/sigma1"),
    "gd": lo.solvers.GradientDescent(),
    "alt-scaled-gd": lo.solvers.AlternatingScaledGradientDescent(),
    "scaled-gd": lo.solvers.ScaledGradientDescent(),
    "nesterov": lo.solvers.Nesterov(),
}


def small(bias="none", ridge_scaling="none", **options):
    """A problem whose best fit has rank 3 or less, well conditioned."""
    ridge = 1.0 if ridge_scaling == "none" else 0.06
    return planted(
        21, 16, 12, density=0.95, noise=0.02, weighted=True, bias=bias, ridge_scaling=ridge_scaling, ridge=ridge,
        **options,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bias", "scaling"), [("none", "none"), ("none", "counts"), ("both", "none"), ("both", "smoothed")]
)
def test_all_methods_agree_with_the_convex_answer(bias, scaling):
    table = small(bias, scaling)
    X, Y, _ = table.best()
    least, best = table.loss(X, Y), X @ Y.T
    for name, solver in SOLVERS.items():
        solution = lo.solve(table.problem(), solver, rank=3, stop=lo.Stop(gap=1e-8, max_steps=3000))
        assert solution.status is lo.Status.GAP, name
        assert solution.converged
        assert solution.loss <= (1 + 1e-8) * least, name
        assert solution.loss == pytest.approx(table.loss(solution.X, solution.Y), rel=1e-12)
        assert table.loss(solution.X, solution.Y) - least <= solution.certificate.gap <= 1e-8 * solution.loss
        if bias == "none":  # biases trade places with a constant of the rest, slowly
            np.testing.assert_allclose(solution.matrix(), best, atol=2e-3 * np.abs(best).max())


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("gap", [0.3, 1e-2, 1e-4])
def test_a_gap_that_was_asked_for_is_one(name, gap):
    table = small(bias="rows")
    least = table.loss(*table.best()[:2])
    solution = lo.solve(table.problem(), SOLVERS[name], rank=3, stop=lo.Stop(gap=gap, max_steps=1500))
    assert solution.status is lo.Status.GAP
    assert solution.loss - least <= solution.certificate.gap <= gap * solution.loss
    finer = lo.solve(table.problem(), SOLVERS[name], rank=3, stop=lo.Stop(gap=gap / 10, max_steps=1500))
    assert finer.steps >= solution.steps


def test_the_certificate_proves_what_the_run_stopped_for():
    table = planted(0, 500, 400, rank=5, density=0.1, noise=0.3, ridge=4.0)
    solution = lo.solve(table.problem(), rank=40, stop=lo.Stop(gap=0.03, max_steps=100))
    assert solution.status is lo.Status.GAP
    assert solution.certificate.gap <= 0.03 * solution.loss


def test_a_gap_that_cannot_be_reached_ends_with_a_warning():
    table = planted(3, rank=5, ridge=0.05)
    with pytest.warns(ConvergenceWarning, match="larger rank"):
        solution = lo.solve(table.problem(), rank=1, stop=lo.Stop(gap=1e-3, max_steps=40))
    assert solution.status is lo.Status.MAX_STEPS
    assert not solution.converged
    assert solution.certificate.gap > 1e-3 * solution.loss
    without = planted(3, ridge=0.0).problem()
    with pytest.raises(InputError, match="expected a ridge"):
        lo.solve(without, rank=1, stop=lo.Stop(gap=1e-3, max_steps=40))
    assert lo.solve(without, rank=1, stop=lo.Stop(max_steps=4)).certificate.gap is None


@pytest.mark.parametrize("bias", ["none", "mean", "rows", "columns", "both"])
def test_a_start_with_one_factor_zero_is_no_saddle(bias):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((60, 3)) @ rng.standard_normal((3, 40)) + 1
    known = rng.random(A.shape) < 0.5
    problem = lo.Completion(*np.nonzero(known), A[known], ridge=0.3, bias=bias)
    losses = [
        lo.solve(problem, rank=3, start=start, stop=lo.Stop(max_steps=300)).loss
        for start in (lo.starts.Sketch(), lo.starts.Spectral())
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    # Where 0 is the best answer, biases aside, it is still found.
    strong = problem.with_ridge(1.5 * problem.largest_ridge())
    assert lo.solve(strong, rank=3, start=lo.starts.Sketch(), stop=lo.Stop(gap=1e-6, max_steps=300)).converged


def test_starts_that_need_all_of_the_matrix_say_so():
    with pytest.raises(AbilityError, match="Full"):
        lo.solve(planted(3).problem(), rank=1, start=lo.starts.YeDu())


def test_the_same_condition_on_a_matrix_that_is_known():
    table = planted(4, 20, 15, noise=0.3, density=1.1)
    problem = lo.Full(table.a)
    solution = lo.solve(problem, lo.solvers.AlternatingLeastSquares(), rank=2, stop=lo.Stop(gap=1e-6, max_steps=500))
    assert solution.status is lo.Status.GAP
    least = 0.5 * (np.linalg.svd(table.a)[1][2:] ** 2).sum()
    assert solution.loss - least * (1 + 1e-12) <= solution.certificate.gap <= 1e-6 * solution.loss
    exact = lo.Full(np.outer(np.arange(1.0, 7), np.ones(4)))
    assert lo.solve(exact, rank=1, stop=lo.Stop(gap=0.5, relative_error=1e-9, max_steps=500)).converged


def test_other_conditions_mean_what_they_say():
    table = small()
    problem = table.problem()
    solution = lo.solve(problem, rank=3, stop=lo.Stop(relative_error=0.3))
    assert solution.status is lo.Status.RELATIVE_ERROR
    assert solution.relative_error == pytest.approx(
        np.linalg.norm(np.sqrt(table.w) * (solution.matrix() - table.centered)) / problem.norm, rel=1e-10
    )
    solution = lo.solve(problem, rank=3, stop=lo.Stop(gradient_norm=1e-9, every=5))
    assert solution.status is lo.Status.GRADIENT
    slope = np.hypot(*(np.linalg.norm(part) for part in table.gradient(solution.X, solution.Y)))
    assert slope <= 1.01e-9 * problem.norm**1.5
    assert lo.solve(problem, rank=3, stop=lo.Stop(no_progress=1e-3, every=5)).status is lo.Status.NO_PROGRESS


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_excess_is_not_known_here(solver):
    with pytest.raises(AbilityError, match=r"Stop\(excess=\.\.\.\) with Completion.*Stop\(gradient_norm=1e-6\)"):
        lo.solve(small().problem(), SOLVERS[solver], rank=2, stop=lo.Stop(excess=0.1, every=1, max_steps=20))


def test_what_completion_cannot_do():
    problem = small().problem()
    with pytest.raises(AbilityError, match="watch=True with Completion"):
        lo.solve(problem, rank=2, watch=True)
    with pytest.raises(AbilityError, match="BlockKrylov"):
        lo.solve(problem, lo.solvers.BlockKrylov(), rank=2)
    for rank in (0, 13, 2.5, True):
        with pytest.raises(InputError, match="rank"):
            lo.solve(problem, rank=rank)
    with pytest.raises(InputError, match="got no rank"):
        lo.solve(problem)


@pytest.mark.parametrize("bias", BIASES)
def test_losses_of_least_squares_never_rise(bias):
    table = planted(5, 30, 20, bias=bias, weighted=True, empty=True, ridge=0.05)
    for solver in (SOLVERS["als"], SOLVERS["als by conjugate gradients"], SOLVERS["als, damped"]):
        solution = lo.solve(table.problem(), solver, rank=3, stop=lo.Stop(max_steps=40))
        losses = np.array(solution.trace.loss)
        assert (np.diff(losses) <= 1e-9 * losses[0]).all()
        assert losses[-1] < 0.5 * losses[0] or losses[0] < 0.2 * table.loss(0 * solution.X, solution.Y)


def bits(solution):
    return solution.X.tobytes(), solution.Y.tobytes(), solution.loss, tuple(solution.trace.loss)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_same_bits_for_any_thread_count(name, kind):
    table = planted(6, 900, 120, rank=3, density=0.4, weighted=True, bias="both", ridge=0.5, dtype=kind)
    solutions = [
        lo.solve(table.problem(threads=threads), SOLVERS[name], rank=5, stop=lo.Stop(max_steps=2))
        for threads in (1, 2, 3, 5)
    ]
    assert len(table.problem().by_rows._shares(6)) > 2  # there was something to be shared out
    for solution in solutions[1:]:
        assert bits(solution) == bits(solutions[0])
    gaps = {lo.certify(table.problem(threads=k), solutions[0]).gap for k in (1, 3)}
    assert len(gaps) == 1


@pytest.mark.parametrize("name", SOLVERS)
def test_numpy_does_the_same_where_nothing_is_compiled(monkeypatch, name):
    table = planted(7, 20, 15, weighted=True, bias="both", bias_ridge=0.2, empty=True)
    compiled = lo.solve(table.problem(), SOLVERS[name], rank=2, stop=lo.Stop(max_steps=10))
    gap = compiled.certificate.gap
    monkeypatch.setenv("LOPSIDE_KERNELS", "numpy")
    plain = lo.solve(table.problem(), SOLVERS[name], rank=2, stop=lo.Stop(max_steps=10))
    np.testing.assert_allclose(plain.X, compiled.X, atol=1e-9)
    np.testing.assert_allclose(plain.trace.loss, compiled.trace.loss, rtol=1e-9)
    assert plain.certificate.gap == pytest.approx(gap, rel=1e-6)


@pytest.mark.parametrize("bias", BIASES)
def test_what_is_saved_is_loaded_and_certified(bias, tmp_path):
    table = planted(8, bias=bias, empty=True)
    problem = table.problem()
    solution = lo.solve(problem, rank=2, stop=lo.Stop(max_steps=20), trace_every=7)
    solution.save(tmp_path / "fit.npz")
    loaded = lo.Solution.load(tmp_path / "fit.npz")
    for name in ("X", "Y"):
        assert getattr(loaded, name).tobytes() == getattr(solution, name).tobytes()
    for name in ("status", "steps", "passes", "loss", "relative_error", "step_size", "order", "choices", "bytes_read"):
        assert getattr(loaded, name) == getattr(solution, name)
    assert loaded.trace.loss == solution.trace.loss
    assert lo.certify(problem, loaded).gap == solution.certificate.gap == lo.certify(problem, (loaded.X, loaded.Y)).gap
    again = lo.solve(problem, start=(loaded.X, loaded.Y), stop=lo.Stop(max_steps=1))
    assert again.loss <= solution.loss * (1 + 1e-12)


@pytest.mark.parametrize("bias", ["none", "both"])
def test_the_loop_in_the_callers_hands(bias):
    table = planted(9, bias=bias)
    problem, solver = table.problem(), SOLVERS["agd"]
    X, Y = table.pair(1, 2, 0.3)
    solution = lo.solve(problem, solver, start=(X, Y), stop=lo.Stop(max_steps=4))
    passes = []
    for step, state in enumerate(itertools.islice(lo.iterate(problem, solver, X, Y), 5)):
        assert state.step == step
        assert not state.X.flags.writeable
        assert state.loss == pytest.approx(table.loss(state.X, state.Y), rel=1e-12)
        assert state.loss == pytest.approx(solution.trace.loss[step], rel=1e-14)
        passes.append(state.passes)
    assert (np.diff(passes) >= 2).all()
    np.testing.assert_array_equal(solution.X, state.X)
    with pytest.raises(InputError, match="X of shape"):
        next(lo.iterate(problem, solver, X[:-1], Y))


def test_a_run_that_is_interrupted_has_a_solution(monkeypatch):
    table = planted(10, bias="both")
    run = lo.Run(table.problem(), rank=2, stop=lo.Stop(max_steps=1000))
    solver, steps = type(run.solver), itertools.count()
    step = solver.step

    def interrupted(self, problem, memory):
        if next(steps) == 6:
            raise KeyboardInterrupt
        return step(self, problem, memory)

    monkeypatch.setattr(solver, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.finish()
    solution = run.interrupt()
    assert solution.status is lo.Status.INTERRUPTED
    assert not solution.converged
    assert (solution.steps, len(solution.trace)) == (6, 7)
    assert solution.loss == pytest.approx(table.loss(solution.X, solution.Y), rel=1e-12)
    assert solution.certificate.gap >= 0
    monkeypatch.undo()
    whole = lo.solve(table.problem(), rank=2, stop=lo.Stop(max_steps=6))
    assert whole.X.tobytes() == solution.X.tobytes()


def test_ctrl_c_within_a_product_leaves_the_state_before(monkeypatch):
    table = planted(11)
    run = lo.Run(table.problem(), rank=2, stop=lo.Stop(max_steps=1000))
    seen = []
    lines = type(table.problem().by_rows)
    solve = lines.solve

    def interrupted(self, *arguments, **options):
        if len(seen) == 5:  # between X and Y of the third step
            raise KeyboardInterrupt
        seen.append(None)
        return solve(self, *arguments, **options)

    monkeypatch.setattr(lines, "solve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        for _ in run:
            pass
    solution = run.interrupt()
    assert solution.steps == 2
    assert solution.loss == pytest.approx(table.loss(solution.X, solution.Y), rel=1e-12)


def test_a_method_that_diverges_says_so():
    table = small()
    with pytest.raises(lo.errors.DivergedError) as caught:
        lo.solve(table.problem(), lo.solvers.GradientDescent("40/sigma1"), rank=3)
    assert np.isfinite(caught.value.solution.X).all()
    solution = lo.solve(table.problem(), lo.solvers.GradientDescent("40/sigma1"), rank=3, throw=False)
    assert solution.status is lo.Status.DIVERGED


@pytest.mark.parametrize("name", ["agd", "gd", "nesterov"])
@pytest.mark.parametrize(("ridge", "bias_ridge"), [(100.0, None), (1.0, 0.01)])
def test_default_steps_know_of_the_ridge(name, ridge, bias_ridge):
    bias = "none" if bias_ridge is None else "both"
    table = planted(1, 30, 20, ridge=ridge, bias=bias, bias_ridge=bias_ridge)
    solver = type(SOLVERS[name])()
    solution = lo.solve(table.problem(), solver, rank=3, stop=lo.Stop(max_steps=100))
    assert solution.loss <= 0.5 * table.problem().norm ** 2
