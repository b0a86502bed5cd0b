"""Every choice has one name and one text form, and the text form gives the choice back."""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lopside as lo
from lopside import catalog
from lopside.catalog import CHOICES, DATA, THEOREMS, parse, summary, text
from lopside.errors import InputError

MEMBERS = [(kind, name) for kind, members in CHOICES.items() for name in members]


# Those whose step size has a unit: it may be a multiple of 1/σ₁(A) or a theorem's.
IN_UNITS = ["agd", "gd", "nesterov"]


def example(kind: str, name: str) -> Any:
    member = CHOICES[kind][name]
    return member(0.25) if member is lo.step_sizes.OverSigma1 else member()


@pytest.mark.parametrize(("kind", "name"), MEMBERS)
@given(data=st.data())
def test_text_forms_come_back(kind: str, name: str, data: st.DataObject) -> None:
    choice = example(kind, name)
    # Small positive numbers suit every parameter but C, which a start wants ≥ 1, and whole numbers and flags.
    for field in fields(choice):
        if field.name not in ("step_size", "r") and data.draw(st.booleans()):
            low = 1.0 if field.name == "C" else 1e-12
            numbers = st.floats(low, low + 0.9, exclude_max=True)
            values = {bool: st.booleans(), int: st.integers(1, 9)}.get(type(field.default), numbers)
            values = values | st.just("loss") if field.name == "damping" else values
            values = st.integers(1, 9) if field.name in ("block", "basis", "inner_steps") else values
            values = st.sampled_from(["setting", "averaging", "updating"]) if field.name == "variant" else values
            choice = replace(choice, **{field.name: data.draw(values)})
    assert parse(kind, text(choice)) == choice


@pytest.mark.parametrize("name", IN_UNITS)
@pytest.mark.parametrize(
    "step", [0.3, 1e-12, lo.step_sizes.OverSigma1(0.7), lo.step_sizes.AllTime(theta=0.2, r=3), lo.step_sizes.YeDu(3)]
)
def test_a_solver_keeps_its_step_size(name: str, step: Any) -> None:
    solver = catalog.SOLVERS[name](step)
    assert parse("solver", text(solver)) == solver


def test_a_pure_step_size_is_a_number_and_nothing_else() -> None:
    assert parse("solver", "alt-scaled-gd[step_size=0.25,damping=loss]") == lo.solvers.AlternatingScaledGradientDescent(
        0.25, "loss"
    )
    for name in ("scaled-gd", "alt-scaled-gd"):
        with pytest.raises(InputError, match="pure number"):
            parse("solver", f"{name}[step_size=0.9/sigma1]")


def test_none_and_numpy_numbers_have_a_text() -> None:
    start = lo.starts.Unbalanced(C=None)
    assert text(start) == "unbalanced[C=none]"
    assert parse("start", text(start)) == start
    assert text(lo.solvers.AlternatingGradientDescent(np.float64(0.5))) == "agd[step_size=0.5]"
    assert text(lo.step_sizes.OverSigma1(np.float64(0.5))) == "0.5/sigma1"


@pytest.mark.parametrize("name", IN_UNITS)
def test_a_step_size_in_words_keeps_its_meaning(name: str) -> None:
    solver = catalog.SOLVERS[name]("0.7/sigma1")
    assert parse("solver", text(solver)).step_size == lo.step_sizes.OverSigma1(0.7)
    assert text(parse("solver", text(solver))) == text(solver)


@pytest.mark.parametrize(
    ("kind", "module"), [("solver", lo.solvers), ("start", lo.starts), ("step size", lo.step_sizes)]
)
def test_nothing_is_left_out(kind: str, module: Any) -> None:
    verb = {"solver": "begin", "start": "__call__", "step size": "resolve"}[kind]
    made = {
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if is_dataclass(member) and hasattr(member, verb) and member.__module__.startswith("lopside")
    }
    assert made == set(CHOICES[kind].values())


def test_names_read_alike() -> None:
    names = [name for members in (*CHOICES.values(), DATA, THEOREMS) for name in members]
    assert all(name == name.lower() and not set(name) & set(" _[]=,") for name in names)


@pytest.mark.parametrize("member", [m for ms in (*CHOICES.values(), DATA, THEOREMS) for m in ms.values()])
def test_everything_says_what_it_is(member: Any) -> None:
    line = summary(member)
    assert line
    assert "\n" not in line
    assert not line.startswith(f"{member.__name__}(")  # what a dataclass without a docstring would say


@pytest.mark.parametrize(
    ("kind", "wrong", "phrases"),
    [
        ("solver", "nesterov[restart=perhaps]", ["none, true, false"]),
        ("solver", "nesterov[restart=loss]", ["True or False"]),
        ("solver", "als[step_size=0.5]", ["damping"]),
        ("solver", "AGD", ["agd, gd", "Did you mean agd?"]),
        ("solver", "newton", ["agd, gd"]),
        ("start", "unbalancd[C=4]", ["column-span", "Did you mean unbalanced?"]),
        ("start", "unbalanced[c=4]", ["C, nu", "Did you mean C?"]),
        ("start", "unbalanced[4]", ["parameter=value"]),
        ("start", "unbalanced[C=4", ["name[parameter=value,...]"]),
        ("start", "unbalanced[C=four]", ["number"]),
        ("start", "unbalanced[C=0.5]", ["C ≥ 1"]),
        ("start", "", ["unbalanced, column-span"]),
        ("start", "spectral[C=1]", ["none"]),
        ("step size", "alltime", ["0.9/sigma1", "Did you mean all-time?"]),
        ("step size", "-0.5", ["> 0"]),
        ("step size", "0", ["> 0"]),
        ("step size", "nan", ["a finite number > 0"]),
        ("step size", "0.5/sigma2", ["0.9/sigma1"]),
        ("step size", "over-sigma1", ["factor"]),
        ("solver", "agd[step_size=all-time[omega=1]]", ["theta"]),
    ],
)
def test_a_wrong_text_is_answered(kind: str, wrong: str, phrases: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse(kind, wrong)
    assert all(phrase in str(caught.value) for phrase in phrases), str(caught.value)


def test_what_is_not_in_the_catalog_has_no_text() -> None:
    with pytest.raises(InputError, match="catalog"):
        text(object())
