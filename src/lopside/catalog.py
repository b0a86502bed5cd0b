"""Names of everything one may choose, and their text form: `agd[step_size=0.5]`, `unbalanced[C=4,nu=1e-10]`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from lopside import data, solvers, starts, step_sizes
from lopside.certify import gap_part
from lopside.errors import InputError
from lopside.theory import all_time, ward_kolda_lemmas, ward_kolda_propositions, ward_kolda_window, ye_du

SOLVERS: Mapping[str, type] = {
    "agd": solvers.AlternatingGradientDescent,
    "gd": solvers.GradientDescent,
    "scaled-gd": solvers.ScaledGradientDescent,
    "alt-scaled-gd": solvers.AlternatingScaledGradientDescent,
    "als": solvers.AlternatingLeastSquares,
    "nesterov": solvers.Nesterov,
    "block-krylov": solvers.BlockKrylov,
    "frozen": solvers.FrozenFactor,
    "gnmr": solvers.GNMR,
}

STARTS: Mapping[str, type] = {
    "unbalanced": starts.Unbalanced,
    "column-span": starts.ColumnSpan,
    "gaussian": starts.Gaussian,
    "unbalanced-gaussian": starts.UnbalancedGaussian,
    "small-gaussian": starts.SmallGaussian,
    "ye-du": starts.YeDu,
    "sketch": starts.Sketch,
    "power-sketch": starts.PowerSketch,
    "spectral": starts.Spectral,
    "woodruff-yasuda": starts.WoodruffYasuda,
}

STEP_SIZES: Mapping[str, type] = {
    "over-sigma1": step_sizes.OverSigma1,
    "ward-kolda": step_sizes.WardKolda,
    "all-time": step_sizes.AllTime,
    "ye-du": step_sizes.YeDu,
}

DATA: Mapping[str, Callable[..., Any]] = {
    "planted": data.planted,
    "digits": data.digits,
    "china": data.china,
    "elevation": data.elevation,
}

THEOREMS: Mapping[str, Callable[..., Any]] = {
    "gap": gap_part,
    "all-time": all_time.all_time,
    "window": ward_kolda_window.window_theorem,
    "ye-du": ye_du.total_steps,
    "lemma-4.1": ward_kolda_lemmas.lemma_41,
    "prop-4.2": ward_kolda_propositions.prop_42,
    "prop-4.3": ward_kolda_propositions.prop_43,
    "cor-4.4": ward_kolda_propositions.cor_44,
    "lemma-4.5": ward_kolda_lemmas.lemma_45,
    "lemma-4.6": ward_kolda_lemmas.lemma_46,
}

CHOICES: Mapping[str, Mapping[str, type]] = {"solver": SOLVERS, "start": STARTS, "step size": STEP_SIZES}
"""What has a text form, by kind."""

PARTIAL = frozenset({"gnmr", "woodruff-yasuda"})
"""Names of what is about matrices of which not every entry is known, and refuses `Full`."""

_FORM = re.compile(r"\s*([^\[\]=,]+?)\s*(?:\[(.*)\])?\s*", re.DOTALL)
_NUMBER = re.compile(r"[-+.\d]|(nan|inf)\b", re.IGNORECASE)


def parse(kind: str, text: str) -> Any:
    """Return what a text form names.

    A step size may also be a number or a multiple of 1/σ₁, as in `0.5` and `0.9/sigma1`.

    Parameters
    ----------
    kind : "solver", "start" or "step size"
    text : str
        `name` or `name[parameter=value,...]`; parameters left out have their default.

    Raises
    ------
    InputError
        If the name or a parameter does not exist (the message lists what does), or a value cannot be used.

    Examples
    --------
    >>> parse("start", "unbalanced[C=2]")
    Unbalanced(C=2, nu=1e-10)
    >>> parse("solver", "agd[step_size=0.9/sigma1]")
    AlternatingGradientDescent(step_size=OverSigma1(factor=0.9))
    """
    members = CHOICES[kind]
    if members is STEP_SIZES and _NUMBER.match(text.strip()):
        return step_sizes.parse(text)
    form = _FORM.fullmatch(text)
    if form is None:
        raise InputError(f'got {kind} "{text}"; expected name or name[parameter=value,...], as in {_examples(kind)}')
    name, inside = form.groups()
    member = members[_known(name, members, kind)]
    names = [field.name for field in fields(member)]
    values = {}
    for part in _split(inside or ""):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise InputError(f'got "{part.strip()}" in {kind} "{text}"; expected parameter=value')
        values[_known(key, names, f"parameter of {name}")] = _value(key, value)
    required = [field.name for field in fields(member) if field.default is MISSING]
    if absent := [name for name in required if name not in values]:
        raise InputError(f'got {kind} "{text}" without {", ".join(absent)}; expected {name}[{absent[0]}=...]')
    return member(**values)


def text(choice: Any) -> str:
    """Return the text form of a solver, start or step size; `parse` gives an equal object back.

    A step size that is already text is kept as it is, and parsed into the object it stands for.

    Raises
    ------
    InputError
        If it is none of the catalog's.

    Examples
    --------
    >>> import lopside as lo
    >>> text(lo.solvers.AlternatingGradientDescent(0.5))
    'agd[step_size=0.5]'
    >>> text(lo.starts.Unbalanced())
    'unbalanced'
    """
    if isinstance(choice, step_sizes.OverSigma1):
        return f"{_number_text(choice.factor)}/sigma1"
    if isinstance(choice, str):
        return choice
    if isinstance(choice, bool | np.bool_):
        return str(bool(choice)).lower()
    if isinstance(choice, int | float | np.number):
        return _number_text(choice)
    for members in CHOICES.values():
        for name, member in members.items():
            if type(choice) is member and is_dataclass(choice):
                changed = {f.name: getattr(choice, f.name) for f in fields(choice)}
                inside = ",".join(
                    f"{f.name}={'none' if changed[f.name] is None else text(changed[f.name])}"
                    for f in fields(choice)
                    if changed[f.name] != f.default
                )
                return f"{name}[{inside}]" if inside else name
    raise InputError(f"got {choice!r}; expected a solver, start or step size of the catalog")


def _number_text(number: Any) -> str:
    # The repr of NumPy's own numbers names their type.
    return repr(number.item() if isinstance(number, np.generic) else number)


def summary(member: Any) -> str:
    """Return the first sentence of a docstring, without its full stop."""
    paragraph = (member.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(paragraph.split()).rstrip(".")


def _examples(kind: str) -> str:
    return ", ".join(list(CHOICES[kind])[:2])


def _known(name: str, members: Any, kind: str) -> str:
    if name in members:
        return name
    listed = ", ".join(members) or "none"
    if members is STEP_SIZES:
        listed = f"a number, a multiple such as 0.9/sigma1, {listed}"
    spelled = {member.lower(): member for member in members}
    close = get_close_matches(name.lower(), spelled, n=1, cutoff=0.4)
    hint = f". Did you mean {spelled[close[0]]}?" if close else ""
    raise InputError(f'got {kind} "{name}"; expected one of: {listed}{hint}')


def _split(inside: str) -> list[str]:
    # At commas outside of brackets: a step size may have parameters of its own.
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(inside):
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            parts.append(inside[start:place])
            start = place + 1
    last = inside[start:]
    return [*parts, last] if parts or last.strip() else []


def _value(key: str, value: str) -> Any:
    if key == "step_size" and value.lower() != "none":
        return parse("step size", value)
    for convert in (int, float):
        try:
            return convert(value)
        except ValueError:
            pass
    if value.lower() in _WORDS:
        return _WORDS[value.lower()]
    raise InputError(f'got {key} = "{value}"; expected a number or one of: {", ".join(_WORDS)}')


_WORDS = {"none": None, "true": True, "false": False}
_WORDS |= {word: word for word in ("loss", "setting", "averaging", "updating")}
"""What a parameter may be besides a number; each class says itself which of them it takes."""
