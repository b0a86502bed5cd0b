"""What a fit is predicted to take, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple

from lopside.footprint import Parts
from lopside.text import bytes_text, seconds_text


class Range(NamedTuple):
    """The least, the typical (None where nobody can know) and the most of a number that depends on the spectrum."""

    least: float
    typical: float | None
    most: float


@dataclass(frozen=True)
class Plan:
    """What a fit is predicted to take.

    Attributes
    ----------
    shape : (m, n)
    dtype : str
    rank : int or None
        None where the least rank that reaches an error is looked for; memory and passes are then those of rank 1.
    storage : str
        How A is held.
    method : str
    choices : tuple of str
        What was chosen, and why.
    matrix_bytes : int
        What A itself takes in memory; 0 for a file and an operator.
    memory : Range
        Peak memory in bytes that the fit adds to that, if it takes the least, typical and most passes.
        `memory.most` is what a memory limit is held against.
    memory_parts : dict
        What the typical peak is made of.
    bytes_per_pass : int
        Bytes of A that one pass reads.
    passes : Range
        Passes over A.
    seconds_per_pass : float or None
        As measured on some of A; None without calibration.
    seconds : Range or None
        Expected total time.
    calibration : str
        What was measured.
    """

    shape: tuple[int, int]
    dtype: str
    rank: int | None
    storage: str
    method: str
    choices: tuple[str, ...]
    matrix_bytes: int
    memory: Range
    memory_parts: Parts
    bytes_per_pass: int
    passes: Range
    seconds_per_pass: float | None
    seconds: Range | None
    calibration: str

    @property
    def peak_memory(self) -> int:
        """Bytes that A and the fit take together at most."""
        return int(self.matrix_bytes + self.memory.most)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data, for JSON."""
        facts = {name: getattr(self, name) for name in self.__dataclass_fields__}
        ranges = {name: value._asdict() for name, value in facts.items() if isinstance(value, Range)}
        lists = {"shape": list(self.shape), "choices": list(self.choices)}
        return facts | ranges | lists | {"peak_memory": self.peak_memory}

    def pairs(self) -> dict[str, str]:
        """Return names and values as texts."""
        m, n = self.shape
        parts = ", ".join(f"{name} {bytes_text(size)}" for name, size in self.memory_parts.items() if size >= 1e5)
        each = self.seconds_per_pass
        return {
            "matrix": f"{m} × {n} {self.dtype}, {self.storage}",
            "rank": str(self.rank)
            if self.rank
            else "the least that reaches the error; memory and passes are of rank 1",
            "method": self.method,
            "memory of A": bytes_text(self.matrix_bytes) if self.matrix_bytes else "none",
            "memory of the fit": _range_text(self.memory, bytes_text),
            "of which": parts or "little",
            "read per pass": bytes_text(self.bytes_per_pass) if self.bytes_per_pass else "not known",
            "passes": _range_text(self.passes, lambda count: f"{count:.0f}"),
            "time per pass": "not measured" if each is None else f"{seconds_text(each)} ({self.calibration})",
            "time": _range_text(self.seconds, seconds_text) if self.seconds else "not known",
            **({"chosen": "; ".join(self.choices)} if self.choices else {}),
        }

    def __str__(self) -> str:
        pairs = self.pairs()
        indent = 2 + max(map(len, pairs))
        return "\n".join(f"{name:<{indent}}{value}" for name, value in pairs.items())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = "".join(f"<tr><th>{name}</th><td>{escape(value)}</td></tr>" for name, value in self.pairs().items())
        return f"<table>{cells}</table>"


def _range_text(found: Range, text: Any) -> str:
    if found.least == found.most:
        return text(found.most)
    typical = "" if found.typical is None else f", typically {text(found.typical)}"
    return f"{text(found.least)} to {text(found.most)}{typical}"
