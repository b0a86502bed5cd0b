"""The matrix completions of other libraries behind one call: (entries, settings) ↦ mean + biases + X Yᵀ.

implicit is not among them. Its targets are 1 where something is stored and 0 everywhere else, with the stored values as
weights: an unknown entry always counts, with weight 1, so that it fits no ratings and has no error on them.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lopside.arrays import Array
from lopside.bench.machine import version
from lopside.bench.tuning import Places, Range, Space
from lopside.threads import thread_count

_SEED = 0
_BLOCK = 1 << 16
"""Entries predicted at a time."""

_BIAS_RIDGE = 5.0
_BIAS_SWEEPS = 8
"""For the biases that are taken off before a library that fits none: they settle within these."""

_LIBMF_BINS = 26
"""The binding's own choice; LIBMF wants more than two for each thread."""

Indices = NDArray[np.integer]


class Entries(NamedTuple):
    """Known entries of a matrix: their rows, columns and values, and its shape."""

    rows: Indices
    cols: Indices
    values: Array
    shape: tuple[int, int]

    def take(self, places: Places) -> Entries:
        """Return some of the entries, of a matrix of the same shape."""
        return Entries(self.rows[places], self.cols[places], self.values[places], self.shape)

    @property
    def nbytes(self) -> int:
        """What they take as triples of 32-bit numbers."""
        return 12 * len(self.values)


@dataclass(frozen=True)
class Fitted:
    """a_ij ≈ mean + b_i + c_j + x_i·y_j."""

    mean: float
    row_bias: Array
    column_bias: Array
    X: Array
    Y: Array

    def __call__(self, rows: Indices, cols: Indices) -> NDArray[np.float64]:
        """Return the predictions at these places."""
        out = np.empty(len(rows))
        for begin in range(0, len(rows), _BLOCK):
            some = slice(begin, begin + _BLOCK)
            i, j = rows[some], cols[some]
            out[some] = self.row_bias[i] + self.column_bias[j] + np.einsum("ij,ij->i", self.X[i], self.Y[j])
        return out + self.mean


@dataclass(frozen=True)
class Method:
    """One method of one library.

    Attributes
    ----------
    name, package : str
    fit : callable
        (entries, *, one keyword for each setting) ↦ `Fitted`, on `thread_count()` threads where it has any.
    space : mapping of str to Range
        Its settings: "steps" always, and of "rank", "ridge" and "rate" those it has.
    most : int
        It is not asked for more entries than this.
    """

    name: str
    package: str
    fit: Callable[..., Fitted]
    space: Space = field(repr=False)
    most: int = 10**9


def installed() -> list[Method]:
    """Return the methods whose library is there."""
    return [method for method in METHODS if version(method.package)]


def absent() -> list[str]:
    """Return the names of the methods whose library is not there."""
    return [method.name for method in METHODS if not version(method.package)]


def _cleared(known: Entries, mean: float, left: tuple[Array, Array], right: tuple[Array, Array]) -> Fitted:
    """Return a fit from (biases, factors) of both sides, 0 for rows and columns without entries.

    Libraries leave there what their start drew or what the memory held before.
    """
    for places, parts in ((known.rows, left), (known.cols, right)):
        empty = np.bincount(places, minlength=len(parts[0])) == 0
        for part in parts:
            part[empty] = 0.0
    return Fitted(mean, left[0], right[0], left[1], right[1])


def _cmfrec(known: Entries, *, rank: int, ridge: float, steps: int, exact: bool, scaled: bool) -> Fitted:
    """Fit by alternating least squares as fast as the library's documentation says it goes."""
    from scipy.sparse import coo_matrix

    model = import_module("cmfrec").CMF(
        k=rank,
        lambda_=ridge,
        niter=steps,
        scale_lam=scaled,
        use_cg=not exact,
        finalize_chol=False,
        precompute_for_predictions=False,
        use_float=True,
        random_state=_SEED,
        nthreads=thread_count(),
        verbose=False,
    )
    model.fit(coo_matrix((known.values, (known.rows, known.cols)), shape=known.shape))
    return _cleared(known, float(model.glob_mean_), (model.user_bias_, model.A_), (model.item_bias_, model.B_))


class _LibmfProblem(ctypes.Structure):
    """What LIBMF's C interface calls mf_problem; the binding has no name for it."""

    _fields_ = (("m", ctypes.c_int), ("n", ctypes.c_int), ("count", ctypes.c_longlong), ("nodes", ctypes.c_void_p))


_LIBMF_NODE = np.dtype([("row", np.int32), ("column", np.int32), ("value", np.float32)])


@cache
def _libmf() -> Any:
    """Return the binding; on import it prints where its library lies, and its source makes Python warn."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        binding = import_module("libmf.mf")
    binding.mf.mf_train.restype = ctypes.POINTER(binding.MFModel)
    binding.mf.mf_train.argtypes = (ctypes.POINTER(_LibmfProblem), binding.MFParam)
    return binding


def _libmf_factors(known: Entries, *, rank: int, ridge: float, steps: int, rate: float) -> tuple[Array, Array]:
    """Return LIBMF's factors, 0 where a row or column has no entry.

    Its C function is called directly: the binding's own passes indices as float32, keeps all it was given for ever and
    predicts from a transposed table. LIBMF has no seed, and on several threads no two runs agree.
    """
    binding = _libmf()
    nodes = np.empty(len(known.values), _LIBMF_NODE)
    nodes["row"], nodes["column"], nodes["value"] = known.rows, known.cols, known.values
    options = binding.MFParam(
        k=rank,
        nr_threads=thread_count(),
        nr_bins=max(_LIBMF_BINS, 2 * thread_count() + 2),
        nr_iters=steps,
        lambda_p2=ridge,
        lambda_q2=ridge,
        eta=rate,
        quiet=True,
    )
    problem = _LibmfProblem(*known.shape, len(nodes), nodes.ctypes.data)
    model = binding.mf.mf_train(ctypes.byref(problem), options)
    sides = ((model.contents.P, known.shape[0]), (model.contents.Q, known.shape[1]))
    X, Y = (np.nan_to_num(np.ctypeslib.as_array(held, (size, rank)), copy=True) for held, size in sides)
    binding.mf.mf_destroy_model(ctypes.byref(model))
    return X, Y


def _libmf_alone(known: Entries, *, rank: int, ridge: float, steps: int, rate: float) -> Fitted:
    X, Y = _libmf_factors(known, rank=rank, ridge=ridge, steps=steps, rate=rate)
    # Its predictions are x·y, but the mean where the row or the column has no entries: mean·(1 − seen·seen) + x·y.
    mean = float(np.mean(known.values, dtype=np.float64))
    row, column = (
        (np.bincount(places, minlength=size)[:, None] > 0).astype(np.float32)
        for places, size in zip((known.rows, known.cols), known.shape, strict=True)
    )
    return Fitted(mean, np.zeros(len(X)), np.zeros(len(Y)), np.hstack([X, -mean * row]), np.hstack([Y, column]))


def _libmf_biased(known: Entries, *, rank: int, ridge: float, steps: int, rate: float) -> Fitted:
    """Fit mean and biases first, and leave to LIBMF what they do not explain: it has none of its own."""
    mean, b, c = biases(known)
    left = known._replace(values=(known.values - (mean + b[known.rows] + c[known.cols])).astype(np.float32))
    X, Y = _libmf_factors(left, rank=rank, ridge=ridge, steps=steps, rate=rate)
    return Fitted(mean, b, c, X, Y)


def biases(known: Entries) -> tuple[float, Array, Array]:
    """Return mean, row and column biases: min Σ (mean + b_i + c_j − a_ij)² + 5‖b‖² + 5‖c‖², in sweeps over both."""
    (m, n), mean = known.shape, float(np.mean(known.values, dtype=np.float64))
    centered, c = known.values - mean, np.zeros(n)
    by_row, by_column = (np.bincount(at, minlength=size) for at, size in ((known.rows, m), (known.cols, n)))
    b = np.zeros(m)
    for _ in range(_BIAS_SWEEPS):
        b = np.bincount(known.rows, centered - c[known.cols], m) / (by_row + _BIAS_RIDGE)
        c = np.bincount(known.cols, centered - b[known.rows], n) / (by_column + _BIAS_RIDGE)
    return mean, b, c


def _trainset(known: Entries) -> Any:
    """Return Surprise's dictionaries of lists, made straight from the arrays; rows and columns keep their numbers."""
    rows, cols = (defaultdict(list, {line: [] for line in range(size)}) for size in known.shape)
    for i, j, value in zip(known.rows.tolist(), known.cols.tolist(), known.values.tolist(), strict=True):
        rows[i].append((j, value))
        cols[j].append((i, value))
    scale = (float(known.values.min()), float(known.values.max()))
    names = [{line: line for line in range(size)} for size in known.shape]
    return import_module("surprise").Trainset(rows, cols, *known.shape, len(known.values), scale, *names)


def _surprise_svd(known: Entries, *, rank: int, ridge: float, steps: int, rate: float) -> Fitted:
    svd = import_module("surprise").SVD(n_factors=rank, n_epochs=steps, reg_all=ridge, lr_all=rate, random_state=_SEED)
    model = svd.fit(_trainset(known))
    return _cleared(known, model.trainset.global_mean, (model.bu, model.pu), (model.bi, model.qi))


def _surprise_baseline(known: Entries, *, ridge: float, steps: int) -> Fitted:
    options = {"method": "als", "n_epochs": steps, "reg_u": ridge, "reg_i": ridge}
    model = import_module("surprise").BaselineOnly(bsl_options=options, verbose=False).fit(_trainset(known))
    X, Y = (np.zeros((size, 0)) for size in known.shape)
    return Fitted(model.trainset.global_mean, model.bu, model.bi, X, Y)


_RANK = Range(4, 128, whole=True)
_SWEEPS = Range(3, 40, whole=True)
_EPOCHS = Range(5, 80, whole=True)
_LEAST_SQUARES = {"rank": _RANK, "ridge": Range(1.0, 40.0), "steps": _SWEEPS}
_SCALED = _LEAST_SQUARES | {"ridge": Range(0.02, 0.3)}
_LIBMF = _SCALED | {"steps": _EPOCHS, "rate": Range(0.03, 0.2)}
_SURPRISE = _SCALED | {"steps": _EPOCHS, "rate": Range(0.003, 0.02)}
_BASELINE = {"ridge": Range(1.0, 40.0), "steps": _SWEEPS}
_PYTHON_OBJECTS = 10**6
"""Surprise holds each entry twice, as a tuple of Python numbers, and goes through them on one core."""

RIDGES: Mapping[str, Range] = {"none": _LEAST_SQUARES["ridge"], "counts": _SCALED["ridge"]}
"""Where λ is looked for, by what it is multiplied with: the same for us as for the others."""

METHODS = (
    Method("cmfrec, Cholesky", "cmfrec", partial(_cmfrec, exact=True, scaled=False), _LEAST_SQUARES),
    Method("cmfrec, Cholesky, λ × counts", "cmfrec", partial(_cmfrec, exact=True, scaled=True), _SCALED),
    Method("cmfrec, CG", "cmfrec", partial(_cmfrec, exact=False, scaled=False), _LEAST_SQUARES),
    Method("cmfrec, CG, λ × counts", "cmfrec", partial(_cmfrec, exact=False, scaled=True), _SCALED),
    Method("LIBMF", "libmf", _libmf_alone, _LIBMF),
    Method("LIBMF after biases", "libmf", _libmf_biased, _LIBMF),
    Method("Surprise SVD", "scikit-surprise", _surprise_svd, _SURPRISE, _PYTHON_OBJECTS),
    Method("Surprise baseline", "scikit-surprise", _surprise_baseline, _BASELINE, _PYTHON_OBJECTS),
)
