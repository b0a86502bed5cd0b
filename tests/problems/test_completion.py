"""F, its gradients and its steps against dense masks; what is read, kept, noted and left out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_completion import BIASES, SCALINGS, planted

import lopside as lo
from lopside.errors import InputError
from lopside.solvers import Gram, Identity
from lopside.solvers.metric import Exact, Still

ASKED = {
    "bias": st.sampled_from(BIASES), "ridge_scaling": st.sampled_from(SCALINGS), "weighted": st.booleans(),
    "empty": st.booleans(), "seed": st.integers(0, 999), "ridge": st.sampled_from([0.0, 1e-3, 0.5]),
}  # fmt: skip


def asked(seed, **options):
    """A table, every second one with a ridge of its own for biases."""
    if seed % 2 and options["ridge"] and options["bias"] in ("rows", "columns", "both"):
        options["bias_ridge"] = 4 * options["ridge"]
    return planted(seed, **options)


def by_complex_steps(table, F, value):
    """The derivative of a polynomial by every entry of F, to the last digit."""
    slope = np.zeros(F.shape)
    for place in np.ndindex(*F.shape):
        moved = F.astype(complex)
        moved[place] += 1e-30j
        slope[place] = value(moved).imag / 1e-30
    return slope


@settings(max_examples=40)
@given(m=st.integers(1, 8), n=st.integers(1, 8), d=st.integers(1, 3), **ASKED)
def test_the_loss_and_its_gradients(m, n, d, **options):
    table = asked(m=m, n=n, **options)
    X, Y = table.pair(1, d)
    problem = table.problem()
    point = problem.point(X, Y)
    assert (point.X == X).all()
    assert (point.Y == Y).all()
    missed = np.linalg.norm(np.sqrt(table.w) * (X @ Y.T - table.centered))
    assert problem.mean == pytest.approx(table.mean, rel=1e-14)
    assert problem.norm == pytest.approx(np.linalg.norm(np.sqrt(table.w) * table.centered), rel=1e-13, abs=1e-14)
    assert point.loss == pytest.approx(table.loss(X, Y), rel=1e-13)
    assert point.residual_norm == problem.residual_norm(X, Y) == pytest.approx(missed, rel=1e-13)
    if problem.norm > 1e-12:
        assert point.relative_error == pytest.approx(missed / problem.norm, rel=1e-12)
    slopes = (
        by_complex_steps(table, X, lambda F: table.loss(F, Y, complex)),
        by_complex_steps(table, Y, lambda F: table.loss(X, F, complex)),
    )
    for side, slope in zip("xy", slopes, strict=True):
        free = table.free(side == "x", d)[0]
        np.testing.assert_allclose(point.slope(side), slope[:, free], atol=1e-12 * (1 + np.abs(slope).max()))
    expected = [np.linalg.norm(slope[:, table.free(left, d)[0]]) for slope, left in zip(slopes, (1, 0), strict=True)]
    assert point.gradient_norms() == pytest.approx(expected, rel=1e-11)


MOVES = {
    "plain": (Identity(0.01), lambda table, X, Y: table.descended(X, Y, 0.01)),
    "scaled": (Gram(0.3), lambda table, X, Y: table.scaled(X, Y, 0.3)),
    "scaled, damped": (Gram(0.7, 0.2), lambda table, X, Y: table.scaled(X, Y, 0.7, 0.2)),
    "exact": (Exact(1.0), lambda table, X, Y: table.minimized(X, Y)),
    "exact, damped": (Exact(1.0, 0.4), lambda table, X, Y: table.minimized(X, Y, 0.4)),
    "exact, by conjugate gradients": (Exact(1.0, inner_steps=40), lambda table, X, Y: table.minimized(X, Y)),
    "still": (Still(), lambda table, X, Y: X),
}


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("order", ["alternating", "simultaneous"])
@settings(max_examples=20)
@given(**(ASKED | {"ridge": st.sampled_from([0.1, 2.0])}))
def test_a_step_is_the_formula(name, order, **options):
    table = asked(**options)
    metric, formula = MOVES[name]
    X, Y = table.pair(2, 2)
    problem = table.problem()
    point = problem.advance(problem.point(X, Y), metric, metric, order=order)
    P = table.half(X, Y, True, formula)
    Q = table.half(P if order == "alternating" else X, Y, False, formula)
    for got, expected in ((point.X, P), (point.Y, Q)):
        np.testing.assert_allclose(got, expected, atol=1e-9 * (1 + np.abs(expected).max()))
    assert point.loss == pytest.approx(table.loss(point.X, point.Y), rel=1e-7)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("name", ["plain", "exact"])
def test_least_squares_without_a_ridge(bias, name):
    table = planted(3, 15, 12, density=0.9, bias=bias, ridge=0.0)
    X, Y = table.pair(1, 2)
    metric, formula = MOVES[name]
    problem = table.problem()
    point = problem.advance(problem.point(X, Y), metric, metric, order="alternating")
    P = table.half(X, Y, True, formula)
    np.testing.assert_allclose(point.X, P, atol=1e-11)
    np.testing.assert_allclose(point.Y, table.half(P, Y, False, formula), atol=1e-11)


@pytest.mark.parametrize("momentum", [0.0, 0.7])
@pytest.mark.parametrize("bias", ["none", "both"])
def test_momentum_is_the_formula(momentum, bias):
    table = planted(4, bias=bias, weighted=True)
    X, Y = table.pair(1, 2)
    problem, metric = table.problem(), Identity(0.01)
    point, U, V = problem.point(X, Y), X, Y
    for _ in range(10):
        point = problem.advance(point, metric, metric, order="simultaneous", momentum=momentum)
        P, Q = (table.half(U, V, left, lambda t, A, B: t.descended(A, B, 0.01)) for left in (True, False))
        U, V, X, Y = P + momentum * (P - X), Q + momentum * (Q - Y), P, Q
    np.testing.assert_allclose(point.X, X, atol=1e-12)
    np.testing.assert_allclose(point.Y, Y, atol=1e-12)
    assert (point.ahead is None) == (momentum == 0.0)
    loss, calm = point.loss, point.settled()
    assert calm.loss == loss
    following = problem.advance(calm, metric, metric, order="simultaneous")
    np.testing.assert_allclose(following.X, table.descended(X, Y, 0.01), atol=1e-12)


def test_each_factor_may_have_a_rule_of_its_own():
    table = planted(5, bias="rows")
    X, Y = table.pair(1, 2)
    problem = table.problem()
    point = problem.advance(problem.point(X, Y), Exact(1.0), Identity(0.05), order="alternating")
    P = table.minimized(X, Y)
    np.testing.assert_allclose(point.X, P, atol=1e-11)
    np.testing.assert_allclose(point.Y, table.half(P, Y, False, lambda t, A, B: t.descended(A, B, 0.05)), atol=1e-11)


def test_reads_are_counted_on_a_handle():
    table = planted(6, weighted=True)
    problem = table.problem()
    handle = problem.metered()
    point = handle.point(*table.pair(1, 2))
    assert handle.reads == 0
    assert point.loss == point.loss
    assert handle.reads == 1
    for metric, extra in ((Exact(1.0), 0), (Exact(1.0, inner_steps=2), 1), (Exact(1.0, 0.1), 1), (Identity(0.01), 1)):
        before = handle.reads
        moved = handle.advance(point, metric, metric, order="alternating")
        assert handle.reads == before + 2
        assert moved.loss > 0  # which a solved row tells by the way
        assert handle.reads == before + 2 + extra
    before = handle.reads
    point.gradient_norms()
    point.gradient_norms()
    assert handle.reads == before + 1  # that for X is known from the step
    handle.times(np.ones((9, 1)))
    handle.transpose_times(np.ones((12, 1)))
    assert handle.reads == before + 3
    for work in (lambda: handle.sigma1(), lambda: handle.leading(2)):
        before = handle.reads
        work()
        assert handle.reads >= before + 2
    assert problem.reads == 0
    assert handle.bytes_read == handle.reads * problem.by_rows.nbytes
    assert handle.metered().reads == 0


def test_a_run_counts_its_start():
    table = planted(7)
    solution = lo.solve(table.problem(), rank=2, stop=lo.Stop(max_steps=3))
    assert solution.passes >= 2 * 3 + 5
    assert solution.trace.passes[0] >= 5
    assert solution.bytes_read == solution.passes * table.problem().by_rows.nbytes


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bias", ["none", "mean"])
def test_what_starts_take_for_the_matrix(weighted, bias):
    table = planted(8, 40, 30, weighted=weighted, bias=bias, ridge=0.01)
    problem, M = table.problem(), table.w * table.centered
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((40, 2)), rng.standard_normal((30, 2))
    np.testing.assert_allclose(problem.times(Y), M @ Y, atol=1e-12)
    np.testing.assert_allclose(problem.transpose_times(X), M.T @ X, atol=1e-12)
    sigma = np.linalg.svd(M)[1]
    assert 0.9 * sigma[0] <= problem.sigma1() - 0.01 <= sigma[0] * (1 + 1e-12)  # and the ridge
    U, s, Vt = problem.leading(2)
    np.testing.assert_allclose(np.abs(np.sum(U * np.linalg.svd(M)[0][:, :2], axis=0)), 1, atol=0.05)
    assert s[0] / s[1] == pytest.approx(sigma[0] / sigma[1], rel=0.05)
    # Of all multiples the best one: no slope of ½ Σ w(cz − a)² + λcΣσ in c.
    Z = (U * s) @ Vt
    assert (table.w * (Z - table.centered) * Z).sum() + 0.01 * s.sum() == pytest.approx(0, abs=1e-9 * (s**2).sum())


@pytest.mark.parametrize("bias", BIASES)
def test_lines_without_entries_have_factors_of_zero_and_are_noted(bias):
    table = planted(9, bias=bias, empty=True)
    problem = table.problem()
    for note, side, axis in ((problem.notes[-2], "row", 1), (problem.notes[-1], "column", 0)):
        count = int((~table.known.any(axis=axis)).sum())
        assert note.startswith(f"{count} {side}{'s' if count > 1 else ''} without entries: predicted there is ")
    start = table.widened(np.ones((12, 2)), np.ones((9, 2)))
    solution = lo.solve(problem, start=start, stop=lo.Stop(max_steps=5))
    for pair in (solution, problem.point(np.full((12, 2), 0.5), np.full((9, 2), 0.5))):
        for F, left, axis in ((pair.X, True, 1), (pair.Y, False, 0)):
            free = table.free(left, 2)[0]
            still = [c for c in range(F.shape[1]) if c not in free]
            assert not F[~table.known.any(axis=axis)][:, free].any()
            assert F[table.known.any(axis=axis)][:, :2].any()
            assert (F[:, still] == 1).all()
    assert solution.choices == problem.notes
    assert planted(9, density=1.1).problem().notes == ()


@pytest.mark.parametrize("bias", ["rows", "columns", "both"])
def test_columns_for_the_biases_are_appended_once(bias):
    table = planted(10, bias=bias, density=1.1)
    extra = table.rows + table.columns
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((12, 2)), rng.standard_normal((9, 2))
    point = table.problem().point(X, Y)
    wide = table.widened(X, Y)
    np.testing.assert_array_equal(point.X, wide[0])
    np.testing.assert_array_equal(point.Y, wide[1])
    assert table.problem().point(point.X, point.Y).X.shape == (12, 2 + extra)
    # Columns where ones would have to be and are not: shared ones, however many there are.
    other = wide[0] + 1e-3, wide[1] + 1e-3
    assert table.problem().point(*other).X.shape == (12, 2 + 2 * extra)
    # A single column cannot be one of a bias alone.
    assert table.problem().point(np.ones((12, extra)), np.ones((9, extra))).X.shape == (12, 2 * extra)


@pytest.mark.parametrize("bias", BIASES)
def test_a_solution_is_a_start(bias):
    table = planted(11, bias=bias)
    problem = table.problem()
    whole = lo.solve(problem, rank=2, stop=lo.Stop(max_steps=12))
    first = lo.solve(problem, rank=2, stop=lo.Stop(max_steps=5))
    again = lo.solve(problem, start=(first.X, first.Y), stop=lo.Stop(max_steps=7))
    assert whole.rank == again.rank == 2 + table.rows + table.columns
    assert again.trace.loss[0] == pytest.approx(first.loss, rel=1e-12)
    np.testing.assert_allclose(again.X, whole.X, atol=1e-12)
    np.testing.assert_allclose(again.Y, whole.Y, atol=1e-12)
    assert again.loss == pytest.approx(table.loss(again.X, again.Y), rel=1e-12)


@pytest.mark.parametrize("noise", [1e-1, 1e-3, 1e-5, 1e-7, 0.0])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_a_loss_that_comes_with_a_step_has_its_digits(noise, kind):
    table = planted(12, 30, 20, noise=noise, density=0.8, ridge=0.0, dtype=kind)
    solution = lo.solve(table.problem(), rank=3, stop=lo.Stop(max_steps=60))  # 2 and a constant
    assert solution.X.dtype == kind
    X, Y = solution.X.astype(float), solution.Y.astype(float)
    floor = 100 * float(np.finfo(kind).eps) ** 2 * table.problem().norm ** 2
    for loss in (solution.loss, solution.trace.loss[-2]):
        digits = 1e-6 if kind is np.float64 else 1e-3
        assert loss == pytest.approx(table.loss(X, Y), rel=digits, abs=floor)


def test_float32_stays_and_says_the_same():
    single, double = (planted(13, weighted=True, bias="both", dtype=kind) for kind in (np.float32, np.float64))
    losses = []
    for table in (single, double):
        problem = table.problem()
        assert problem.dtype == table.dtype
        solution = lo.solve(problem, rank=2, stop=lo.Stop(max_steps=100))
        assert solution.X.dtype == solution.Y.dtype == table.dtype
        assert problem.point(solution.X, solution.Y).slope("x").dtype == table.dtype
        losses.append(solution.loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


SOLVERS = [
    lo.solvers.AlternatingLeastSquares(), lo.solvers.AlternatingLeastSquares(inner_steps=2),
    lo.solvers.AlternatingGradientDescent(), lo.solvers.AlternatingScaledGradientDescent(), lo.solvers.Nesterov(),
]  # fmt: skip


@pytest.mark.parametrize("solver", SOLVERS, ids=str)
@pytest.mark.parametrize("bias", BIASES)
def test_tables_that_say_hardly_anything(solver, bias):
    stop = lo.Stop(max_steps=30)
    for values in ([3.0] * 4, [0.0] * 4):  # constant
        problem = lo.Completion([0, 0, 1, 2], [0, 1, 1, 2], values, ridge=0.1, bias=bias)
        solution = lo.solve(problem, solver, rank=2, stop=stop)
        if bias != "none" or values[0] == 0.0:
            assert problem.norm == 0.0
            assert (solution.loss, solution.relative_error) == (0.0, 0.0)
            assert solution.certificate.gap == 0.0
        assert np.isfinite(solution.X).all()
    one = lo.Completion([0], [0], [2.0], ridge=0.1, bias=bias, weights=[3.0])
    solution = lo.solve(one, solver, rank=1, stop=stop)
    assert np.isfinite(solution.loss)
    if bias == "none" and isinstance(solver, lo.solvers.AlternatingLeastSquares):
        assert (solution.X @ solution.Y.T)[0, 0] == pytest.approx(2 - 0.1 / 3, rel=1e-6)


def test_relative_errors_where_there_is_nothing_to_fit():
    problem = lo.Completion([0, 1], [0, 1], [5.0, 5.0], bias="mean")
    assert problem.point(np.zeros((2, 1)), np.zeros((2, 1))).relative_error == 0.0
    assert problem.point(np.ones((2, 1)), np.ones((2, 1))).relative_error == np.inf


@pytest.mark.parametrize("bias", BIASES)
def test_the_arrays_given_stay_as_they_are(bias):
    i, j = np.arange(4), np.array([0, 1, 1, 0])
    a, w = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.0, 2.0, 1.0, 2.0])
    before = [array.copy() for array in (i, j, a, w)]
    problem = lo.Completion(i, j, a, weights=w, bias=bias)
    X, Y = np.ones((4, 1)), np.ones((2, 1))
    solution = lo.solve(problem, start=(X, Y), stop=lo.Stop(max_steps=3))
    for array, copy in zip((i, j, a, w), before, strict=True):
        np.testing.assert_array_equal(array, copy)
    assert (X == 1).all()
    assert (Y == 1).all()
    a[:], w[:] = 0, 0
    assert problem.point(solution.X, solution.Y).loss == pytest.approx(solution.loss, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ridge": -0.1}, "ridge -0.1; expected a finite number ≥ 0"),
        ({"ridge": np.nan}, "ridge nan"),
        ({"ridge": "large"}, "ridge 'large'"),
        ({"ridge_scaling": "count"}, "ridge_scaling = 'count'; expected one of none, counts, smoothed"),
        ({"bias": "row"}, "bias = 'row'; expected one of none, mean, rows, columns, both"),
        ({"bias": None}, "bias = None"),
        ({"bias": "both", "bias_ridge": 1.0}, "bias_ridge = 1.0 with ridge = 0.0"),
        ({"bias": "mean", "bias_ridge": 1.0, "ridge": 1.0}, "bias_ridge = 1.0.*bias = 'mean'"),
        ({"bias": "both", "bias_ridge": 0.0, "ridge": 1.0}, "bias_ridge 0.0; expected a finite number > 0"),
        ({"bias": "both", "bias_ridge": np.inf, "ridge": 1.0}, "bias_ridge inf"),
        ({"threads": 0}, "0 threads"),
        ({"duplicates": "sum"}, "duplicates = 'sum'"),
        ({"values": [1e130, 1.0]}, "1e\\+130.*outside the range"),
        ({"values": [1e-130, 0.0]}, "1e-130.*outside the range"),
    ],
)
def test_options_that_cannot_be_used(options, said):
    with pytest.raises(InputError, match=said):
        lo.Completion(**({"rows": [0, 1], "cols": [0, 1], "values": [1.0, 2.0]} | options))


def test_how_it_shows():
    assert repr(planted(14, density=1.1).problem()) == "Completion(12 × 9, 108 entries, float64, ridge 0.3)"
