"""Which paper's algorithm runs how: objective, update, theorem, and presets that stand in the paper."""

from __future__ import annotations

from dataclasses import dataclass, field

from lopside.lens.lab.settings import Settings

_FOUR = ("unbalanced", "column-span[scale=0.1]", "unbalanced-gaussian[scale=0.1]", "gaussian[scale=0.1]")
"""Of [WK23, Section 6], the proposed one first."""


@dataclass(frozen=True)
class Preset:
    """Settings with a name.

    Attributes
    ----------
    name, said : str
    settings : Settings
    """

    name: str
    said: str
    settings: Settings


@dataclass(frozen=True)
class Recipe:
    """A paper's algorithm.

    Attributes
    ----------
    name, slug, title : str
        `slug` is that of the paper.
    objective, update : str
        TeX.
    settings : Settings
    presets : tuple of Preset
    """

    name: str
    slug: str
    title: str
    objective: str
    update: str
    settings: Settings
    presets: tuple[Preset, ...] = field(default=())


_WARD = Settings(starts=_FOUR)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "agd-unbalanced",
            "ward2023-convergence",
            "Alternating gradient descent from an unbalanced start",
            r"f(X, Y) = \tfrac12\|XY^\top - A\|_F^2",
            r"X_{t+1} = X_t - \eta\,(X_tY_t^\top - A)\,Y_t, \qquad "
            r"Y_{t+1} = Y_t - \eta\,(X_{t+1}Y_t^\top - A)^\top X_{t+1}",
            _WARD,
            (
                Preset("Four starts, d = 10", "Figure 2 with alternating steps: the step size of the theory.", _WARD),
                Preset(
                    "Four starts, d = 6",
                    "The same with hardly more columns than the rank.",
                    Settings(d=6, starts=_FOUR),
                ),
                Preset(
                    "Large steps",
                    "As in Figure 3: half of the largest step that makes sense.",
                    Settings(step="0.5/sigma1", starts=_FOUR, steps=500),
                ),
                Preset(
                    "10 % noise", "As in Figure 4.", Settings(step="0.5/sigma1", starts=_FOUR, steps=500, noise=0.1)
                ),
                Preset(
                    "κ = 10",
                    "A worse conditioned matrix.",
                    Settings(step="0.5/sigma1", starts=_FOUR, kappa=10.0, steps=3000),
                ),
            ),
        ),
        Recipe(
            "gd-small-init",
            "ye2021-global",
            "Gradient descent from a small random start",
            r"f(U, V) = \tfrac12\|UV^\top - \Sigma\|_F^2",
            r"U_{t+1} = U_t - \eta\,(U_tV_t^\top - \Sigma)\,V_t, \qquad "
            r"V_{t+1} = V_t - \eta\,(U_tV_t^\top - \Sigma)^\top U_t",
            Settings(
                r=5, d=5, kappa=5.0, solver="gd", step="0.25/sigma1", starts=("gaussian[scale=0.001]",), steps=1000
            ),
            (
                Preset(
                    "The start small and smaller",
                    "d is the rank; a smaller start stays longer at the saddle 0.",
                    Settings(
                        r=5,
                        d=5,
                        kappa=5.0,
                        solver="gd",
                        step="0.25/sigma1",
                        steps=1500,
                        runs=3,
                        starts=("gaussian[scale=0.1]", "gaussian[scale=0.001]", "gaussian[scale=1e-06]"),
                    ),
                ),
                Preset(
                    "Simultaneous or alternating",
                    "The same start with alternating steps.",
                    Settings(
                        r=5,
                        d=5,
                        kappa=5.0,
                        solver="agd",
                        step="0.25/sigma1",
                        starts=("gaussian[scale=0.001]",),
                        steps=1000,
                    ),
                ),
            ),
        ),
    )
}
"""By name."""

BY_PAPER = {recipe.slug: recipe for recipe in RECIPES.values()}
