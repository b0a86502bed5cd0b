"""Two matrix products whose sums stay in registers, written in LLVM's vector type; every kernel is made of them.

Numba compiles the loops over a tile of sums well only if the sums are named one by one, and it may neither assume
that arrays do not overlap nor vectorize across a short loop.  So those loops are written here in LLVM's own
language, which lowers them to AVX-512, AVX2 or NEON.  Each tile is a function of its own that is never inlined:
copies in every caller would make compilation ten times as long.

Arrays are given with the flat index of their first element; offsets and lengths are 64-bit.  The left arrays may be
narrower than the sums.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types

from lopside.kernels.llvm import WIDE, Code, calling, intrinsic, itemsize

TILE, PANEL = (6, 4) if WIDE else (4, 3)
"""Rows and vectors of a tile: its sums fit into the registers beside what is being loaded (32 of them, or 16)."""

SUMS = TILE * PANEL


@intrinsic
def product(typingctx: Any, K: Any, k: Any, down: Any, across: Any, A: Any, a: Any, lda: Any, count: Any, S: Any,
            s: Any, lds: Any, columns: Any, vectors: Any, ahead: Any) -> Any:  # fmt: skip
    """S[c, :] += Σ_i K[i, c]·A[i, :] over `count` rows i, for `columns` rows of S, `vectors` vectors long.

    K[i, c] lies at k + i·down + c·across, A[i, j] at a + i·lda + j, S[c, j] at s + c·lds + j.
    """
    signature = types.void(K, k, down, across, A, a, lda, count, S, s, lds, columns, vectors, ahead)
    return signature, calling("product", _product)


@intrinsic
def rows_product(typingctx: Any, A: Any, a: Any, lda: Any, Y: Any, y: Any, ldy: Any, count: Any, S: Any, s: Any,
                 lds: Any, rows: Any, vectors: Any) -> Any:  # fmt: skip
    """S[i, :] += Σ_k A[i, k]·Y[k, :] over `count` columns k, for `rows` rows of A; Y and S are `vectors` vectors wide.

    A[i, k] lies at a + i·lda + k, Y[k, j] at y + k·ldy + j, S[i, j] at s + i·lds + j.
    """
    signature = types.void(A, a, lda, Y, y, ldy, count, S, s, lds, rows, vectors)
    return signature, calling("rows_product", _rows_product)


@intrinsic
def squares(typingctx: Any, F: Any, f: Any, A: Any, a: Any, E: Any, e: Any, vectors: Any, S: Any, s: Any) -> Any:
    """S[s:] += (E[e:] − F[f]·A[a:])² in SQUARES sums, for `vectors` vectors of E, a multiple of SQUARES of them."""
    return types.void(F, f, A, a, E, e, vectors, S, s), calling("squares", _squares)


SQUARES = 4
"""Vectors of sums: one alone would wait for itself at each addition."""


def _squares(code: Code, F: Any, f: Any, A: Any, a: Any, E: Any, e: Any, vectors: Any, S: Any, s: Any) -> None:
    places = [code.plus(s, v * code.lanes) for v in range(SQUARES)]
    sums = [code.variable(code.load(S, place)) for place in places]
    factor = code.spread(F, f)
    with code.range(code.integer(0), vectors, SQUARES) as first:
        for v, total in enumerate(sums):
            shift = code.times(code.plus(first, v), code.lanes)
            there = code.builder.fmul(factor, code.load(A, code.builder.add(a, shift)))
            missed = code.builder.fsub(code.load(E, code.builder.add(e, shift)), there)
            code.add_product(total, missed, missed)
    for place, total in zip(places, sums, strict=True):
        code.store(code.builder.load(total), S, place)


def _rows_product(code: Code, A: Any, a: Any, lda: Any, Y: Any, y: Any, ldy: Any, count: Any, S: Any, s: Any, lds: Any,
                  rows: Any, vectors: Any) -> None:  # fmt: skip
    kinds = [value.type for value in (A, a, lda, Y, y, ldy, count, S, s, lds, s)]

    def panel(J: int, j: Any) -> None:
        shift = code.times(j, code.lanes)
        first = code.integer(0)
        for C in (SUMS // J, 4, 1):  # as many rows as there are registers, then what is left over
            stop = code.builder.add(
                first, code.times(code.builder.sdiv(code.builder.sub(rows, first), code.integer(C)), C)
            )
            with code.range(first, stop, C) as i:
                tile = code.function(f"rows_product_{C}_{J}", kinds, _rows_tile(C, J))
                at, sums = code.at(a, i, lda), code.builder.add(code.at(s, i, lds), shift)
                places = (Y, code.builder.add(y, shift), ldy, count, S, sums, lds)
                code.builder.call(tile, (A, at, lda, *places, code.only_first(j, count)))
            first = stop

    whole = code.times(code.builder.sdiv(vectors, code.integer(PANEL)), PANEL)
    with code.range(code.integer(0), whole, PANEL) as j:
        panel(PANEL, j)
    left = code.builder.sub(vectors, whole)
    for J in range(1, PANEL):
        with code.builder.if_then(code.builder.icmp_signed("==", left, code.integer(J))):
            panel(J, whole)


def _rows_tile(C: int, J: int) -> Callable[..., None]:
    def body(code: Code, A: Any, a: Any, lda: Any, Y: Any, y: Any, ldy: Any, count: Any, S: Any, s: Any, lds: Any,
             ahead: Any) -> None:  # fmt: skip
        w, build = code.lanes, code.builder
        places = [[code.plus(code.at(s, c, lds), j * w) for j in range(J)] for c in range(C)]
        sums = [[code.variable(code.load(S, places[c][j])) for j in range(J)] for c in range(C)]
        rows = [code.at(a, c, lda) for c in range(C)]
        line = 64 // itemsize(A.type.pointee)
        beyond = build.add(a, ahead)
        with code.range(code.integer(0), count, 1) as k:
            # The columns that are visited next are fetched meanwhile, line by line: their rows are too far apart, and
            # visited too shortly, for the processor to see what is coming.
            for q in range(-(-C // line)):
                t = code.plus(code.times(k, -(-C // line)), q)
                row, column = build.urem(t, code.integer(C)), code.times(build.udiv(t, code.integer(C)), line)
                code.prefetch(A, build.add(code.at(beyond, row, lda), column))
            at = code.at(y, k, ldy)
            right = [code.load(Y, code.plus(at, j * w)) for j in range(J)]
            for c, first in enumerate(rows):
                factor = code.spread(A, build.add(first, k))
                for j in range(J):
                    code.add_product(sums[c][j], factor, right[j])
        for c in range(C):
            for j in range(J):
                code.store(build.load(sums[c][j]), S, places[c][j])

    return body


def _product(code: Code, K: Any, k: Any, down: Any, across: Any, A: Any, a: Any, lda: Any, count: Any, S: Any, s: Any,
             lds: Any, columns: Any, vectors: Any, ahead: Any) -> None:  # fmt: skip
    kinds = [value.type for value in (K, k, down, across, A, a, lda, count, S, s, lds, s)]
    split = code.split(columns, TILE)

    def panels(J: int, first: Any, stop: Any) -> None:
        with code.range(first, stop, J) as j, code.shares(split) as (c, width):
            shift = code.times(j, code.lanes)
            row, sums = code.builder.add(a, shift), code.builder.add(code.at(s, c, lds), shift)
            code.switch(
                {C: code.function(f"product_{C}_{J}", kinds, _product_tile(C, J)) for C in range(1, TILE + 1)},
                width,
                (K, code.at(k, c, across), down, across, A, row, lda, count, S, sums, lds, code.only_first(c, ahead)),
            )

    whole = code.times(code.builder.sdiv(vectors, code.integer(PANEL)), PANEL)
    panels(PANEL, code.integer(0), whole)
    panels(1, whole, vectors)


def _product_tile(C: int, J: int) -> Callable[..., None]:
    def body(code: Code, K: Any, k: Any, down: Any, across: Any, A: Any, a: Any, lda: Any, count: Any, S: Any, s: Any,
             lds: Any, ahead: Any) -> None:  # fmt: skip
        w = code.lanes
        places = [[code.plus(code.at(s, c, lds), j * w) for j in range(J)] for c in range(C)]
        sums = [[code.variable(code.load(S, places[c][j])) for j in range(J)] for c in range(C)]
        columns = [code.at(k, c, across) for c in range(C)]
        with code.range(code.integer(0), count, 1) as i:
            at = code.at(a, i, lda)
            row = [code.load(A, code.plus(at, j * w)) for j in range(J)]
            for j in range(J):
                code.prefetch(A, code.plus(code.builder.add(at, ahead), j * w))
            for c, first in enumerate(columns):
                factor = code.spread(K, code.at(first, i, down))
                for j in range(J):
                    code.add_product(sums[c][j], factor, row[j])
        for c in range(C):
            for j in range(J):
                code.store(code.builder.load(sums[c][j]), S, places[c][j])

    return body
