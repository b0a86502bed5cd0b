"""The lines that repeat a run elsewhere, word for word: as Python, and as commands."""

from __future__ import annotations

import shlex

from lopside.catalog import text
from lopside.lens.lab.settings import Settings

_SPECTRA = {
    "even": "np.linspace(1.0, 1.0 / {kappa!r}, {r})",
    "geometric": "np.geomspace(1.0, 1.0 / {kappa!r}, {r})",
    "one large": "np.array([1.0, *[1.0 / {kappa!r}] * {r_less}])",
}


def as_python(settings: Settings) -> str:
    """Return a script that makes the same factors, the last curve's in `solution`."""
    sigma = _SPECTRA[settings.spectrum].format(kappa=settings.kappa, r=settings.r, r_less=settings.r - 1)
    pairs = [(text(solver), start) for solver, start in map(settings.curve, settings.starts)]
    curves = "".join(f"    {pair!r},\n" for pair in pairs)
    return f"""import numpy as np
import lopside as lo
from lopside.catalog import parse
from lopside.data import planted

A = planted(({settings.m}, {settings.n}), {sigma}, noise={settings.noise!r}, rng={settings.seed}).A
stop = lo.Stop(max_steps={settings.steps}, relative_error={settings.target!r})
curves = [
{curves}]
for solver, start in curves:
    for seed in range({settings.seed + 1}, {settings.seed + 1 + settings.runs}):
        solution = lo.solve(
            lo.Full(A), parse("solver", solver), rank={settings.d}, start=parse("start", start), stop=stop, rng=seed,
            sigma1=np.linalg.norm(A, 2), throw=False,
        )
        print(solver, start, seed, solution.steps, solution.relative_error)
print(solution.certificate.summary())
"""


def as_commands(settings: Settings) -> str:
    """Return two commands: one makes the matrix, one the first curve."""
    sigma = _SPECTRA[settings.spectrum].format(kappa=settings.kappa, r=settings.r, r_less=settings.r - 1)
    matrix = f"planted(({settings.m}, {settings.n}), {sigma}, noise={settings.noise!r}, rng={settings.seed}).A"
    made = f"import numpy as np; from lopside.data import planted; np.save('A.npy', {matrix})"
    solver, start = settings.curve(settings.starts[0])
    fit = [
        "lopside", "factor", "A.npy", "--rank", str(settings.d),
        "--solver", text(solver), "--start", start,
        "--relative-error", repr(settings.target), "--max-steps", str(settings.steps),
        "--rng", str(settings.seed + 1), "--out", "run", "--plot",
    ]  # fmt: skip
    return f"python -c {shlex.quote(made)}\n{shlex.join(fit)}\n"
