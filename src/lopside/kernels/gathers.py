"""Loops over the entries of CSR rows whose sums stay in registers, in LLVM's vector type; see `kernels.tiles`.

A table has rows of whole vectors that start at cache lines, or at halves of one. Each entry touches one of them,
somewhere, so the rows that entries further on will need are asked for ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from lopside.kernels.llvm import VECTOR_BYTES, Code, calling, intrinsic

WIDEST = 4
"""Vectors of a row of a table; of 1, 2 and 4 the widest that d fills was fastest. None stands for half a vector."""

LINE = 64
"""Bytes of a cache line."""

_AHEAD = 32
"""Entries between asking for a row of a table and using it; 8 and 16 were slower."""


@intrinsic
def gather(typingctx: Any, indptr: Any, indices: Any, values: Any, first: Any, rows: Any, T: Any, t: Any, S: Any,
            s: Any, lds: Any, vectors: Any, entries: Any) -> Any:  # fmt: skip
    """S[i, :] = Σ_k values[k]·T[indices[k], :] over the entries k of row first + i, for rows of S some vectors long.

    S[i, j] lies at s + i·lds + j, T[c, j] at t + c·(vectors·w) + j; there are `entries` in the whole matrix.
    """
    signature = types.void(indptr, indices, values, first, rows, T, t, S, s, lds, vectors, entries)
    return signature, calling("gather", _by_width("gather", _gather_rows))


@intrinsic
def scatter(typingctx: Any, indptr: Any, indices: Any, values: Any, first: Any, rows: Any, L: Any, l: Any, ldl: Any,
             P: Any, p: Any, vectors: Any, entries: Any) -> Any:  # fmt: skip
    """P[indices[k], :] += values[k]·L[i, :] for the entries k of row first + i, laid out as in `gather`."""
    signature = types.void(indptr, indices, values, first, rows, L, l, ldl, P, p, vectors, entries)
    return signature, calling("scatter", _by_width("scatter", _scatter_rows))


@intrinsic
def overlap(typingctx: Any, indptr: Any, indices: Any, values: Any, first: Any, rows: Any, X: Any, Y: Any,
             vectors: Any, S: Any) -> Any:  # fmt: skip
    """S[i] = Σ_k a(a − 2 X[first + i, :]·Y[indices[k], :]) over the entries a = S[i]·values[k] of row first + i."""
    signature = types.void(indptr, indices, values, first, rows, X, Y, vectors, S)
    return signature, calling("overlap", _overlap_rows)


def _by_width(name: str, rows: Callable[[int], Callable[..., None]]) -> Callable[..., None]:
    def body(code: Code, *arguments: Any) -> None:
        *places, vectors, entries = arguments
        inner = [*places, entries]
        kinds = [value.type for value in inner]
        widths = {V: code.function(f"{name}_{V}", kinds, rows(V)) for V in range(1, WIDEST + 1)}
        widths[0] = code.function(f"{name}_half", kinds, _halved(rows(1)))
        code.switch(widths, vectors, inner)

    return body


def _halved(body: Callable[..., None]) -> Callable[..., None]:
    def half(code: Code, *arguments: Any) -> None:
        narrow = Code(code.builder, code.wide, code.lanes // 2)
        body(narrow, *arguments)

    return half


def _gather_rows(V: int) -> Callable[..., None]:
    chains = max(1, WIDEST // V)  # each sum waits for the one before: with too few of them, that takes the time

    def body(code: Any, indptr: Any, indices: Any, values: Any, first: Any, rows: Any, T: Any, t: Any, S: Any, s: Any,
             lds: Any, entries: Any) -> None:  # fmt: skip
        w, zero = code.lanes, ir.Constant(code.vector, None)
        with code.range(code.integer(0), rows, 1) as i:
            begin, end, ahead = _row(code, indptr, code.builder.add(first, i), entries)
            sums = [[code.variable(zero) for _ in range(V)] for _ in range(chains)]

            def entry(k: Any, chain: list[Any], ahead: Any = ahead) -> None:
                place = _place(code, indices, k, ahead, T, t, V)
                factor = code.spread(values, k)
                for v in range(V):
                    code.add_product(chain[v], factor, code.load(T, code.plus(place, v * w)))

            count = code.builder.sub(end, begin)
            whole = code.builder.sub(end, code.builder.srem(count, code.integer(chains)))
            with code.range(begin, whole, chains) as k:
                for c in range(chains):
                    entry(code.plus(k, c), sums[c])
            with code.range(whole, end, 1) as k:
                entry(k, sums[0])
            at = code.at(s, i, lds)
            for v in range(V):
                total = code.builder.load(sums[0][v])
                for chain in sums[1:]:
                    total = code.builder.fadd(total, code.builder.load(chain[v]))
                code.store(total, S, code.plus(at, v * w))

    return body


def _scatter_rows(V: int) -> Callable[..., None]:
    def body(code: Any, indptr: Any, indices: Any, values: Any, first: Any, rows: Any, L: Any, l: Any, ldl: Any,
             P: Any, p: Any, entries: Any) -> None:  # fmt: skip
        w = code.lanes
        with code.range(code.integer(0), rows, 1) as i:
            begin, end, ahead = _row(code, indptr, code.builder.add(first, i), entries)
            at = code.at(l, i, ldl)
            row = [code.load(L, code.plus(at, v * w)) for v in range(V)]
            with code.range(begin, end, 1) as k:
                place = _place(code, indices, k, ahead, P, p, V)
                factor = code.spread(values, k)
                for v in range(V):
                    there = code.plus(place, v * w)
                    total = code.variable(code.load(P, there))
                    code.add_product(total, factor, row[v])
                    code.store(code.builder.load(total), P, there)

    return body


def _overlap_rows(code: Any, indptr: Any, indices: Any, values: Any, first: Any, rows: Any, X: Any, Y: Any,
                  vectors: Any, S: Any) -> None:  # fmt: skip
    builder = code.builder
    length = code.times(vectors, code.lanes)
    with code.range(code.integer(0), rows, 1) as i:
        row = builder.add(first, i)
        begin, end, _ = _row(code, indptr, row, code.integer(0))
        scale = code.scalar(S, i)
        total = code.variable(ir.Constant(code.wide, 0.0))
        with code.range(begin, end, 1) as k:
            inner = code.variable(ir.Constant(code.vector, None))
            place = builder.mul(code.index(indices, k), length)
            with code.range(code.integer(0), length, code.lanes) as j:
                left = code.load(X, builder.add(builder.mul(row, length), j))
                code.add_product(inner, left, code.load(Y, builder.add(place, j)))
            a = builder.fmul(scale, code.scalar(values, k))
            twice = builder.fmul(ir.Constant(code.wide, 2.0), code.folded(builder.load(inner)))
            term = builder.fmul(a, builder.fsub(a, twice))
            builder.store(builder.fadd(builder.load(total), term), total)
        builder.store(builder.load(total), builder.gep(S, [i]))


def _row(code: Any, indptr: Any, row: Any, entries: Any) -> tuple[Any, Any, Any]:
    """Return a row's first entry, the one past its last, and how far ahead to look: not past the matrix's last."""
    begin, end = code.index(indptr, row), code.index(indptr, code.plus(row, 1))
    fits = code.builder.icmp_signed("<=", code.plus(end, _AHEAD), entries)
    return begin, end, code.builder.select(fits, code.integer(_AHEAD), code.integer(0))


def _place(code: Any, indices: Any, k: Any, ahead: Any, table: Any, first: Any, V: int) -> Any:
    """Return where the table's row of entry k lies, and ask for that of an entry further on."""
    width = V * code.lanes
    later = code.at(first, code.index(indices, code.builder.add(k, ahead)), width)
    itemsize = VECTOR_BYTES // Code(code.builder, code.wide).lanes
    for line in range(0, width, LINE // itemsize):
        code.prefetch(table, code.plus(later, line), level=3)
    return code.at(first, code.index(indices, k), width)
