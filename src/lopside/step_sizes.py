"""The step size η: a number, a multiple of 1/σ₁(A), or what a theorem asks for."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any, Protocol

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

    β = ρ²σ_r²/(C²σ₁²) with ρ = τ(1 − √((r−1)/d)), f₀ ≤ ½(1 + ν)²‖A‖_F² and f the loss at `relative_error`; at
    most 9/(4Cνσ₁). Safe and slow: on a 100 × 100 matrix of rank 5 it is about 1e-4/σ₁.

    Parameters
    ----------
    relative_error : float
        What the window is to reach, ‖A − XYᵀ‖_F/‖A‖_F in (0, 1).
    tau : float, optional
        τ > 0. Default: the largest that fails with probability at most `failure`/2, from explicit Gaussian tails.
    failure : float
        Probability in (0, 1) with which the start may miss what the theorem needs.
    C, nu : float
        As in `starts.Unbalanced`, whose start the theorem is about.
    r : int, optional
        Rank the theorem is applied with; default the numerical rank of A, which must be at most d.
    """

    relative_error: float = 1e-5
    tau: float | None = None
    failure: float = 0.05
    C: float = 4.0
    nu: float = 1e-10
    r: int | None = None

    def resolve(self, problem: Any, rank: int, sigma1: float) -> float:
        """Return η; the first call on a matrix finds its rank."""
        from lopside.theory import probability, ward_kolda, ward_kolda_window

        r, sigma = _spectrum(problem, rank, self.r)
        tau = probability.tau_from_probability(rank, r, self.failure / 2) if self.tau is None else self.tau
        beta = ward_kolda.beta(ward_kolda.rho(tau, rank, r), self.C, float(sigma[0] / sigma[r - 1]))
        first = ward_kolda.initial_loss_bounds(self.nu, problem.norm)[1]
        step = ward_kolda_window.theory_step(beta, first, 0.5 * (self.relative_error * problem.norm) ** 2)
        return min(step, ward_kolda.step_bound(self.C, self.nu, float(sigma[0])))


@dataclass(frozen=True)
class AllTime:
    """The step of the all-time theorem, chosen before the start is drawn: η = θ(1 − θ)β/(2√f₀) [WK23].

    Larger than `WardKolda`'s by about √(log(f₀/f)/2) and free of the accuracy asked for; the run then converges
    linearly for all time with probability 1 − `failure`.

    Parameters
    ----------
    failure : float
        In (0, 1).
    theta : float
        θ in (0, 1): ½ gives the largest step, a smaller one the better rate.
    C, nu : float
        As in `starts.Unbalanced`.
    r : int, optional
        As in `WardKolda`.
    """

    failure: float = 0.05
    theta: float = 0.5
    C: float = 4.0
    nu: float = 1e-10
    r: int | None = None

    def resolve(self, problem: Any, rank: int, sigma1: float) -> float:
        """Return η; the first call on a matrix finds its rank."""
        from lopside.theory.all_time_step import step_in_advance

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

    A report more than a choice: on a 100 × 100 matrix of rank 5 it is about 1e-6, and resolving it warns so.

    Parameters
    ----------
    exponent : float
        As in `starts.YeDu`.
    constant : float
        c > 0; hidden in the source.
    """

    exponent: float = 1.0
    constant: float = 1.0

    def resolve(self, problem: Any, rank: int, sigma1: float) -> float:
        """Return η and warn how many steps it needs."""
        from lopside.theory import ye_du

        _, sigma = _spectrum(problem, rank, rank)
        sigma1, sigma_d = float(sigma[0]), float(sigma[rank - 1])
        scale = ye_du.start_scale(sigma1, sigma_d, rank, problem.shape, rank_exponent=self.exponent)
        step = ye_du.theory_step(sigma1, sigma_d, rank, scale, hidden_factor=self.constant)
        steps = ye_du.total_steps(sigma_d, rank, scale, step, 1e-10 * problem.norm**2)
        warnings.warn(
            f"the Ye–Du step is {step:.2g}, {step * sigma1:.2g}/σ₁: about {steps:.1g} steps to a relative error of "
            '1e-5. It is a bound from a proof; to run the method try "0.5/sigma1"',
            stacklevel=2,
        )
        return step


def _spectrum(problem: Any, rank: int, r: int | None) -> tuple[int, Array]:
    span = column_span(problem, rank)
    r = span.rank if r is None else r
    if not 1 <= r <= min(rank, len(span.sigma)):
        raise InputError(
            f"got a step size that needs rank(A) ≤ d, but A has numerical rank {span.rank} and d = {rank}"
            '; try a larger rank, "0.9/sigma1", or r= the rank the matrix would have without noise'
        )
    return r, span.sigma


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


def resolve(step_size: Any, problem: Any, rank: int, sigma1: float | None) -> float:
    """Return η for a number, a text or a step-size object; σ₁ is estimated only if it is needed.

    Raises
    ------
    InputError
        If it is none of these, not finite or not positive.
    """
    if isinstance(step_size, str):
        step_size = parse(step_size)
    if not hasattr(step_size, "resolve"):
        return as_positive(step_size, "step size")
    return as_positive(
        step_size.resolve(problem, rank, problem.sigma1() if sigma1 is None else sigma1), "resolved step size"
    )
