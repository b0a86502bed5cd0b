"""Claims about small random starts: Ye and Du's two stages, and plateaus."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from lopside.reproduce.claims.claim import Claim, counts, middle
from lopside.reproduce.panels import number
from lopside.reproduce.setting import METHOD_NAMES
from lopside.reproduce.table import Table


def ye_du(tables: Mapping[str, Table]) -> Iterator[Claim]:
    """Judge the two stages, their bounds, and how the number of steps depends on the step and on the start."""
    runs = tables["ye_du_runs"]
    for method, name in METHOD_NAMES.items():
        # The paper speaks of simultaneous descent only; the alternating rows ask whether the same is true of it.
        stated = "" if method == "gd" else ", stated there for gradient descent"
        of_method = runs.where(method=method)
        ended = sum(not math.isnan(stage) for stage in of_method.columns["first_stage"])
        yield Claim(
            f"{name}: every run from a small random start ends its first stage and converges",
            "YD21, Thm 1.1 and 3.1" + stated,
            "first stage ended and tolerance reached in every run",
            f"{ended} and {sum(map(math.isfinite, counts(of_method)))} of {len(counts(of_method))} runs",
            ended == len(counts(of_method)) and all(map(math.isfinite, counts(of_method))),
        )
        over_bound = of_method.columns["worst_over_bound"]
        yield Claim(
            f"{name}: in the second stage the core residual falls at least like (1 - ησ_d/2)^t · (2/5) σ_d",
            "YD21, Section 3" + stated,
            "largest ratio to the bound at most 1, over all runs",
            f"{max(over_bound):.2f}",
            all(ratio <= 1.0 for ratio in over_bound),
        )
        yield from _scaling(of_method, name, stated)
        asymmetry = [row["largest_asymmetry"] / (2.0 * row["rank"] * row["scale"]) for row in of_method.rows()]
        yield Claim(
            f"{name}: the asymmetry ‖(U − V)/2‖_F stays of the order of the start",
            "YD21, Thm 3.1" + stated,
            "at most 2 d ε in every run (hidden constant 1)",
            f"{max(asymmetry):.2f} of that",
            max(asymmetry) <= 1.0,
        )
    row = next(runs.rows())
    yield Claim(
        "the step size of the theorem is far below what works",
        "YD21, remark on Cor 1.2",
        "a step at least 1000 times larger converges from the same start",
        f"theorem η = {row['theory_step']:.1e} and {row['theory_count']:.1e} steps; "
        f"here η = {number(row['step_size'])} and {row['reached']:.0f} steps",
        math.isfinite(row["reached"]) and row["step_size"] >= 1000.0 * row["theory_step"],
    )


def _scaling(runs: Table, name: str, stated: str) -> Iterator[Claim]:
    base_step, base_scale = runs.columns["step_size"][0], runs.columns["scale"][0]
    at_scale = runs.where(scale=base_scale)
    products = {
        step_size: step_size * middle(counts(at_scale.where(step_size=step_size)))
        for step_size in sorted(at_scale.distinct("step_size"))
    }
    yield Claim(
        f"{name}: the number of steps is proportional to 1/η",
        "YD21, Thm 1.1" + stated,
        "η times the median number of steps within a factor 1.25 over all η",
        ", ".join(f"η = {number(s)}: {product:.1f}" for s, product in products.items()),
        max(products.values()) <= 1.25 * min(products.values()),
    )
    at_step = runs.where(step_size=base_step)
    scales = sorted(at_step.distinct("scale"), reverse=True)
    steps = [middle(counts(at_step.where(scale=scale))) for scale in scales]
    gains = [
        (b - a) * base_step / math.log(s / t) for a, b, s, t in zip(steps, steps[1:], scales, scales[1:], strict=False)
    ]
    allowed = 1.1 * runs.columns["kappa"][0]
    yield Claim(
        f"{name}: the number of steps grows at most with the logarithm of 1/ε, the scale of the start",
        "YD21, Thm 1.1 and Cor 1.2" + stated,
        "each factor e in ε costs at most 1.1/(ησ_d) steps",
        ", ".join(f"ε = {number(s)}: {count:.0f} steps" for s, count in zip(scales, steps, strict=True))
        + f"; at most {max(gains) / runs.columns['kappa'][0]:.2f}/(ησ_d)",
        all(gain <= allowed for gain in gains),
    )


def plateaus(tables: Mapping[str, Table]) -> Iterator[Claim]:
    """Judge plateaus and waiting times proportional to log(1/ρ)/(ησ_k)."""
    curves, runs = tables["plateaus"], tables["plateaus_runs"]
    best = [float(text) for text in curves.facts["best relative errors"].split()]
    for method, name in METHOD_NAMES.items():
        tiny = curves.where(method=method, scale=min(curves.distinct("scale")))
        rested = sum(
            sum(abs(error / level - 1.0) <= 0.02 for error in tiny.where(run=run).columns["relative_error"]) >= 3
            for run in tiny.distinct("run")
            for level in best[1:]
        )
        expected = len(tiny.distinct("run")) * len(best[1:])
        yield Claim(
            f"{name}: from a tiny start the error rests at the best rank-k errors, one after another",
            "JCD22",
            "at least 3 kept steps within 2 % of every best rank-k error, in every run with the smallest start",
            f"{rested} of {expected} plateaus",
            rested == expected,
        )
        rows = [row for row in runs.where(method=method).rows() if row["scale"] < 1e-4]
        waits = [row["learned"] * row["step_size"] * row["sigma"] / -math.log(row["scale"]) for row in rows]
        finite = not any(map(math.isnan, waits))
        yield Claim(
            f"{name}: component k is learned after about log(1/ρ)/(ησ_k) steps",
            "JCD22",
            "steps times ησ_k/log(1/ρ) the same within a factor 1.5, over k, ρ ≤ 1e-6 and runs",
            f"{min(waits):.2f} to {max(waits):.2f}",
            finite and max(waits) <= 1.5 * min(waits),
        )
