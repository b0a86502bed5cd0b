"""Dask arrays give what the array itself gives, whatever their chunks are, and say what is wrong with them."""

from __future__ import annotations

import math
import pickle
import warnings
from typing import Any

import dask
import dask.array as da
import dask.dataframe as dd
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import sparse

import lopside as lo
from lopside import catalog
from lopside.errors import FileError, InputError
from lopside.linalg import here
from lopside.storage.chunked_rows import DEPTH

M, N = 90, 23
RNG = np.random.default_rng(5)
A = RNG.standard_normal((M, 6)) @ RNG.standard_normal((6, N)) + 0.1 * RNG.standard_normal((M, N))
HOLED = np.where(RNG.random((M, N)) < 0.7, 0.0, A)
WEIGHTS = RNG.uniform(0.1, 2.0, M)


def of_csr(B: np.ndarray, heights: list[int]) -> Any:
    ends = np.cumsum(heights)
    parts = [sparse.csr_array(B[end - height : end]) for height, end in zip(heights, ends, strict=True)]
    meta = sparse.csr_array((0, 0), dtype=B.dtype)
    return da.concatenate(
        [da.from_delayed(dask.delayed(part), (part.shape[0], B.shape[1]), meta=meta) for part in parts]
    )


def frame(B: np.ndarray) -> Any:
    import dask.dataframe as dd

    return dd.from_pandas(pd.DataFrame(B, columns=[f"c{j}" for j in range(B.shape[1])]), npartitions=4)


def lazily(B: np.ndarray) -> Any:
    return da.from_array(B, chunks=(20, -1)) * 1.0


FORMS = {
    "even": lambda B: da.from_array(B, chunks=(30, -1)),
    "ragged": lambda B: da.from_array(B, chunks=((1, 50, 3, 36), -1)),
    "one": lambda B: da.from_array(B, chunks=(-1, -1)),
    "both ways": lambda B: da.from_array(B, chunks=(40, 10)),
    "columns": lambda B: da.from_array(B, chunks=(-1, 10)),
    "columns of a wide one": lambda B: da.from_array(np.ascontiguousarray(B.T), chunks=(-1, 10)).T,
    "fortran": lambda B: da.from_array(np.asfortranarray(B), chunks=(30, -1)),
    "expression": lazily,
    "kept": lambda B: lazily(B).persist(),
    "csr": lambda B: of_csr(B, [30, 20, 40]),
    "frame": frame,
    "empty chunks": lambda B: da.concatenate([lazily(B)[:0], lazily(B)[:50], lazily(B)[:0], lazily(B)[50:]]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_form_is_the_same_matrix(form: str, center: bool, weighted: bool) -> None:
    B = HOLED if form == "csr" else A
    D = FORMS[form](B)
    if weighted and form == "frame":
        with pytest.raises(InputError, match="unknown number of rows.*compute_chunk_sizes"):
            lo.Full(D, weights=WEIGHTS)
        return
    what: dict[str, Any] = {"center": center, "weights": WEIGHTS if weighted else None}
    problem, plain = lo.Full(D, **what), lo.Full(B, **what)
    assert problem.shape == plain.shape
    assert math.isclose(problem.norm, plain.norm, rel_tol=1e-13)
    X, Y = RNG.standard_normal((M, 3)), RNG.standard_normal((N, 3))
    assert_allclose(here(problem.times(Y)), plain.times(Y), atol=1e-12)
    assert_allclose(here(problem.transpose_times(X)), plain.transpose_times(X), atol=1e-12)
    assert math.isclose(problem.residual_norm(*problem.factors(X, Y, float)), plain.residual_norm(X, Y), rel_tol=1e-13)
    ours, theirs = lo.factorize(D, 4), lo.factorize(B, 4)
    if not (center or weighted):
        assert math.isclose(ours.relative_error, theirs.relative_error, rel_tol=1e-9)
        assert_allclose(np.asarray(ours.X) @ ours.Y.T, theirs.matrix(), atol=1e-6)
        assert ours.certificate.excess < 1e-6


@pytest.mark.parametrize("parts", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_sweep_is_its_formula(parts: tuple[bool, bool], kind: Any) -> None:
    other, residual = parts
    storage = lo.Full(da.from_array(A.astype(kind), chunks=(40, -1))).storage
    R, Y = RNG.standard_normal((M, 3)), RNG.standard_normal((N, 3))
    K, wide = np.hstack([R, A.astype(kind) @ Y]), (np.eye(6, 4), RNG.standard_normal((6, 2)))
    ends, N_ = wide[0], wide[1] if other else None
    swept = storage.sweep(storage.to_rows(R, "R", np.float64), Y, ends, N_, residual=residual)
    rows, further = K @ ends, K @ (ends if N_ is None else N_)
    both = rows if N_ is None else np.hstack([rows, further])
    assert_allclose(here(swept.rows), rows, atol=1e-10)
    assert_allclose(swept.probe, A.astype(kind).T @ further, atol=1e-9)
    assert_allclose(swept.gram, both.T @ both, atol=1e-8)
    assert (swept.residual2 is not None) == residual
    if residual:
        assert math.isclose(swept.residual2, np.linalg.norm(R @ Y.T - A.astype(kind)) ** 2, rel_tol=1e-9)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_rows_are_as_tall_matrices_are(heights: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    m = sum(heights)
    storage = lo.Full(da.from_array(rng.standard_normal((m, 5)), chunks=(tuple(heights), -1))).storage
    V, W, Z = rng.standard_normal((m, 3)), rng.standard_normal((m, 3)), rng.standard_normal((3, 2))
    v, w = (storage.to_rows(F, "F", np.float64) for F in (V, W))
    assert_allclose(v.dot(Z).numpy(), V @ Z, atol=1e-12)
    assert_allclose((2.0 * v - w / np.array([1.0, 2.0, 4.0])).numpy(), 2.0 * V - W / [1.0, 2.0, 4.0], atol=1e-12)
    assert_allclose((v - v).norm(), 0.0)
    assert_allclose(v.beside(w)[:, 1:5].numpy(), np.hstack([V, W])[:, 1:5], atol=1e-12)
    assert_allclose(v.inner(w), V.T @ W, atol=1e-11)
    assert_allclose(v.peaks(), V[np.argmax(np.abs(V), axis=0), np.arange(3)])
    assert v.astype(np.float32).dtype == np.float32
    assert_allclose(v.astype(np.float32).numpy(), V.astype(np.float32))
    assert_allclose(np.asarray(v.native()), V)
    if m >= 3:
        Q, R = v.qr()
        assert_allclose(Q.inner(Q), np.eye(3), atol=1e-12)
        assert_allclose(Q.dot(R).numpy(), V, atol=1e-11)
    with pytest.raises(TypeError, match="whole columns"):
        v[0]


SOLVERS = [name for name in catalog.SOLVERS if name not in catalog.PARTIAL]
STARTS = [name for name in catalog.STARTS if name not in catalog.PARTIAL]


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_walks_the_same_way(name: str) -> None:
    """Past the step at which rows are computed anew from A."""
    steps = DEPTH + 5
    for B in (A, np.ascontiguousarray(A.T)):
        runs = []
        for held in (B, da.from_array(B, chunks=(20, -1))):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", lo.errors.ConvergenceWarning)
                solver = catalog.SOLVERS[name]()
                runs.append(lo.solve(lo.Full(held), solver, rank=4, stop=lo.Stop(max_steps=steps), rng=3, throw=False))
        plain, ours = runs
        assert ours.steps == plain.steps
        assert ours.passes == plain.passes
        assert_allclose(ours.trace.loss, plain.trace.loss, rtol=1e-8)
        assert isinstance(ours.X, da.Array)
        assert_allclose(np.asarray(ours.X), plain.X, atol=1e-8)
        assert_allclose(ours.Y, plain.Y, atol=1e-8)
        assert ours.certificate.holds == plain.certificate.holds
        assert_allclose(ours.certificate.gap, plain.certificate.gap, rtol=1e-3, atol=1e-9)
        assert_allclose(ours.svd()[1], plain.svd()[1], rtol=1e-9)


@pytest.mark.parametrize("name", STARTS)
def test_every_start_is_the_same(name: str) -> None:
    B = np.ascontiguousarray(A[:, :20])
    for held in (da.from_array(B, chunks=(33, -1)), da.from_array(B, chunks=(33, 7))):
        stop = lo.Stop(max_steps=3)
        ours, plain = (
            lo.solve(lo.Full(one), rank=4, start=catalog.STARTS[name](), stop=stop, rng=3) for one in (held, B)
        )
        for (X, Y), (P, Q) in ((ours.initial, plain.initial), ((ours.X, ours.Y), (plain.X, plain.Y))):
            # Columns of an orthonormal basis have no signs of their own.
            flip = np.sign(np.sum(np.asarray(X) * P, axis=0)) if name == "sketch" else 1.0
            assert_allclose(np.asarray(X), P * flip, atol=1e-9)
            assert_allclose(Y, Q * flip, atol=1e-9)


def test_it_is_one_read_of_every_chunk_a_step() -> None:
    loads: list[int] = []

    def load(number: int) -> np.ndarray:
        loads.append(number)
        return A[30 * number : 30 * number + 30]

    D = da.concatenate([da.from_delayed(dask.delayed(load)(k), (30, N), dtype=float) for k in range(3)])
    problem = lo.Full(D)
    assert sorted(loads) == [0, 1, 2]
    run = lo.Run(problem, rank=4, sigma1=float(np.linalg.norm(A, 2)), stop=lo.Stop(max_steps=1000), trace_every=10**6)
    steps = iter(run)
    next(steps)
    for _ in range(2 * DEPTH):
        loads.clear()
        next(steps)
        assert sorted(loads) == [0, 1, 2]


def test_zarr_and_hdf5_are_read_chunk_by_chunk(tmp_path: Any) -> None:
    plain = lo.factorize(A, 4)
    da.from_array(A, chunks=(30, 8)).to_zarr(tmp_path / "a.zarr")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("A", data=A, chunks=(30, 8))
    with h5py.File(tmp_path / "a.h5") as file:
        for D in (da.from_zarr(tmp_path / "a.zarr"), da.from_array(file["A"], chunks=(30, -1))):
            assert_allclose(lo.factorize(D, 4).Y, plain.Y, atol=1e-7)


def test_a_search_for_many_columns_needs_no_more_than_chunks(searching: None) -> None:
    problem = lo.Full(da.from_array(A, chunks=(30, -1)))
    assert_allclose(lo.factorize(problem.storage, 5).relative_error, lo.factorize(A, 5).relative_error, rtol=1e-9)
    solution = lo.factorize(da.from_array(A, chunks=(30, -1)), relative_error=0.3)
    assert solution.converged
    assert lo.certify(problem, (solution.X, solution.Y)).excess < 1e-6


def test_factors_of_the_users_may_be_of_either_kind() -> None:
    problem = lo.Full(da.from_array(A, chunks=(30, -1)))
    X, Y = RNG.standard_normal((M, 2)), RNG.standard_normal((N, 2))
    losses = [next(lo.iterate(problem, lo.solvers.AlternatingLeastSquares(), F, Y)).loss for F in (X, da.from_array(X))]
    assert_allclose(losses, 0.5 * np.linalg.norm(X @ Y.T - A) ** 2, rtol=1e-12)
    with pytest.raises(InputError, match="90 rows"):
        problem.point(da.from_array(X[:-1]), Y)
    with pytest.raises(InputError, match="same number d"):
        problem.point(da.from_array(X), Y[:, :1])


def test_what_came_out_is_saved_with_numbers(tmp_path: Any, searching: None) -> None:
    solution = lo.factorize(da.from_array(A, chunks=(30, -1)), 4)
    solution.save(tmp_path / "fit.npz")
    read = lo.Solution.load(tmp_path / "fit.npz")
    assert_allclose(read.X, np.asarray(solution.X))
    assert "a Dask array, 3 dense chunks of rows" in " ".join(solution.choices)
    assert isinstance(solution.matrix(), da.Array)


def bad(value: float) -> np.ndarray:
    B = A.copy()
    B[61, 7] = value
    return B


BAD = {
    "NaN": (lambda: da.from_array(bad(np.nan), chunks=(30, -1)), InputError, r"chunk 2 .*row 61, column 7.*nan"),
    "infinity": (lambda: da.from_array(bad(np.inf), chunks=(30, -1)), InputError, r"chunk 2 .*row 61, column 7"),
    "NaN in a frame": (lambda: frame(bad(np.nan)), InputError, r"chunk 2 .*row 15 of the chunk, column 7"),
    "NaN in CSR": (lambda: of_csr(np.where(HOLED == 0, bad(np.nan), 0.0), [60, 30]), InputError, "chunk 1: .*NaN"),
    "objects": (lambda: da.from_array(A.astype(object), chunks=(30, -1)), InputError, "chunk .: .*Python objects"),
    "text": (lambda: da.from_array(A.astype(str), chunks=(30, -1)), InputError, "chunk .: .*real numbers"),
    "complex": (lambda: da.from_array(A * 1j, chunks=(30, -1)), InputError, "chunk .: .*complex"),
    "masked": (lambda: da.ma.masked_greater(da.from_array(A, chunks=(30, -1)), 2.0), InputError, "chunk .* masked"),
    "a line": (lambda: da.ones(5, chunks=2), InputError, "1 dimensions"),
    "a block": (lambda: da.ones((5, 4, 3), chunks=2), InputError, "3 dimensions"),
    "nothing": (lambda: da.ones((0, 4), chunks=2), InputError, "empty"),
    "a value": (lambda: dask.delayed(A), InputError, "Dask Delayed.*from_delayed"),
    "columns": (lambda: da.from_array(A, chunks=30)[:, da.from_array(A[0] > 0)], InputError, "columns is unknown"),
    "all rows gone": (lambda: da.from_array(A, chunks=30)[da.from_array(A[:, 0] > 99)], InputError, "without any rows"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_named(name: str) -> None:
    make, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        lo.Full(make())


def test_a_chunk_that_fails_to_load_is_named() -> None:
    def load(number: int) -> np.ndarray:
        if number == 1:
            raise OSError("the disk is gone")
        return A[30 * number : 30 * number + 30]

    D = da.concatenate([da.from_delayed(dask.delayed(load)(k), (30, N), dtype=float) for k in range(3)])
    with pytest.raises(FileError, match=r"chunk 1 of 3 cannot be loaded: OSError: the disk is gone.*A.blocks\[1\]"):
        lo.Full(D)


def test_rows_of_unknown_number_are_counted() -> None:
    D = da.from_array(A, chunks=(30, -1))[da.from_array(A[:, 0] > 0, chunks=30)]
    assert math.isnan(D.shape[0])
    problem = lo.Full(D)
    assert problem.shape == ((A[:, 0] > 0).sum(), N)
    assert_allclose(lo.factorize(D, 3).relative_error, lo.factorize(A[A[:, 0] > 0], 3).relative_error, rtol=1e-9)


def test_chunks_of_other_heights_than_said_are_refused() -> None:
    D = da.from_delayed(dask.delayed(A[:10]), (20, N), dtype=float)
    with pytest.raises(InputError, match="chunk 0 of shape 10 × 23.*expected 20 rows × 23"):
        lo.Full(D)


def test_mixed_precision_is_told_and_worked_on_in_the_wider() -> None:
    parts = [dask.delayed(A[:50].astype(np.float32)), dask.delayed(A[50:])]
    D = da.concatenate([da.from_delayed(part, (h, N), dtype=float) for part, h in zip(parts, (50, 40), strict=True)])
    problem = lo.Full(D)
    assert problem.dtype == np.float64
    assert any("float32 and float64" in note for note in problem.notes)
    whole = np.vstack([A[:50].astype(np.float32).astype(float), A[50:]])
    assert_allclose(lo.factorize(D, 3).relative_error, lo.factorize(whole, 3).relative_error, rtol=1e-9)


def test_integers_and_small_floats_are_converted() -> None:
    whole = np.rint(10 * A)
    for kind in (np.int16, np.int64, np.float16):
        problem = lo.Full(da.from_array(whole.astype(kind), chunks=(30, -1)))
        assert problem.dtype == (np.float32 if kind is np.float16 else np.float64)
        assert math.isclose(problem.norm, np.linalg.norm(whole.astype(kind).astype(float)), rel_tol=1e-6)


def test_float32_far_from_one_is_widened() -> None:
    problem = lo.Full(da.from_array((1e15 * A).astype(np.float32), chunks=(30, -1)))
    assert problem.dtype == np.float64


def test_a_problem_can_be_sent() -> None:
    problem = pickle.loads(pickle.dumps(lo.Full(da.from_array(A, chunks=(30, -1)))))
    assert math.isclose(problem.norm, np.linalg.norm(A), rel_tol=1e-14)


def test_a_solution_can_be_sent() -> None:
    for made in (lo.factorize(A, 2), lo.factorize(da.from_array(A, chunks=(30, -1)), 2)):
        sent = pickle.loads(pickle.dumps(made))
        assert_allclose(np.asarray(sent.X), np.asarray(made.X))
        assert sent.certificate.excess == made.certificate.excess


def test_what_a_fit_takes_is_said_of_centered_chunks(searching: None) -> None:
    plan = lo.plan(da.from_array(A, chunks=(30, -1)), 4, center=True)
    assert plan.seconds_per_pass > 0.0
    with pytest.raises(InputError, match="1000000000000 × 1000000 matrix needs .* beside A"):
        lo.plan((10**12, 10**6), 2, calibrate=False)
    with pytest.raises(InputError, match="2\\^63 bytes"):
        lo.plan((10**12, 10**9), 2, calibrate=False)


def test_a_start_of_dask_has_to_be_finite() -> None:
    D = da.from_array(A, chunks=(30, -1))
    X = np.ones((len(A), 2))
    X[40, 1] = np.nan
    with pytest.raises(InputError, match="got X with entries that are NaN, infinite"):
        lo.solve(lo.Full(D), rank=2, start=(da.from_array(X, chunks=(30, -1)), np.ones((N, 2))))


def test_a_column_of_text_is_named() -> None:
    frame = pd.DataFrame({"height": [1.0, 2.0, 3.0], "who": ["a", "b", "c"], "width": [2, 1, 0]})
    with pytest.raises(InputError, match="columns of no numbers: 'who'.*select_dtypes"):
        lo.Full(dd.from_pandas(frame, npartitions=2))
