"""A `Run` in progress: looked at, interrupted, traced, forked, logged; and calls that cannot work."""

import os
import warnings

import numpy as np
import pytest
import reference

import lopside as lo
from lopside import starts

A = reference.planted(40, 30, np.linspace(1.0, 0.5, 4))


def test_a_run_can_be_watched_and_interrupted():
    run = lo.Run(lo.Full(A), rank=4, stop=lo.Stop(max_steps=1000))
    for state in run:
        if state.step == 7:
            break
    solution = run.interrupt()
    assert solution.status is lo.Status.INTERRUPTED
    assert (solution.steps, len(solution.trace)) == (7, 8)
    assert [state.step for state in run] == []


def test_the_trace_holds_what_it_says():
    solution = lo.solve(lo.Full(A), lo.solvers.GradientDescent(0.2), rank=5, stop=lo.Stop(max_steps=25), trace_every=10)
    path = reference.simultaneous(A, *solution.initial, 0.2, 25)
    assert [detail.step for detail in solution.trace.details] == [0, 10, 20, 25]
    for detail in solution.trace.details:
        X, Y = path[detail.step]
        E = X @ Y.T - A
        assert detail.gradient_norm_x == pytest.approx(np.linalg.norm(E @ Y), rel=1e-9)
        assert detail.gradient_norm_y == pytest.approx(np.linalg.norm(E.T @ X), rel=1e-9, abs=1e-20)
        assert detail.imbalance == pytest.approx(np.linalg.norm(X.T @ X - Y.T @ Y), rel=1e-9)
        assert detail.sharpness == pytest.approx(np.linalg.norm(X, 2) ** 2 + np.linalg.norm(Y, 2) ** 2, rel=1e-9)
        np.testing.assert_allclose(detail.singular_values_x, np.linalg.svd(X)[1], rtol=1e-6, atol=1e-7)
    columns = solution.trace.columns()
    assert {len(column) for column in columns.values()} == {26}
    np.testing.assert_allclose(columns["loss"], [reference.loss(A, *pair) for pair in path], rtol=1e-6)
    assert (np.diff(columns["passes"]) >= 1).all()


BAD_CALLS = {
    "no rank": (lambda: lo.solve(lo.Full(A)), "got no rank"),
    "zero rank": (lambda: lo.solve(lo.Full(A), rank=0), "got rank 0; expected 1 ≤ rank"),
    "large rank": (lambda: lo.solve(lo.Full(A), rank=31), "min\\(m, n\\) = 30"),
    "float rank": (lambda: lo.solve(lo.Full(A), rank=2.0), "expected an integer"),
    "bool rank": (lambda: lo.solve(lo.Full(A), rank=True), "expected an integer"),
    "not a problem": (lambda: lo.solve(A, rank=2), "try lo.Full"),
    "text as solver": (lambda: lo.solve(lo.Full(A), "agd", rank=2), "got str as the solver"),
    "number as stop": (lambda: lo.solve(lo.Full(A), rank=2, stop=100), "got int as the stop"),
    "text as start": (lambda: lo.solve(lo.Full(A), rank=2, start="sketch"), "got str as the start"),
    "every": (lambda: lo.Stop(every=None), "got every None"),
    "half a thread": (lambda: lo.Full(A, threads=2.5), "expected an integer"),
    "huge start": (lambda: lo.solve(lo.Full(A), start=(np.full((40, 2), 1e100), np.full((30, 2), 1e100))), "overflows"),
    "no seed": (lambda: lo.solve(lo.Full(A), rank=2, rng=None), "expected a seed"),
    "negative step": (lambda: lo.solve(lo.Full(A), lo.solvers.GradientDescent(-1.0), rank=2), "step size -1"),
    "NaN step": (lambda: lo.solve(lo.Full(A), lo.solvers.GradientDescent(np.nan), rank=2), "step size nan"),
    "text step": (lambda: lo.solve(lo.Full(A), lo.solvers.GradientDescent("big"), rank=2), "0.9/sigma1"),
    "two ranks": (
        lambda: lo.solve(lo.Full(A), rank=2, start=(np.ones((40, 3)), np.ones((30, 3)))),
        "leave one",
    ),
    "wrong start": (
        lambda: lo.solve(lo.Full(A), start=(np.ones((40, 3)), np.ones((29, 3)))),
        "expected 30 rows",
    ),
    "start columns": (
        lambda: lo.solve(lo.Full(A), start=(np.ones((40, 3)), np.ones((30, 2)))),
        "same number d",
    ),
    "NaN start": (
        lambda: lo.solve(lo.Full(A), start=(np.full((40, 3), np.nan), np.ones((30, 3)))),
        "factor X",
    ),
    "sigma1": (lambda: lo.solve(lo.Full(A), rank=2, sigma1=-2.0), "got sigma1"),
    "empty stop": (lambda: lo.Stop(max_steps=None), "expected at least one"),
    "NaN stop": (lambda: lo.Stop(relative_error=np.nan), "got relative_error nan"),
    "half a step": (lambda: lo.Stop(max_steps=1.5), "expected an integer"),
    "stride": (lambda: lo.solve(lo.Full(A), rank=2, trace_every=0), "trace_every"),
    "C": (lambda: starts.Unbalanced(C=0.5), "C ≥ 1"),
    "nu": (lambda: starts.Unbalanced(nu=1.0), "nu < 1"),
    "rank of A": (lambda: lo.solve(lo.Full(A), rank=9, start=starts.YeDu()), "numerical rank 4"),
    "threads": (lambda: lo.Full(A, threads=0), "expected an integer ≥ 1"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_a_bad_call_says_what_was_got_and_what_to_try(name):
    call, message = BAD_CALLS[name]
    with pytest.raises(lo.errors.Error, match=message):
        call()


def test_a_run_that_is_looked_at_goes_on_undisturbed():
    run = lo.Run(lo.Full(A), rank=4, stop=lo.Stop(max_steps=6))
    before = run.solution()
    assert before.trace.step == [0]
    middle = None
    for state in run:
        if state.step == 3:
            middle = run.solution()
    after = run.solution()
    assert after.trace.step == [0, 1, 2, 3, 4, 5, 6]
    assert (middle.steps, middle.trace.step) == (3, [0, 1, 2, 3])
    assert after.trace.passes[-1] == after.passes
    assert after.trace.loss[-1] == after.loss
    assert (np.diff(after.trace.seconds) >= 0).all()


def test_a_forked_child_gets_the_same_bits():
    import multiprocessing

    if "fork" not in multiprocessing.get_all_start_methods():
        assert not hasattr(os, "fork")
        return
    expected = lo.solve(lo.Full(A), rank=4, stop=lo.Stop(max_steps=20)).X.tobytes()
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of threads, of which none runs here
        child = os.fork()
    if child == 0:
        same = lo.solve(lo.Full(A), rank=4, stop=lo.Stop(max_steps=20)).X.tobytes() == expected
        os.write(write, b"1" if same else b"0")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1) == b"1"


def test_runs_are_logged_and_silent_by_default(caplog, capsys):
    with caplog.at_level("INFO", logger="lopside"):
        lo.solve(lo.Full(A), rank=4, stop=lo.Stop(max_steps=2))
    assert "rank 4" in caplog.text
    assert "budget of steps" in caplog.text
    assert capsys.readouterr() == ("", "")
