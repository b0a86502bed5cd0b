"""Linear measurements: maps, gradients, steps against written-out formulas, and recovery."""

import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

import lopside as lo
from lopside.problems.sensing import Sensing

S = lo.solvers
m, n, d, k = 7, 5, 2, 60
rng = np.random.default_rng(3)
STACK = rng.standard_normal((k, m, n)) / np.sqrt(k)
A = reference.planted(m, n, [1.0, 0.4])
VALUES = np.tensordot(STACK, A) + 0.05 * rng.standard_normal(k)
X0, Y0 = 0.5 * rng.standard_normal((m, d)), 0.5 * rng.standard_normal((n, d))


def by_operator(*, takes, returns, ridge=0.0):
    def forward(*given):
        Z = given[0] if takes == "matrix" else given[0] @ given[1].T
        return np.einsum("kmn,mn->k", STACK, Z)

    def adjoint(v):
        return returns(np.einsum("kmn,k->mn", STACK, v))

    return Sensing.from_operator(VALUES, forward, adjoint, shape=(m, n), takes=takes, ridge=ridge)


FORMS = {
    "array": lambda: Sensing(VALUES, STACK),
    "Fortran": lambda: Sensing(VALUES, np.asfortranarray(STACK)),
    "list": lambda: Sensing(list(VALUES), list(STACK)),
    "flat": lambda: Sensing(VALUES, STACK.reshape(k, -1), shape=(m, n)),
    "sparse": lambda: Sensing(VALUES, sparse.coo_array(STACK.reshape(k, -1)), shape=(m, n)),
    "sparse list": lambda: Sensing(VALUES, [sparse.csc_array(M) for M in STACK]),
    "matrix operator": lambda: by_operator(takes="matrix", returns=np.asarray),
    "factors": lambda: by_operator(takes="factors", returns=sparse.csr_array),
    "linear operator": lambda: by_operator(takes="factors", returns=aslinearoperator),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_measures_and_goes_back(form):
    problem, v = FORMS[form](), rng.standard_normal(k)
    np.testing.assert_allclose(problem.measure(X0, Y0), np.einsum("kmn,mn->k", STACK, X0 @ Y0.T), rtol=0, atol=1e-14)
    expected = np.einsum("kmn,k->mn", STACK, v)
    np.testing.assert_allclose(problem.adjoint(v) @ Y0, expected @ Y0, rtol=0, atol=1e-13)
    np.testing.assert_allclose(problem.adjoint(v).T @ X0, expected.T @ X0, rtol=0, atol=1e-13)
    assert (problem.shape, problem.count, problem.reads) == ((m, n), k, 3)
    assert problem.norm == pytest.approx(np.linalg.norm(VALUES), rel=1e-14)
    assert problem.metered().reads == 0


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_back_is_the_adjoint_of_measure(rows, columns, count, seed):
    draw = np.random.default_rng(seed)
    stack, v = draw.standard_normal((count, rows, columns)), draw.standard_normal(count)
    X, Y = draw.standard_normal((rows, 3)), draw.standard_normal((columns, 3))
    problem = Sensing(v, stack)
    there, back = problem.measure(X, Y) @ v, np.sum(problem.adjoint(v) * (X @ Y.T))
    assert abs(there - back) <= 1e-13 * np.linalg.norm(v) * np.linalg.norm(stack) * np.linalg.norm(X @ Y.T)
    assert problem.scale == pytest.approx(np.sum(stack**2) / (rows * columns), rel=1e-12)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("form", ["array", "factors"])
def test_gradients_are_finite_differences_of_the_loss(form, ridge):
    takes = by_operator(takes="factors", returns=sparse.csr_array, ridge=ridge)
    problem = Sensing(VALUES, STACK, ridge=ridge) if form == "array" else takes
    point, h = problem.point(X0, Y0), 1e-5
    residual = np.tensordot(STACK, X0 @ Y0.T) - VALUES
    penalty = 0.5 * ridge * (np.sum(X0**2) + np.sum(Y0**2))
    assert point.loss == pytest.approx(0.5 * np.sum(residual**2) + penalty, rel=1e-13)
    assert point.charge == pytest.approx(penalty, rel=1e-13)
    assert point.residual_norm == pytest.approx(np.linalg.norm(residual), rel=1e-13)
    assert point.relative_error == pytest.approx(np.linalg.norm(residual) / np.linalg.norm(VALUES), rel=1e-13)
    for side, F in (("x", X0), ("y", Y0)):
        differences = np.empty_like(F)
        for place in np.ndindex(F.shape):
            step = np.zeros_like(F)
            step[place] = h
            pairs = [(F + s * step, Y0) if side == "x" else (X0, F + s * step) for s in (1.0, -1.0)]
            plus, minus = (problem.point(*pair).loss for pair in pairs)
            differences[place] = (plus - minus) / (2.0 * h)
        np.testing.assert_allclose(point.slope(side), differences, rtol=0, atol=1e-8)
        index = 0 if side == "x" else 1
        assert point.gradient_norms()[index] == pytest.approx(np.linalg.norm(differences), rel=1e-8)


def written_out(solver, scale, ridge, steps):
    """Return the pairs of factors after each step, by the formulas with the whole of 𝒜*(𝒜(X Yᵀ) − y)."""
    kind = type(solver).__name__
    X, Y, path = X0, Y0, []

    def slope(X, Y, side):
        E = np.einsum("kmn,k->mn", STACK, np.tensordot(STACK, X @ Y.T) - VALUES)
        return (E @ Y + ridge * X if side == "x" else E.T @ X + ridge * Y) / scale

    def loss(X, Y):
        misfit = np.sum((np.tensordot(STACK, X @ Y.T) - VALUES) ** 2)
        return 0.5 * misfit + 0.5 * ridge * (np.sum(X**2) + np.sum(Y**2))

    for _ in range(steps):
        if "Scaled" in kind:
            damping = np.sqrt(loss(X, Y) / scale) if solver.damping == "loss" else solver.damping
            rules = [lambda F, add=damping: np.linalg.inv(F.T @ F + (add + ridge / scale) * np.eye(d))] * 2
        else:
            rules = [lambda F: np.eye(d)] * 2
        new = X - solver.step_size * slope(X, Y, "x") @ rules[0](Y)
        seen = new if "Alternating" in kind else X
        Y = Y - solver.step_size * slope(seen, Y, "y") @ rules[1](seen)
        X = new
        path.append((X, Y))
    return path


@pytest.mark.parametrize("ridge", [0.0, 0.2])
@pytest.mark.parametrize("scale", [1.0, None])
@pytest.mark.parametrize(
    "solver",
    [
        S.GradientDescent(0.2),
        S.AlternatingGradientDescent(0.2),
        S.ScaledGradientDescent(0.3),
        S.ScaledGradientDescent(0.3, damping=0.1),
        S.ScaledGradientDescent(0.3, damping="loss"),
        S.AlternatingScaledGradientDescent(0.4),
    ],
    ids=str,
)
def test_steps_equal_the_formulas(solver, scale, ridge):
    problem = Sensing(VALUES, STACK, ridge=ridge, scale=scale)
    s = 1.0 if scale else np.sum(STACK**2) / (m * n)
    assert problem.scale == pytest.approx(s, rel=1e-13)
    walk = lo.iterate(problem, solver, X0, Y0)
    next(walk)
    for (X, Y), state in zip(written_out(solver, s, ridge, 25), walk, strict=False):
        np.testing.assert_allclose(state.X, X, rtol=0, atol=1e-11)
        np.testing.assert_allclose(state.Y, Y, rtol=0, atol=1e-11)
    assert state.passes == 1 + 25 * (4 if "Alternating" in str(solver) else 2)


def test_momentum_takes_gradients_ahead():
    problem = Sensing(VALUES, STACK, scale=1.0)
    walk = lo.iterate(problem, S.Nesterov(0.1, momentum=0.7, restart=False), X0, Y0)
    X, Y, U, V = X0, Y0, X0, Y0
    next(walk)
    for _ in range(20):
        E = np.einsum("kmn,k->mn", STACK, np.tensordot(STACK, U @ V.T) - VALUES)
        P, Q = U - 0.1 * E @ V, V - 0.1 * E.T @ U
        U, V = P + 0.7 * (P - X), Q + 0.7 * (Q - Y)
        X, Y = P, Q
        state = next(walk)
        np.testing.assert_allclose(np.hstack([state.X.ravel(), state.Y.ravel()]), np.hstack([X.ravel(), Y.ravel()]))


@pytest.mark.parametrize(("ridge", "damping"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.4), (0.2, 0.3)])
def test_least_squares_solves_each_half_exactly(ridge, damping):
    problem = Sensing(VALUES, STACK, ridge=ridge)
    s = problem.scale
    walk = lo.iterate(problem, S.AlternatingLeastSquares(damping=damping), X0, Y0)
    X, Y = X0, Y0
    next(walk)
    for _ in range(4):
        for side in ("x", "y"):
            F, other = (X, Y) if side == "x" else (Y, X)
            T = np.einsum("kmn,nd->kmd" if side == "x" else "kmn,md->knd", STACK, other).reshape(k, -1)
            H = T.T @ T + (ridge + s * damping) * np.eye(F.size)
            F = np.linalg.solve(H, T.T @ VALUES + s * damping * F.ravel()).reshape(F.shape)
            X, Y = (F, Y) if side == "x" else (X, F)
        state = next(walk)
        np.testing.assert_allclose(state.X, X, rtol=0, atol=1e-8)
        np.testing.assert_allclose(state.Y, Y, rtol=0, atol=1e-8)


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_least_squares_leaves_a_factor_alone_that_nothing_is_known_about(ridge):
    problem = Sensing(VALUES, STACK, ridge=ridge)
    walk = lo.iterate(problem, S.AlternatingLeastSquares(), X0, np.zeros((n, d)))
    next(walk)
    state = next(walk)
    assert np.array_equal(state.X, X0)
    assert state.Y.any()


def test_starts_are_given_the_surrogate():
    problem = Sensing(VALUES, 40.0 * STACK, ridge=0.1)
    M = np.einsum("kmn,k->mn", 40.0 * STACK, VALUES)
    s = 1600.0 * np.sum(STACK**2) / (m * n)
    sigma = np.linalg.svd(M / s)[1]
    np.testing.assert_allclose(problem.times(Y0), M @ Y0 / s, rtol=0, atol=1e-13)
    np.testing.assert_allclose(problem.transpose_times(X0), M.T @ X0 / s, rtol=0, atol=1e-13)
    assert 0.95 * sigma[0] <= problem.sigma1() <= sigma[0] * (1 + 1e-12)
    np.testing.assert_allclose(problem.svd()[1], sigma, rtol=1e-12)
    assert problem.reads == 1
    U, c, Vt = problem.leading(2)
    fits = [
        0.5 * np.sum((np.tensordot(40.0 * STACK, t * (U * c) @ Vt) - VALUES) ** 2) + 0.1 * t * c.sum()
        for t in (0.999, 1.0, 1.001)
    ]
    assert fits[1] < min(fits[0], fits[2])


def test_the_scale_is_the_mean_gain():
    assert Sensing(VALUES, STACK).scale == pytest.approx(np.sum(STACK**2) / (m * n), rel=1e-13)
    assert by_operator(takes="factors", returns=np.asarray).scale == pytest.approx(1.0, rel=0.3)
    i, j = np.array([0, 3, 3, 6, 2]), np.array([1, 0, 4, 2, 2])
    picked = Sensing.from_operator(
        np.ones(5), lambda Z: Z[i, j], lambda v: sparse.csr_array((v, (i, j)), shape=(m, n)), shape=(m, n)
    )
    assert picked.scale == pytest.approx(5 / (m * n), rel=1e-13)


def test_a_common_factor_of_values_and_matrices_changes_nothing():
    for solver in (
        S.AlternatingGradientDescent(),
        S.ScaledGradientDescent(),
        S.Nesterov(),
        S.AlternatingLeastSquares(),
    ):
        runs = [
            lo.solve(Sensing(c * VALUES, c * STACK), solver, rank=2, start=lo.starts.Spectral(), stop=lo.Stop(30))
            for c in (1.0, 64.0)
        ]
        np.testing.assert_allclose(runs[0].X, runs[1].X, rtol=0, atol=1e-7)
        assert runs[1].loss == pytest.approx(4096.0 * runs[0].loss, rel=1e-7)


def test_float32_is_kept():
    problem = Sensing(VALUES.astype(np.float32), STACK.astype(np.float32))
    for solver, allowed in ((S.ScaledGradientDescent(0.3), 1e-5), (S.AlternatingLeastSquares(), 1e-4)):
        single, double = (
            lo.solve(p, solver, start=(X0, Y0), stop=lo.Stop(10)) for p in (problem, Sensing(VALUES, STACK))
        )
        assert single.X.dtype == single.Y.dtype == np.float32
        np.testing.assert_allclose(single.matrix(), double.matrix(), rtol=0, atol=allowed)


def test_same_bits_for_any_thread_count():
    draw = np.random.default_rng(1)
    stack, values = draw.standard_normal((203, 20, 30)), draw.standard_normal(203)
    runs = [
        lo.solve(
            Sensing(values, stack, threads=threads),
            S.ScaledGradientDescent(0.2),
            rank=2,
            start=lo.starts.Spectral(),
            stop=lo.Stop(10),
        )
        for threads in (1, 2, 3)
    ]
    assert all(np.array_equal(run.X, runs[0].X) and run.loss == runs[0].loss for run in runs[1:])


def test_values_of_zero_are_met_by_zero():
    problem = Sensing(np.zeros(k), STACK)
    assert problem.point(np.zeros((m, 1)), np.zeros((n, 1))).relative_error == 0.0
    assert problem.point(X0, Y0).relative_error == np.inf
    assert problem.sigma1() == 0.0


def test_the_tangent_is_the_derivative_of_the_measurements():
    problem = Sensing(VALUES, STACK)
    point, h = problem.point(X0, Y0), 1e-6
    T, target = problem.tangent(point)
    assert isinstance(T, LinearOperator)
    np.testing.assert_allclose(target, VALUES - np.tensordot(STACK, X0 @ Y0.T), rtol=0, atol=1e-14)
    dX, dY = rng.standard_normal((m, d)), rng.standard_normal((n, d))
    z, v = np.concatenate([dX.ravel(), dY.ravel()]), rng.standard_normal(k)
    ends = [np.tensordot(STACK, (X0 + t * dX) @ (Y0 + t * dY).T) for t in (h, -h)]
    np.testing.assert_allclose(T @ z, (ends[0] - ends[1]) / (2 * h), rtol=0, atol=1e-8)
    assert (T @ z) @ v == pytest.approx(z @ (T.T @ v), rel=1e-12)


def measured(kappa, *, side=30, r=2, count=600, seed=0):
    truth = reference.planted(side, side, np.linspace(1.0, 1.0 / kappa, r), seed=seed)
    stack = np.random.default_rng(seed + 100).standard_normal((count, side, side))
    return truth, Sensing(np.tensordot(stack, truth), stack)


def test_scaled_descent_recovers_at_a_rate_free_of_the_condition_number():
    steps, errors = {}, {}
    for kappa in (1, 20):
        truth, problem = measured(kappa)
        start, stop = lo.starts.Spectral(), lo.Stop(400, relative_error=1e-9)
        solution = lo.solve(problem, S.ScaledGradientDescent(), rank=2, start=start, stop=stop)
        assert np.linalg.norm(solution.matrix() - truth) <= 1e-8 * np.linalg.norm(truth)
        steps[kappa] = solution.steps
        plain = lo.solve(problem, S.GradientDescent(), rank=2, start=start, stop=lo.Stop(steps[1]))
        errors[kappa] = np.linalg.norm(plain.matrix() - truth) / np.linalg.norm(truth)
    assert 0.8 * steps[1] <= steps[20] <= 1.25 * steps[1]
    assert errors[1] <= 1e-6
    assert errors[20] >= 1e-3


def test_damped_descent_recovers_with_more_columns_than_the_rank():
    truth, problem = measured(2)
    solver = S.ScaledGradientDescent(0.3, damping=0.05)
    start, stop = lo.starts.SmallGaussian(0.1), lo.Stop(1000, relative_error=1e-6)
    solution = lo.solve(problem, solver, rank=5, start=start, stop=stop)
    assert np.linalg.norm(solution.matrix() - truth) <= 1e-5 * np.linalg.norm(truth)


def test_a_bad_matrix_is_named_wherever_it_is(monkeypatch):
    monkeypatch.setattr("lopside.arrays.BLOCK_BYTES", 3 * 8 * m * n)
    with pytest.raises(lo.errors.InputError, match="measurement matrix 43 "):
        Sensing(VALUES, np.where(np.arange(k)[:, None, None] == 43, np.nan, STACK))


def broken(forward=None, adjoint=None, **options):
    straight = lambda Z: np.tensordot(STACK, Z)  # noqa: E731
    back = lambda v: np.einsum("kmn,k->mn", STACK, v)  # noqa: E731
    return lambda: Sensing.from_operator(VALUES, forward or straight, adjoint or back, shape=(m, n), **options)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Sensing(VALUES[:-1], STACK), "59 values and 60 measurement matrices"),
        (lambda: Sensing(VALUES[:, None], STACK), r"values of shape \(60, 1\)"),
        (lambda: Sensing(np.where(np.arange(k) == 4, np.nan, VALUES), STACK), "nan as value 4"),
        (lambda: Sensing(VALUES, np.where(np.arange(k)[:, None, None] == 9, np.inf, STACK)), "matrix 9"),
        (lambda: Sensing(VALUES * 1j, STACK), "complex"),
        (lambda: Sensing([], STACK), "one number for each"),
        (lambda: Sensing(VALUES, STACK.reshape(k, -1)), "with shape None"),
        (lambda: Sensing(VALUES, STACK.reshape(k, -1), shape=(m, n + 1)), r"m·n = 35"),
        (lambda: Sensing(VALUES, STACK, shape=(n, m)), "leave shape out"),
        (lambda: Sensing(VALUES, STACK[0, 0]), "expected k × m × n"),
        (lambda: Sensing(VALUES, [STACK[0], STACK[1, 1:]]), "k matrices of one shape"),
        (lambda: Sensing(VALUES, [sparse.csr_array(STACK[0]), sparse.csr_array(STACK[1, 1:])]), "of the first"),
        (lambda: Sensing(VALUES, STACK[:, :, :0]), "at least one, not empty"),
        (lambda: Sensing(VALUES, 0.0 * STACK), "some that are not 0"),
        (lambda: Sensing(1e160 * VALUES, STACK), "outside the range"),
        (lambda: Sensing(VALUES, STACK, ridge=-1.0), "ridge"),
        (lambda: Sensing(VALUES, STACK, scale=0.0), "scale"),
        (broken(takes="pairs"), 'expected "matrix"'),
        (broken(forward=lambda Z: np.zeros(3)), r"of shape \(3,\) from forward"),
        (broken(forward=lambda Z: np.full(k, np.nan)), "NaN or infinity"),
        (broken(forward=lambda Z: np.tensordot(STACK, Z) + 1.0), "not linear"),
        (broken(forward=lambda X, Y: np.tensordot(STACK, X[:, :1] @ Y[:, :1].T), takes="factors"), "not linear"),
        (broken(adjoint=lambda v: np.einsum("kmn,k->nm", STACK, v)), r"shape \(5, 7\) from adjoint"),
        (broken(adjoint=lambda v: 2.0 * np.einsum("kmn,k->mn", STACK, v)), "⟨𝒜.Z., v⟩ = .* but"),
    ],
)
def test_what_cannot_be_used_is_refused(make, says):
    with pytest.raises(lo.errors.InputError, match=says):
        make()


def test_an_operator_whose_transpose_is_wrong_is_refused():
    def adjoint(v):
        M = np.einsum("kmn,k->mn", STACK, v)
        return LinearOperator((m, n), matvec=lambda x: M @ x, rmatvec=lambda x: -M.T @ x)

    with pytest.raises(lo.errors.InputError, match="transpose"):
        broken(adjoint=adjoint)()


@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_more_columns_than_needed_do_not_diverge(ridge):
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((12, 2)) @ rng.standard_normal((2, 9))
    stack = rng.standard_normal((150, 12, 9))
    problem = lo.Sensing(np.einsum("kij,ij->k", stack, truth), stack, ridge=ridge)
    solution = lo.solve(problem, rank=5, stop=lo.Stop(max_steps=500))
    missed = np.linalg.norm(solution.matrix() - truth) / np.linalg.norm(truth)
    assert missed < (1e-2 if ridge else 1e-8)
