"""What Full accepts, what it refuses and how, and what it computes."""

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

import lopside as lo
from lopside.linalg import largest_singular_value

REFUSED = {
    "NaN": (
        np.array([[1.0, np.nan], [np.inf, 2.0]]),
        "got 2 entries that are NaN or infinite, the first at row 0, column 1",
    ),
    "names Completion": (np.array([[np.nan]]), "Completion"),
    "late NaN": (np.vstack([np.zeros((9, 4)), [[0, 0, np.inf, 0]]]), "row 9, column 2"),
    "empty": (np.zeros((0, 3)), "empty matrix of shape \\(0, 3\\)"),
    "1-D": (np.zeros(3), "1 dimensions.*Try A\\[:, None\\]"),
    "3-D": (np.zeros((2, 2, 2)), "3 dimensions.*reshape\\(2, -1\\)"),
    "0-D": (3.0, "0 dimensions"),
    "complex": (np.eye(2) * 1j, "complex"),
    "object": (np.array([[1, None]]), "Python objects"),
    "text": ([["a", "b"]], "text"),
    "a path": ("abc", "the path abc"),
    "dates": (np.array([["2020-01-01"]], dtype="M8[D]"), "dates"),
    "ragged": ([[1, 2], [3]], "not an array of numbers"),
    "longdouble": (np.eye(2, dtype=np.longdouble), "float64 or float32"),
    "masked": (np.ma.masked_array(np.eye(2), mask=np.eye(2)), "masked"),
    "overflow": (np.full((3, 3), 1e160), "outside the range"),
    "underflow": (np.full((3, 3), 1e-160), "outside the range"),
    "None": (None, "Python objects"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_was_got_and_what_to_try(name):
    A, message = REFUSED[name]
    with pytest.raises(lo.errors.InputError, match=f"(?s)got .*{message}|{message}"):
        lo.Full(A)


def test_the_matrix_is_held_and_not_copied():
    A = np.eye(3)
    assert np.shares_memory(lo.Full(A).storage.A, A)


@pytest.mark.parametrize(
    ("given", "kept"), [("f4", "f4"), ("f8", "f8"), ("f2", "f4"), (">f8", "f8"), ("i8", "f8"), ("u1", "f8")]
)
def test_precision_is_kept_or_widened(given, kept):
    assert lo.Full(np.eye(3, dtype=given)).dtype == np.dtype(kept)


def test_wide_ranging_float32_is_widened():
    A = np.full((3, 3), 1e30, dtype=np.float32)
    problem = lo.Full(A)
    assert problem.dtype == np.float64
    assert lo.solve(problem, rank=1, stop=lo.Stop(relative_error=1e-6)).converged


@given(m=st.integers(1, 40), n=st.integers(1, 40), seed=st.integers(0, 200), decay=st.floats(0.0, 2.0))
def test_sigma1_is_estimated_from_below_within_a_percent(m, n, seed, decay):
    A = reference.planted(m, n, np.arange(1, min(m, n) + 1.0) ** -decay, seed)
    estimate, exact = lo.Full(A).sigma1(), np.linalg.norm(A, 2)
    assert 0.97 * exact <= estimate <= exact * (1 + 1e-12)


def test_the_power_iteration_meets_its_budget():
    calls = []

    def gram_pass(V):
        calls.append(V.shape)
        return V, V.T @ V

    assert largest_singular_value(gram_pass, 7) == pytest.approx(1.0)
    assert calls == [(7, 4)] * 2


def test_the_error_of_a_wrong_sigma1_only_rescales_C():
    A = reference.planted(30, 20, [1.0, 0.9])
    rng = np.random.default_rng
    at = {"step_size": 0.3}
    X, _ = lo.starts.Unbalanced(C=4)(lo.Full(A), 2, sigma1=2.0, rng=rng(3), **at)
    U, _ = lo.starts.Unbalanced(C=8)(lo.Full(A), 2, sigma1=1.0, rng=rng(3), **at)
    np.testing.assert_allclose(X, U, rtol=1e-14)


def test_metered_handles_count_apart_and_share_what_is_known():
    problem = lo.Full(reference.planted(30, 20, [1.0, 0.5]))
    first, second = problem.metered(), problem.metered()
    first.svd()
    first.times(np.eye(20))
    assert (first.reads, second.reads, problem.reads) == (2, 0, 0)
    assert second.svd()[0] is first.svd()[0]
    assert second.reads == 0


def test_svd_has_fixed_signs():
    A = reference.planted(30, 20, [3.0, 2.0, 1.0])
    _, s, Vt = lo.Full(A).svd()
    np.testing.assert_allclose(s[:3], [3, 2, 1], rtol=1e-12)
    assert (Vt[np.arange(3), np.abs(Vt[:3]).argmax(axis=1)] > 0).all()


def test_sigma1_hidden_at_the_edge_of_a_flat_spectrum_is_found_within_a_tenth():
    A = np.diag(np.r_[1.05, np.ones(799)])
    assert 0.9 * 1.05 <= lo.Full(A).sigma1() <= 1.05 * (1 + 1e-12)
