"""The step size η: a number, a multiple of 1/σ₁(A), or what a theorem asks for."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any, Protocol, overload

import numpy as np

from lopside.arrays import Array, as_positive
from lopside.errors import InputError
from lopside.theory.span import column_span


class StepSize(Protocol):
    """A rule that turns a matrix and a rank into η."""

    def resolve(self, problem: Any, rank: int, sigma1: float) -> float:
        """Return η > 0 for a problem, the number of columns d and σ₁(A) (or an estimate of it)."""
        ...


@dataclass(frozen=True)
class OverSigma1:
    """η = c/σ₁(A); text form `"0.9/sigma1"`.

    Parameters
    ----------
    factor : float
        c > 0. Simultaneous descent cannot settle for c > 1, alternating descent for c ≥ 2.
    """

    factor: float

    def __post_init__(self) -> None:
        as_positive(self.factor, "step-size factor")

    def resolve(self, problem: Any, rank: int, sigma1: float) -> float:
        """Return c/σ₁; 1 for A = 0, where any step stays at the answer."""
        return self.factor / sigma1 if sigma1 > 0 else 1.0


@dataclass(frozen=True)
class WardKolda:
    """The step of Ward and Kolda's corollary, floor corrected: η = β/√(32 f₀(log(f₀/f) + β/4)) [WK23, Cor 5.2].

    β = ρ²σ_r²/(C²σ₁²) with ρ = τ(1 − √((r−1)/d)), at most ¼ [WK23, (A2b), (A2c)], f₀ ≤ ½(1 + ν)²‖A‖_F²
    [WK23, Prop 4.3] and f the loss at `relative_error`; at most 9/(4Cνσ₁) [WK23, Cor 4.4]. The corollary prints no
    β/4, which pays for rounding the number of steps down. Safe and slow: on a 100 × 100 matrix of rank 5 it is
    about 1e-4/σ₁. For A = 0, where any step stays at the answer, it is 1.

    Parameters
    ----------
    relative_error : float
        What the window is to reach, ‖A − XYᵀ‖_F/‖A‖_F in [1e-150, 1).
    tau : float, optional
        τ in (0, 3]. Default: the largest that fails with probability at most `failure`/2, from explicit Gaussian
        tails.
    failure : float
        Probability in (0, 1) with which the start may miss what the theorem needs.
    C, nu : float
        As in `starts.Unbalanced`, whose start the theorem is about: C ≥ 1, ν in (0, 1).
    r : int, optional
        Rank ≥ 1 the theorem is applied with; default the numerical rank of A, which must be at most d.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """

    relative_error: float = 1e-5
    tau: float | None = None
    failure: float = 0.05
    C: float = 4.0
    nu: float = 1e-10
    r: int | None = None

    def __post_init__(self) -> None:
        _require_fraction(self.relative_error, "relative_error")
        if self.relative_error < _LEAST_ERROR:
            raise InputError(
                f"got relative_error = {self.relative_error}; expected at least {_LEAST_ERROR}, whose square is still "
                "a floating-point number; try 1e-15, which is what float64 reaches"
            )
        if self.tau is not None and as_positive(self.tau, "tau") > _LARGEST_TAU:
            raise InputError(
                f"got tau = {self.tau}; expected 0 < tau ≤ {_LARGEST_TAU:g}, because σ_r(VᵀΦ₁) ≥ ρ and ‖VᵀΦ₁‖ ≤ 3 "
                "are both assumed; try a value below 1, or None for one that fits `failure`"
            )
        _require_fraction(self.failure, "failure")
        _require_start(self.C, self.nu, self.r)

    def resolve(self, problem: Any, rank: int, sigma1: float) -> float:
        """Return η; the first call on a matrix finds its rank."""
        from lopside.theory import probability, ward_kolda, ward_kolda_window

        if problem.norm == 0:
            return 1.0
        r, sigma = _spectrum(problem, rank, self.r)
        tau = probability.tau_from_probability(rank, r, self.failure / 2) if self.tau is None else self.tau
        beta = min(ward_kolda.beta(ward_kolda.rho(tau, rank, r), self.C, float(sigma[0] / sigma[r - 1])), 0.25)
        # In the unit ‖A‖_F = 1, because losses are squares and may overflow or underflow.
        first, target = ward_kolda.initial_loss_bounds(self.nu, 1.0)[1], 0.5 * self.relative_error**2
        step = ward_kolda_window.theory_step(beta, first, target) / problem.norm
        return min(step, ward_kolda.step_bound(self.C, self.nu, float(sigma[0])))


@dataclass(frozen=True)
class AllTime:
    """The step of the all-time theorem in closed form, chosen before the start is drawn: η = θ(1 − θ)β/(2√f₀).

    Proved in `theory.all_time_step`; sharpens [WK23, Thm 5.1, Cor 5.2], with β and f₀ ≤ ½(1 + ν)²‖A‖_F² as in
    `WardKolda`. Larger than its step by about √(log(f₀/f)/2) and free of the accuracy asked for; the run then
    converges linearly for all time with probability 1 − `failure`, if C is large enough for condition (a) there:
    √η max(‖X₀‖, ‖Y₀‖) + θ√β ≤ 1. For A = 0 it is 1.

    Parameters
    ----------
    failure : float
        In (0, 1).
    theta : float
        θ in (0, 1): ½ gives the largest step, a smaller one the better rate.
    C, nu : float
        As in `starts.Unbalanced`: C ≥ 1, ν in (0, 1).
    r : int, optional
        As in `WardKolda`.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """

    failure: float = 0.05
    theta: float = 0.5
    C: float = 4.0
    nu: float = 1e-10
    r: int | None = None

    def __post_init__(self) -> None:
        _require_fraction(self.failure, "failure")
        _require_fraction(self.theta, "theta")
        _require_start(self.C, self.nu, self.r)

    def resolve(self, problem: Any, rank: int, sigma1: float) -> float:
        """Return η; the first call on a matrix finds its rank."""
        from lopside.theory.all_time_step import step_in_advance

        if problem.norm == 0:
            return 1.0
        r, sigma = _spectrum(problem, rank, self.r)
        return step_in_advance(
            problem.shape,
            rank,
            r,
            sigma1=float(sigma[0]),
            sigma_r=float(sigma[r - 1]),
            norm_a=problem.norm,
            failure=self.failure,
            C=self.C,
            nu=self.nu,
            theta=self.theta,
        ).step_size


@dataclass(frozen=True)
class YeDu:
    """The step of Ye and Du's theorem, η = c·σ_d ε²/(dσ₁³) with ε their start scale [YD21, Thm 1.1].

    A report more than a choice: on a 100 × 100 matrix of rank 5 it is about 1e-6, and resolving it warns so. For
    A = 0 it is 1.

    Parameters
    ----------
    exponent : float
        As in `starts.YeDu`; ≥ 0.
    constant : float
        c > 0; hidden in the source.

    Raises
    ------
    InputError
        If a parameter is out of range.
    """

    exponent: float = 1.0
    constant: float = 1.0

    def __post_init__(self) -> None:
        as_positive(self.constant, "constant")
        as_positive(self.exponent, "exponent", zero=True)

    def resolve(self, problem: Any, rank: int, sigma1: float) -> float:
        """Return η and warn how many steps it needs."""
        from lopside.theory import ye_du

        if problem.norm == 0:
            return 1.0
        sigma = _spectrum(problem, rank, rank)[1]
        unit, smallest = float(sigma[0]), float(sigma[rank - 1] / sigma[0])
        # For A/σ₁, because the theorem has σ₁³ in it; the number of steps is the same for every multiple of A.
        scale = ye_du.start_scale(1.0, smallest, rank, problem.shape, rank_exponent=self.exponent)
        if scale < _LEAST_ERROR:
            raise InputError(
                f"got exponent {self.exponent}, for which the start vanishes; expected 1, or 3 as quoted later"
            )
        step = ye_du.theory_step(1.0, smallest, rank, scale, hidden_factor=self.constant)
        steps = ye_du.total_steps(smallest, rank, scale, step, 0.5 * (1e-5 * problem.norm / unit) ** 2)
        warnings.warn(
            f"the Ye–Du step is {step / unit:.2g}, {step:.2g}/σ₁: about {steps:.1g} steps to a relative error of "
            '1e-5. It is a bound from a proof; to run the method try "0.5/sigma1"',
            stacklevel=2,
        )
        return step / unit


_LEAST_ERROR = 1e-150
_LARGEST_TAU = 3.0


def _require_fraction(value: Any, name: str) -> None:
    if as_positive(value, name) >= 1.0:
        raise InputError(f"got {name} = {value}; expected 0 < {name} < 1; try the default")


def _require_start(C: float, nu: float, r: Any) -> None:
    if as_positive(C, "C") < 1.0:
        raise InputError(f"got C = {C}; expected C ≥ 1; try 4, which the theorems ask for")
    _require_fraction(nu, "nu")
    if r is not None and (isinstance(r, bool) or not isinstance(r, int | np.integer) or r < 1):
        raise InputError(f"got r = {r!r}; expected an integer ≥ 1, or None for the numerical rank of A")


def _spectrum(problem: Any, rank: int, r: int | None) -> tuple[int, Array]:
    span = column_span(problem, rank)
    known = min(rank, len(span.sigma))
    if r is not None and r > known:
        raise InputError(
            f"got a step size for rank {r}, but A has numerical rank {span.rank} and d = {rank}; expected at most "
            f'{known}: try r={known}, rank {known}, or the step size "0.9/sigma1"'
        )
    if r is None and span.rank > rank:
        raise InputError(
            f"got a step size that needs rank(A) ≤ d, but A has numerical rank {span.rank} and d = {rank}"
            '; try a larger rank, "0.9/sigma1", or r= the rank the matrix would have without noise'
        )
    return span.rank if r is None else r, span.sigma


_MULTIPLE = re.compile(r"\s*([-+.\dEe]+)\s*/\s*sigma1\s*")


def parse(text: str) -> float | OverSigma1:
    """Read `"0.05"` or `"0.9/sigma1"`.

    Raises
    ------
    InputError
        If the text is neither, or not positive.

    Examples
    --------
    >>> parse("0.9/sigma1")
    OverSigma1(factor=0.9)
    """
    match = _MULTIPLE.fullmatch(text)
    try:
        number = float(match.group(1) if match else text)
    except ValueError:
        raise InputError(f'got step size "{text}"; expected a number or a multiple such as "0.9/sigma1"') from None
    return OverSigma1(number) if match else as_positive(number, "step size")


@overload
def resolve(step_size: None, problem: Any, rank: int, sigma1: float | None) -> None: ...
@overload
def resolve(step_size: float | str | StepSize, problem: Any, rank: int, sigma1: float | None) -> float: ...
def resolve(step_size: Any, problem: Any, rank: int, sigma1: float | None) -> float | None:
    """Return η for a number, a text or a step-size object, None for None; σ₁ is estimated only if it is needed.

    Raises
    ------
    InputError
        If it is none of these, not finite or not positive.
    """
    if step_size is None:
        return None
    if isinstance(step_size, str):
        step_size = parse(step_size)
    if not hasattr(step_size, "resolve"):
        return as_positive(step_size, "step size")
    return as_positive(
        step_size.resolve(problem, rank, problem.sigma1() if sigma1 is None else sigma1), "resolved step size"
    )
