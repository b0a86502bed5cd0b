"""What the libraries are given is the same, and what they return is read right."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from lopside.bench import completion_peers as peers
from lopside.bench.completion_peers import METHODS, Entries, Fitted, Method, biases
from lopside.bench.tuning import rmse, split


def planted(m: int = 120, n: int = 90, rank: int = 3, share: float = 0.5) -> tuple[Entries, np.ndarray]:
    """Return entries, of which the last row and column have none, and the matrix they are from."""
    rng = np.random.default_rng(5)
    A = 3.0 + rng.standard_normal((m, 1)) + rng.standard_normal((1, n))
    A += rng.standard_normal((m, rank)) @ rng.standard_normal((rank, n))
    known = rng.random((m, n)) < share
    known[-1] = known[:, -1] = False
    rows, cols = (places.astype(np.int32) for places in np.nonzero(known))
    return Entries(rows, cols, A[rows, cols].astype(np.float32), (m, n)), A


def test_predictions_are_mean_biases_and_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_BLOCK", 7)
    rng = np.random.default_rng(0)
    b, c, X, Y = rng.random(5), rng.random(4), rng.random((5, 2)), rng.random((4, 2))
    rows, cols = rng.integers(0, 5, 40), rng.integers(0, 4, 40)
    expected = (2.0 + b[:, None] + c + X @ Y.T)[rows, cols]
    np.testing.assert_allclose(Fitted(2.0, b, c, X, Y)(rows, cols), expected, rtol=1e-12)


def test_biases_solve_their_normal_equations() -> None:
    known, _ = planted(30, 20)
    at, (m, n) = np.arange(len(known.values)), known.shape
    design = np.zeros((len(at), m + n))
    design[at, known.rows] = design[at, m + known.cols] = 1.0
    mean, b, c = biases(known)
    wanted = np.linalg.solve(design.T @ design + 5.0 * np.eye(m + n), design.T @ (known.values - mean))
    assert mean == pytest.approx(known.values.mean())
    np.testing.assert_allclose(np.concatenate([b, c]), wanted, atol=2e-3)


def test_parts_of_the_entries_keep_the_shape() -> None:
    known, A = planted()
    part = known.take(split(len(known.values), 0)[1])
    assert part.shape == known.shape
    assert part.nbytes == 12 * len(part.values) < known.nbytes
    np.testing.assert_allclose(part.values, A[part.rows, part.cols], rtol=1e-6)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_every_setting_has_a_range_and_every_range_a_setting(method: Method) -> None:
    parameters = inspect.signature(method.fit).parameters.values()
    given = getattr(method.fit, "keywords", {})
    asked = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in given}
    assert asked == set(method.space)
    assert "steps" in asked
    assert all(values.low < values.high for values in method.space.values())


def test_what_is_not_there_is_named() -> None:
    names = [method.name for method in peers.installed()]
    assert sorted(names + peers.absent()) == sorted(method.name for method in METHODS)
    assert len({method.name for method in METHODS}) == len(METHODS)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_each_library_predicts_what_it_has_not_seen(method: Method) -> None:
    if method not in peers.installed():
        pytest.skip(f"{method.package} is not installed; requirements/bench.txt has it")
    known, A = planted()
    settings = {"rank": 3, "ridge": 0.02 if "rate" in method.space else 0.1, "steps": 60, "rate": 0.05}
    if method.package == "scikit-surprise":
        settings["rate"] = 0.02
    if method.name == "LIBMF":
        settings["rank"] = 5  # mean and biases are of rank 2
    fitted = method.fit(known, **{name: settings[name] for name in method.space})
    unseen = np.nonzero(np.random.default_rng(1).random(A.shape) < 0.2)
    seen = (unseen[0] < len(A) - 1) & (unseen[1] < A.shape[1] - 1)
    rows, cols = unseen[0][seen], unseen[1][seen]
    # The planted rank 3 has variance 3; what only has biases is left with all of it.
    assert rmse(fitted(rows, cols), A[rows, cols]) < (2.0 if "rank" not in method.space else 0.5)
    assert fitted(np.array([len(A) - 1]), np.array([A.shape[1] - 1])) == pytest.approx(known.values.mean(), rel=1e-5)
    assert np.abs(fitted(np.full(5, len(A) - 1), np.arange(5)) - known.values.mean()).max() < 4.0
