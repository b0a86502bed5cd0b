"""A linear rate for all time, from the numbers of one pair (X, Y): the certificate of gradient descent.

Notation: E = XYᵀ - A, f = ‖E‖_F² / 2, x = √η ‖X₀‖, y = √η ‖Y₀‖, b = η σ_r(X₀)², g = η √f₀, and
col(X₀) = col(A), of dimension r.

**Theorem (alternating).** Let 0 ≤ u < √b and v ≥ 0 ("budgets"), lx = (x + u)² < 2, ly = (y + v)² < 2 and
p = max(1 - (√b - u)², lx - 1). If

    u ≥ g min( √(2 / ((2 - ly) (1 - p²))), √(2 ly) / (1 - p) ),
    v ≥ g √(2 (1 + p) / ((2 - lx) (1 - p))),

then f_t ≤ p^(2t) f₀, √η ‖X_t - X₀‖_F ≤ u and √η ‖Y_t - Y₀‖_F ≤ v for all t ≥ 0.

*Proof.* By induction the budgets hold up to step t. The X-step maps E_s to D_s = E_s (I - η Y_s Y_sᵀ), not
larger since ly ≤ 2. The Y-step maps D_s to (I - η XXᵀ) D_s, X = X_{s+1}, and the columns of D_s lie in
col(A) = col(X): the norm shrinks by p. So with h_s = ‖D_s‖_F² / 2: f_{s+1} ≤ p² h_s and h_s ≤ f_s ≤ p^(2s) f₀.
For X, expanding ‖D_s‖² gives

    η (2 - ly) ‖E_s Y_s‖_F² ≤ 2 (f_s - h_s) ≤ 2 (f_s - f_{s+1} / p²) = 2 p^(2s) (c_s - c_{s+1})

with c_s = f_s / p^(2s) falling from f₀ (for s = t use h_t ≥ 0). Cauchy-Schwarz with the weights p^s bounds the
motion η Σ ‖E_s Y_s‖_F by the first form; ‖E_s Y_s‖_F ≤ p^s √(2 f₀ ly / η) gives the second. Likewise for Y,
η (2 - lx) ‖D_sᵀ X_{s+1}‖_F² ≤ 2 (h_s - f_{s+1}) ≤ 2 (h_s - h_{s+1}), and the weights p^s, with Abel summation,
bound the motion. So the budgets hold at step t + 1.

**Theorem (simultaneous).** The same conclusions with lx + ly < 2, e = g √(2 lx ly),
p = max(1 - (√b - u)², lx + ly - 1) + e < 1 and

    u ≥ min(w, g √(2 ly) / (1 - p)),     v ≥ min(w, g √(2 lx) / (1 - p)),
    w = g √(2 (1 + p + 2 e p / (1 - p²)) / ((2 - lx - ly) (1 - p))).

*Proof.* E goes to E - η (EYYᵀ + XXᵀE) + η² EYXᵀE. On residuals with columns in col(A) the linear part has its
eigenvalues in [1 - lx - ly, 1 - η σ_r(X)²]; the quadratic part is at most e p^s ‖E_s‖_F. The rest is as before,
with the joint gradient.

Any step of a run may be taken as the start. As f falls, what is assumed reduces to rank X = r and to
η ‖X‖², η ‖Y‖² < 2 (alternating) or η (‖X‖² + ‖Y‖²) < 2 (simultaneous; the limit of stability).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lopside.theory.arguments import require_positive
from lopside.theory.inequality import Inequality
from lopside.theory.linear_bound import LinearBound
from lopside.theory.measurements import Measurements, square

Order = Literal["alternating", "simultaneous"]

# Budgets are enlarged by this share of the motion they must cover, so that finitely many rounds of enlarging
# suffice and rounding in the last comparison cannot matter; it costs at most that share of the budget.
_INFLATION = 2.0**-10


class Scaled(NamedTuple):
    """The four numbers x, y, b, g that the theorem depends on; all without a unit."""

    x: float
    y: float
    b: float
    g: float


class Budgets(NamedTuple):
    """Proved bounds u, v on √η times the motion of X and of Y, and the gap 1 - p with them."""

    u: float
    v: float
    gap: float


def needed_budgets(at: Scaled, u: float, v: float, order: Order) -> Budgets | None:
    """Compute what the motion of X and Y can need when it is allowed to be u and v.

    Parameters
    ----------
    at : Scaled
        The start.
    u, v : float
        Budgets, ≥ 0.
    order : {"alternating", "simultaneous"}
        Which of the two theorems.

    Returns
    -------
    Budgets or None
        The right-hand sides of the theorem; None where its conditions on lx, ly and p fail. The theorem holds
        if they are at most u and v. They grow with u, v and g.
    """
    x, y, root = at.x + u, at.y + v, math.sqrt(at.b) - u
    lx, ly = x * x, y * y  # not x**2, which raises an error where x * x is infinity
    room = min(2 - lx, 2 - ly) if order == "alternating" else 2 - lx - ly
    if root <= 0 or room <= 0:
        return None
    excess = 0.0 if order == "alternating" else at.g * math.sqrt(2 * lx * ly)
    gap = min(root * root, 2 - lx if order == "alternating" else room) - excess
    if not gap > 0:  # also if g overflowed and the gap is not a number
        return None
    p = 1 - gap
    direct_x = at.g * math.sqrt(2 * ly) / gap
    if order == "alternating":
        descent_x = at.g * math.sqrt(2 / ((2 - ly) * gap * (1 + p)))
        return Budgets(min(descent_x, direct_x), at.g * math.sqrt(2 * (1 + p) / ((2 - lx) * gap)), gap)
    joint = at.g * math.sqrt(2 * (1 + p + 2 * excess * p / (gap * (1 + p))) / (room * gap))
    return Budgets(min(joint, direct_x), min(joint, at.g * math.sqrt(2 * lx) / gap), gap)


def least_budgets(at: Scaled, order: Order) -> Budgets | None:
    """Find the least budgets that satisfy the theorem, which give the best rate; None if there are none.

    Parameters
    ----------
    at : Scaled
        The start.
    order : {"alternating", "simultaneous"}
        Which of the two theorems.

    Returns
    -------
    Budgets or None
        Budgets that satisfy the theorem, at most 0.1 % above the least, and their gap.
    """
    u = v = 0.0
    while (needed := needed_budgets(at, u, v, order)) is not None:
        if needed.u <= u and needed.v <= v:
            return Budgets(u, v, needed.gap)
        # The needs grow with the budgets, and every unfinished round enlarges one by over 0.1 %: this ends.
        u, v = max(u, (1 + _INFLATION) * needed.u), max(v, (1 + _INFLATION) * needed.v)
    return None


@dataclass(frozen=True, slots=True)
class AllTime:
    """The all-time theorem applied to one pair (X, Y).

    Parameters
    ----------
    order : {"alternating", "simultaneous"}
        The method it speaks about.
    step_size : float
        η.
    start : Measurements
        The numbers it was applied to.
    budgets : Budgets or None
        The proved motion, or None where the theorem does not hold.
    bound : LinearBound or None
        What follows for the loss: `rate`, `floor`, `loss_at` and `steps_to`.
    """

    order: Order
    step_size: float
    start: Measurements
    budgets: Budgets | None
    bound: LinearBound | None

    @property
    def holds(self) -> bool:
        """Whether the theorem applies, so that the run must converge linearly from here."""
        return self.bound is not None

    @property
    def b(self) -> float:
        """Compute b = η σ_r(X)², with σ_r(X)² lowered by its rounding."""
        return self.start.b(self.step_size)

    @property
    def theta(self) -> float | None:
        """Share u / √b of σ_r(X) that motion may consume: σ_r(X_t) ≥ (1 - θ) σ_r(X)."""
        return self.budgets.u / math.sqrt(self.b) if self.budgets else None

    @property
    def motion_x(self) -> float | None:
        """Proved bound on ‖X_t - X‖_F for all t, in the unit of X."""
        return self.budgets.u / math.sqrt(self.step_size) if self.budgets else None

    @property
    def motion_y(self) -> float | None:
        """Proved bound on ‖Y_t - Y‖_F for all t, in the unit of Y."""
        return self.budgets.v / math.sqrt(self.step_size) if self.budgets else None

    @property
    def conditions(self) -> tuple[Inequality, ...]:
        """The assumptions one by one; the last is the loss against the largest at which the theorem holds."""
        x, y = (square(math.sqrt(self.step_size) * s) for s in (self.start.sigma1_x, self.start.sigma1_y))
        if self.order == "alternating":
            stable = (
                Inequality("X is stable: η‖X‖²", x, 2),
                Inequality("Y is stable: η‖Y‖²", y, 2),
            )
        else:
            stable = (Inequality("stable: η(‖X‖² + ‖Y‖²)", x + y, 2),)
        largest = largest_loss(self.start, self.step_size, self.order)
        small = Inequality("the loss is small against σ_r(X)⁴", self.start.loss, largest)
        return (*self.start.span_and_rank(), *stable, small)


def all_time(start: Measurements, step_size: float, *, order: Order = "alternating") -> AllTime:
    """Apply the all-time theorem of gradient descent to a pair of factors, at any step of a run.

    f_t ≤ (p^t √(2 f₀) + δ'/(1 - p))² / 2 + tail for all t ≥ 0, with p of the module's theorem.

    Parameters
    ----------
    start : Measurements
        Numbers of (X, Y).
    step_size : float
        η > 0, fixed from here on.
    order : {"alternating", "simultaneous"}
        Alternating or simultaneous gradient descent.

    Returns
    -------
    AllTime
        The conditions with their numbers, and the bound if they all hold.

    Raises
    ------
    InputError
        If the step size is not finite and positive.

    Notes
    -----
    Proved in this module; sharpens [WK23, Thm 5.1]: no window, no target accuracy in the step. δ' = δ + 2‖A -
    A_r‖_F is what rounding and the singular values of A after the r-th add in a step, to first order in the
    machine epsilon (`Measurements.disturbance`). The tail holds these singular values and the part of X
    outside the column span. That part does not grow beyond rounding: the theorem has η‖Y_t‖² < 2, and
    `Measurements.span_and_rank` asks for ‖A - A_r‖_F at the rounding of one step.
    """
    require_positive(step_size=step_size)
    budgets = None
    if all(condition.holds for condition in start.span_and_rank()):
        budgets = least_budgets(_scaled(start, step_size), order)
    if budgets is None:
        return AllTime(order, step_size, start, None, None)
    u, v = (budget / math.sqrt(step_size) for budget in budgets[:2])
    bound = LinearBound(start.loss, budgets.gap, start.disturbance(u, v), start.unreached(start.sigma1_y + v))
    return AllTime(order, step_size, start, budgets, bound)


def largest_loss(start: Measurements, step_size: float, order: Order) -> float:
    """Find the largest loss at which the theorem would hold, all other numbers as they are.

    Parameters
    ----------
    start : Measurements
        Numbers of (X, Y); its loss is not used.
    step_size : float
        η > 0.
    order : {"alternating", "simultaneous"}
        Which of the two theorems.

    Returns
    -------
    float
        The loss, at most 0.1 % too small; 0 if the theorem holds for none.
    """
    at = _scaled(start, step_size)
    low, high = 0.0, math.sqrt(2)  # v >= g in both theorems up to a factor, and v < sqrt(2)
    if at.b <= 0 or least_budgets(at._replace(g=0.0), order) is None:
        return 0.0
    while high - low > 2.0**-11 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if least_budgets(at._replace(g=middle), order) is None else (middle, high)
    return square(low / step_size)


def _scaled(start: Measurements, step_size: float) -> Scaled:
    root = math.sqrt(step_size)
    g = step_size * math.sqrt(start.loss)
    return Scaled(root * start.sigma1_x, root * start.sigma1_y, start.b(step_size), g)
