"""Loops over the observed entries of a row, in LLVM's vector type: residuals, gradients, and rows side by side.

Row i of one factor, x_i, meets the rows t_k of the other factor that its entries name. Tables have rows of `vectors`
whole vectors, zeros behind. Entry k has the weight weights[k·weighted]: an array [1] and `weighted` = 0 stand for none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types

from lopside.kernels.gathers import LINE
from lopside.kernels.llvm import Code, calling, intrinsic, itemsize

UNROLLED = 8
"""Vectors of a row up to which they stay in registers."""

_AHEAD = 24
"""Entries between asking for a row of the table and using it."""


@intrinsic
def gradient(typingctx: Any, indptr: Any, indices: Any, values: Any, weights: Any, sums: Any, X: Any, Y: Any, G: Any,
             first: Any, rows: Any, x: Any, g: Any, vectors: Any, weighted: Any, target: Any,
             entries: Any) -> Any:  # fmt: skip
    """G_i = Σ_k w_k(x_i·t_k − target·a_k) t_k and sums[i] = Σ_k w_k(x_i·t_k − target·a_k)², for rows first + i.

    Row i of X lies at x + i·length, that of G at g + i·length; there are `entries` in the whole matrix.
    """
    signature = types.void(indptr, indices, values, weights, sums, X, Y, G, first, rows, x, g, vectors, weighted,
                           target, entries)  # fmt: skip
    return signature, calling("gradient", _by_vectors("gradient", _gradient))


@intrinsic
def errors(typingctx: Any, indptr: Any, indices: Any, values: Any, weights: Any, sums: Any, E: Any, X: Any, Y: Any,
           first: Any, rows: Any, x: Any, vectors: Any, weighted: Any, kept: Any, entries: Any) -> Any:  # fmt: skip
    """sums[i] = Σ_k w_k(x_i·t_k − a_k)², for rows first + i, and with `kept` = 1 E_k = w_k(a_k − x_i·t_k)."""
    signature = types.void(indptr, indices, values, weights, sums, E, X, Y, first, rows, x, vectors, weighted, kept,
                           entries)  # fmt: skip
    return signature, calling("errors", _by_vectors("errors", _errors))


@intrinsic
def fetch(typingctx: Any, indices: Any, values: Any, Y: Any, B: Any, first: Any, count: Any, vectors: Any, free: Any,
          fixed: Any, length: Any, entries: Any) -> Any:  # fmt: skip
    """Lay the rows t_k of `count` entries from `first` side by side: B[k, :] = t_k, B[k, free] = a_k − fixed·t_k[free].

    Row k of B lies at k·length, and length exceeds that of a row of Y.
    """
    signature = types.void(indices, values, Y, B, first, count, vectors, free, fixed, length, entries)
    return signature, calling("fetch", _by_vectors("fetch", _fetch))


def _by_vectors(name: str, body: Callable[..., None]) -> Callable[..., None]:
    """Call the form of a loop that is written for this many vectors, or the one for any number."""

    def choose(code: Code, *arguments: Any) -> None:
        kinds = [value.type for value in arguments]
        where = next(k for k, kind in enumerate(kinds) if not kind.is_pointer) + _VECTORS_AT[name]

        def written(V: int) -> Callable[..., None]:
            def form(code: Code, *arguments: Any) -> None:
                body(code, _Row(code, V, arguments[where]), *arguments)

            return form

        forms = {V: code.function(f"{name}_{V}", kinds, written(V)) for V in range(UNROLLED + 1)}
        vectors = arguments[where]
        few = code.builder.icmp_signed("<=", vectors, code.integer(UNROLLED))
        code.switch(forms, code.builder.select(few, vectors, code.integer(0)), arguments)

    return choose


_VECTORS_AT = {"gradient": 4, "errors": 3, "fetch": 2}
"""Which of the integers is the number of vectors."""


class _Row:
    """The vectors of a row: unrolled if there are V > 0 of them, else `count`, in a loop."""

    def __init__(self, code: Code, V: int, count: Any) -> None:
        self.code, self.V, self.count = code, V, count
        self.length = code.times(count, code.lanes)

    def held(self, base: Any, at: Any) -> list[Any]:
        """Return the vectors in registers; of many none, which `each` then loads again and again."""
        return [self.code.load(base, self.code.plus(at, v * self.code.lanes)) for v in range(self.V)]

    def each(self, action: Callable[[Any, Any], None]) -> None:
        """Call action(v, offset) for every vector; v is None in a loop."""
        if self.V:
            for v in range(self.V):
                action(v, self.code.integer(v * self.code.lanes))
            return
        with self.code.range(self.code.integer(0), self.length, self.code.lanes) as offset:
            action(None, offset)

    def place(self, indices: Any, k: Any, ahead: Any, table: Any) -> Any:
        """Return where the row of entry k lies in the table, and ask for that of an entry further on."""
        code = self.code
        later = code.builder.mul(code.index(indices, code.builder.add(k, ahead)), self.length)
        for line in range(0, max(1, self.V) * code.lanes, LINE // itemsize(code.wide)):
            code.prefetch(table, code.plus(later, line), level=3)
        return code.builder.mul(code.index(indices, k), self.length)


def _product(row: _Row, held: list[Any], X: Any, x: Any, Y: Any, place: Any) -> Any:
    """Return x·t, a sum over all lanes."""
    code = row.code
    inner = code.variable(ir.Constant(code.vector, None))

    def multiply(v: Any, offset: Any) -> None:
        left = code.load(X, code.builder.add(x, offset)) if v is None else held[v]
        code.add_product(inner, left, code.load(Y, code.builder.add(place, offset)))

    row.each(multiply)
    return code.sum_of_lanes(code.builder.load(inner))


def _rows(code: Code, indptr: Any, first: Any, rows: Any, entries: Any, body: Callable[..., None]) -> None:
    """Call body(i, begin, end, ahead) for the rows first + i."""
    with code.range(code.integer(0), rows, 1) as i:
        place = code.builder.add(first, i)
        begin, end = code.index(indptr, place), code.index(indptr, code.plus(place, 1))
        fits = code.builder.icmp_signed("<=", code.plus(end, _AHEAD), entries)
        body(i, begin, end, code.builder.select(fits, code.integer(_AHEAD), code.integer(0)))


def _gradient(code: Code, row: _Row, indptr: Any, indices: Any, values: Any, weights: Any, sums: Any, X: Any, Y: Any,
              G: Any, first: Any, rows: Any, x: Any, g: Any, vectors: Any, weighted: Any, target: Any,
              entries: Any) -> None:  # fmt: skip
    build = code.builder
    share = build.sitofp(target, code.wide)

    def visit(i: Any, begin: Any, end: Any, ahead: Any) -> None:
        at, to = code.at(x, i, row.length), code.at(g, i, row.length)
        held = row.held(X, at)
        zero, total = ir.Constant(code.vector, None), code.variable(ir.Constant(ir.DoubleType(), 0.0))
        slopes = [code.variable(zero) for _ in range(row.V)]
        if not row.V:
            row.each(lambda v, offset: code.store(zero, G, build.add(to, offset)))
        with code.range(begin, end, 1) as k:
            place = row.place(indices, k, ahead, Y)
            error = build.fsub(_product(row, held, X, at, Y, place), build.fmul(share, code.scalar(values, k)))
            pull = build.fmul(code.scalar(weights, build.mul(k, weighted)), error)
            code.add_square(total, pull, error)
            spread = code.spread_value(pull)

            def add(v: Any, offset: Any) -> None:
                t = code.load(Y, build.add(place, offset))
                if v is not None:
                    code.add_product(slopes[v], spread, t)
                    return
                slope = code.variable(code.load(G, build.add(to, offset)))
                code.add_product(slope, spread, t)
                code.store(build.load(slope), G, build.add(to, offset))

            row.each(add)
        for v, slope in enumerate(slopes):
            code.store(build.load(slope), G, code.plus(to, v * code.lanes))
        build.store(build.load(total), build.gep(sums, [i]))

    _rows(code, indptr, first, rows, entries, visit)


def _errors(code: Code, row: _Row, indptr: Any, indices: Any, values: Any, weights: Any, sums: Any, E: Any, X: Any,
            Y: Any, first: Any, rows: Any, x: Any, vectors: Any, weighted: Any, kept: Any,
            entries: Any) -> None:  # fmt: skip
    build = code.builder
    keep = build.icmp_signed("!=", kept, code.integer(0))

    def visit(i: Any, begin: Any, end: Any, ahead: Any) -> None:
        at = code.at(x, i, row.length)
        held = row.held(X, at)
        total = code.variable(ir.Constant(ir.DoubleType(), 0.0))
        with code.range(begin, end, 1) as k:
            place = row.place(indices, k, ahead, Y)
            error = build.fsub(code.scalar(values, k), _product(row, held, X, at, Y, place))
            pull = build.fmul(code.scalar(weights, build.mul(k, weighted)), error)
            code.add_square(total, pull, error)
            with build.if_then(keep):
                build.store(code.converted(pull, E.type.pointee), build.gep(E, [k]))
        build.store(build.load(total), build.gep(sums, [i]))

    _rows(code, indptr, first, rows, entries, visit)


def _fetch(code: Code, row: _Row, indices: Any, values: Any, Y: Any, B: Any, first: Any, count: Any, vectors: Any,
           free: Any, fixed: Any, length: Any, entries: Any) -> None:  # fmt: skip
    build = code.builder
    fits = build.icmp_signed("<=", code.plus(build.add(first, count), _AHEAD), entries)
    ahead = build.select(fits, code.integer(_AHEAD), code.integer(0))
    share = build.sitofp(fixed, code.wide)
    with code.range(code.integer(0), count, 1) as e:
        k, to = build.add(first, e), build.mul(e, length)
        place = row.place(indices, k, ahead, Y)
        row.each(lambda v, offset: code.store(code.load(Y, build.add(place, offset)), B, build.add(to, offset)))
        known = build.fmul(share, code.scalar(Y, build.add(place, build.mul(free, fixed))))
        build.store(build.fsub(code.scalar(values, k), known), build.gep(B, [build.add(to, free)]))
