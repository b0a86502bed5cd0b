"""The state of a run as JSON and arrays, and back: no pickle, and no code that a file could name.

A tree is None, a bool, an int, a float, a text, or a list that begins with a tag. What occurs twice is written once,
so that what is shared stays shared: a point and the memory that holds it, two views of one growing basis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from lopside.checkpoint.parts import ENUMS, KINDS, NAMES, Kind
from lopside.errors import AbilityError
from lopside.krylov import Columns
from lopside.rows import Rows

_LONG = 8
"""Lists of so many numbers become arrays."""

_SPARE = 8
"""A view keeps its strides, which products round by, where it spans at most so many times what it has."""

_GENERATORS = {
    made.__name__: made
    for made in (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64)
}
_SCALARS = {kind: np.dtype(kind).type for kind in ("float64", "float32", "int64", "int32", "bool")}


class Packer:
    """Turns objects into a tree, and collects their arrays.

    Parameters
    ----------
    tokens : mapping of str to object
        What is not written but named: it will be there when the state is read.
    """

    def __init__(self, tokens: Mapping[str, Any]) -> None:
        self.arrays: list[NDArray[Any]] = []
        self._tokens = {id(value): name for name, value in tokens.items()}
        self._seen: dict[int, int] = {}
        self._alive: list[Any] = [*tokens.values()]  # an id means nothing once its object is gone

    def tree(self, value: Any) -> Any:
        """Return the tree of a value.

        Raises
        ------
        AbilityError
            If something in it is of no class that is known.
        """
        if value is None or type(value) in (bool, int, float, str):
            return value
        if id(value) in self._tokens:
            return ["token", self._tokens[id(value)]]
        if id(value) in self._seen:
            return ["same", self._seen[id(value)]]
        if type(value) is tuple:  # held by value
            return ["tuple", *map(self.tree, value)]
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        return self._made(value)

    def _made(self, value: Any) -> list[Any]:
        for name, kind in _SCALARS.items():
            if type(value) is kind:
                return ["number", name, value.item()]
        if type(value) is np.ndarray:
            return ["array", *self._array(value)]
        if isinstance(value, Rows):
            return ["rows", self.tree(value.stored())]
        if type(value) is list:
            return self._list(value)
        if type(value) is dict and all(type(key) is str for key in value):
            return ["dict", {key: self.tree(each) for key, each in value.items()}]
        if type(value) is np.random.Generator:
            return ["generator", *self._generator(value)]
        if type(value) is Columns:
            place, _ = self._array(np.ascontiguousarray(value.array[:, : value.used]))
            return ["columns", value.capacity, value.array.shape[1], place]
        if isinstance(value, Enum) and type(value) in ENUMS.values():
            return ["enum", next(name for name, made in ENUMS.items() if made is type(value)), value.name]
        if (name := NAMES.get(type(value))) is not None:
            return ["object", name, {key: self.tree(each) for key, each in self._attributes(value, KINDS[name])}]
        raise _unknown(value)

    def _array(self, array: NDArray[Any]) -> list[Any]:
        """Return where the numbers of an array are kept, and how they lay in memory: products round by that."""
        if array.dtype.kind not in "fiub":
            raise _unknown(array)
        layout: Any = "C"
        if array.flags.f_contiguous and not array.flags.c_contiguous:
            array, layout = array.T, "F"
        elif not array.flags.c_contiguous:
            steps = [stride // array.itemsize for stride in array.strides]
            if min(steps) > 0 and _span(array.shape, steps) <= _SPARE * array.size:
                layout = steps
        self.arrays.append(np.ascontiguousarray(array))
        return [len(self.arrays) - 1, layout]

    def _list(self, value: list[Any]) -> list[Any]:
        if len(value) >= _LONG:
            kinds = set(map(type, value))
            if kinds == {float}:
                self.arrays.append(np.array(value))
                return ["floats", len(self.arrays) - 1]
            if kinds == {int} and -(2**63) <= min(value) <= max(value) < 2**63:
                self.arrays.append(np.array(value, np.int64))
                return ["ints", len(self.arrays) - 1]
        return ["list", *map(self.tree, value)]

    def _generator(self, value: np.random.Generator) -> list[Any]:
        bits = value.bit_generator
        seed = bits.seed_seq
        if type(bits).__name__ not in _GENERATORS or type(seed) is not np.random.SeedSequence:
            raise _unknown(bits)
        entropy = [int(each) for each in seed.entropy] if isinstance(seed.entropy, Sequence) else seed.entropy
        of = {"entropy": entropy, "spawn_key": [int(key) for key in seed.spawn_key], "pool_size": seed.pool_size}
        return [self.tree(bits.state), self.tree(of), seed.n_children_spawned]

    def _attributes(self, value: Any, kind: Kind) -> list[tuple[str, Any]]:
        held = getattr(value, "__dict__", None)
        names = [*kind.names, *(name for name in kind.caches if name in (held or ()))]
        if held is not None and (strange := set(held) - {*kind.names, *kind.caches, *kind.derived}):
            raise AbilityError(f"got {', '.join(strange)} in a {type(value).__name__}, unknown to checkpoints")
        made = [(name, held is not None and name in held) for name in kind.derived]
        return [*((name, getattr(value, name)) for name in names), *made]


def _span(shape: Sequence[int], steps: Sequence[int]) -> int:
    return 1 + sum(step * (side - 1) for side, step in zip(shape, steps, strict=True))


def _unknown(value: Any) -> AbilityError:
    return AbilityError(
        f"got {type(value).__module__}.{type(value).__qualname__} in the state of a run, which a checkpoint "
        "cannot hold; expected arrays, numbers and what lopside's own solvers carry. Try a solver of the catalog, "
        "or no checkpoint"
    )


class Unpacker:
    """Turns a tree and its arrays into the objects they were.

    Parameters
    ----------
    arrays : sequence of ndarray
        As collected by a `Packer`; taken over.
    tokens : mapping of str to object
    """

    def __init__(self, arrays: Sequence[NDArray[Any]], tokens: Mapping[str, Any]) -> None:
        self._arrays, self._tokens = arrays, tokens
        self._made: list[Any] = []
        self._later: list[tuple[Any, str]] = []

    def value(self, tree: Any) -> Any:
        """Return the value of a tree; what is derived from others is made last.

        Raises
        ------
        ValueError, TypeError, KeyError, IndexError
            If the tree is none that a `Packer` made.
        """
        value = self._value(tree)
        for owner, name in self._later:
            getattr(owner, name)
        return value

    def _value(self, tree: Any) -> Any:
        if tree is None or isinstance(tree, bool | int | float | str):
            return tree
        tag, *rest = tree
        if tag == "token":
            return self._tokens[rest[0]]
        if tag == "same":
            return self._made[rest[0]]
        if tag == "tuple":
            return tuple(map(self._value, rest))
        place = len(self._made)
        self._made.append(None)
        ways: dict[str, Callable[..., Any]] = {
            "number": lambda kind, value: _SCALARS[kind](value),
            "array": self._array,
            "floats": lambda index: self._arrays[index].tolist(),
            "ints": lambda index: self._arrays[index].tolist(),
            "list": lambda *parts: [self._value(part) for part in parts],
            "dict": lambda parts: {key: self._value(part) for key, part in parts.items()},
            "generator": self._generator,
            "columns": self._columns,
            "rows": lambda tree: self._tokens["problem"].storage.restored(self._value(tree)),
            "enum": lambda kind, name: ENUMS[kind][name],
            "object": self._object,
        }
        self._made[place] = made = ways[tag](*rest)
        return made

    def _array(self, index: int, layout: Any) -> NDArray[Any]:
        array = self._arrays[index]
        if layout == "C":
            return array
        if layout == "F":
            return array.T
        if min(layout) <= 0 or _span(array.shape, layout) > _SPARE * array.size:
            raise ValueError(f"an array of shape {array.shape} and steps {layout}")
        whole = np.empty(_span(array.shape, layout), array.dtype)
        view = as_strided(whole, array.shape, [step * array.itemsize for step in layout])
        view[...] = array
        return view

    def _columns(self, capacity: int, width: int, filled: int) -> Columns:
        array = self._arrays[filled]
        columns = Columns(len(array), width, width)
        # Not what the constructor would allow itself, but what there was: products round by the pitch of the rows.
        columns.array, columns.capacity = np.empty((len(array), width)), capacity
        columns.used = array.shape[1]
        columns.array[:, : columns.used] = array
        return columns

    def _generator(self, state: Any, of: Any, spawned: int) -> np.random.Generator:
        state, of = self._value(state), self._value(of)
        seed = np.random.SeedSequence(**of, n_children_spawned=spawned)
        bits = _GENERATORS[state["bit_generator"]](seed)
        bits.state = state
        return np.random.Generator(bits)

    def _object(self, name: str, held: dict[str, Any]) -> Any:
        kind = KINDS[name]
        if strange := (set(held) ^ {*kind.names, *kind.derived}) - set(kind.caches):
            raise ValueError(f"a {name} with or without {', '.join(sorted(strange))}")
        derived = {key: held.pop(key) for key in kind.derived}
        values = {key: self._value(each) for key, each in held.items()}
        if issubclass(kind.made, tuple):
            return kind.made(**values)
        made: Any = object.__new__(kind.made)
        for key, each in values.items():
            object.__setattr__(made, key, each)
        self._later += [(made, key) for key, there in derived.items() if there is True]
        return made
