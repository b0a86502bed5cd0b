"""`LowRank`: truncated SVD and principal components as a transformer, each fit with its proof."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from sklearn.utils.metaestimators import available_if

from lopside.arrays import Array, as_positive, as_rank
from lopside.errors import InputError
from lopside.estimators.fitted import centered, factorized, generator, scatter_of
from lopside.estimators.lazily import is_lazy, looked_at
from lopside.estimators.projection import Projection
from lopside.estimators.settled import settling
from lopside.estimators.summary import Summary
from lopside.estimators.versions import Progress, validated, with_callbacks
from lopside.goal import Goal
from lopside.linalg import here
from lopside.problems import Full
from lopside.threads import one_blas_thread

_SPARE = 32
"""Directions kept between batches beside twice the rank: what one batch leaves out another may ask for."""

_DEFAULT = 2
"""Components where nothing is said, as in `TruncatedSVD`."""


def _counts(estimator: Any) -> bool:
    if estimator.relative_error is not None:
        raise AttributeError(
            f"got relative_error = {estimator.relative_error}; partial_fit expects a number of components, because "
            "what the rows to come will need is not known. Try n_components=10, or fit"
        )
    return True


class LowRank(Projection):
    """The best A ≈ Z C of low rank, Z = A Cᵀ with the rows of C orthonormal, and a proof of how good it is.

    Takes the place of `sklearn.decomposition.TruncatedSVD` and, with `center=True`, of `PCA`: A is then A − 1μᵀ, which
    is never formed, sparse or not. Signs are as theirs: in each component the entry of largest modulus is positive.

    Parameters
    ----------
    n_components : int, optional
        d, from 1 to min(m, n). Default: 2 (1 for a single row or column); with `relative_error` as many as it takes.
    relative_error : float, optional
        Instead of a number, 0 < this < 1: the least d with ‖A − Z C‖_F ≤ relative_error·‖A‖_F, both that d reaches it
        and that d − 1 cannot proved. With `center=True` this is PCA's share p of the variance by
        relative_error = √(1 − p).
    center : bool
        Subtract the column means.
    whiten : bool
        Divide each column of Z by the square root of `explained_variance_`, but for directions of rounding alone.
    tol : float
        Excess over the least possible error, relative, > 0: ‖A − Z C‖_F ≤ (1 + tol)·‖A − A_d‖_F is proved. Single
        components can be off by some √tol, more where singular values lie close: try 1e-12.
    random_state : int, RandomState, Generator or None
        Of the start and of the probes of the certificate. Unlike in scikit-learn the default is a seed, so that a fit
        can be repeated; None draws one from NumPy's global state.
    memory_limit : float, optional
        Bytes for everything but A; in `partial_fit`, but the batch.
    forgetting : float
        γ in (0, 1], of `partial_fit`: each row that joins multiplies the weights of all before it by γ, so that the
        last of N rows weighs 1 and the k-th w_k = γ^(N−k), about the last 1/(1 − γ) rows being remembered. What is
        fitted and proved is then about diag(√w)A, with the means, variances and norms weighted by w. Any batches of
        the same rows give the same. `fit`, which has all rows at once, expects 1.
    n_kept : int, optional
        Directions that `partial_fit` keeps between batches, at least d; default 2d + 32. As long as no more rows than
        that were seen, or for no more columns, it is exact; more directions prove more.

    Attributes
    ----------
    components_ : ndarray, shape (d, n)
        C, in the precision of A as all that follow.
    singular_values_ : ndarray, shape (d,)
    explained_variance_ : ndarray, shape (d,)
        Variances of the columns of Z: over m − 1 with `center=True`, as in `PCA`, else over m, as in `TruncatedSVD`.
        Of weighted rows over Σ w − Σ w²/Σ w, or Σ w.
    explained_variance_ratio_ : ndarray, shape (d,)
        Their shares of the variance of A.
    mean_ : ndarray, shape (n,)
        μ; only with `center=True`.
    noise_variance_ : float
        What the other min(m, n) − d variances are on average; only with `center=True`.
    n_components_, n_samples_seen_, n_features_in_ : int
        d, m and n.
    feature_names_in_ : ndarray of str, shape (n,)
        Only after a frame whose columns are named.
    certificate_ : Certificate
        After `fit` as in `Solution`; after `partial_fit` of all rows seen, projected on `components_`.
    trace_ : Trace
        The history of the fit; none after `partial_fit`.
    n_iter_ : int
        Steps of the fit, or the batches merged.

    Examples
    --------
    >>> import numpy as np
    >>> from lopside.estimators import LowRank
    >>> A = np.random.default_rng(0).standard_normal((500, 3)) @ np.diag([9.0, 3.0, 0.1])
    >>> svd = LowRank(2).fit(A)
    >>> svd.transform(A).shape, bool(svd.certificate_.excess < 1e-6)
    ((500, 2), True)
    >>> LowRank(relative_error=0.5, center=True).fit(A).n_components_
    1
    """

    def __init__(
        self,
        n_components: int | None = None,
        *,
        relative_error: float | None = None,
        center: bool = False,
        whiten: bool = False,
        tol: float = 1e-6,
        random_state: Any = 0,
        memory_limit: float | None = None,
        forgetting: float = 1.0,
        n_kept: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.relative_error = relative_error
        self.center = center
        self.whiten = whiten
        self.tol = tol
        self.random_state = random_state
        self.memory_limit = memory_limit
        self.forgetting = forgetting
        self.n_kept = n_kept

    @settling
    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit to the rows of X.

        Parameters
        ----------
        X : array_like, sparse matrix or frame, shape (m, n)
        y : object
            Not used.

        Returns
        -------
        self

        Raises
        ------
        InputError
            For parameters out of range and entries that are not finite.

        Warns
        -----
        ConvergenceWarning
            When what was asked for is not proved; lopside's and scikit-learn's in one.
        """
        with one_blas_thread:  # once: to set it is what takes long for a small matrix
            self._fit(X, y)
        return self

    @settling
    @with_callbacks
    def fit_transform(self, X: Any, y: Any = None) -> Array:
        """Fit to the rows of X and return Z, which the fit has found already; see `fit`.

        Returns
        -------
        ndarray, shape (m, d)
        """
        with one_blas_thread:
            return self._scaled(self._fit(X, y))

    def _fit(self, X: Any, y: Any) -> Array:
        self._check()
        if self.forgetting != 1.0:
            raise InputError(
                f"got forgetting = {self.forgetting} in fit, in which all rows weigh the same; expected 1. Try "
                "partial_fit, where they come one after the other"
            )
        least = 2 if self.center else 1
        lazy = is_lazy(X)
        X = looked_at(self, X, reset=True) if lazy else validated(self, X, reset=True, finite=False, least_rows=least)
        progress = Progress(self, X, y)
        plain = Full(X)
        m = plain.shape[0]
        if m < least:
            raise InputError(f"got {m} row; expected at least {least} with center=True")
        mean = plain.column_sums() / m
        problem = centered(plain, mean, X) if self.center else plain
        goal = Goal(self._rank(plain.shape, min(plain.shape)), float(self.tol), self.relative_error)
        rng = generator(self.random_state)
        solution = factorized(problem, goal, rng=rng, memory_limit=self.memory_limit, stop=progress.step)
        # Held as Aᵀ, A Y is X only up to what the proof leaves open.
        Z = here(problem.times(solution.Y)) if problem.transposed else solution.X
        scatter = problem.norm**2 if self.center else scatter_of(plain, mean)
        kind = plain.dtype if lazy else X.dtype
        self._keep(Summary.of(solution, mean, scatter, center=self.center), kind, Z)
        self.certificate_, self.trace_, self.n_iter_ = solution.certificate, solution.trace, solution.steps
        progress.end()
        return Z.astype(kind)

    @available_if(_counts)
    @settling
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Go on from the rows seen so far with those of X, of any number; what is not there any more is not needed.

        After `fit` it goes on from that fit, of which `n_components` directions are known; the certificate says how
        little that proves. Where rows come in batches, begin with `partial_fit`, which keeps more. Not there with
        `relative_error`.

        Parameters
        ----------
        X : array_like, sparse matrix or frame, shape (m, n)
        y : object
            Not used.

        Returns
        -------
        self

        Raises
        ------
        InputError
            Where the rank or `center` are others than before, and where `memory_limit` leaves no room. What was known
            before the batch stays.
        """
        self._check()
        if is_lazy(X):
            raise InputError("got a Dask collection in partial_fit; expected rows in memory. Try fit, chunk by chunk")
        before: Summary | None = getattr(self, "_summary", None)
        X = validated(self, X, reset=before is None)
        rank = self._rank(X.shape, X.shape[1]) or 1
        if before is None:
            before = Summary.empty(rank, X.shape[1], center=self.center)
        elif (before.rank, before.center) != (rank, self.center):
            raise InputError(
                f"got n_components = {rank}, center = {self.center} after {before.rank}, {before.center}; expected the "
                "same in each partial_fit. Try clone, which forgets the rows seen"
            )
        with one_blas_thread:
            keep = self._kept(rank)
            limit = self.memory_limit
            summary = before.merged(X, keep, forgetting=float(self.forgetting), memory_limit=limit)
            self._keep(summary, X.dtype)
        self.certificate_, self.n_iter_ = summary.certificate(X.dtype), summary.merges
        self.__dict__.pop("trace_", None)
        return self

    def _check(self) -> None:
        as_positive(self.tol, "tol")
        if not as_positive(self.forgetting, "forgetting") <= 1.0:
            raise InputError(f"got forgetting = {self.forgetting}; expected at most 1, which forgets nothing")
        for name in ("center", "whiten"):
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise InputError(f"got {name} = {getattr(self, name)!r}; expected True or False")
        if self.relative_error is None:
            return
        if self.n_components is not None:
            raise InputError(
                f"got n_components = {self.n_components} and relative_error = {self.relative_error}; expected at most "
                "one of them. Try n_components=None"
            )
        if not as_positive(self.relative_error, "relative_error") < 1.0:
            raise InputError(f"got relative_error = {self.relative_error}; expected less than 1")

    def _rank(self, shape: tuple[int, int], most: int) -> int | None:
        if self.relative_error is not None:
            return None
        if self.n_components is None:
            return min(_DEFAULT, most)
        try:
            return as_rank(self.n_components, (most, most))
        except InputError:
            share = self.n_components
            advice = "Try relative_error, which finds the number" if isinstance(share, str) else "Try a smaller number"
            if isinstance(share, float) and 0.0 < share < 1.0:
                advice = f"For the share {share:g} of the variance try relative_error={math.sqrt(1.0 - share):.6g}"
            raise InputError(
                f"got n_components = {share!r}; expected an integer from 1 to {most} for n_samples = {shape[0]}, "
                f"n_features = {shape[1]}. {advice}"
            ) from None

    def _kept(self, rank: int) -> int:
        if self.n_kept is None:
            return 2 * rank + _SPARE
        if not isinstance(self.n_kept, int | np.integer) or isinstance(self.n_kept, bool) or self.n_kept < rank:
            raise InputError(
                f"got n_kept = {self.n_kept!r} with n_components = {rank}; expected an integer from {rank} on. Try "
                f"{2 * rank + _SPARE}, the default"
            )
        return int(self.n_kept)
