"""Which paper's algorithm runs how: objective, update, theorem, and presets that stand in the paper."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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


_WARD = Settings(starts=_FOUR, solver="agd", step="ward-kolda[tau=1]")
_SMALL = Settings(r=5, d=5, kappa=5.0, solver="gd", step="0.25/sigma1", starts=("gaussian[scale=0.001]",), steps=1000)

_FIGURE = replace(_WARD, solver="gd")
"""Of [WK23, Section 6]: figures 2 to 4 are of gradient descent."""

BOTH = replace(_SMALL, starts=("agd / unbalanced", "gd / gaussian[scale=0.001]"), runs=5)
"""The two papers' methods on the same matrix."""

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
                Preset(
                    "Figure 1",
                    "The proposed start and a random one, alternating steps of the theory's size.",
                    replace(_WARD, starts=(_FOUR[0], _FOUR[3])),
                ),
                Preset("Figure 2, d = 10", "Four starts, gradient descent, the theory's step.", _FIGURE),
                Preset("Figure 2, d = 6", "With hardly more columns than the rank.", replace(_FIGURE, d=6, steps=8000)),
                Preset(
                    "Figure 3, η = 0.1", "The same matrix, a step much larger.", replace(_FIGURE, step="0.1/sigma1")
                ),
                Preset(
                    "Figure 3, η = 1",
                    "The limit of stability of gradient descent: nothing arrives.",
                    replace(_FIGURE, step="1/sigma1"),
                ),
                Preset(
                    "Figure 4",
                    "With 10 % noise: no start gets below the part of A beyond its best rank-d approximation.",
                    replace(_FIGURE, noise=0.1, step="0.01/sigma1"),
                ),
                Preset(
                    "Alternating, η = 1/σ₁",
                    "Where gradient descent stands still, alternating steps are done after a few.",
                    replace(_WARD, step="1/sigma1", steps=200),
                ),
                Preset("Both papers", "Ward and Kolda's method and Ye and Du's on one matrix, by one step size.", BOTH),
                Preset(
                    "κ = 10", "A worse conditioned matrix.", replace(_WARD, step="0.5/sigma1", kappa=10.0, steps=3000)
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
            _SMALL,
            (
                Preset(
                    "The start small and smaller",
                    "A smaller start stays longer at the saddle 0, and is then as fast.",
                    replace(
                        _SMALL,
                        steps=1500,
                        runs=3,
                        starts=("gaussian[scale=0.1]", "gaussian[scale=0.001]", "gaussian[scale=1e-06]"),
                    ),
                ),
                Preset("Alternating", "The same start with alternating steps.", replace(_SMALL, solver="agd")),
                Preset(
                    "More columns than the rank",
                    "d = 10 for a matrix of rank 5, which the theorem is not about: it slows down.",
                    replace(_SMALL, d=10, steps=5000),
                ),
            ),
        ),
    )
}
"""By name."""

BY_PAPER = {recipe.slug: recipe for recipe in RECIPES.values()}
