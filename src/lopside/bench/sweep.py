"""One pass over A: X⁺ = X B + (A Y) C and AᵀX⁺, against two products of other libraries and the machine's ceilings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lopside.bench.ceilings import multiplier, reader
from lopside.bench.machine import version
from lopside.bench.peers import tensor
from lopside.bench.rounds import interleave
from lopside.bench.spectra import counts
from lopside.bench.tables import Column, Table
from lopside.problems import Full
from lopside.threads import thread_count

_ETA = 1e-3
_DENSE = (4, 8, 12, 16, 32, 64)
_SPARSE = (8, 16, 32, 64)

Pass = Callable[[], tuple[Any, Any]]
"""Returns X⁺ and AᵀX⁺."""

_SHOWN = (
    Column("type", "type"),
    Column("order", "order"),
    Column("d", "d", "d"),
    Column("milliseconds", "pass ms", ".2f"),
    Column("gigaflops", "GF/s", ".1f"),
    Column("share", "of ceiling", ".0%"),
    Column("bound", "bound by"),
    Column("error", "error", ".1e"),
)
_CEILINGS = (Column("bandwidth", "read GB/s", ".1f"), Column("peak", "GEMM GF/s", ".0f"))
_REMARKS = (
    "pass: one read of A. Ratios are times over that of the pass: above 1 the pass is faster.",
    "ceiling: the longer of bytes of A / read rate and 4·d·entries / GEMM rate, both measured in the same rounds: "
    "the largest entry of A, and a square product of 2048, each on all threads.",
    "error: the larger relative error of X⁺ and AᵀX⁺, against extended precision, for each side beside its time.",
)
_TURNED = "order F: a column-major A is held, and swept by all, as its row-major transpose."
_BOTH = "both orders: the peer keeps A and its transpose in CSR, at twice the memory."


def tables(*, quick: bool, say: Callable[[str], None]) -> Iterator[Table]:
    """Yield a table for dense matrices and one for CSR.

    Parameters
    ----------
    quick : bool
        Small matrices, fewer d and fewer rounds.
    say : callable
        Is told what is being measured.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(thread_count(), user_api="blas"):
        yield dense_table((4000, 2500) if quick else (20000, 5000), _DENSE[::2] if quick else _DENSE, 5, say)
        sizes = ((20000, 6000), 10**6) if quick else ((100000, 30000), 10**7)
        yield sparse_table(*sizes, _SPARSE[::2] if quick else _SPARSE, 5, say)


def dense_table(shape: tuple[int, int], widths: tuple[int, ...], rounds: int, say: Callable[[str], None]) -> Table:
    """Return the rows of both types and orders at each d."""
    rows = []
    for dtype in (np.float64, np.float32):
        A = np.random.default_rng(0).standard_normal(shape).astype(dtype)
        for order, arranged in (("C", np.ascontiguousarray), ("F", np.asfortranarray)):
            A = arranged(A)
            read = reader(A)
            for d in widths:
                say(f"sweep: dense {shape[0]} × {shape[1]}, {A.dtype.name}, order {order}, d = {d}")
                rows.append({"order": order} | _measure(A, d, _dense_peers, read, rounds))
    return _table("dense", f"Dense {shape[0]} × {shape[1]}", rows, _TURNED)


def sparse_table(
    shape: tuple[int, int], entries: int, widths: tuple[int, ...], rounds: int, say: Callable[[str], None]
) -> Table:
    """Return the rows of both types at each d."""
    say(f"sweep: drawing a sparse {shape[0]} × {shape[1]} with {entries} entries")
    rows, S = [], counts(shape, entries, topics=0)
    for dtype in (np.float64, np.float32):
        S = S.astype(dtype)
        read = reader(S.data)
        for d in widths:
            say(f"sweep: CSR, {S.dtype.name}, d = {d}")
            rows.append({"order": "CSR"} | _measure(S, d, _sparse_peers, read, rounds))
    return _table("csr", f"CSR {shape[0]} × {shape[1]}, {entries} entries", rows, _BOTH)


def _table(name: str, title: str, rows: list[dict[str, Any]], remark: str) -> Table:
    peers = [key.removeprefix("ratio ") for key in rows[0] if key.startswith("ratio ")]
    measured = [column for peer in peers for column in _peer_columns(peer)]
    return Table(name, title, (*_SHOWN, *measured, *_CEILINGS), rows, peers, (*_REMARKS, remark))


def _peer_columns(peer: str) -> tuple[Column, Column]:
    return Column(f"ratio {peer}", peer, ".2f"), Column(f"error {peer}", "error", ".1e")


def coefficients(Y: Any) -> tuple[Any, Any]:
    """Return B and C of gradient descent, X⁺ = X B + (A Y) C, in the precision of Y."""
    eye = np.eye(Y.shape[1], dtype=Y.dtype)
    return eye - Y.dtype.type(_ETA) * (Y.T @ Y), Y.dtype.type(_ETA) * eye


def _measure(
    A: Any, d: int, peers: Callable[[Any, Any, Any], dict[str, Pass]], read: Callable[[], Any], rounds: int
) -> dict[str, Any]:
    """Return one row: the pass, its peers and both ceilings in the same rounds."""
    problem = Full(A)
    H = A.T if problem.transposed else A  # as it is held: the pass runs down the rows of this
    X, Y = (np.random.default_rng(d).standard_normal((size, d)).astype(A.dtype) for size in H.shape)
    M = np.concatenate(coefficients(Y))
    multiply, operations = multiplier(A.dtype)

    def sweep() -> tuple[Any, Any]:
        swept = problem.storage.sweep(X, Y, M)
        return swept.rows, swept.probe

    rivals = peers(H, X, Y)
    timings = interleave({"pass": sweep, **rivals, "read": read, "multiply": multiply}, rounds)
    sparse = hasattr(A, "nnz")
    flops, read_bytes = 4.0 * d * (A.nnz if sparse else A.size), (A.data.nbytes if sparse else A.nbytes)
    ours = timings["pass"]
    ideals = {
        "reading": problem.storage.nbytes / read_bytes / ours.ratio(timings["read"]),
        "arithmetic": flops / operations / ours.ratio(timings["multiply"]),
    }
    bound = max(ideals, key=ideals.__getitem__)
    row = {
        "type": A.dtype.name,
        "d": d,
        "milliseconds": 1e3 * ours.median,
        "gigaflops": flops / ours.median / 1e9,
        "share": ideals[bound],
        "bound": bound,
        "error": _error(ours.answer, H, X, Y),
        "bandwidth": read_bytes / timings["read"].median / 1e9,
        "peak": operations / timings["multiply"].median / 1e9,
    }
    for name in rivals:
        row[f"ratio {name}"] = timings[name].ratio(ours)
        row[f"error {name}"] = _error(timings[name].answer, H, X, Y)
    return row


def _error(answer: tuple[Any, Any], A: Any, X: Any, Y: Any) -> float:
    """Return `sampled_error` on a few rows and columns of A."""
    rows, columns = (samples(size) for size in A.shape)
    some, across = A[rows], A[:, columns]
    if hasattr(A, "nnz"):
        some, across = some.toarray(), across.toarray()
    return sampled_error(answer, some, across, X, Y)


def samples(size: int) -> np.ndarray:
    """Return the few rows, or columns, at which answers are looked at."""
    return np.linspace(0, size - 1, 16, dtype=int)


def sampled_error(answer: tuple[Any, Any], some: np.ndarray, across: np.ndarray, X: Any, Y: Any) -> float:
    """Return the larger relative error of X⁺ and of AᵀX⁺, on these rows and columns of A, by extended precision."""
    new, probe = answer
    rows, columns = samples(len(new)), samples(len(probe))
    B, C = (part.astype(np.longdouble) for part in coefficients(Y))
    exact = X[rows].astype(np.longdouble) @ B + some.astype(np.longdouble) @ Y.astype(np.longdouble) @ C
    product = across.T.astype(np.longdouble) @ new.astype(np.longdouble)
    pairs = ((new[rows], exact), (probe[columns], product))
    return max(float(np.linalg.norm(got - true) / np.linalg.norm(true)) for got, true in pairs)


def _dense_peers(A: Any, X: Any, Y: Any) -> dict[str, Pass]:
    from scipy.linalg.blas import get_blas_funcs

    B, C = coefficients(Y)
    eta = A.dtype.type(_ETA)
    gemm: Any = get_blas_funcs("gemm", (A,))
    # Fortran's BLAS takes a row-major matrix as its transpose, without a copy.
    held, turned = (A, False) if A.flags.f_contiguous else (A.T, True)

    def numpy_products() -> tuple[Any, Any]:
        new = X @ B + (A @ Y) @ C
        return new, A.T @ new

    def scipy_products() -> tuple[Any, Any]:
        new = X @ B + gemm(1.0, held, Y, trans_a=turned) @ C
        return new, gemm(1.0, held, new, trans_a=not turned)

    def residual_form() -> tuple[Any, Any]:
        new = X - eta * ((X @ Y.T - A) @ Y)
        return new, Y @ (new.T @ new) - (new @ Y.T - A).T @ new

    peers: dict[str, Pass] = {"NumPy": numpy_products, "SciPy BLAS": scipy_products}
    if version("torch"):
        peers["torch"] = _torch_products(A, X, Y)
    return peers | {"residual form": residual_form}


def _torch_products(A: Any, X: Any, Y: Any) -> Pass:
    held, thin, other, B, C = map(tensor, (A, X, Y, *coefficients(Y)))

    def products() -> tuple[Any, Any]:
        new = thin @ B + (held @ other) @ C
        return new.numpy(), (held.T @ new).numpy()

    return products


def _sparse_peers(S: Any, X: Any, Y: Any) -> dict[str, Pass]:
    B, C = coefficients(Y)
    turned, columns = S.T.tocsr(), S.tocsc()

    def products() -> tuple[Any, Any]:
        new = X @ B + (S @ Y) @ C
        return new, S.T @ new

    def both_orders() -> tuple[Any, Any]:
        new = X @ B + (S @ Y) @ C
        return new, turned @ new

    def by_columns() -> tuple[Any, Any]:
        new = X @ B + (columns @ Y) @ C
        return new, columns.T @ new

    peers: dict[str, Pass] = {"SciPy": products, "SciPy, both orders": both_orders, "SciPy, CSC": by_columns}
    if version("torch"):
        peers["torch, both orders"] = _torch_sparse(S, turned, X, Y)
    return peers


def _torch_sparse(S: Any, turned: Any, X: Any, Y: Any) -> Pass:
    held, back, thin, other, B, C = map(tensor, (S, turned, X, Y, *coefficients(Y)))

    def products() -> tuple[Any, Any]:
        new = thin @ B + (held @ other) @ C
        return new.numpy(), (back @ new).numpy()

    return products
