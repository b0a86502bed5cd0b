"""Rows in batches: ways to merge them into a summary of few directions, at equal memory; and time by batch size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lopside.bench.rounds import interleave
from lopside.bench.tables import Column, Table
from lopside.data import china, digits, elevation
from lopside.estimators.merging import reduced
from lopside.linalg import thin_svd
from lopside.threads import one_blas_thread

Merge = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""Stack C (p × n), ℓ ↦ B (ℓ × n) with CᵀC = BᵀB + D, D ⪰ 0; and numbers of which the first d bound Σ_{i≤d} λ_i(D)."""

RANKS = (5, 10)
_ROWS, _SPARE = 256, 32
_ALPHA = 0.2
"""Share of the directions that are shrunk, as recommended by [DGP16]."""


class Rows(NamedTuple):
    """A matrix whose rows come in batches."""

    name: str
    A: np.ndarray


class Found(NamedTuple):
    """Components (d × n), what is known of the error and of the least possible, and seconds a row."""

    components: np.ndarray
    reached: float
    least: float


def exactly(stack: np.ndarray, keep: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the leading part of a singular value decomposition of the stack [RLLY08]."""
    _, s, Vt = np.linalg.svd(stack, full_matrices=False)
    return s[:keep, None] * Vt[:keep], np.square(s[keep:])


def shrunk(stack: np.ndarray, keep: int, *, share: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return the same with δ = s²_{ℓ+1} subtracted of a share of the squares: frequent directions [GLPW16, DGP16]."""
    _, s, Vt = np.linalg.svd(stack, full_matrices=False)
    if len(s) <= keep:
        return s[:, None] * Vt, np.zeros(0)
    squares, first = np.square(s), round((1.0 - share) * keep)
    lost = np.concatenate([np.full(keep - first, squares[keep]), squares[keep:]])
    squares[first:keep] -= squares[keep]
    return np.sqrt(np.maximum(squares[:keep], 0.0))[:, None] * Vt[:keep], lost


def krylov(stack: np.ndarray, keep: int, *, products: int) -> tuple[np.ndarray, np.ndarray]:
    """Return UᵀC with U out of a few products with C Cᵀ from a random start: of D only the trace is known."""
    S = np.random.default_rng(0).standard_normal((len(stack), min(keep + 8, *stack.shape)))
    for _ in range(products):
        S = np.linalg.qr(stack @ (stack.T @ S))[0]
    P = S.T @ stack
    _, U = np.linalg.eigh(P @ P.T)
    held = U[:, : -keep - 1 : -1].T @ P
    trace = float(np.square(stack).sum() - np.square(held).sum())
    return held, np.array([max(trace, 0.0)])


MERGES: dict[str, Merge] = {
    "lopside": reduced,
    "SVD": exactly,
    "frequent directions": shrunk,
    f"frequent directions, α {_ALPHA:g}": partial(shrunk, share=_ALPHA),
    "block Krylov, 1 product": partial(krylov, products=1),
    "block Krylov, 2 products": partial(krylov, products=2),
}


def streamed(A: np.ndarray, rank: int, merge: Merge) -> Found:
    """Merge the rows of A and say what is known of the best fit of rank d that the summary has."""
    keep, held, lost = 2 * rank + _SPARE, np.zeros((0, A.shape[1])), 0.0
    energy = 0.0
    with one_blas_thread:
        for first in range(0, len(A), _ROWS):
            batch = A[first : first + _ROWS]
            energy += float(np.square(batch).sum())
            held, dropped = merge(np.vstack([held, batch]), keep)
            lost += float(dropped[:rank].sum())
        _, s, V = thin_svd(held)
    # ‖A − A VᵀV‖² ≤ ‖A‖² − Σ s², because ‖A v_i‖ ≥ s_i.
    missed = max(energy - float(np.square(s[:rank]).sum()), 0.0)
    return Found(V[:rank], math.sqrt(missed), math.sqrt(max(missed - lost, 0.0)))


def tables(*, quick: bool, say: Callable[[str], None]) -> Iterator[Table]:
    """Yield the merges on real and on planted rows, and the time a row takes by how many come at once.

    Parameters
    ----------
    quick : bool
        Fewer rows and rounds.
    say : callable
        Is told what is being measured.
    """
    rounds = 1 if quick else 5
    rows: list[dict[str, Any]] = []
    for what in matrices(quick):
        for rank in RANKS:
            say(f"streaming: {what.name}, rank {rank}")
            rows += compared(what, rank, rounds)
    columns = [Column("matrix", "rows"), Column("rank", "d", "d"), Column("merge", "merge")]
    columns += [Column("excess", "excess", ".1e"), Column("proved", "proved", ".1e")]
    columns += [Column("micro", "µs/row", ".1f"), Column("ratio", "ratio", ".2f")]
    peers = [name for name in MERGES if name != "lopside"]
    remarks = [
        f"Batches of {_ROWS} rows, 2d + {_SPARE} directions kept by all. excess: ‖A − A VᵀV‖/‖A − A_d‖ − 1, measured; "
        "proved: a bound on it from what was kept and dropped alone; ratio: its time over ours.",
        "What frequent directions promise before any row is seen is an excess of at most √(ℓ/(ℓ − d)) − 1 = "
        + ", ".join(f"{math.sqrt((2 * d + _SPARE) / (d + _SPARE)) - 1:.2g} at d = {d}" for d in RANKS)
        + " [GLPW16]; what is proved of it here is what they dropped, row by row.",
    ]
    yield Table("merges", "Merges of batches at equal memory", columns, rows, peers, remarks)
    yield _by_size(quick, rounds, say)


def compared(what: Rows, rank: int, rounds: int) -> list[dict[str, Any]]:
    """Return one row for each merge."""
    A = what.A
    least = math.sqrt(float(np.square(np.linalg.svd(A, compute_uv=False)[rank:]).sum()))
    timings = interleave({name: partial(streamed, A, rank, merge) for name, merge in MERGES.items()}, rounds)
    out = []
    for name, timing in timings.items():
        found: Found = timing.answer
        V = found.components
        told = {"matrix": f"{what.name} {A.shape[0]} × {A.shape[1]}", "rank": rank, "merge": name}
        told["excess"] = float(np.linalg.norm(A - A @ V.T @ V)) / least - 1.0
        told["proved"] = found.reached / found.least - 1.0 if found.least > 0.0 else None
        told["micro"] = 1e6 * timing.median / len(A)
        out.append(told | {"ratio": timing.ratio(timings["lopside"])})
    return out


def _by_size(quick: bool, rounds: int, say: Callable[[str], None]) -> Table:
    from sklearn.decomposition import IncrementalPCA

    from lopside.estimators import LowRank

    rank, A = RANKS[1], drifting(1024 if quick else 4096, 1000, 1.0)
    keep = 2 * rank + _SPARE
    centered = A - A.mean(axis=0)
    least = math.sqrt(float(np.square(np.linalg.svd(centered, compute_uv=False)[rank:]).sum()))

    def fed(make: Callable[[], Any], size: int) -> Any:
        fitted, many = make(), min(len(A), 64 * size)
        for first in range(0, many, size):
            fitted.partial_fit(A[first : first + size])
        return fitted, many

    def excess(fitted: Any) -> float:
        V = fitted.components_[:rank]
        return float(np.linalg.norm(centered - centered @ V.T @ V)) / least - 1.0

    rows = []
    for size in (1, 16, keep, 256, len(A)):
        say(f"streaming: batches of {size}")
        work = {"LowRank": partial(fed, lambda: LowRank(rank, center=True), size)}
        if size >= keep:  # it wants as many rows at first as it has components
            work["IncrementalPCA"] = partial(fed, lambda: IncrementalPCA(keep), size)
        timings = interleave(work, rounds)
        row: dict[str, Any] = {"size": size}
        for name, timing in timings.items():
            fitted, many = timing.answer
            row[f"{name} micro"] = 1e6 * timing.median / many
            row[f"{name} excess"] = excess(fitted) if many == len(A) else None
        if "IncrementalPCA" in timings:
            row["ratio"] = timings["IncrementalPCA"].ratio(timings["LowRank"])
        rows.append(row)
    columns = [Column("size", "batch", "d")]
    for name in ("LowRank", "IncrementalPCA"):
        columns += [Column(f"{name} micro", f"{name} µs/row", ".1f"), Column(f"{name} excess", "excess", ".1e")]
    columns.append(Column("ratio", "ratio", ".2f"))
    title = f"partial_fit of {len(A)} × {A.shape[1]} drifting rows by the rows in a batch, {rank} components, centered"
    remark = (
        f"scikit-learn's IncrementalPCA keeps as many directions, {keep}, and its first {rank} are judged. Up to 64 "
        "batches were given; each partial_fit ends with components and, of ours, a certificate."
    )
    return Table("batches", title, columns, rows, None, [remark])


def matrices(quick: bool) -> Iterator[Rows]:
    """Yield real rows in the order in which they come, and planted ones with and without a drift."""
    m = 1200 if quick else 4000
    noise = np.random.default_rng(2)
    yield Rows("digits", digits())
    yield Rows("china", china())
    yield Rows("elevation", elevation())
    yield Rows("docstrings", docstrings())
    yield Rows("planted", drifting(m, 1000, 0.0))
    yield Rows("drifting", drifting(m, 1000, 1.0))
    yield Rows("power law", noise.standard_normal((m, 800)) * np.arange(1.0, 801.0) ** -0.7)
    yield Rows("noise alone", noise.standard_normal((m, 600)))


def drifting(m: int, n: int, drift: float) -> np.ndarray:
    """Return rows of rank 10 in noise, whose span goes from one to another as they come (drift 1) or stays (0)."""
    rng, d = np.random.default_rng(0), 10
    first, last = (np.linalg.qr(rng.standard_normal((n, d)))[0].T for _ in range(2))
    t, size = drift * np.linspace(0.0, 1.0, m)[:, None], 0.7 ** np.arange(d)
    signal = (rng.standard_normal((m, d)) * size) @ first * (1.0 - t) + (rng.standard_normal((m, d)) * size) @ last * t
    return signal + rng.standard_normal((m, n)) / math.sqrt(n)


def docstrings(columns: int = 1000) -> np.ndarray:
    """Return how often each docstring of NumPy and SciPy has each of the commonest words, module by module."""
    import inspect
    import re
    from collections import Counter
    from importlib import import_module

    texts: dict[str, Counter[str]] = {}
    for name in ("numpy", "numpy.linalg", "numpy.ma", *(f"scipy.{part}" for part in _PARTS)):
        module = import_module(name)
        for member in sorted(vars(module)):
            text = inspect.getdoc(getattr(module, member)) if not member.startswith("_") else None
            if text:
                texts.setdefault(text, Counter(re.findall("[a-z]{3,}", text.lower())))
    whole: Counter[str] = sum(texts.values(), Counter())
    words = {word: place for place, (word, _) in enumerate(sorted(whole.items(), key=_rank)[:columns])}
    A = np.zeros((len(texts), len(words)))
    for row, counts in zip(A, texts.values(), strict=True):
        for word, count in counts.items():
            if word in words:
                row[words[word]] = count
    return A


_PARTS = ("linalg", "sparse", "stats", "signal", "special", "optimize", "ndimage", "spatial", "interpolate", "fft")


def _rank(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]
