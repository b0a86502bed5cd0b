"""Recovering a matrix of low rank from some of its entries or from linear measurements, in the settings of the papers.

Nothing here is a race: what is asked is whether the methods do what their papers say, by how many steps they take.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.bench.tables import Column, Table
from lopside.data import planted
from lopside.errors import ConvergenceWarning
from lopside.linalg import frobenius
from lopside.problems import Completion
from lopside.problems.sensing import Sensing
from lopside.solve import solve
from lopside.solvers import (
    AlternatingLeastSquares,
    AlternatingScaledGradientDescent,
    GradientDescent,
    ScaledGradientDescent,
)
from lopside.solvers.gnmr import GNMR
from lopside.starts import Spectral
from lopside.stopping import Status, Stop
from lopside.threads import one_blas_thread

_TOLERANCE = 1e-10
"""Relative error on what is observed at which a run ends."""

_DEMO_TOLERANCE = 5e-14
"""That of the authors' demonstration of GNMR."""

_ETA = 0.5
_SWEPT = 80
"""Steps of a run in the sweep."""

_KAPPAS = (1, 5, 10, 20)
_RATIOS = (1e2, 1e3, 1e4)
"""Signal to noise, as ‖A‖_F over the expected norm of the noise."""

_DESCENT: Mapping[str, Any] = {
    "scaled-gd": ScaledGradientDescent(_ETA),
    "gd": GradientDescent(f"{_ETA}/sigma1"),
}
_ALL: Mapping[str, Any] = {
    **_DESCENT,
    "alt-scaled-gd": AlternatingScaledGradientDescent(_ETA),
    "als": AlternatingLeastSquares(),
}
_COLUMNS = (
    Column("method", "method"),
    Column("kappa", "κ", "d"),
    Column("steps", "steps", "d"),
    Column("reads", "reads", "d"),
    Column("seconds", "s", ".2f"),
    Column("observed", "observed", ".1e"),
    Column("error", "error", ".1e"),
)
_REMARKS = (
    f"Runs end at {_TOLERANCE:g} observed or at the last step allowed. observed: relative error on what is known.",
    "error: ‖X Yᵀ − A‖_F/‖A‖_F. reads: how often the data were gone through. Start: spectral.",
)


class Size(NamedTuple):
    """A square matrix of a rank, and how much of it is known.

    Attributes
    ----------
    side, rank : int
    share : float
        Of the entries that are observed.
    most : int
        Steps.
    """

    side: int
    rank: int
    share: float
    most: int


COMPLETION, _QUICK_COMPLETION = Size(1000, 10, 0.2, 300), Size(250, 5, 0.4, 200)
SENSING, _QUICK_SENSING = Size(200, 10, 0.25, 100), Size(50, 3, 0.3, 100)
"""The second's share is 5nr/n² measurements."""


class Demo(NamedTuple):
    """The demonstration of GNMR: m × n of rank r with σ from 1 to 10, `oversampling`·r(m + n − r) entries."""

    shape: tuple[int, int]
    rank: int
    oversampling: float


DEMO, _QUICK_DEMO = Demo((300, 350), 5, 1.5), Demo((80, 100), 3, 2.0)


def tables(*, quick: bool, say: Callable[[str], None]) -> Iterator[Table]:
    """Yield completion, sensing, the sweep of step sizes, noisy entries and the demonstration of GNMR.

    Parameters
    ----------
    quick : bool
        Smaller matrices and fewer draws.
    say : callable
        Is told what is being measured.
    """
    completion, sensing = (_QUICK_COMPLETION, _QUICK_SENSING) if quick else (COMPLETION, SENSING)
    yield completion_table(completion, _KAPPAS, say)
    yield sensing_table(sensing, _KAPPAS, say)
    yield sweep_table(completion, _KAPPAS, np.linspace(0.1, 1.2, 5 if quick else 12), say)
    yield noise_table(completion, _KAPPAS[::2], _RATIOS, say)
    yield demo_table(_QUICK_DEMO if quick else DEMO, 1 if quick else 3, 60 if quick else 100, say)


def completion_table(size: Size, kappas: Sequence[int], say: Callable[[str], None]) -> Table:
    """Return how each method recovers a matrix from entries drawn at random [TMC21, Sec. 4]."""
    rows = []
    for kappa in kappas:
        truth, problem = drawn_completion(size, kappa)
        rows += [_row(name, solver, kappa, truth, problem, size, say) for name, solver in _ALL.items()]
    title = f"Completion: {size.side} × {size.side}, rank {size.rank}, {size.share:.0%} of the entries, η = {_ETA}"
    return Table("completion", title, _COLUMNS, rows, remarks=_REMARKS)


def sensing_table(size: Size, kappas: Sequence[int], say: Callable[[str], None]) -> Table:
    """Return how descent recovers a matrix from Gaussian measurements [TMC21, Sec. 4]."""
    count = round(size.share * size.side**2)
    say(f"recovery: drawing {count} matrices of {size.side} × {size.side}")
    stack = np.random.default_rng(1).standard_normal((count, size.side**2))
    stack /= np.sqrt(count)
    rows = []
    for kappa in kappas:
        truth = _truth(size, kappa)
        problem = Sensing(stack @ truth.ravel(), stack, shape=truth.shape)
        rows += [_row(name, solver, kappa, truth, problem, size, say) for name, solver in _DESCENT.items()]
    title = f"Sensing: {size.side} × {size.side}, rank {size.rank}, {count} Gaussian measurements, η = {_ETA}"
    return Table("sensing", title, _COLUMNS, rows, remarks=_REMARKS)


def sweep_table(size: Size, kappas: Sequence[int], etas: Array, say: Callable[[str], None]) -> Table:
    """Return the error after a fixed number of steps of completion for each step size [TMC21, Fig. 4]."""
    rows: list[dict[str, Any]] = [{"eta": float(eta)} for eta in etas]
    for kappa in kappas:
        truth, problem = drawn_completion(size, kappa)
        for row in rows:
            say(f"recovery: κ = {kappa}, η = {row['eta']:.2f}")
            for name, solver in _swept(row["eta"]).items():
                row[f"{name} {kappa}"] = run(truth, problem, solver, size.rank, Stop(_SWEPT))["error"]
    columns = [Column("eta", "η", ".2f")]
    columns += [Column(f"{name} {kappa}", f"{name}, κ = {kappa}", ".1e") for name in _DESCENT for kappa in kappas]
    remarks = ("–: diverged, or η > 1, which scaled-gd does not take. η of gd in units of 1/σ₁.",)
    return Table("step sizes", f"Completion: the error after {_SWEPT} steps", columns, rows, remarks=remarks)


def _swept(eta: float) -> dict[str, Any]:
    scaled = {"scaled-gd": ScaledGradientDescent(eta)} if eta <= 1.0 else {}
    return scaled | {"gd": GradientDescent(f"{eta}/sigma1")}


def noise_table(size: Size, kappas: Sequence[int], ratios: Sequence[float], say: Callable[[str], None]) -> Table:
    """Return where descent settles from noisy entries, over √(r(2n − r)/(p n²))/SNR [TMC21, Fig. 3]."""
    n, r = size.side, size.rank
    rows = []
    for kappa in kappas:
        truth, exact = drawn_completion(size, kappa)
        noise = np.random.default_rng(2).standard_normal(truth.shape) * (frobenius(truth) / n)
        for ratio in ratios:
            problem = observed(truth + noise / ratio, known_of(exact))
            floor = float(np.sqrt(r * (2 * n - r) / exact.entries)) / ratio
            for name, solver in _DESCENT.items():
                say(f"recovery: signal to noise {ratio:g}, κ = {kappa}, {name}")
                found = run(truth, problem, solver, r, Stop(size.most))
                over = None if found["error"] is None else found["error"] / floor
                rows.append({"method": name, "kappa": kappa, "ratio": ratio, **found, "over": over})
    columns = (*_COLUMNS[:2], Column("ratio", "SNR", "g"), *_COLUMNS[2:], Column("over", "over the floor", ".2f"))
    remarks = ("SNR: ‖A‖_F over that of the noise. The floor: what r(2n − r) unknowns would take up of the noise.",)
    return Table(
        "noise", f"Completion of noisy entries: the error after {size.most} steps", columns, rows, remarks=remarks
    )


def demo_table(demo: Demo, draws: int, most: int, say: Callable[[str], None]) -> Table:
    """Return what few entries are enough for, by the authors' demonstration of GNMR."""
    methods = {variant: GNMR(variant) for variant in ("setting", "averaging")}
    methods |= {"setting, as published": GNMR(scaled=False), "als": _ALL["als"], "scaled-gd": _ALL["scaled-gd"]}
    (m, n), r = demo.shape, demo.rank
    rows = []
    for draw in range(draws):
        truth = planted(demo.shape, np.linspace(1.0, 10.0, r), rng=draw).A
        problem = observed(truth, mask_with(demo, draw))
        for name, solver in methods.items():
            say(f"recovery: GNMR's demonstration, draw {draw}, {name}")
            stop = Stop(most, relative_error=_DEMO_TOLERANCE)
            rows.append({"draw": draw, "method": name, **run(truth, problem, solver, r, stop)})
    title = f"Few entries: {m} × {n}, rank {r}, σ from 1 to 10, {demo.oversampling} r(m + n − r) entries"
    remarks = (
        f"Runs end at {_DEMO_TOLERANCE:g} observed or after {most} steps; reads/2: iterations of LSQR for GNMR.",
    )
    columns = (Column("draw", "draw", "d"), *(column for column in _COLUMNS if column.key != "kappa"))
    return Table("few entries", title, columns, rows, remarks=remarks)


def drawn_completion(size: Size, kappa: float) -> tuple[Array, Completion]:
    """Return a matrix with σ from 1 to 1/κ and the problem of entries drawn at random, the same ones for every κ."""
    truth = _truth(size, kappa)
    return truth, observed(truth, np.random.default_rng(1).random(truth.shape) < size.share)


def observed(truth: Array, mask: NDArray[np.bool_]) -> Completion:
    """Return the problem of the entries where the mask is true."""
    rows, columns = np.nonzero(mask)
    return Completion(rows, columns, truth[rows, columns], shape=truth.shape)


def known_of(problem: Completion) -> NDArray[np.bool_]:
    """Return where a problem's entries are."""
    mask = np.zeros(problem.shape, bool)
    mask[np.repeat(np.arange(problem.shape[0]), problem.by_rows.counts()), problem.by_rows.indices] = True
    return mask


def mask_with(demo: Demo, seed: int) -> NDArray[np.bool_]:
    """Return a random mask with at least r entries in each row and column: fewer cannot determine it."""
    (m, n), r = demo.shape, demo.rank
    rng, share = np.random.default_rng((1, seed)), demo.oversampling * r * (m + n - r) / (m * n)
    while True:
        mask = rng.random((m, n)) < share
        if min(mask.sum(axis=0).min(), mask.sum(axis=1).min()) >= r:
            return mask


def _truth(size: Size, kappa: float) -> Array:
    return planted((size.side, size.side), np.linspace(1.0, 1.0 / kappa, size.rank), rng=0).A


def _row(
    name: str, solver: Any, kappa: int, truth: Array, problem: Any, size: Size, say: Callable[[str], None]
) -> dict[str, Any]:
    say(f"recovery: {type(problem).__name__}, κ = {kappa}, {name}")
    stop = Stop(size.most, relative_error=_TOLERANCE)
    return {"method": name, "kappa": kappa, **run(truth, problem, solver, size.rank, stop)}


def run(truth: Array, problem: Any, solver: Any, rank: int, stop: Stop) -> dict[str, Any]:
    """Return steps, reads, seconds and errors of one run; no errors where it diverged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        began = time.perf_counter()
        found = solve(problem, solver, rank=rank, start=Spectral(), stop=stop, throw=False)
        seconds = time.perf_counter() - began
    row = {"steps": found.steps, "reads": found.passes, "seconds": seconds}
    if found.status is Status.DIVERGED:
        return row | {"observed": None, "error": None}
    with one_blas_thread:
        error = frobenius(found.X @ found.Y.T - truth) / frobenius(truth)
    return row | {"observed": found.relative_error, "error": error}
