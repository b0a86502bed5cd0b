"""What the state of a run may be made of: the classes that `packing` knows, each with the attributes it has.

Nothing else is written or made, so that a file can name no code. The lists are exact: an attribute that is not in
them is an error when a state is written, and one that is absent is an error when it is read.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import NamedTuple

from lopside.krylov import Relation
from lopside.problems.biases import Layout
from lopside.problems.completion_point import CompletionPoint
from lopside.problems.point import Point
from lopside.problems.sensing_point import SensingPoint
from lopside.solvers import block_krylov, first_order, frozen_factor, gnmr, nesterov
from lopside.stopping import Status
from lopside.theory.certificate import Check, Part
from lopside.theory.leading_energy import SearchSpace
from lopside.theory.linear_bound import LinearBound
from lopside.theory.search import Search
from lopside.trace import Detail, Trace


class Kind(NamedTuple):
    """A class, the attributes that its objects have, those they may have, and those that are made anew from these."""

    made: type
    names: tuple[str, ...]
    caches: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()


_GROWTH = (
    "problem", "rank", "width", "capacity", "scale", "norm", "relation", "base", "top", "h", "exhausted",
    "witness", "_held", "_rng", "_ritz", "_room", "_seen", "_images",
)  # fmt: skip
_SEARCH = ("failure_probability", "proof_reads", "proof_seconds", "unlocked", "_probe_rng", "_patience", "_informed")

_KINDS = (
    Kind(Point, tuple(Point.__slots__)),
    Kind(CompletionPoint, ("problem", "X", "Y", "layout", "ahead", "_square", "_slopes")),
    # 𝒜*(residual) may be anything that can be multiplied with; it is made from the residual.
    Kind(
        SensingPoint,
        ("problem", "X", "Y", "ahead"),
        ("gram_x", "gram_y", "residual", "residual_norm"),
        ("_back",),
    ),
    Kind(
        block_krylov.RitzPoint,
        ("problem", "search", "_fit"),
        ("_factors", "_energies", "loss", "residual_norm"),
    ),
    Kind(Search, _GROWTH + _SEARCH),
)
_RECORDS = (
    first_order.Memory,
    nesterov.Momentum,
    frozen_factor.Progress,
    gnmr.Memory,
    block_krylov.Memory,
    Layout,
    Relation,
    SearchSpace,
    Trace,
    Detail,
    Part,
    Check,
    LinearBound,
)


def _named(made: type) -> str:
    return f"{made.__module__.removeprefix('lopside.')}.{made.__qualname__}"


def _of_record(made: type) -> Kind:
    names = [field.name for field in fields(made)] if is_dataclass(made) else getattr(made, "_fields", ())
    return Kind(made, tuple(names))


KINDS = {_named(kind.made): kind for kind in (*_KINDS, *map(_of_record, _RECORDS))}
NAMES = {kind.made: name for name, kind in KINDS.items()}
ENUMS: dict[str, type[Enum]] = {_named(made): made for made in (Status,)}
