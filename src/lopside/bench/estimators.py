"""`LowRank` against scikit-learn's `TruncatedSVD` and `PCA`, each at the cheapest setting that is as accurate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lopside.bench import spectra
from lopside.bench.factorize import RANK, SPARSE, TOLERANCE, Attempt, Case, last, residual, search
from lopside.bench.peers import OVERSAMPLES, Peer, installed
from lopside.bench.rounds import interleave
from lopside.bench.tables import Column, Table
from lopside.factorize import factorize
from lopside.linalg import frobenius
from lopside.threads import thread_count

DENSE, _QUICK_DENSE = (20000, 2000), (3000, 800)
_SPARSE, _QUICK_SPARSE = ((100000, 30000), 10**7), ((20000, 6000), 10**6)

_PATIENCE = 30.0
"""An algorithm that missed the tolerance and took this many times our seconds is not given a costlier setting."""

_LEAST_PATIENCE = 5.0
"""Seconds."""

_CLOSE = 15.0
"""What took up to this many times our seconds is timed again in rounds; the others keep their one time."""

_WHOLE_SIDE, _WHOLE_WORK = 4000, 1e10
"""Columns up to which the covariance, and m·n² up to which all of A is decomposed, where there is no quicker way."""

_COLUMNS = (
    Column("matrix", "matrix"),
    Column("spectrum", "spectrum"),
    Column("center", "center"),
    Column("seconds", "LowRank s", ".3f"),
    Column("excess", "excess", ".1e"),
    Column("proved", "proved", ".1e"),
    Column("over", "over factorize", ".2f"),
)
_DETAILS = (
    Column("matrix", "matrix"),
    Column("spectrum", "spectrum"),
    Column("peer", "peer"),
    Column("setting", "setting"),
    Column("seconds", "s", ".3f"),
    Column("rounds", "rounds", "d"),
    Column("excess", "excess", ".1e"),
    Column("ratio", "ratio", ".2f"),
)
ALGORITHMS = ("randomized", "arpack", "covariance_eigh", "full")


class Task(NamedTuple):
    """A matrix to reduce, and whether its column means are subtracted."""

    case: Case
    center: bool


def tables(*, quick: bool, say: Callable[[str], None], matrices: Sequence[str] = ("dense", *SPARSE)) -> Iterator[Table]:
    """Yield one row for each matrix, and the settings that were chosen.

    Parameters
    ----------
    quick : bool
        Small matrices.
    say : callable
        Is told what is being measured.
    matrices : sequence of str
        Some of "dense", "counts", "topics".
    """
    from threadpoolctl import threadpool_limits

    rows: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    with threadpool_limits(thread_count(), user_api="blas"):
        for task in tasks(quick, matrices, say):
            row, chosen = compare(task, 3, say)
            rows.append(row)
            details += chosen
    columns = list(_COLUMNS)
    for name in ALGORITHMS:
        columns += [Column(f"{name} s", f"{name} s", ".3f"), Column(f"{name} excess", "excess", ".1e")]
        columns.append(Column(f"{name} ratio", "ratio", ".2f"))
    names = sorted({row["peer"] for row in details})
    title = f"fit_transform with {RANK} components to an excess ‖A − ZC‖/‖A − A_k‖ − 1 of {TOLERANCE:g}"
    remarks = [
        "center no: TruncatedSVD; yes: PCA. Each algorithm at its cheapest setting that reaches the tolerance, found "
        "by search, or at its best where the excess says that it gave up.",
        "ratio: its time over ours; over factorize: our time over that of `factorize` alone, its certificate included. "
        "excess: measured, against the prescribed spectrum or, of CSR, ARPACK's at a tolerance of 1e-7; proved: by us.",
    ]
    yield Table("estimators", title, columns, rows, names, remarks)
    yield Table("settings", "The settings, and what they took", _DETAILS, details, names)


def tasks(quick: bool, matrices: Sequence[str], say: Callable[[str], None]) -> Iterator[Task]:
    """Yield one matrix after the other; only one is held at a time."""
    shape = _QUICK_DENSE if quick else DENSE
    for name in spectra.NAMES if "dense" in matrices else ():
        values = spectra.spectrum(name, shape, RANK)
        least = frobenius(values[None, RANK:])
        for center in (False, True):
            say(f"estimators: making dense {shape[0]} × {shape[1]}, {name}, center={center}")
            A = off_center(shape, values) if center else spectra.prescribed(shape, values)
            yield Task(Case(f"dense {shape[0]} × {shape[1]}", name, A, least), center)
    for name, topics in SPARSE.items():
        if name in matrices:
            shape, entries = _QUICK_SPARSE if quick else _SPARSE
            say(f"estimators: making CSR {shape[0]} × {shape[1]}, {name}")
            S = spectra.counts(shape, entries, topics)
            for center in (False, True):
                # The truth is ARPACK's at a tight tolerance.
                U, s, Vt = peers(S, center)["arpack"].fit(S, RANK, 1e-7)
                yield Task(Case(f"CSR {shape[0]} × {shape[1]}", name, S, residual(S, U * s, Vt)), center)


def off_center(shape: tuple[int, int], values: np.ndarray) -> np.ndarray:
    """Return a dense matrix (m × n, m > n) with these singular values once its column means are subtracted.

    The means together have twice the norm of the first of them.
    """
    from scipy.fft import idct

    A = np.zeros(shape)
    A[1:] = spectra.prescribed((shape[0] - 1, shape[1]), values)
    A = idct(A, axis=0, norm="ortho", overwrite_x=True, workers=-1)  # row 0 belongs to the constant
    mean = np.random.default_rng(1).standard_normal(shape[1])
    A += mean * (2.0 * values[0] / np.linalg.norm(mean) / shape[0] ** 0.5)
    return np.ascontiguousarray(A)


def peers(A: Any, center: bool) -> dict[str, Peer]:
    """Return the algorithms that can do this, by the names of scikit-learn."""
    known, sparse, (m, n) = {peer.name: peer for peer in installed()}, hasattr(A, "nnz"), A.shape
    kind = "PCA" if center else "TruncatedSVD"
    found = {"randomized": known["randomized_svd"], "arpack": known["svds arpack"]}
    if center and sparse:
        del found["randomized"]
    if center and not sparse:
        whole = {"covariance_eigh": n <= _WHOLE_SIDE, "full": m * n * min(m, n) <= _WHOLE_WORK}
        found |= {name: _exact(name) for name, can in whole.items() if can}
    fit = _principal if center else _truncated
    return {
        name: peer._replace(name=f"{kind} {name}", usual=(), fit=partial(fit, algorithm=name))
        for name, peer in found.items()
    }


def _exact(name: str) -> Peer:
    return Peer(name, "scikit-learn", "svd_solver", (name,), (), _principal)


def _truncated(A: Any, k: int, setting: Any, *, algorithm: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from sklearn.decomposition import TruncatedSVD

    knob = {"randomized": {"n_iter": setting, "n_oversamples": OVERSAMPLES}, "arpack": {"tol": setting}}
    return _triple(TruncatedSVD(k, algorithm=algorithm, random_state=0, **knob[algorithm]), A)


def _principal(A: Any, k: int, setting: Any, *, algorithm: str = "full") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from sklearn.decomposition import PCA

    knob = {"randomized": {"iterated_power": setting, "n_oversamples": OVERSAMPLES}, "arpack": {"tol": setting}}
    return _triple(PCA(k, svd_solver=algorithm, random_state=0, **knob.get(algorithm, {})), A)


def _triple(estimator: Any, A: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the estimator makes of A as U, s, Vᵗ; means, where it subtracts them, as one more column."""
    Z = estimator.fit_transform(A)
    C, mean = estimator.components_, getattr(estimator, "mean_", None)
    if mean is not None:
        Z, C = np.column_stack([Z, np.ones(len(Z))]), np.vstack([C, mean])
    return Z, np.ones(Z.shape[1]), C


def compare(task: Task, rounds: int, say: Callable[[str], None]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the row of a matrix, and one row for each algorithm."""
    from lopside.estimators import LowRank

    case, center = task
    where = {"matrix": case.matrix, "spectrum": case.spectrum}

    def ours() -> Any:
        estimator = LowRank(RANK, center=center, tol=TOLERANCE)
        return _triple(estimator, case.A), estimator.certificate_.excess

    first = interleave({"LowRank": ours}, 1)["LowRank"].median
    say(f"estimators: {case.matrix}, {case.spectrum}, center={center}: LowRank takes {first:.3g} s")
    found = {name: _cheapest(peer, case, first) for name, peer in peers(case.A, center).items()}
    rivals = {name: one for name, one in found.items() if one.seconds <= _CLOSE * first}
    work: dict[str, Callable[[], Any]] = {name: partial(_again, one, case.A) for name, one in rivals.items()}
    alone = partial(factorize, case.A, RANK, tol=TOLERANCE, center=center)
    timings = interleave({"LowRank": ours, "factorize": alone, **work}, rounds)
    mine = timings["LowRank"]
    triple, proved = mine.answer
    row = where | {"center": "yes" if center else "no", "seconds": mine.median, "excess": case.excess(*triple)}
    row |= {"proved": proved, "over": mine.ratio(timings["factorize"])}
    details = []
    for name, one in found.items():
        timing = timings.get(name)
        seconds = timing.median if timing else one.seconds
        ratio = timing.ratio(mine) if timing else seconds / mine.median
        row |= {f"{name} s": seconds, f"{name} excess": one.excess, f"{name} ratio": ratio}
        told = {"peer": one.peer.name, "setting": f"{one.peer.knob} {one.setting}", "rounds": rounds if timing else 1}
        details.append(where | told | {"seconds": seconds, "excess": one.excess, "ratio": ratio})
    return row, details


def _cheapest(peer: Peer, case: Case, seconds: float) -> Attempt:
    found, tried = search(peer, case.A, case, max(_PATIENCE * seconds, _LEAST_PATIENCE))
    return found or last(tried)


def _again(one: Attempt, A: Any) -> Any:
    return one.peer.fit(A, RANK, one.setting)
