"""A run in the lab: curves as they grow, and what is proved of them; ends at once when nobody looks on any more."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from lopside.catalog import parse
from lopside.certify import certify
from lopside.data import planted
from lopside.errors import DivergedError, Error
from lopside.lens.lab.settings import Settings
from lopside.problems import Full
from lopside.run import Run
from lopside.stopping import Status, Stop
from lopside.theory.certificate import Certificate, Part

_LONGEST = 20.0
"""Seconds of a run, all curves together."""

_MOST_POINTS = 500
"""Of a curve."""

_MOST_FACTORS = 100
"""Of a curve, points at which the factors themselves are looked at."""

_BREATH = 0.05
"""Seconds between two looks at whether anybody waits for more."""


def events(settings: Settings, cancelled: threading.Event) -> Iterator[dict[str, Any]]:
    """Run, and yield what there is to draw.

    Yields
    ------
    dict with "kind":
        "begin": shape, norm, sigma (planted) and curves, a list of {start, seed};
        "points": curve, steps and errors, ‖XYᵀ − A‖_F²/‖A‖_F²;
        "factors": of the first curve of each start: steps, imbalance ‖XᵀX − YᵀY‖_F, and sigma, the singular values of
        XYᵀ at each;
        "end": curve, status, steps, error, the same as it is shown, seconds;
        "proof": of the first curve, theorem by theorem with every hypothesis and its numbers, and the bound's line;
        "done": seconds, and said, one sentence about all of it.
    """
    began = time.perf_counter()
    until = math.inf  # the clock begins when there is a first curve: the first run of all compiles
    matrix = planted((settings.m, settings.n), settings.sigma(), noise=settings.noise, rng=settings.seed)
    problem = Full(matrix.A)
    sigma1 = float(np.linalg.svd(matrix.A, compute_uv=False)[0]) if settings.noise else float(matrix.sigma[0])
    labels = [(start, settings.seed + 1 + k) for start in settings.starts for k in range(settings.runs)]
    yield {
        "kind": "begin",
        "shape": [settings.m, settings.n],
        "norm": problem.norm,
        "sigma": matrix.sigma.tolist(),
        "curves": [{"start": start, "seed": seed} for start, seed in labels],
    }
    ends, proof = [], None
    for curve, (start, seed) in enumerate(labels):
        if cancelled.is_set() or time.perf_counter() > until:
            break
        try:
            run = _run(problem, settings, start, seed, sigma1)
        except Error as error:
            yield {
                "kind": "end",
                "curve": curve,
                "status": str(error),
                "steps": 0,
                "error": None,
                "shown": "",
                "seconds": 0.0,
            }
            continue
        yield from _points(run, curve, cancelled, until, look=seed == settings.seed + 1)
        until = min(until, time.perf_counter() + _LONGEST)
        solution = run.solution()
        ends.append((start, solution))
        yield {
            "kind": "end",
            "curve": curve,
            "status": solution.status.value,
            "steps": solution.steps,
            "error": _plain(solution.relative_error**2),
            "shown": f"{solution.relative_error**2:.3g}" if math.isfinite(solution.relative_error) else "not finite",
            "step_size": solution.step_size,
            "seconds": solution.seconds,
        }
        if proof is None and solution.status is not Status.DIVERGED and not cancelled.is_set():
            proof = certify(problem, solution)
            yield {"kind": "proof", "curve": curve, **told(proof, problem.norm)}
    yield {"kind": "done", "seconds": time.perf_counter() - began, "said": summary(settings, ends)}


def _run(problem: Full, settings: Settings, start: str, seed: int, sigma1: float) -> Run:
    solver, start = settings.curve(start)
    return Run(
        problem,
        solver,
        rank=settings.d,
        start=parse("start", start),
        stop=Stop(max_steps=settings.steps, relative_error=settings.target),
        rng=seed,
        sigma1=sigma1,
        trace_every=10**9,
    )


def _points(run: Run, curve: int, cancelled: threading.Event, until: float, *, look: bool) -> Iterator[dict[str, Any]]:
    """Run to the end, and yield the points that are far enough apart to be seen."""
    seen, next_step, told = 0, 0, time.perf_counter()
    steps, errors = [], []
    most = run.stop.max_steps or 1
    factors = _Factors(run, most) if look else None
    stride = most ** (1.0 / _MOST_POINTS)
    for state in _sound(run):
        if factors is not None:
            factors.look(state)
        for step, error in zip(run.trace.step[seen:], run.trace.relative_error[seen:], strict=True):
            if step >= next_step:
                steps.append(step)
                errors.append(_plain(error**2))
                next_step = max(step + 1, math.ceil(step * stride))
        seen, now = len(run.trace.step), time.perf_counter()
        if now - told > _BREATH:
            yield {"kind": "points", "curve": curve, "steps": steps, "errors": errors}
            steps, errors, told = [], [], now
        if cancelled.is_set() or now > until:
            run.interrupt()
    last = run.trace.step[-1]
    if not steps or steps[-1] != last:
        steps.append(last)
        errors.append(_plain(run.trace.relative_error[-1] ** 2))
    yield {"kind": "points", "curve": curve, "steps": steps, "errors": errors}
    if factors is not None:
        yield {"kind": "factors", "curve": curve, **factors.seen}


class _Factors:
    """What becomes of the factors: looked at in steps that grow, at which the run is made to pause."""

    def __init__(self, run: Run, most: int) -> None:
        self.run = run
        self.stride = max(most ** (1.0 / _MOST_FACTORS), 1.0 + 1e-9)
        self.seen: dict[str, list[Any]] = {"steps": [], "imbalance": [], "sigma": []}

    def look(self, state: Any) -> None:
        """Measure the factors, if it is time."""
        if self.run.pause is None or state.step >= self.run.pause:
            X, Y = (np.asarray(np.linalg.qr(np.asarray(factor), mode="r")) for factor in (state.X, state.Y))
            self.seen["steps"].append(state.step)
            self.seen["imbalance"].append(_plain(float(np.linalg.norm(X.T @ X - Y.T @ Y))))
            self.seen["sigma"].append([_plain(value) for value in np.linalg.svd(X @ Y.T, compute_uv=False)])
            self.run.pause = max(state.step + 1, math.ceil(state.step * self.stride))


def _sound(run: Run) -> Iterator[Any]:
    with suppress(DivergedError):
        yield from run.stretches()


def _plain(number: float) -> float | None:
    return float(f"{number:.7g}") if math.isfinite(number) else None


def told(certificate: Certificate, norm: float) -> dict[str, Any]:
    """Return a certificate as the page shows it: parts, checks, and the lines of the bounds that hold."""
    return {"parts": [_part(part, norm) for part in certificate.parts], "verdict": certificate.verdict()}


def _part(part: Part, norm: float) -> dict[str, Any]:
    line = None
    if part.holds and part.bound is not None:
        last = 100_000 if part.horizon is None else part.horizon
        steps = sorted({round(last ** (k / 60)) for k in range(61)} | {0})
        losses = [(t, part.bound.loss_at(t)) for t in steps]
        line = [[part.step + t, _plain(2.0 * loss / norm**2)] for t, loss in losses if loss > 0.0]
    return {
        "theorem": part.theorem,
        "source": part.source,
        "holds": part.holds,
        "conclusion": part.conclusion,
        "checks": [
            {"name": check.name, "value": _plain(check.value), "bound": _plain(check.bound), "holds": check.holds}
            for check in part.checks
        ],
        "line": line,
    }


def summary(settings: Settings, ends: list[tuple[str, Any]]) -> str:
    """Say in one sentence how the starts did."""
    parts = []
    for start in settings.starts:
        solutions = [solution for name, solution in ends if name == start]
        reached = sorted(s.steps for s in solutions if s.status is Status.RELATIVE_ERROR)
        if 2 * len(reached) > len(solutions):
            some = "" if len(reached) == len(solutions) else f" in {len(reached)} of {len(solutions)} runs"
            parts.append(f"{start} reaches {settings.target:g} after {reached[len(reached) // 2]} steps{some}")
        elif solutions:
            median = float(np.median([s.relative_error for s in solutions]))
            parts.append(f"{start} is at {median:.3g} after {max(s.steps for s in solutions)}")
    return f"Relative error: {'; '.join(parts)}." if parts else "Nothing was run."
