"""`factorize` goes on from a search that was kept."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lopside as lo
from lopside import checkpoint as checkpoints
from lopside import fitting
from lopside.checkpoint import keep_search
from lopside.errors import ConvergenceWarning, InputError


def spectrum(s: Any, m: int = 500, n: int = 200, *, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    U = np.linalg.qr(rng.standard_normal((m, len(s))))[0]
    return (U * s) @ np.linalg.qr(rng.standard_normal((n, len(s))))[0].T


SLOW = 1.0 / np.arange(1, 201.0) ** 0.3
CASES: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "slow": (spectrum(SLOW), {"rank": 10}),
    "wide": (spectrum(SLOW).T, {"rank": 10, "rng": 3}),
    "single": (spectrum(SLOW).astype(np.float32), {"rank": 10}),
    "deep": (spectrum(10.0 ** -np.linspace(0, 14, 60), 80, 60), {"rank": 40}),
    "error": (spectrum(1.0 / np.arange(1, 201.0) ** 0.6), {"relative_error": 0.3}),
    "equal": (spectrum(np.r_[np.ones(60), np.full(140, 0.5)]), {"rank": 70, "tol": 1e-9}),
    "generator": (spectrum(SLOW), {"rank": 10, "rng": np.random.default_rng(9)}),
}


def told(solution: lo.Solution) -> list[Any]:
    trace, certificate = solution.trace, solution.certificate
    return [
        *(solution.X.tobytes(), solution.Y.tobytes(), solution.status, solution.steps, solution.passes),
        *(trace.step, trace.passes, trace.loss, certificate.summary(), solution.choices, solution.certificate_passes),
    ]


def factorized(A: np.ndarray, asked: dict[str, Any], **where: Any) -> lo.Solution:
    seed = {"rng": np.random.default_rng(9)} if isinstance(asked.get("rng"), np.random.Generator) else {}
    return lo.factorize(A, **asked | seed, **where)


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every checkpoint that a factorization writes."""
    written: list[bytes] = []

    def keep(checkpoint: Any, *rest: Any) -> None:
        keep_search(checkpoint, *rest)
        written.append(checkpoint.path.read_bytes())

    monkeypatch.setattr(checkpoints, "keep_search", keep)
    return written


@pytest.mark.filterwarnings("ignore:the arithmetic cannot prove more")
@pytest.mark.parametrize("case", CASES)
def test_from_every_step_to_the_same_bits(case: str, copies: list[bytes], tmp_path: Path, searching: None) -> None:
    A, asked = CASES[case]
    whole, path = told(factorized(A, asked)), tmp_path / "fit.ckpt"
    assert told(factorized(A, asked, checkpoint=path, every=0)) == whole
    steps = copies.copy()
    assert len(steps) >= 4
    for copy in (steps[1], steps[len(steps) // 2], steps[-1]):
        path.write_bytes(copy)
        assert told(factorized(A, asked, checkpoint=path, every=0)) == whole


def test_ctrl_c_keeps_the_step_it_falls_into(tmp_path: Path, searching: None, monkeypatch: Any) -> None:
    A, asked = CASES["slow"]
    path, advance, reads = tmp_path / "fit.ckpt", fitting.Search.advance, []

    def interrupted(search: Any) -> None:
        reads.append(search.problem.reads)
        if len(reads) == 4:
            signal.raise_signal(signal.SIGINT)
        advance(search)

    monkeypatch.setattr(fitting.Search, "advance", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        stopped = factorized(A, asked, checkpoint=path)
    assert (stopped.status, stopped.steps) == (lo.Status.INTERRUPTED, 4)
    monkeypatch.setattr(fitting.Search, "advance", advance)
    assert told(factorized(A, asked, checkpoint=path)) == told(factorized(A, asked))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda A: A[np.random.default_rng(0).permutation(len(A))], "products of its vectors with A are off"),
        (lambda A: A[:, ::-1], "products of its vectors with A are off"),
        (lambda A: A * (1.0 + 1e-9), "norm "),
        (lambda A: A[:-1], "shape "),
        (lambda A: A.T, "shape "),
    ],
)
def test_another_matrix_is_refused(change: Any, message: str, tmp_path: Path, searching: None, copies: Any) -> None:
    A, asked = CASES["slow"]
    path = tmp_path / "fit.ckpt"
    factorized(A, asked, checkpoint=path, every=0)
    before = path.read_bytes()
    with pytest.raises(InputError, match=message):
        factorized(np.ascontiguousarray(change(A)), asked, checkpoint=path)
    assert path.read_bytes() == before


def test_other_questions_are_refused(tmp_path: Path, searching: None, copies: Any) -> None:
    A, asked = CASES["slow"]
    path = tmp_path / "fit.ckpt"
    factorized(A, asked, checkpoint=path, every=0)
    for other, message in (
        ({"rank": 11}, r"rank 10 \(here 11\)"),
        ({"tol": 1e-7}, r"tol 1e-06 \(here 1e-07\)"),
        ({"rng": 1}, r"rng 0 \(here 1\)"),
        ({"memory_limit": 1e9}, "memory_limit None"),
    ):
        with pytest.raises(InputError, match=message):
            lo.factorize(A, **asked | other, checkpoint=path)
    with pytest.raises(InputError, match=r"run factorize \(here solve\)"):
        lo.solve(lo.Full(A), rank=10, checkpoint=path)
