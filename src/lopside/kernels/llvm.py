"""The few LLVM instructions that kernels are written in where Numba's own loops would not stay in registers."""

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

WIDE = bool(binding.get_host_cpu_features().get("avx512f"))

VECTOR_BYTES = 64 if WIDE else 32
"""Bytes of one vector; 32 suits AVX2, and NEON as pairs."""


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
        self.lanes = lanes or VECTOR_BYTES // itemsize(wide)
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

    def split(self, columns: Any, most: int) -> tuple[Any, Any, Any]:
        """Return into how many tiles of at most `most` the columns go, how wide they are, how many are one wider."""
        # Of no columns one tile of width 0: dividing by 0 would end the process.
        some = self.builder.select(self.builder.icmp_signed(">", columns, self.integer(0)), columns, self.integer(1))
        tiles = self.builder.sdiv(self.plus(some, most - 1), self.integer(most))
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
        return self._widened(self.builder.load(place, align=itemsize(kind)), self.vector)

    def store(self, value: Any, base: Any, at: Any) -> None:
        """Write a vector into an array of the type of the sums."""
        place = self.builder.bitcast(self.builder.gep(base, [at]), self.vector.as_pointer())
        self.builder.store(value, place, align=itemsize(self.wide))

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
        """Return a vector with one number of an array in all lanes."""
        return self.spread_value(self.scalar(base, at))

    def spread_value(self, scalar: Any) -> Any:
        """Return a vector with this number in all lanes."""
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

    def sum_of_lanes(self, vector: Any) -> Any:
        """Return the sum of all lanes, the two halves added first."""
        width = self.lanes
        while width > 1:
            width //= 2
            places = ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(width)))
            above = ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(width, 2 * width)))
            vector = self.builder.fadd(
                self.builder.shuffle_vector(vector, vector, places), self.builder.shuffle_vector(vector, vector, above)
            )
        return self.builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    def folded(self, vector: Any) -> Any:
        """Return the sum of all lanes, neighbours first."""
        total = self.totals([vector, *[ir.Constant(self.vector, None)] * (self.lanes - 1)])
        return self.builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    def add_product(self, place: Any, left: Any, right: Any) -> None:
        """Add left·right to a variable."""
        # "contract" lets LLVM fuse the two where the machine can, and only there.
        term = self.builder.fmul(left, right, flags=("contract",))
        self.builder.store(self.builder.fadd(self.builder.load(place), term, flags=("contract",)), place)

    def add_square(self, place: Any, left: Any, right: Any) -> None:
        """Add the product of two numbers to a variable in double precision."""
        double = ir.DoubleType()
        self.add_product(place, self._widened(left, double), self._widened(right, double))

    def converted(self, value: Any, kind: Any) -> Any:
        """Return a number in another floating-point type."""
        if itemsize(kind) < itemsize(value.type):
            return self.builder.fptrunc(value, kind)
        return self._widened(value, kind)

    def _widened(self, value: Any, kind: Any) -> Any:
        return value if value.type == kind else self.builder.fpext(value, kind)


def _pointed_at(kinds: Iterable[Any]) -> list[Any]:
    return [kind.pointee for kind in kinds if kind.is_pointer]


def itemsize(kind: Any) -> int:
    """Return the bytes of a number of this LLVM type."""
    return 8 if isinstance(kind, ir.DoubleType) else 4
