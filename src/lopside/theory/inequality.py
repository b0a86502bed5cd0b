"""What a checked lemma returns: inequalities with both sides as numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Inequality:
    """One inequality ``left ≤ right``, with both numbers.

    Parameters
    ----------
    name : str
        What is compared, in words.
    left, right : float
        The two sides.
    allowance : float
        How far rounding alone may push ``left`` above ``right``; in the unit of both sides, ≥ 0.

    Examples
    --------
    >>> check = Inequality("η‖X‖² < 2", 0.5, 2.0)
    >>> check.holds, check.slack
    (True, 1.5)
    """

    name: str
    left: float
    right: float
    allowance: float = 0.0

    @property
    def slack(self) -> float:
        """``right - left``: how much room there is, negative when violated."""
        return self.right - self.left

    @property
    def holds(self) -> bool:
        """Whether ``left ≤ right + allowance``; False when a side is NaN."""
        return bool(self.left <= self.right + self.allowance)

    def __str__(self) -> str:
        """Both numbers and the verdict in one line."""
        verdict = "holds" if self.holds else "fails"
        return f"{self.name}: {self.left:.6g} <= {self.right:.6g} {verdict}"


@dataclass(frozen=True, slots=True)
class Lemma:
    """A lemma at given numbers: what it assumes and what it claims.

    Parameters
    ----------
    name : str
        The lemma and its source.
    hypotheses : tuple of Inequality
        What it assumes.
    conclusions : tuple of Inequality
        What it claims, evaluated whether or not the hypotheses hold.
    """

    name: str
    hypotheses: tuple[Inequality, ...]
    conclusions: tuple[Inequality, ...]

    @property
    def applies(self) -> bool:
        """Whether every hypothesis holds without its allowance, so that a conclusion may be demanded."""
        return all(h.left <= h.right for h in self.hypotheses)

    @property
    def violations(self) -> tuple[Inequality, ...]:
        """The conclusions that fail although the lemma applies; empty unless something is wrong."""
        return tuple(c for c in self.conclusions if not c.holds) if self.applies else ()
