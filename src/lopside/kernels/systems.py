"""Many small symmetric systems at once, one in each lane of a vector: every step of elimination is a whole vector."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types

from lopside.kernels.llvm import Code, calling, intrinsic

_TOGETHER = 4
"""Pivots taken together: each number of what is left is then loaded once for all of them."""


@intrinsic
def solve_lanes(typingctx: Any, limits: Any, gained: Any, S: Any, size: Any) -> Any:
    """Solve G z = b in every lane, G `size` × `size`: column `size` of S becomes z, and gained bᵀG⁻¹b.

    S holds [G | b] from the diagonal on, a vector for each place (i, j) at (i·(size + 1) + j)·lanes, and is used up.
    Pivot k counts as infinite where it is not above limits[k·lanes:]: its coefficient is 0.
    """
    return types.void(limits, gained, S, size), calling("solve_lanes", _solve)


def _solve(code: Code, limits: Any, gained: Any, S: Any, size: Any) -> None:
    system = _System(code, limits, S, size)
    build = code.builder
    total = code.variable(ir.Constant(code.vector, None))
    whole = code.times(build.sdiv(size, code.integer(_TOGETHER)), _TOGETHER)
    with code.range(code.integer(0), whole, _TOGETHER) as k:
        system.eliminate(k, _TOGETHER, total)
    with code.range(whole, size, 1) as k:
        system.eliminate(k, 1, total)
    code.store(build.load(total), gained, code.integer(0))
    with code.range(code.integer(0), size, 1) as back:
        system.substitute(build.sub(code.plus(size, -1), back))


class _System:
    """The systems in all lanes."""

    def __init__(self, code: Code, limits: Any, S: Any, size: Any) -> None:
        self.code, self.S, self.size = code, S, size
        self.limits = limits
        self.pitch = code.times(code.plus(size, 1), code.lanes)

    def at(self, i: Any, j: Any) -> Any:
        return self.code.builder.add(self.code.builder.mul(i, self.pitch), self.code.times(j, self.code.lanes))

    def get(self, i: Any, j: Any) -> Any:
        return self.code.load(self.S, self.at(i, j))

    def put(self, value: Any, i: Any, j: Any) -> None:
        self.code.store(value, self.S, self.at(i, j))

    def eliminate(self, k: Any, count: int, total: Any) -> None:
        """Take pivots k … k + count − 1 out of all that follows; their places keep 1/pivot."""
        code = self.code
        rows = [code.plus(k, q) for q in range(count)]
        inverses = []
        for q, row in enumerate(rows):
            inverses.append(self.pivot(row, total))
            for below in rows[q + 1 :]:
                self.subtract(below, [row], [inverses[q]])
        beyond = code.plus(k, count)
        with code.range(beyond, self.size, 1) as i:
            self.subtract(i, rows, inverses)

    def pivot(self, k: Any, total: Any) -> Any:
        code, build = self.code, self.code.builder
        pivot, right = self.get(k, k), self.get(k, self.size)
        one = ir.Constant(code.vector, [ir.Constant(code.wide, 1.0)] * code.lanes)
        good = build.fcmp_ordered(">", pivot, code.load(self.limits, code.times(k, code.lanes)))
        inverse = build.select(good, build.fdiv(one, pivot), ir.Constant(code.vector, None))
        self.put(inverse, k, k)
        code.add_product(total, build.fmul(right, inverse), right)
        return inverse

    def subtract(self, i: Any, rows: list[Any], inverses: list[Any]) -> None:
        """Row i −= Σ_q (row_q[i]/pivot_q) row_q, from the diagonal on."""
        code, build = self.code, self.code.builder
        zero = ir.Constant(code.vector, None)
        factors = [
            build.fsub(zero, build.fmul(self.get(row, i), inverse)) for row, inverse in zip(rows, inverses, strict=True)
        ]

        def place(j: Any) -> None:
            value = code.variable(self.get(i, j))
            for row, factor in zip(rows, factors, strict=True):
                code.add_product(value, factor, self.get(row, j))
            self.put(build.load(value), i, j)

        with code.range(i, code.plus(self.size, 1), 1) as j:
            place(j)

    def substitute(self, k: Any) -> None:
        code, build = self.code, self.code.builder
        value = code.variable(self.get(k, self.size))
        with code.range(code.plus(k, 1), self.size, 1) as j:
            term = build.fmul(self.get(k, j), self.get(j, self.size))
            build.store(build.fsub(build.load(value), term), value)
        self.put(build.fmul(build.load(value), self.get(k, k)), k, self.size)
