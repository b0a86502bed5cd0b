"""Certificates: never above the truth, tight where they should be, silent where a hypothesis fails."""

from fractions import Fraction

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

import lopside as lo
from lopside import sizes
from lopside.theory import eckart_young
from lopside.theory.span import column_span

AGD = lo.solvers.AlternatingGradientDescent
STANDARD = reference.planted(100, 100, np.linspace(1.0, 0.9, 5))


def least_loss(A, d):
    return 0.5 * (np.linalg.svd(A.astype(np.float64), compute_uv=False)[d:] ** 2).sum()


@given(
    m=st.integers(1, 30),
    n=st.integers(1, 30),
    d=st.integers(1, 6),
    decay=st.floats(0.0, 3.0),
    noise=st.sampled_from([0.0, 1e-6, 0.3]),
    effort=st.integers(0, 30),
    scale=st.sampled_from([1e-120, 1.0, 1e120]),
    seed=st.integers(0, 10**6),
)
def test_the_gap_is_never_below_the_truth(m, n, d, decay, noise, effort, scale, seed):
    d = min(d, m, n)
    A = scale * reference.planted(m, n, np.arange(1, min(m, n) + 1.0) ** -decay, seed, noise)
    solution = lo.solve(lo.Full(A), rank=d, stop=lo.Stop(max_steps=effort), rng=seed, throw=False)
    certificate = solution.certificate
    truth = reference.loss(A, solution.X, solution.Y) - least_loss(A, d)
    assert certificate.holds
    # The difference is itself known to some roundings of the loss only.
    assert certificate.gap >= truth - 1e-30 * np.linalg.norm(A) ** 2 - 3e-15 * solution.loss
    low, high = certificate.best_relative_error_bounds
    best = np.sqrt(2 * least_loss(A, d)) / np.linalg.norm(A)
    assert low <= best * (1 + 1e-12) + 1e-15
    assert best <= high * (1 + 1e-7) + 1e-15
    # Small matrices are decomposed, so that only the stated rounding separates the gap from the truth.
    assert certificate.gap <= max(truth, 0) + (12 + min(m, n)) * 2.3e-16 * 3 * np.linalg.norm(A) ** 2 * (
        1 + solution.relative_error**2
    )


@pytest.fixture
def searching(monkeypatch):
    monkeypatch.setattr(eckart_young, "_LAPACK_WORK", 0.0)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(60, 45), (45, 60)])
@pytest.mark.parametrize("decay", [0.0, 0.5, 2.0])
def test_a_search_gives_a_valid_and_useful_bound(shape, decay, order, searching):
    A = np.asarray(reference.planted(*shape, np.arange(1, 46.0) ** -decay), order=order)
    problem = lo.Full(A)
    solution = lo.solve(problem, rank=5, stop=lo.Stop(max_steps=2000))
    certificate = lo.certify(problem, solution)
    truth = reference.loss(A, solution.X, solution.Y) - least_loss(A, 5)
    assert certificate.failure_probability <= 1e-9
    assert truth - 1e-14 <= certificate.gap <= 10 * truth + 1e-13 * np.linalg.norm(A) ** 2
    low, high = certificate.best_relative_error_bounds
    assert low <= np.sqrt(2 * least_loss(A, 5)) / np.linalg.norm(A) <= high * (1 + 1e-9)


def test_factors_that_miss_the_dominant_direction_are_caught(searching):
    A = np.diag([100.0, *np.linspace(2, 1, 49)])
    Y = np.eye(50)[:, 1:4]
    certificate = lo.certify(lo.Full(A), (A @ Y, Y))
    assert certificate.gap >= 0.5 * (100.0**2 - 2.0**2)
    assert certificate.singular_value_bounds[0][1] >= 100.0


@pytest.mark.parametrize("error", [1e-6, 1e-9, 1e-11])
@pytest.mark.parametrize("way", ["small", "searched"])
def test_small_errors_are_judged_without_cancellation(error, way, request):
    if way == "searched":
        request.getfixturevalue("searching")
    s = np.r_[1.0, 0.5, 0.1, error * np.arange(1, 28.0) ** -0.5]
    A = reference.planted(60, 30, s)
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    Y = np.linalg.qr(Vt[:3].T + 1e-4 * error * np.ones((30, 3)))[0]
    X = A @ Y
    certificate = lo.certify(lo.Full(A), (X, Y))
    missed, best = np.linalg.norm(X @ Y.T - A), np.sqrt((s[3:] ** 2).sum())
    assert missed / best - 1 <= certificate.excess + 1e-15 / error
    assert certificate.excess <= max(1e-6, 1e-23 / error**2)


@pytest.mark.parametrize("way", ["decomposed", "searched"])
@pytest.mark.parametrize("apart", [0.0, *(2.0**-e for e in (46, 40, 33, 20, 10, 1))])
def test_near_a_tie_the_gap_of_the_best_fit_is_not_below_the_truth(way, apart, monkeypatch):
    if way == "searched":
        monkeypatch.setattr(sizes, "_LAPACK_WORK", 0.0)
    H = np.kron(*[np.eye(4) - 0.5] * 2)  # orthogonal, and its entries are ± ¼
    s = np.array([3.0, 2.0, 2.0 - apart, 1.0, 0.5, 0.25])
    rng = np.random.default_rng(0)
    for _ in range(10):
        U, V = (rng.permutation(H)[:, :6] * rng.choice([-1.0, 1.0], 6) for _ in range(2))
        A = (U * s) @ V.T  # without rounding
        solution = lo.factorize(A, 2)
        X, Y = ([[Fraction(value) for value in row] for row in F] for F in (solution.X, solution.Y))
        exact = sum(
            (Fraction(A[i, j]) - X[i][0] * Y[j][0] - X[i][1] * Y[j][1]) ** 2 for i in range(16) for j in range(16)
        )
        truth = exact - sum(Fraction(value) ** 2 for value in s[2:])
        assert truth <= 2 * Fraction(solution.certificate.gap)
        assert solution.certificate.gap <= (min(1e-12, 1e-25 / apart) if apart else 1e-12)
        assert solution.converged


@pytest.mark.parametrize("way", ["small", "searched"])
@given(
    s=st.lists(st.sampled_from([1.0, 0.75, 0.75, 2.0**-10, 2.0**-20, 2.0**-30, 0.0]), min_size=2, max_size=6),
    d=st.integers(1, 3),
    tilt=st.integers(1, 14),
    slip=st.integers(1, 14),
    seed=st.integers(0, 10**6),
)
def test_in_exact_arithmetic_the_gap_is_never_below_the_truth(way, s, d, tilt, slip, seed):
    s = sorted(s, reverse=True)
    if s[0] == 0.0:
        return
    rng, n, d = np.random.default_rng(seed), len(s), min(d, len(s))
    A = np.zeros((n + 1, n))
    A[rng.permutation(n + 1)[:n], rng.permutation(n)] = s  # its singular values are exactly these
    Y = np.linalg.qr(np.linalg.svd(A)[2][:d].T + 10.0**-tilt * rng.standard_normal((n, d)))[0]
    X = A @ Y + 10.0**-slip * s[0] * rng.standard_normal((n + 1, d))
    exact = sum(
        (Fraction(A[i, j]) - sum(Fraction(X[i, k]) * Fraction(Y[j, k]) for k in range(d))) ** 2
        for i in range(n + 1)
        for j in range(n)
    )
    least = sum(Fraction(value) ** 2 for value in s[d:])
    with pytest.MonkeyPatch.context() as patch:
        if way == "searched":
            patch.setattr(eckart_young, "_LAPACK_WORK", 0.0)
            patch.setattr(eckart_young, "_WIDTH", 2)
        certificate = lo.certify(lo.Full(A), (X, Y))
    assert Fraction(certificate.gap) >= (exact - least) / 2
    low, high = (Fraction(bound) * Fraction(np.linalg.norm(s)) for bound in certificate.best_relative_error_bounds)
    assert low**2 <= least * (1 + Fraction(1e-14))
    assert least <= high**2 * (1 + Fraction(1e-14))
    if certificate.excess is not None:
        assert exact <= least * (1 + Fraction(certificate.excess)) ** 2
    for value, (low, high) in zip(s, certificate.singular_value_bounds, strict=False):
        assert low <= value <= high


def test_intervals_of_singular_values_are_shown_and_hold():
    A = reference.planted(40, 30, 0.8 ** np.arange(30))
    solution = lo.solve(lo.Full(A), lo.solvers.BlockKrylov(), rank=12, stop=lo.Stop(max_steps=8))
    certificate = solution.certificate
    bounds = np.array(certificate.singular_value_bounds)
    assert bounds.shape == (12, 2)
    s = np.linalg.svd(A)[1][:12]
    assert (bounds[:, 0] <= s * (1 + 1e-12)).all()
    assert (s <= bounds[:, 1] * (1 + 1e-12)).all()
    assert (np.diff(bounds, axis=1) < 1e-6).all()
    assert "σ_1 in [" in certificate.summary()
    assert "2 more" in certificate.summary()


@pytest.mark.parametrize("kind", ["sparse", "operator", "centered", "file"])
def test_the_gap_of_every_storage_without_forming_it(kind, tmp_path, searching):
    import scipy.sparse

    A = reference.planted(80, 40, np.r_[1.0, 0.5, np.full(38, 1e-3)])
    if kind == "sparse":
        A[np.abs(A) < 0.01] = 0.0
        problem = lo.Full(scipy.sparse.csr_array(A))
    elif kind == "operator":
        problem = lo.Full(scipy.sparse.linalg.aslinearoperator(A))
    elif kind == "centered":
        problem = lo.Full(A + 3.0, center=True)
        A = A - A.mean(axis=0)
    else:
        np.save(tmp_path / "A.npy", A)
        problem = lo.Full(tmp_path / "A.npy")
    U, s, Vt = np.linalg.svd(A, full_matrices=False)
    certificate = lo.certify(problem, (U[:, :2] * s[:2], Vt[:2].T))
    assert certificate.holds
    assert certificate.gap <= 1e-13
    assert certificate.singular_value_bounds[1][0] <= s[1] * (1 + 1e-12)


def test_the_all_time_bound_holds_along_real_runs():
    for seed, (kappa, d, step) in enumerate([(1.1, 10, 2e-4), (2.0, 8, 1e-4), (5.0, 10, 5e-6), (1.1, 5, 1e-7)]):
        A = reference.planted(60, 50, np.linspace(1.0, 1 / kappa, 5), seed)
        solution = lo.solve(lo.Full(A), AGD(step), rank=d, stop=lo.Stop(max_steps=400), rng=seed)
        part = next(p for p in solution.certificate.parts if p.theorem == "all-time theorem at the start")
        window = next(p for p in solution.certificate.parts if p.theorem.startswith("window"))
        if d > 5:
            assert part.holds
        for proved in (part, window):
            if proved.holds:
                for step_, loss in zip(solution.trace.step, solution.trace.loss, strict=True):
                    assert loss <= proved.bound.loss_at(step_) * (1 + 1e-9)


def test_a_run_that_does_not_qualify_at_the_start_qualifies_later():
    run = lo.Run(lo.Full(STANDARD), AGD(0.1), rank=10, stop=lo.Stop(max_steps=300), trace_every=10, watch=True)
    watch, held, promised = lo.Watch(run), None, {}
    for state in run:
        part = watch(state)
        held = state.step if part and held is None else held
        if part and state.step % 7 == 0 and (steps := part.steps_to(1e-12)) is not None:
            promised[state.step] = state.step + steps
    solution = run.solution()
    reached = next(k for k, loss in enumerate(solution.trace.loss) if loss <= 1e-12)
    assert 0 < held < reached
    assert all(reached <= promise for promise in promised.values())
    assert len(promised) > 5
    parts = {part.theorem: part for part in solution.certificate.parts}
    assert not parts["all-time theorem at the start"].holds
    assert parts["all-time theorem at step 300"].holds
    assert held <= run.certified.step <= held + 10
    assert parts[f"all-time theorem at step {run.certified.step}"] is run.certified
    assert solution.passes == lo.solve(lo.Full(STANDARD), AGD(0.1), rank=10, stop=run.stop, trace_every=10).passes


def test_the_certified_rate_is_close_to_the_observed_one():
    A, C = STANDARD, 4.0
    rng = np.random.default_rng(0)
    X = A @ rng.standard_normal((100, 10)) / np.sqrt(10) / C
    b, theta = np.linalg.svd(X)[1][4] ** 2, 0.1
    step = theta * (1 - theta) * b / 2 / np.sqrt(0.5) / np.linalg.norm(A)
    solution = lo.solve(
        lo.Full(A), AGD(step), start=(X / np.sqrt(step), np.zeros((100, 10))), stop=lo.Stop(max_steps=3000)
    )
    part = next(p for p in solution.certificate.parts if p.theorem == "all-time theorem at the start")
    losses = solution.trace.loss
    end = next((k for k, loss in enumerate(losses) if loss < 1e-20 * losses[0]), 3000)
    observed = np.log(losses[0] / losses[end]) / end
    assert 1.0 <= observed / -np.log(part.rate) <= 1.5


def test_hypotheses_that_fail_are_named_with_numbers():
    problem = lo.Full(STANDARD)
    outside = lo.solve(problem, AGD(0.1), rank=10, start=lo.starts.Gaussian(), stop=lo.Stop(max_steps=20)).certificate
    assert outside.rate is None
    assert outside.steps_to(1e-3) is None
    assert not any(part.holds for part in outside.parts if part.theorem.startswith("all-time"))
    assert any("column span" in check.name and not check.holds for part in outside.parts for check in part.checks)
    noisy = lo.Full(reference.planted(50, 40, [1.0, 0.5], noise=0.1))
    full_rank = lo.solve(noisy, rank=3, stop=lo.Stop(max_steps=20)).certificate
    assert full_rank.holds
    assert full_rank.theorem == "Eckart–Young gap"
    assert "numerical rank 40 > 3" in full_rank.summary()


def test_with_a_solver_convergence_is_asked_for_and_without_one_a_gap():
    problem = lo.Full(STANDARD)
    solution = lo.solve(problem, AGD(0.5), rank=10, stop=lo.Stop(max_steps=20))
    pair = (solution.X, solution.Y)
    converging = lo.certify(problem, pair, solver=AGD(0.5))
    assert converging.holds
    assert 0 < converging.rate < 1
    assert converging.steps_to(1e-20) > 0
    assert not lo.certify(problem, pair, solver=AGD(1.9)).holds
    assert lo.certify(problem, pair, solver=lo.solvers.GradientDescent("0.5/sigma1")).holds
    alone = lo.certify(problem, pair)
    assert alone.holds
    assert alone.rate is None
    random = lo.certify(problem, (np.ones((100, 2)), np.ones((100, 2))))
    assert random.holds
    assert random.gap >= reference.loss(STANDARD, np.ones((100, 2)), np.ones((100, 2))) - least_loss(STANDARD, 2)


def test_steps_to_refuses_targets_below_rounding():
    certificate = lo.solve(lo.Full(STANDARD), AGD(0.5), rank=10, stop=lo.Stop(max_steps=20)).certificate
    assert certificate.steps_to(certificate.rounding / 2) is None
    assert certificate.steps_to(certificate.rounding * 4) >= 0
    assert certificate.rounding < 1e-20


def test_too_small_a_rank_does_not_make_a_false_claim():
    # diag(1, 1e-9) from e₁: the loss stalls at 5e-19, and the tail is there to say so.
    A = np.diag([1.0, 1e-9])
    problem = lo.Full(A)
    X, Y = np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])
    certificate = lo.certify(problem, (X, Y), solver=AGD(0.5))
    assert not certificate.holds or certificate.rounding >= 5e-19


def test_float32_runs_are_certified_with_their_own_rounding():
    solution = lo.solve(lo.Full(STANDARD.astype(np.float32)), AGD(0.5), rank=10, stop=lo.Stop(max_steps=40))
    part = solution.certificate.convergence
    assert part is not None
    assert 1e-13 < part.rounding < 1e-6
    assert solution.loss <= part.rounding


def test_large_and_small_matrices_agree_on_the_span(monkeypatch):
    from lopside.theory import span

    A = reference.planted(70, 50, [3.0, 2.0, 1.0, 1e-3])
    exact = column_span(lo.Full(A), 5)
    monkeypatch.setattr(span, "_SMALL", 0.0)
    sketched = column_span(lo.Full(A), 5)
    assert (exact.rank, sketched.rank) == (4, 4)
    assert sketched.exact
    np.testing.assert_allclose(sketched.sigma, exact.sigma, rtol=1e-9)
    assert np.linalg.norm(sketched.left @ (sketched.left.T @ A) - A) < 1e-13
    assert sketched.tail < 1e-26
    assert not column_span(lo.Full(np.eye(30)), 5).exact


def test_zero_matrix_and_wrong_arguments():
    certificate = lo.solve(lo.Full(np.zeros((4, 3))), rank=2).certificate
    assert (certificate.holds, certificate.gap) == (True, 0.0)
    with pytest.raises(lo.errors.AbilityError, match=r"Full\(A\)"):
        lo.certify(STANDARD, (np.ones((100, 1)), np.ones((100, 1))))
    with pytest.raises(lo.errors.InputError, match="expected 100 rows"):
        lo.certify(lo.Full(STANDARD), (np.ones((99, 1)), np.ones((100, 1))))


def test_ye_du_is_reported_and_never_claimed():
    A = reference.planted(30, 20, np.linspace(1.0, 0.9, 4))
    solution = lo.solve(
        lo.Full(A), lo.solvers.GradientDescent(0.5), rank=4, start=lo.starts.YeDu(), stop=lo.Stop(max_steps=50)
    )
    report = next(part for part in solution.certificate.parts if part.theorem.startswith("Ye–Du"))
    assert not report.holds
    scale, step = report.checks
    assert scale.value == pytest.approx(scale.bound, rel=0.2)
    assert (step.value, step.holds) == (0.5, False)
    assert step.bound < 1e-4
    assert "never a claim" in report.conclusion


@pytest.mark.parametrize("work", [0.0, 5e8])
@given(m=st.integers(3, 40), n=st.integers(3, 40), d=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_the_gap_of_float32_matrices_is_never_below_the_truth(work, m, n, d, seed):
    rng = np.random.default_rng(seed)
    d = min(d, m, n)
    A = reference.planted(m, n, np.arange(1, min(m, n) + 1.0) ** -rng.uniform(0, 2), seed, 0.1).astype(np.float32)
    U, s, Vt = np.linalg.svd(A.astype(np.float64), full_matrices=False)
    X, Y = U[:, :d] * s[:d] * (1 + 10.0 ** -rng.uniform(2, 9)), Vt[:d].T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eckart_young, "_LAPACK_WORK", work)
        certificate = lo.certify(lo.Full(A), (X, Y))
    best = np.sqrt((s[d:] ** 2).sum())
    truth = 0.5 * (np.linalg.norm(X @ Y.T - A.astype(np.float64)) ** 2 - best**2)
    norm = np.linalg.norm(s)
    assert certificate.gap >= truth - 1e-15 * norm**2
    low, high = certificate.best_relative_error_bounds
    assert low <= high
    assert low * norm - 1e-12 * norm <= best <= high * norm + 1e-12 * norm


def test_one_row_needs_no_square_of_its_length():
    solution = lo.solve(lo.Full(np.ones((1, 100_000))), rank=1)
    assert solution.certificate.gap < 1e-10


def test_a_certificate_does_not_change_the_next_run():
    problem = lo.Full(reference.planted(30, 20, [1.0, 0.7], noise=0.2))
    first = lo.solve(problem, rank=3)
    assert first.certificate.holds
    again = lo.solve(problem, rank=3)
    assert (first.X.tobytes(), first.step_size) == (again.X.tobytes(), again.step_size)


def test_a_solver_that_is_named_is_the_one_that_is_judged():
    problem = lo.Full(STANDARD)
    solution = lo.solve(problem, AGD(0.5), rank=10, stop=lo.Stop(max_steps=20))
    assert lo.certify(problem, solution, solver=AGD(0.5)).holds
    assert not lo.certify(problem, solution, solver=lo.solvers.GradientDescent(123.0)).holds


@pytest.mark.parametrize("scale", [1e-140, 1e140])
@pytest.mark.parametrize("solver", [AGD, lo.solvers.GradientDescent])
def test_extreme_scales_are_certified_with_either_method(scale, solver):
    A = scale * reference.planted(20, 15, [1.0, 0.8, 0.6])
    solution = lo.solve(lo.Full(A), solver("0.4/sigma1"), rank=3, stop=lo.Stop(max_steps=200))
    assert 0 < solution.certificate.rate < 1
    assert solution.certificate.gap > 0


def test_factors_that_overflow_are_refused():
    with pytest.raises(lo.errors.InputError, match="overflows"):
        lo.certify(lo.Full(STANDARD), (np.full((100, 2), 1e100), np.full((100, 2), 1e100)))
    for wrong in ((STANDARD,), None, STANDARD):
        with pytest.raises(lo.errors.InputError, match=r"pair \(X, Y\)"):
            lo.certify(lo.Full(STANDARD), wrong)
