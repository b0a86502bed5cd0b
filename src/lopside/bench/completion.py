"""Matrix completion against other libraries: error on unseen entries, the time to reach the best peer's, and memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lopside.bench.completion_fits import OURS, judged, planted, ratings, tuned, written
from lopside.bench.completion_gap import gap_table
from lopside.bench.completion_peers import Entries, Method, absent, installed
from lopside.bench.completion_race import QUICK, RACES, race_table
from lopside.bench.memory import AnonymousMemory
from lopside.bench.tables import Column, Table
from lopside.bench.tuning import SPLITS, TRIALS, Settings, Tuned, mean, paired
from lopside.bench.worker import FAILURES, Worker
from lopside.threads import thread_count

NAMES = ("error", "race", "memory", "gap")

_PATIENCE = 30.0
"""Seconds for one fit of MovieLens-100K."""


def _judged(job: tuple[Method, int], entries: Entries, trials: int) -> tuple[Tuned, float]:
    """Tune a method on the training entries of a split, and judge it by the others."""
    method, seed = job
    here = judged(entries, seed)
    with Worker(threads=1) as worker:
        found = tuned(method, here.known, {}, trials, worker, _PATIENCE)
        try:
            return found, worker(here.error, method, found.best.settings, limit=2 * _PATIENCE)
        except FAILURES:
            return found, float("inf")


def error_table(*, quick: bool, say: Callable[[str], None]) -> Table:
    """Return the errors on MovieLens-100K over five splits, every method tuned by itself on each of them."""
    entries, trials, splits = ratings(), 3 if quick else TRIALS, 2 if quick else SPLITS
    methods = [*OURS[:3], *installed()]
    errors: dict[str, list[float]] = {method.name: [] for method in methods}
    inner: dict[str, list[float]] = {method.name: [] for method in methods}
    chosen: dict[str, list[Settings]] = {method.name: [] for method in methods}
    seconds = dict.fromkeys(errors, 0.0)
    jobs = [(method, seed) for seed in range(splits) for method in methods]
    with ThreadPoolExecutor(thread_count()) as pool:
        for (method, seed), (found, error) in zip(
            jobs, pool.map(lambda job: _judged(job, entries, trials), jobs), strict=True
        ):
            errors[method.name].append(error)
            inner[method.name].append(found.best.error)
            chosen[method.name].append(found.best.settings)
            seconds[method.name] += found.seconds
            say(f"split {seed}: {method.name} {error:.4f} with {written(found.best.settings)}")
    best = min((m for m in methods if m.package != "lopside"), key=lambda m: np.mean(inner[m.name]), default=methods[0])
    rows = []
    for method in methods:
        over, apart = mean(errors[method.name]), paired(errors[method.name], errors[best.name])
        rows.append(
            {
                "method": method.name,
                "error": over.value,
                "se": over.error,
                "apart": apart.value,
                "apart_se": apart.error,
                "settings": written(chosen[method.name][0]),
                "seconds": seconds[method.name],
            }
        )
    remarks = [
        f"Each method tried {trials} settings (rank, λ, steps, learning rate: those it has) on a tenth of the training "
        "entries of each split, on one thread; predictions are clipped to the range of the training values.",
        f"apart: minus {best.name}, the peer best on inner validation, on the same splits.",
        "implicit does not apply: it counts every unknown entry as a zero.",
        *([f"not installed: {', '.join(absent())}"] if absent() else []),
    ]
    columns = (
        Column("method", "method"),
        Column("error", "RMSE", ".4f"),
        Column("se", "± se", ".4f"),
        Column("apart", "apart", "+.4f"),
        Column("apart_se", "± se", ".4f"),
        Column("settings", "settings on the first split"),
        Column("seconds", "tuning s", ".0f"),
    )
    title = f"MovieLens-100K, {splits} random 90/10 splits"
    return Table("error", title, columns, rows, sorted({m.package for m in installed()}), remarks)


def memory_table(*, quick: bool) -> Table:
    """Return the most memory that a fit takes beyond the triples, over what these take."""
    entries, small = planted(200_000 if quick else 20_000_000, 16), planted(20_000, 16)
    rows = []
    for method in (OURS[2], *(m for m in installed() if "rank" in m.space and len(entries.values) <= m.most)):
        free = {"rank": 16, "ridge": 0.05, "steps": 2, "rate": 0.05}
        settings = {name: value for name, value in free.items() if name in method.space}
        method.fit(small, **settings)  # what is compiled or loaded when first used stays
        with AnonymousMemory() as watched:
            method.fit(entries, **settings)
        factors = 4 * sum(entries.shape) * 18
        rows.append(
            {
                "method": method.name,
                "peak": watched.peak / 1e6,
                "beyond": watched.peak / entries.nbytes,
                "whole": 1.0 + watched.peak / entries.nbytes,
                "factors": factors / entries.nbytes,
            }
        )
    columns = (
        Column("method", "method"),
        Column("peak", "peak MB", ".0f"),
        Column("beyond", "over the triples'", ".2f"),
        Column("whole", "with the triples", ".2f"),
        Column("factors", "one pair of factors", ".2f"),
    )
    title = f"most memory of a fit beyond the {len(entries.values):.0e} triples of 12 bytes, d = 16, float32"
    return Table("memory", title, columns, rows, sorted({m.package for m in installed()}))


def tables(*, quick: bool, say: Callable[[str], None], names: Sequence[str] = NAMES) -> Iterator[Table]:
    """Yield the tables asked for."""
    if "error" in names:
        yield error_table(quick=quick, say=say)
    if "race" in names and not installed():
        say(f"no race: none of {', '.join(absent())} is installed")
    elif "race" in names:
        yield race_table(QUICK if quick else RACES, say)
    if "memory" in names:
        yield memory_table(quick=quick)
    if "gap" in names:
        yield gap_table(quick=quick, say=say)
