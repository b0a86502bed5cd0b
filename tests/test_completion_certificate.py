"""The duality gap of a completion: never smaller than the distance to the least loss, and closed where that is reached.

F* is that of an independent convex solver (`reference_completion`), evaluated as F at factors of full rank.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_completion import BIASES, SCALINGS, planted

import lopside as lo
from lopside.theory import completion_gap

EXACT = np.longdouble


def disturbed(table, X, Y, factor):
    """The free columns of X, times a number or numbers."""
    free = table.free(True, table.shared(X))[0]
    X = X.copy()
    X[:, free] *= factor
    return X, Y


FACTORS = {
    "zero": lambda table, rng, best: table.pair(1, 2, 0.0),
    "tiny": lambda table, rng, best: table.pair(2, 3, 1e-8),
    "random": lambda table, rng, best: table.pair(3, 2, 1.0),
    "huge": lambda table, rng, best: table.pair(4, 1, 1e6),
    "best": lambda table, rng, best: best,
    "near": lambda table, rng, best: disturbed(table, *best, 1 + 1e-6 * rng.standard_normal()),
    "not far": lambda table, rng, best: disturbed(table, *best, 1 + 0.03 * rng.standard_normal((len(best[0]), 1))),
    "beyond": lambda table, rng, best: disturbed(table, *best, 4.0),
    "backwards": lambda table, rng, best: disturbed(table, *best, -1.0),
}


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@settings(max_examples=50)
@given(m=st.integers(1, 12), n=st.integers(1, 12), seed=st.integers(0, 9999), bias=st.sampled_from(BIASES),
       scaling=st.sampled_from(SCALINGS), weighted=st.booleans(), density=st.sampled_from([0.2, 0.6, 1.0]),
       ridge=st.sampled_from([1e-6, 1e-2, 0.3, 3.0]), factors=st.sampled_from(sorted(FACTORS)))  # fmt: skip
def test_the_gap_is_never_too_small(kind, m, n, seed, bias, scaling, weighted, density, ridge, factors):
    of_biases = 3.0 * ridge if seed % 2 and bias in ("rows", "columns", "both") else None
    table = planted(
        seed, m, n, density=density, weighted=weighted, empty=seed % 3 == 0, bias=bias, ridge_scaling=scaling,
        ridge=ridge, bias_ridge=of_biases, dtype=kind,
    )  # fmt: skip
    *best, lower = table.best(1e-10, 600)
    least = table.loss(*best, EXACT)
    X, Y = FACTORS[factors](table, np.random.default_rng(seed), best)
    problem = table.problem()
    certificate = lo.certify(problem, (X, Y), rng=seed)
    loss = table.loss(X, Y, EXACT)
    assert certificate.holds
    assert problem.reads == 0
    assert EXACT(certificate.gap) >= max(loss - least, 0)
    # Nor too large: at the best fit it is what the other bound, from LAPACK's norm, leaves.
    if factors == "best":
        assert certificate.gap <= 1.2 * float(loss - lower) + (1e-12 if kind is np.float64 else 1e-6) * float(loss)


def test_factors_that_cancel_each_other():
    # Two columns that are large and opposite, with a ridge so small that they cost little.
    for seed in range(20):
        table = planted(seed, 9, 7, weighted=seed % 2 == 1, ridge=10.0 ** -(18 + seed % 3))
        X, Y = table.pair(seed, 2)
        large = 10.0 ** (6 + seed % 4)
        X = np.hstack([X, np.full((9, 1), large), np.full((9, 1), -large)])
        Y = np.hstack([Y, np.ones((7, 2))])
        least = table.loss(*table.best(1e-3, 200)[:2], EXACT)
        gap = lo.certify(table.problem(), (X, Y)).gap
        assert EXACT(gap) >= table.loss(X, Y, EXACT) - least


@pytest.mark.parametrize("size", [1e3, 1e18, 1e25, 1e60])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_factors_far_beyond_the_entries(size, kind):
    table = planted(1, 5, 4, dtype=kind)
    X, Y = table.pair(1, 2, size)
    try:
        gap = lo.certify(table.problem(), (X, Y)).gap
    except lo.errors.InputError:
        assert size > 1e18
        return
    assert EXACT(gap) >= table.loss(X, Y, EXACT) * (1 - 1e-15) - 1e6


@pytest.mark.parametrize("product", [0.0, 0.5, 0.9, 1.5, 10.0, -10.0])
@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_example_by_hand(product, scaling):
    # min ½(z − 1)² + 0.1|z| = 0.095. Beyond z = 1 the residual has the wrong sign: c is clipped from below.
    problem = lo.Completion([0], [0], [1.0], ridge=0.1, ridge_scaling=scaling)
    X, Y = [[np.sqrt(abs(product))]], [[np.sign(product) * np.sqrt(abs(product))]]
    found = completion_gap.completion_gap(problem.metered(), np.array(X), np.array(Y), np.random.default_rng(0))
    loss = 0.5 * (product - 1) ** 2 + 0.1 * abs(product)
    assert found.gap.loss == pytest.approx(loss, rel=1e-14)
    assert found.gap.dual == pytest.approx(0.095, rel=1e-12)
    assert found.gap.scale == pytest.approx(0.1 / (1 - product), rel=1e-12)
    assert (found.gap.scale < 0) == (product > 1)
    assert lo.certify(problem, (X, Y)).gap == pytest.approx(loss - 0.095, rel=1e-12, abs=1e-12)


def test_without_a_residual_the_bound_is_zero():
    problem = lo.Completion([0, 0, 1], [0, 1, 0], [1.0, 2.0, 3.0], ridge=0.1)
    X, Y = np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]])
    found = completion_gap.completion_gap(problem.metered(), X, Y, np.random.default_rng(0))
    assert found.gap.dual == 0.0
    assert found.gap.gap == pytest.approx(0.05 * (10 + 5), rel=1e-12)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
@pytest.mark.parametrize(("m", "n"), [(9, 6), (6, 9), (8, 8), (1, 5)])
def test_full_masks_have_the_closed_form(m, n, kind):
    # Every entry known, w = 1: the answer is the SVD with σ − λ in place of σ.
    table = planted(3, m, n, density=1.1, ridge=0.4, dtype=kind)
    U, s, Vt = np.linalg.svd(table.centered, full_matrices=False)
    shrunk = np.maximum(s - 0.4, 0)
    least = 0.5 * ((s - shrunk) ** 2).sum() + 0.4 * shrunk.sum()
    X, Y = U * np.sqrt(shrunk), Vt.T * np.sqrt(shrunk)
    certificate = lo.certify(table.problem(), (X, Y))
    # What the certificate adds to ‖W̃‖ for rounding of a residual in float32 is all that is left.
    assert certificate.gap <= (1e-10 if kind is np.float64 else 1e-5) * least
    assert least * (1 - 1e-9) <= table.loss(X, Y) <= least * (1 + 1e-9)
    # And the least of all ranks is known from factors of too few columns.
    few = lo.certify(table.problem(), (X[:, :1], Y[:, :1]))
    assert few.gap >= table.loss(X[:, :1], Y[:, :1]) - least


def test_a_ridge_above_the_data_leaves_nothing():
    table = planted(4, ridge=100.0)
    certificate = lo.certify(table.problem(), table.pair(0, 2, 0.0))
    assert certificate.gap <= 1e-12 * 0.5 * table.problem().norm ** 2


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("weighted", [False, True])
def test_least_squares_close_the_gap_where_there_are_columns_enough(scaling, bias, weighted):
    of_biases = 0.1 if bias == "both" else None
    table = planted(
        11, 14, 10, weighted=weighted, bias=bias, ridge_scaling=scaling, bias_ridge=of_biases,
        ridge=1.0 if scaling == "none" else 0.15, density=0.8,
    )  # fmt: skip
    *best, lower = table.best()
    rank = np.linalg.matrix_rank(best[0][:, : table.shared(best[0])], 1e-6)
    assert rank < 8
    solution = lo.solve(table.problem(), rank=int(rank), stop=lo.Stop(gap=1e-10, max_steps=3000))
    assert solution.converged
    assert solution.certificate.gap <= 1.2e-10 * solution.loss
    assert solution.loss == pytest.approx(table.loss(*best), rel=1e-9)
    assert solution.loss == pytest.approx(table.loss(solution.X, solution.Y), rel=1e-12)
    assert lower <= solution.loss * (1 + 1e-12)


def test_float32_problems_close_the_gap_as_far_as_their_digits_go():
    table = planted(12, 20, 15, ridge=1.0, dtype=np.float32)
    solution = lo.solve(table.problem(), rank=6, stop=lo.Stop(gap=1e-4, max_steps=1000))
    assert solution.X.dtype == np.float32
    assert solution.converged
    assert solution.certificate.gap <= 1.2e-4 * solution.loss
    least = table.loss(*table.best()[:2], EXACT)
    assert EXACT(solution.certificate.gap) >= table.loss(solution.X, solution.Y, EXACT) - least


def test_the_gap_stays_open_where_columns_are_too_few():
    table = planted(13, 15, 12, rank=6, ridge=0.05)
    solution = lo.solve(table.problem(), rank=2, stop=lo.Stop(max_steps=300))
    least = table.loss(*table.best(1e-6)[:2])
    assert solution.loss > 2 * least
    certificate = solution.certificate
    assert certificate.gap >= solution.loss - least
    part = certificate.parts[0]
    assert part.holds
    assert "may need more than 2 columns" in part.conclusion
    assert "of what was not observed it says nothing" in part.conclusion


def test_without_a_ridge_nothing_is_claimed():
    table = planted(14, ridge=0.0)
    certificate = lo.certify(table.problem(), table.pair(0, 2))
    assert not certificate.holds
    assert certificate.gap is None
    assert "no ridge" in str(certificate)


def test_what_a_certificate_says():
    table = planted(15)
    certificate = lo.certify(table.problem(), table.pair(0, 2))
    (part,) = certificate.parts
    assert part.source == "SRJ04; RFP10"
    assert part.failure_probability <= 1e-9
    (check,) = part.checks
    assert check.holds
    assert check.value <= check.bound == table.ridge
    asked = lo.certify(table.problem(), table.pair(0, 2), solver=lo.solvers.AlternatingLeastSquares())
    assert not asked.holds  # about convergence there is no theorem
    assert asked.gap == certificate.gap
    for factors in [
        ([[1.0]], [[1.0]]),
        (np.ones((12, 2)), np.ones((9, 3))),
        (np.full((12, 1), np.nan), np.ones((9, 1))),
    ]:
        with pytest.raises(lo.errors.InputError):
            lo.certify(table.problem(), factors)


@pytest.mark.parametrize("bias", ["none", "both"])
def test_factors_without_the_columns_of_biases_are_taken_with_biases_of_zero(bias):
    table = planted(16, bias=bias)
    X, Y = np.random.default_rng(0).standard_normal((12, 2)), np.random.default_rng(1).standard_normal((9, 2))
    X, Y = X * table.known.any(axis=1)[:, None], Y * table.known.any(axis=0)[:, None]
    narrow, wide = (lo.certify(table.problem(), pair).gap for pair in ((X, Y), table.widened(X, Y)))
    assert narrow == wide
