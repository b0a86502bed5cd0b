"""Two matrix products whose sums stay in registers, written in LLVM's vector type; every kernel is made of them.

Numba compiles the loops over a tile of sums well only if the sums are named one by one, and it may neither assume
that arrays do not overlap nor vectorize across a short loop.  So those loops are written here in LLVM's own
language, which lowers them to AVX-512, AVX2 or NEON.  Each tile is a function of its own that is never inlined:
copies in every caller would make compilation ten times as long.

Arrays are given with the flat index of their first element; offsets and lengths are 64-bit.  The left arrays may be
narrower than the sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as _intrinsic

intrinsic: Any = _intrinsic
"""Untyped, because what it makes takes one argument less than what it is given."""

_INDEX = ir.IntType(64)

_WIDE = bool(binding.get_host_cpu_features().get("avx512f"))

VECTOR_BYTES = 64 if _WIDE else 32
"""Bytes of one vector; 32 suits AVX2, and NEON as pairs."""

TILE, PANEL = (6, 4) if _WIDE else (4, 3)
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
        line = 64 // _itemsize(A.type.pointee)
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
    split = code.split(columns)

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


def calling(name: str, body: Callable[..., None]) -> Callable[..., Any]:
    """Return what Numba asks of an intrinsic: the code that calls the function, for arrays as bare pointers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = [
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array)
            else context.cast(builder, value, kind, types.intp)
            for kind, value in zip(signature.args, arguments, strict=True)
        ]  # fmt: skip
        wide = _pointed_at(value.type for value in values)[-1]
        code = Code(builder, wide)
        builder.call(code.function(name, [value.type for value in values], body), values)
        return context.get_dummy_value()

    return generate


class Code:
    """The few instructions the products are made of; sums are vectors of `wide` numbers."""

    def __init__(self, builder: Any, wide: Any, lanes: int | None = None) -> None:
        self.builder, self.wide = builder, wide
        self.lanes = lanes or VECTOR_BYTES // _itemsize(wide)
        self.vector = ir.VectorType(wide, self.lanes)

    def function(self, name: str, kinds: Sequence[Any], body: Callable[..., None]) -> ir.Function:
        """Return the module's one function of this name for these types of array, written on first use."""
        arrays = map(str, _pointed_at(kinds))
        full_name = "_".join(["lopside", *arrays, name])
        module = self.builder.module
        if full_name not in module.globals:
            function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), full_name)
            function.linkage = "linkonce_odr"
            function.attributes.add("noinline")
            inside = Code(ir.IRBuilder(function.append_basic_block("entry")), self.wide)
            body(inside, *function.args)
            inside.builder.ret_void()
        return module.globals[full_name]

    def integer(self, value: int) -> ir.Constant:
        """Return a constant in as many bits as offsets have."""
        return ir.Constant(_INDEX, value)

    def times(self, value: Any, factor: int) -> Any:
        """Return an integer times a constant."""
        return self.builder.mul(value, self.integer(factor))

    def plus(self, value: Any, more: int) -> Any:
        """Return an integer plus a constant."""
        return self.builder.add(value, self.integer(more))

    def at(self, first: Any, k: Any, stride: Any) -> Any:
        """Return first + k·stride."""
        k, stride = (self.integer(part) if isinstance(part, int) else part for part in (k, stride))
        return self.builder.add(first, self.builder.mul(k, stride))

    @contextmanager
    def range(self, first: Any, stop: Any, step: int) -> Iterator[Any]:
        """Loop from `first` up to `stop`."""
        with cgutils.for_range_slice(self.builder, first, stop, self.integer(step)) as (index, _):
            yield index

    def split(self, columns: Any) -> tuple[Any, Any, Any]:
        """Return into how many tiles the columns go, how wide they are, and how many are one wider."""
        # Of no columns one tile of width 0: dividing by 0 would end the process.
        some = self.builder.select(self.builder.icmp_signed(">", columns, self.integer(0)), columns, self.integer(1))
        tiles = self.builder.sdiv(self.plus(some, TILE - 1), self.integer(TILE))
        return tiles, self.builder.sdiv(columns, tiles), self.builder.srem(columns, tiles)

    @contextmanager
    def shares(self, split: tuple[Any, Any, Any]) -> Iterator[tuple[Any, Any]]:
        """Loop over the tiles: first column and width."""
        tiles, width, wider = split
        with self.range(self.integer(0), tiles, 1) as t:
            is_wider = self.builder.icmp_signed("<", t, wider)
            before = self.builder.select(is_wider, t, wider)
            yield (
                self.builder.add(self.builder.mul(t, width), before),
                self.builder.add(width, self.builder.zext(is_wider, width.type)),
            )

    def switch(self, functions: dict[int, ir.Function], key: Any, arguments: Sequence[Any]) -> None:
        """Call the function of this key with the arguments."""
        end = self.builder.append_basic_block()
        choice = self.builder.switch(key, end)
        for value, function in functions.items():
            block = self.builder.append_basic_block()
            choice.add_case(self.integer(value), block)
            self.builder.position_at_end(block)
            self.builder.call(function, arguments)
            self.builder.branch(end)
        self.builder.position_at_end(end)

    def variable(self, value: Any) -> Any:
        """Return a place that holds the value, and may hold others later: a register, once LLVM is done."""
        place = cgutils.alloca_once(self.builder, value.type)
        self.builder.store(value, place)
        return place

    def load(self, base: Any, at: Any) -> Any:
        """Return a vector of an array, in the type of the sums."""
        kind = base.type.pointee
        place = self.builder.gep(base, [at])
        place = self.builder.bitcast(place, ir.VectorType(kind, self.lanes).as_pointer())
        return self._widened(self.builder.load(place, align=_itemsize(kind)), self.vector)

    def store(self, value: Any, base: Any, at: Any) -> None:
        """Write a vector into an array of the type of the sums."""
        place = self.builder.bitcast(self.builder.gep(base, [at]), self.vector.as_pointer())
        self.builder.store(value, place, align=_itemsize(self.wide))

    def totals(self, vectors: Sequence[Any]) -> Any:
        """Return the vector of the sums of the lanes of each vector, one vector a lane; neighbours are added first."""
        while len(vectors) > 1:
            pairs = zip(vectors[::2], vectors[1::2], strict=True)
            vectors = [self.builder.fadd(self.every_other(a, b, 0), self.every_other(a, b, 1)) for a, b in pairs]
        return vectors[0]

    def every_other(self, left: Any, right: Any, first: int) -> Any:
        """Return the even (or odd, first = 1) lanes of two vectors side by side."""
        places = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), list(range(first, 2 * self.lanes, 2)))
        return self.builder.shuffle_vector(left, right, places)

    def only_first(self, c: Any, ahead: Any) -> Any:
        """Return `ahead` for the first tile, and for the others 0: what is there already."""
        return self.builder.select(self.builder.icmp_signed("==", c, self.integer(0)), ahead, self.integer(0))

    def prefetch(self, base: Any, at: Any, level: int = 2) -> None:
        """Ask for the cache line at a place, which may lie outside of the array; LLVM calls the first level 3."""
        number = ir.IntType(32)
        pointer = self.builder.bitcast(self.builder.gep(base, [at]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        function = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        read, near, data = (ir.Constant(number, k) for k in (0, level, 1))
        self.builder.call(function, [pointer, read, near, data])

    def spread(self, base: Any, at: Any) -> Any:
        """Return a vector with one number in all lanes."""
        scalar = self.scalar(base, at)
        empty = ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(empty, scalar, ir.Constant(ir.IntType(32), 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, empty, zeros)

    def scalar(self, base: Any, at: Any) -> Any:
        """Return a number of an array, in the type of the sums."""
        return self._widened(self.builder.load(self.builder.gep(base, [at])), self.wide)

    def index(self, base: Any, at: Any) -> Any:
        """Return an integer of an array, in as many bits as offsets have."""
        value = self.builder.load(self.builder.gep(base, [at]))
        wide = self.integer(0).type
        return value if value.type == wide else self.builder.sext(value, wide)

    def folded(self, vector: Any) -> Any:
        """Return the sum of all lanes, neighbours first."""
        total = self.totals([vector, *[ir.Constant(self.vector, None)] * (self.lanes - 1)])
        return self.builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    def add_product(self, place: Any, left: Any, right: Any) -> None:
        """Add left·right to a variable."""
        # "contract" lets LLVM fuse the two where the machine can, and only there.
        term = self.builder.fmul(left, right, flags=("contract",))
        self.builder.store(self.builder.fadd(self.builder.load(place), term, flags=("contract",)), place)

    def _widened(self, value: Any, kind: Any) -> Any:
        return value if value.type == kind else self.builder.fpext(value, kind)


def _pointed_at(kinds: Iterable[Any]) -> list[Any]:
    return [kind.pointee for kind in kinds if kind.is_pointer]


def _itemsize(kind: Any) -> int:
    return 8 if isinstance(kind, ir.DoubleType) else 4
