"""Claims about Figure 3 of Ward and Kolda: which start is faster, and up to which step size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise

from lopside.reproduce.claims.claim import Claim, count_text, counts, middle, range_text
from lopside.reproduce.panels import number
from lopside.reproduce.setting import METHOD_NAMES, STARTS, TOLERANCE
from lopside.reproduce.table import Table


def figure3(tables: Mapping[str, Table]) -> Iterator[Claim]:
    """Judge the claims about step sizes; a run that does not reach the tolerance counts as infinitely long."""
    runs = tables["fig3_runs"]
    wide = runs.where(rank=max(runs.distinct("rank")))
    cap = int(runs.facts["cap"])
    for method, name in METHOD_NAMES.items():
        of_method = wide.where(method=method)
        for step_size in of_method.distinct("step_size"):
            if 0.01 <= step_size <= 0.5:
                yield _ranking(of_method.where(step_size=step_size), name, step_size, cap)
        yield _advantage(of_method, name, cap)
        yield _rescaling(of_method, name, cap)
        yield _small_steps(of_method, name)
        yield _columns(runs.where(method=method, start="proposed"), name, cap)
        yield _count(of_method, name, 0.1, (60, 90), cap)
    yield from _limit(wide, cap)
    yield from _two_methods(wide, cap)
    yield _stability(wide)
    yield _first_loss(wide)


def _ranking(runs: Table, name: str, step_size: float, cap: int) -> Claim:
    steps = {start: middle(counts(runs.where(start=start))) for start in STARTS}
    return Claim(
        f"{name}, η = {number(step_size)}: proposed < column span < unbalanced random < random",
        "WK23, Section 6 and Fig 3",
        f"median steps to relative error {number(TOLERANCE)} in this order, strictly",
        ", ".join(f"{start} {count_text(count, cap)}" for start, count in steps.items()),
        all(first < second for first, second in pairwise(steps.values())),
    )


def _advantage(runs: Table, name: str, cap: int) -> Claim:
    below = [step_size for step_size in runs.distinct("step_size") if step_size < 1.0]
    lead = {}
    for step_size in below:
        panel = runs.where(step_size=step_size)
        steps = [middle(counts(panel.where(start=start))) for start in STARTS]
        lead[step_size] = min(steps[1:]) / steps[0] if math.isfinite(steps[0]) else 0.0
    shown = [
        f"η = {number(s)}: {f'{ratio:.1f} ×' if math.isfinite(ratio) else f'others > {cap}'}"
        for s, ratio in lead.items()
    ]
    return Claim(
        f"{name}: the advantage of the proposed start persists with steps larger than the theory's, up to η < 1/σ₁",
        "WK23, Section 6 and Fig 3",
        "smallest median number of steps at every η < 1",
        "next best start needs " + ", ".join(shown),
        min(lead.values()) > 1.0,
    )


def _rescaling(runs: Table, name: str, cap: int) -> Claim:
    pairs = {
        step_size: [
            middle(counts(runs.where(start=start, step_size=step_size)))
            for start in ("unbalanced random", "column span")
        ]
        for step_size in runs.distinct("step_size")
        if 0.01 <= step_size <= 0.5
    }
    shown = (f"η = {number(s)}: {count_text(a, cap)} and {count_text(b, cap)}" for s, (a, b) in pairs.items())
    return Claim(
        f"{name}, practical steps: re-scaling the start matters more than drawing it in the column span",
        "WK23, Section 3, second remark",
        "fewer steps (median) from the unbalanced random start than from the balanced one in the span",
        ", ".join(shown),
        all(a < b for a, b in pairs.values()),
    )


def _small_steps(runs: Table, name: str) -> Claim:
    small = sorted(runs.distinct("step_size"))[:2]
    first, second = (counts(runs.where(start="proposed", step_size=step_size)) for step_size in small)
    change = max(abs(a / b - 1.0) if math.isfinite(a + b) else math.inf for a, b in zip(first, second, strict=True))
    return Claim(
        f"{name}: for small steps the proposed start does not depend on η",
        "this project",
        f"each run's number of steps at η = {number(small[0])} and {number(small[1])} within 10 %",
        f"largest change {100 * change:.1f} %",
        change <= 0.1,
    )


def _columns(runs: Table, name: str, cap: int) -> Claim:
    wide, narrow = max(runs.distinct("rank")), min(runs.distinct("rank"))
    pairs = {
        step_size: tuple(middle(counts(runs.where(rank=rank, step_size=step_size))) for rank in (wide, narrow))
        for step_size in runs.distinct("step_size")
        if step_size < 1.0
    }
    shown = (f"η = {number(s)}: {count_text(a, cap)} and {count_text(b, cap)}" for s, (a, b) in pairs.items())
    return Claim(
        f"{name}: the proposed start is faster with d = {wide} than with d = {narrow} at the same step size",
        "WK23, Section 3, first remark, and Fig 2",
        "smaller median number of steps at every η < 1",
        ", ".join(shown),
        all(a < b for a, b in pairs.values()),
    )


def _count(runs: Table, name: str, step_size: float, bounds: tuple[int, int], cap: int) -> Claim:
    found = counts(runs.where(start="proposed", step_size=step_size))
    return Claim(
        f"{name}, proposed start, η = {number(step_size)}: {bounds[0]} to {bounds[1]} steps",
        "this project",
        f"every run between {bounds[0]} and {bounds[1]} steps to relative error {number(TOLERANCE)}",
        range_text(found, cap) + " steps",
        bounds[0] <= min(found) and max(found) <= bounds[1],
    )


def _limit(runs: Table, cap: int) -> Iterator[Claim]:
    at_one = runs.where(step_size=1.0)
    descent = counts(at_one.where(method="gd"))
    yield Claim(
        "gradient descent: at η = 1/σ₁ the step is too large for any start to converge",
        "WK23, Section 6 and Fig 3",
        f"no run reaches relative error {number(TOLERANCE)} within {cap} steps",
        f"{sum(map(math.isfinite, descent))} of {len(descent)} runs do",
        not any(map(math.isfinite, descent)),
    )
    alternating = counts(at_one.where(method="agd", start="proposed"))
    yield Claim(
        "alternating gradient descent, proposed start: converges at η = 1/σ₁ in at most 10 steps",
        "this project",
        f"every run, to relative error {number(TOLERANCE)}",
        f"{range_text(alternating, cap)} steps",
        max(alternating) <= 10,
    )
    beyond = runs.where(step_size=max(runs.distinct("step_size")))
    for method, name in METHOD_NAMES.items():
        diverged = beyond.where(method=method).columns["diverged"]
        yield Claim(
            f"{name}: diverges at η = {number(beyond.columns['step_size'][0])}/σ₁ from every start",
            "this project",
            "all runs diverge",
            f"{sum(diverged)} of {len(diverged)} do",
            all(diverged),
        )


def _two_methods(runs: Table, cap: int) -> Iterator[Claim]:
    statement = "there is no major difference between alternating and simultaneous gradient descent"
    for text, chosen in (("η ≤ 0.1", lambda s: s <= 0.1), ("0.1 < η ≤ 1", lambda s: 0.1 < s <= 1.0)):
        worst, shown = 1.0, []
        for step_size in filter(chosen, runs.distinct("step_size")):
            both = runs.where(start="proposed", step_size=step_size)
            a, b = (middle(counts(both.where(method=method))) for method in ("agd", "gd"))
            worst = max(worst, a / b, b / a) if math.isfinite(a + b) else math.inf
            shown.append(f"η = {number(step_size)}: {count_text(a, cap)} and {count_text(b, cap)}")
        yield Claim(
            f"{statement}, for {text}/σ₁",
            "WK23, Section 6",
            "median steps of the proposed start within a factor 1.5",
            ", ".join(shown),
            worst <= 1.5,
        )


def _stability(runs: Table) -> Claim:
    rows = [row for row in runs.where(method="gd").rows() if not math.isnan(row["reached"])]
    largest = max((row["step_size"] * row["sharpness"] for row in rows), default=math.nan)
    return Claim(
        "gradient descent settles only where η(‖X‖² + ‖Y‖²) ≤ 2",
        "WCZT21",
        "largest η(‖X‖² + ‖Y‖²) at the end of the converged runs at most 2",
        f"{largest:.3f} over {len(rows)} runs",
        largest <= 2.0 + 1e-9,
    )


def _first_loss(runs: Table) -> Claim:
    spread = 0.0
    proposed = runs.where(start="proposed")
    for run in proposed.distinct("run"):
        losses = proposed.where(run=run).columns["initial_loss"]
        spread = max(spread, max(losses) / min(losses) - 1.0)
    return Claim(
        "the first loss of the proposed start does not depend on the step size",
        "WK23, Remark 2.1",
        "relative spread over all η at most 1e-12, for every draw",
        f"{spread:.1g}",
        spread <= 1e-12,
    )
