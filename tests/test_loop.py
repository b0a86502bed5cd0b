"""Steps taken many at a time are the steps taken one by one, and the trace does not show the difference."""

import numpy as np
import pytest
import reference

import lopside as lo

A = reference.planted(40, 30, np.linspace(1.0, 0.5, 4))


class Whole(lo.Full):
    """Takes stretches by ordinary steps, and remembers how long they were."""

    asked: list[int]

    def stretch(self, point, step_size, *, order, steps, low, high):
        metric, losses = lo.solvers.Identity(step_size), []
        self.asked.append(steps)
        while len(losses) < steps and not (losses and losses[-1] <= low):
            following = self.advance(point, metric, metric, order=order)
            if not following.loss <= high:
                break
            point = following
            losses.append(point.loss)
        return point, losses


def whole(A):
    problem = Whole(A)
    problem.asked = []
    return problem


def walked(problem, solver, **kwargs):
    """Return the solution of a run whose every state is looked at."""
    run = lo.Run(problem, solver, **kwargs)
    assert [state.step for state in run] == list(range(run.state.step + 1))
    return run.solution()


STOPS = {
    "budget": lo.Stop(max_steps=333),
    "error": lo.Stop(relative_error=1e-7),
    "gradient": lo.Stop(gradient_norm=1e-5, every=7),
    "progress": lo.Stop(no_progress=1e-1, every=11),
    "deep": lo.Stop(relative_error=1e-12),
    "nothing": lo.Stop(max_steps=0),
}


@pytest.mark.parametrize("make", [lo.Full, whole])
@pytest.mark.parametrize("name", STOPS)
@pytest.mark.parametrize("solver", [lo.solvers.AlternatingGradientDescent(0.05), lo.solvers.GradientDescent(0.05)])
@pytest.mark.parametrize("every", [1, 10, 1000])
def test_a_run_in_stretches_is_the_same_run(make, name, solver, every):
    problem, kwargs = make(A), {"rank": 4, "stop": STOPS[name], "trace_every": every}
    at_once = lo.solve(problem, solver, **kwargs)
    calls = list(getattr(problem, "asked", []))
    one_by_one = walked(make(A), solver, **kwargs)
    assert (at_once.status, at_once.steps, at_once.passes) == (one_by_one.status, one_by_one.steps, one_by_one.passes)
    assert at_once.X.tobytes() == one_by_one.X.tobytes()
    assert at_once.Y.tobytes() == one_by_one.Y.tobytes()
    for ours, theirs in zip(
        (at_once.trace.columns(), at_once.trace.detail_columns()),
        (one_by_one.trace.columns(), one_by_one.trace.detail_columns()),
        strict=True,
    ):
        for key, column in theirs.items():
            if key in ("seconds", "passes"):  # shared out evenly over the steps of a stretch
                assert len(ours[key]) == len(column)
                assert (np.diff(ours[key]) >= 0).all()
            else:
                assert ours[key].tobytes() == column.tobytes()
    assert at_once.trace.passes[-1] == at_once.passes
    if calls:
        assert sum(calls) >= at_once.steps
        assert len(calls) == at_once.steps or every > 1
        assert len(calls) <= 2 + at_once.steps / 300 or every < 1000 or name in ("gradient", "progress")


@pytest.mark.parametrize("make", [lo.Full, whole])
def test_a_stretch_ends_before_the_step_that_diverges(make):
    kwargs = {"rank": 4, "start": lo.starts.Gaussian(1.0)}
    at_once = lo.solve(make(A), lo.solvers.GradientDescent(2.5), throw=False, **kwargs)
    run = lo.Run(make(A), lo.solvers.GradientDescent(2.5), **kwargs)
    with pytest.raises(lo.errors.DivergedError) as caught:
        list(run)
    assert at_once.status is lo.Status.DIVERGED
    assert at_once.steps == caught.value.step > 0
    assert at_once.X.tobytes() == caught.value.solution.X.tobytes()


def test_a_method_with_rules_of_its_own_is_stepped():
    problem = whole(A)
    lo.solve(problem, lo.solvers.AlternatingScaledGradientDescent(), rank=4, stop=lo.Stop(max_steps=50))
    assert problem.asked == []


def test_an_own_rule_to_stop_sees_every_state():
    class Seen:
        asks_for_tolerance = False
        steps = ()

        def check(self, state, losses, seconds):
            self.steps = (*self.steps, state.step)
            return lo.Status.MAX_STEPS if state.step == 12 else None

    stop = Seen()
    lo.solve(lo.Full(A), rank=4, stop=stop)
    assert stop.steps == tuple(range(13))
