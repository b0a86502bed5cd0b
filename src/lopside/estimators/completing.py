"""A completion problem fitted as estimators do it: the ridge chosen, callbacks told, the proof made when asked for."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from lopside.arrays import Array, as_positive, as_rank
from lopside.certify import certify
from lopside.errors import InputError
from lopside.estimators.fitted import ConvergenceWarning, generator
from lopside.estimators.fold_in import FoldIn
from lopside.estimators.settled import Settled
from lopside.estimators.versions import CallbackSupport, Progress
from lopside.problems import Completion
from lopside.ridge_path import choose_ridge
from lopside.run import Run
from lopside.solution import Solution
from lopside.solvers import AlternatingLeastSquares
from lopside.stopping import Stop
from lopside.theory.certificate import Certificate

_EVERY = 5
"""Steps between two looks at the gradient, each of which costs as much as half a step."""

_LEAST, _COUNT = 1e-4, 27
"""The ridges that are tried fall to this share of the largest in so many steps; the search ends where errors rise."""


class Completing(Settled, CallbackSupport, BaseEstimator):
    """An estimator that fits a `Completion` problem; see `LowRankImputer` and `Recommender` for what is what."""

    n_components: int | None
    ridge: Any
    ridge_scaling: Any
    bias: Any
    bias_ridge_ratio: float
    validation_fraction: float
    tol: float
    gap: float | None
    max_iter: int
    random_state: Any
    _proof: Proof | None

    _default: ClassVar[int] = 16
    """Components where nothing is said."""

    @property
    def certificate_(self) -> Certificate:
        """What is proved about the fit.

        Made when first read, or pickled, because it may take as long as the fit; until then the entries are kept.
        """
        check_is_fitted(self)
        if self._proof is None:
            raise AttributeError("got rows folded in, about which nothing is proved; the fit itself has certificate_")
        return self._proof.certificate

    def _complete(self, problem: Completion, progress: Progress) -> tuple[Array, FoldIn]:
        """Fit, set the attributes that say how it went, and return X, best for Y, and what is known of the columns.

        Parameters
        ----------
        problem : Completion
            With the options of `_penalty`.
        progress : Progress
        """
        rank, stop = self._rank(problem.shape), self._stop(problem)
        problem = self._with_ridge(problem, rank)
        run = Run(problem, AlternatingLeastSquares(), rank=rank, stop=stop)
        for _ in run:
            if progress.step():
                run.interrupt()
                break
        solution = run.solution()
        self._tell(solution, progress)
        columns = FoldIn.of(problem, solution.X, solution.Y)
        X = columns.rows(problem.by_rows)
        self.ridge_, self.n_components_ = problem.ridge, rank
        self.trace_, self.n_iter_ = solution.trace, solution.steps
        self._proof = Proof(problem, X, columns.Y)
        return X, columns

    def _penalty(self) -> dict[str, Any]:
        """Return the options that a problem is stated with; λ is 1 where it will be chosen."""
        automatic = isinstance(self.ridge, str)
        if automatic and self.ridge != "auto":
            raise InputError(f"got ridge = {self.ridge!r}; expected 'auto' or a number ≥ 0")
        ridge = 1.0 if automatic else as_positive(self.ridge, "ridge", zero=True)
        ratio = as_positive(self.bias_ridge_ratio, "bias_ridge_ratio")
        if ratio != 1.0 and self.bias in ("none", "mean"):
            raise InputError(
                f"got bias_ridge_ratio = {ratio:g} and bias = {self.bias!r}, which has no ridge. Try bias_ridge_ratio=1"
            )
        own = ratio * ridge if ratio != 1.0 and ridge > 0.0 else None
        return {"ridge": ridge, "ridge_scaling": self.ridge_scaling, "bias": self.bias, "bias_ridge": own}

    def _with_ridge(self, problem: Completion, rank: int) -> Completion:
        """Return the problem with the ridge that is asked for, or predicts entries held out best."""
        self.__dict__.pop("ridge_path_", None)
        if not isinstance(self.ridge, str):
            return problem
        share = as_positive(self.validation_fraction, "validation_fraction")
        if not share < 1.0:
            raise InputError(f"got validation_fraction = {share}; expected less than 1")
        rng = generator(self.random_state)
        try:
            choice = choose_ridge(problem, rank, share=share, rng=rng, least=_LEAST, count=_COUNT)
        except InputError:  # the entries kept are one, or all equal the mean: nothing is there to be learned
            self.ridge_path_ = np.zeros((0, 2))
            return problem.with_ridge(problem.largest_ridge() or 1.0)
        self.ridge_path_ = np.array([(fit.ridge, fit.error) for fit in choice.tried])
        return problem.with_ridge(_between(self.ridge_path_))

    def _rank(self, shape: tuple[int, int]) -> int:
        most = min(shape)
        if self.n_components is None:
            return min(self._default, most)
        try:
            return as_rank(self.n_components, shape)
        except InputError:
            raise InputError(
                f"got n_components = {self.n_components!r}; expected an integer from 1 to {most} for {shape[0]} rows "
                f"and {shape[1]} columns of which something is known. Try a smaller number"
            ) from None

    def _stop(self, problem: Completion) -> Stop:
        as_positive(self.tol, "tol")
        if isinstance(self.max_iter, bool) or not isinstance(self.max_iter, int | np.integer) or self.max_iter < 1:
            raise InputError(f"got max_iter = {self.max_iter!r}; expected an integer ≥ 1")
        if self.gap is None:
            return Stop(gradient_norm=self.tol, max_steps=int(self.max_iter), every=_EVERY)
        if problem.ridge == 0.0:
            raise InputError(f"got gap = {self.gap} and ridge = 0, without which none can be proved. Try gap=None")
        return Stop(gap=as_positive(self.gap, "gap"), max_steps=int(self.max_iter))

    def _tell(self, solution: Solution, progress: Progress) -> None:
        """Warn of a fit that ended early."""
        if solution.converged:
            return
        why = "a callback stopped the fit" if progress.stopped else solution.status.value
        asked, advice = f"tol = {self.tol:g}", "a larger max_iter or tol"
        if self.gap is not None:
            asked, advice = f"gap = {self.gap:g}", "a larger max_iter, gap or n_components, or gap=None"
        message = f"{why} after {solution.steps} steps, before {asked} was reached. Try {advice}"
        warnings.warn(message, ConvergenceWarning, stacklevel=2)


def _between(path: Array) -> float:
    """Return the ridge at which the parabola through the best one tried and its neighbours, in log λ, is least."""
    best = int(np.argmin(path[:, 1]))
    if not 0 < best < len(path) - 1:
        return float(path[best, 0])
    (before, _), (ridge, _), _ = path[best - 1 : best + 2]
    above, least, below = path[best - 1 : best + 2, 1]
    curvature = above - 2.0 * least + below
    shift = 0.5 * (above - below) / curvature if curvature > 0.0 else 0.0
    return float(ridge * (ridge / before) ** shift)


class Proof:
    """A certificate that is made when first asked for, from entries that are kept for it; pickled as made.

    Parameters
    ----------
    problem : Completion
    X, Y : ndarray
    """

    def __init__(self, problem: Completion, X: Array, Y: Array) -> None:
        self._of: Any = problem, X, Y

    @cached_property
    def certificate(self) -> Certificate:
        """The certificate of the factors."""
        problem, X, Y = self._of
        made = certify(problem, (X, Y))
        self._of = None
        return made

    def __getstate__(self) -> dict[str, Any]:
        return {"_of": None, "certificate": self.certificate}
