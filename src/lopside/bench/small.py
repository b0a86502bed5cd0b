"""Small matrices, where the overhead of a step is what counts: microseconds a step, and whole fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.bench.machine import version
from lopside.bench.peers import installed
from lopside.bench.rounds import Timing, interleave
from lopside.bench.spectra import prescribed, spectrum
from lopside.bench.tables import Column, Table
from lopside.data import planted
from lopside.factorize import factorize
from lopside.problems import Full
from lopside.solve import solve
from lopside.solvers import AlternatingGradientDescent, AlternatingScaledGradientDescent, GradientDescent
from lopside.starts import Unbalanced
from lopside.stopping import Stop
from lopside.threads import one_blas_thread

_ETA = 1e-4
"""So slow, for σ₁ = 1, that the loss stays far above rounding: each step then reads A once."""

_SIZES = ((100, 100, 10, 1000), (30, 20, 5, 2000), (300, 200, 10, 500), (1000, 600, 20, 50))
"""m, n, d and the steps of a run."""

_FITS = ((100, 100, 10), (500, 300, 20), (2000, 200, 20), (1000, 1000, 20))

_STEP = (
    Column("solver", "solver"),
    Column("matrix", "matrix"),
    Column("d", "d", "d"),
    Column("microseconds", "µs a step", ".1f"),
    Column("error", "error", ".8f"),
)
_FIT = (
    Column("matrix", "matrix"),
    Column("d", "d", "d"),
    Column("milliseconds", "lopside ms", ".2f"),
    Column("excess", "excess", ".1e"),
)
Run = Callable[[], tuple[Array, Array]]


def tables(*, quick: bool, say: Callable[[str], None]) -> Iterator[Table]:
    """Yield microseconds a step, and milliseconds for a whole fit.

    Parameters
    ----------
    quick : bool
        Fewer sizes and rounds.
    say : callable
        Is told what is being measured.
    """
    rounds = 5 if quick else 15
    # One thread for everybody: two do not pay at these sizes.
    with one_blas_thread:
        rows = [step_row("agd", size, rounds, say) for size in _SIZES[: 2 if quick else 4]]
        rows += [step_row(name, _SIZES[0], rounds, say) for name in ("gd", "alt-scaled-gd")]
        peers = [key.removeprefix("µs ") for key in rows[0] if key.startswith("µs ")]
        remarks = (
            "A run of lopside is `solve` with its default trace: loss and relative error at every step. "
            "The peers step only. All on one thread.",
            "error: the relative error after the same number of steps, for each side.",
        )
        columns = [*_STEP]
        for peer in peers:
            columns += [Column(f"µs {peer}", f"{peer} µs", ".1f"), Column(f"ratio {peer}", "ratio", ".2f")]
            columns += [Column(f"error {peer}", "error", ".8f")]
        yield Table("steps", "Microseconds a step; ratio: the peer's time over ours", columns, rows, peers, remarks)
    fits = [fit_row(size, rounds, say) for size in _FITS[: 2 if quick else 4]]
    peers = [key.removeprefix("ms ") for key in fits[0] if key.startswith("ms ")]
    columns = [*_FIT]
    for peer in peers:
        columns += [Column(f"ms {peer}", f"{peer} ms", ".2f"), Column(f"excess {peer}", "excess", ".1e")]
    remarks = ("Spectrum 1/√i; lopside includes input checks and its certificate.",)
    yield Table("fits", "A whole fit of a small matrix to an excess of 1e-6", columns, fits, peers, remarks)


def step_row(name: str, size: tuple[int, int, int, int], rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return microseconds a step for one method and size."""
    solver, update = METHODS[name]
    m, n, d, steps = size
    say(f"small: {name}, {m} × {n}, d = {d}")
    A = planted((m, n), np.linspace(1.0, 0.9, min(5, d)), rng=0).A
    problem = Full(A)
    X, Y = Unbalanced()(problem, d, step_size=_ETA, sigma1=1.0, rng=np.random.default_rng(0))

    def ours() -> tuple[Array, Array]:
        solution = solve(problem, solver, start=(X, Y), stop=Stop(max_steps=steps))
        return solution.X, solution.Y

    peers: dict[str, Run] = {"NumPy": _repeat(update, A, X, Y, steps)}
    if name == "agd":
        peers["NumPy, out="] = lambda: _in_place(A, X, Y, steps)
        peers["SciPy BLAS"] = _gemm(A, X, Y, steps)
        if version("torch"):
            peers["torch"] = _torch(A, X, Y, steps)
    timings = interleave({"lopside": ours, **peers}, rounds)
    mine = timings["lopside"]
    row = {"solver": name, "matrix": f"{m} × {n}", "d": d, "microseconds": 1e6 * mine.median / steps}
    row["error"] = _relative_error(A, mine)
    for peer in peers:
        row |= {f"µs {peer}": 1e6 * timings[peer].median / steps, f"ratio {peer}": timings[peer].ratio(mine)}
        row[f"error {peer}"] = _relative_error(A, timings[peer])
    return row


def _relative_error(A: Array, timing: Timing) -> float:
    X, Y = timing.answer
    return float(np.linalg.norm(X @ Y.T - A) / np.linalg.norm(A))


def _agd(A: Array, X: Array, Y: Array) -> tuple[Array, Array]:
    X = X - _ETA * (X.dot(Y.T.dot(Y)) - A.dot(Y))
    return X, Y - _ETA * (Y.dot(X.T.dot(X)) - A.T.dot(X))


def _gd(A: Array, X: Array, Y: Array) -> tuple[Array, Array]:
    return X - _ETA * (X.dot(Y.T.dot(Y)) - A.dot(Y)), Y - _ETA * (Y.dot(X.T.dot(X)) - A.T.dot(X))


def _alt_scaled_gd(A: Array, X: Array, Y: Array) -> tuple[Array, Array]:
    # The pseudo-inverse: d exceeds the rank of A, so the Gram matrices come near to singular.
    X = X - _ETA * (X - A.dot(Y).dot(np.linalg.pinv(Y.T.dot(Y), hermitian=True)))
    return X, Y - _ETA * (Y - A.T.dot(X).dot(np.linalg.pinv(X.T.dot(X), hermitian=True)))


METHODS: dict[str, tuple[Any, Callable[..., tuple[Array, Array]]]] = {
    "agd": (AlternatingGradientDescent(_ETA), _agd),
    "gd": (GradientDescent(_ETA), _gd),
    "alt-scaled-gd": (AlternatingScaledGradientDescent(_ETA), _alt_scaled_gd),
}
"""A method of lopside and one step of the same in NumPy."""


def _repeat(update: Callable[..., tuple[Array, Array]], A: Array, X: Array, Y: Array, steps: int) -> Run:
    def run() -> tuple[Array, Array]:
        U, V = X, Y
        for _ in range(steps):
            U, V = update(A, U, V)
        return U, V

    return run


def _in_place(A: Array, X: Array, Y: Array, steps: int) -> tuple[Array, Array]:
    X, Y, eye = X.copy(), Y.copy(), np.eye(X.shape[1])
    AY, AtX, G, XB, YB = np.empty_like(X), np.empty_like(Y), np.empty_like(eye), np.empty_like(X), np.empty_like(Y)
    for _ in range(steps):
        for moved, other, product, kept, M in ((X, Y, AY, XB, A), (Y, X, AtX, YB, A.T)):
            np.dot(other.T, other, out=G)
            np.multiply(G, -_ETA, out=G)
            np.add(G, eye, out=G)
            np.dot(moved, G, out=kept)
            np.dot(M, other, out=product)
            np.multiply(product, _ETA, out=product)
            np.add(kept, product, out=moved)
    return X, Y


def _gemm(A: Array, X: Array, Y: Array, steps: int) -> Run:
    from scipy.linalg.blas import get_blas_funcs

    gemm: Any = get_blas_funcs("gemm", (A,))
    eye = np.eye(X.shape[1], order="F")

    def run() -> tuple[Array, Array]:
        U, V = np.asfortranarray(X), np.asfortranarray(Y)
        for _ in range(steps):
            G = gemm(-_ETA, V, V, beta=1.0, c=eye, trans_a=True)
            # Row-major A is to Fortran its own transpose.
            U = gemm(_ETA, A.T, V, beta=1.0, c=gemm(1.0, U, G), trans_a=True, overwrite_c=True)
            G = gemm(-_ETA, U, U, beta=1.0, c=eye, trans_a=True)
            V = gemm(_ETA, A.T, U, beta=1.0, c=gemm(1.0, V, G), overwrite_c=True)
        return U, V

    return run


def _torch(A: Array, X: Array, Y: Array, steps: int) -> Run:
    torch = import_module("torch")
    held = torch.from_numpy(A)

    def run() -> tuple[Array, Array]:
        torch.set_num_threads(1)
        U, V = torch.from_numpy(X.copy()), torch.from_numpy(Y.copy())
        for _ in range(steps):
            U = U - _ETA * (U @ (V.T @ V) - held @ V)
            V = V - _ETA * (V @ (U.T @ U) - held.T @ U)
        return U.numpy(), V.numpy()

    return run


def fit_row(size: tuple[int, int, int], rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return milliseconds for a whole fit of one size."""
    from scipy.linalg import svd

    m, n, d = size
    say(f"small: a whole fit of {m} × {n}, d = {d}")
    values = spectrum("1/√i", (m, n), d)
    A = prescribed((m, n), values)
    tasks: dict[str, Callable[[], Any]] = {
        "lopside": lambda: factorize(A, d),
        "numpy svd": lambda: np.linalg.svd(A, full_matrices=False),
        "scipy svd": lambda: svd(A, full_matrices=False, check_finite=False),
    }
    settings = {"svds arpack": 1e-2, "randomized_svd": 12}
    for peer in installed():
        if peer.name in settings:
            tasks[peer.name] = partial(peer.fit, A, d, settings[peer.name])
    timings = interleave(tasks, rounds)
    mine = timings["lopside"]
    row: dict[str, Any] = {"matrix": f"{m} × {n}", "d": d, "milliseconds": 1e3 * mine.median}
    least = float(np.linalg.norm(values[d:]))
    row["excess"] = np.linalg.norm(mine.answer.X @ mine.answer.Y.T - A) / least - 1.0
    for peer in list(tasks)[1:]:
        U, s, Vt = timings[peer].answer
        order = np.argsort(-s)[:d]
        row[f"ms {peer}"] = 1e3 * timings[peer].median
        row[f"excess {peer}"] = np.linalg.norm((U[:, order] * s[order]) @ Vt[order] - A) / least - 1.0
    return row
