"""Pictures of one completion: how it came about, what is proved of it, and how λ was chosen."""

from __future__ import annotations

from typing import Any

import numpy as np

from lopside.plots.canvas import COLOURS, INK, QUIET, figure, style
from lopside.plots.run import plain_tick
from lopside.solution import Solution
from lopside.theory.certificate import Certificate


def draw_completion(
    solution: Solution, certificate: Certificate | None = None, choice: Any = None, *, title: str = ""
) -> Any:
    """Draw the error on known entries and the loss after each step, and the errors for each λ that was tried.

    Parameters
    ----------
    solution : Solution
    certificate : Certificate, optional
        Adds what no fit of any rank can fall below.
    choice : lopside.ridge_path.Choice, optional
        Adds the errors on entries held out.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels = 2 if choice is None else 3
    fig, axes = figure(1, panels, width=3.6 * panels, height=3.4)
    with style():
        if title:
            fig.suptitle(title, x=0.01, ha="left")
        _draw_errors(axes[0, 0], solution)
        _draw_losses(axes[0, 1], solution, certificate)
        if choice is not None:
            _draw_path(axes[0, 2], choice)
    return fig


def _draw_errors(axis: Any, solution: Solution) -> None:
    axis.plot(solution.trace.step, solution.trace.relative_error, color=COLOURS[0])
    axis.set(title="error on known entries", xlabel="step", ylabel="relative to the mean alone")
    _count(axis, solution)


def _draw_losses(axis: Any, solution: Solution, certificate: Certificate | None) -> None:
    steps, losses = np.array(solution.trace.step), np.array(solution.trace.loss)
    gap = None if certificate is None else certificate.gap
    least = None if gap is None else solution.loss - gap
    if least is None or least <= 0.0:  # nothing proved that a share could be taken of
        axis.plot(steps, losses, color=COLOURS[0])
        axis.set(title="loss", xlabel="step", ylabel="F")
    else:
        axis.plot(steps, np.maximum(losses, solution.loss) / least - 1.0, color=COLOURS[0], label="the fit")
        final = solution.loss / least - 1.0
        label = f"proved of the last step: {100.0 * final:.2g} %"
        axis.axhline(final, color=INK, linewidth=1.0, linestyle="--", label=label)
        axis.set(title="optimality (proved)", xlabel="step", ylabel="F / proved bound from below − 1")
        axis.legend(loc="best")
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    if high < 100.0 * low:
        _plain(axis.yaxis)
    _count(axis, solution)


def _count(axis: Any, solution: Solution) -> None:
    if solution.steps > 100:
        axis.set_xscale("symlog", linthresh=1.0, linscale=0.5)
        axis.set_xlim(0, solution.steps)
    else:
        axis.xaxis.get_major_locator().set_params(integer=True)


def _draw_path(axis: Any, choice: Any) -> None:
    ridges = [fit.ridge for fit in choice.tried]
    axis.plot(ridges, [fit.error for fit in choice.tried], "o-", color=COLOURS[1], markersize=4)
    axis.axvline(choice.ridge, color=QUIET, linewidth=1.0, label=f"chosen: {choice.ridge:.3g}")
    axis.set(title="entries held out for λ (estimated)", xlabel="λ", ylabel="RMSE")
    axis.set_xscale("log")
    if max(ridges) < 100.0 * min(ridges):
        _plain(axis.xaxis)
    axis.legend(loc="best")


def _plain(axis: Any) -> None:
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(plain_tick)
