"""Pictures of one completion: how it came about, what is proved of it, and how λ was chosen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lopside.arrays import Array
from lopside.plots.canvas import COLOURS, INK, QUIET, figure, style
from lopside.plots.run import mosaic, plain_tick
from lopside.problems import Completion
from lopside.solution import Solution
from lopside.theory.certificate import Certificate

_ACROSS, _DOWN = 8, 7
_HOLE = "#f6d9b8"


class Tiled(NamedTuple):
    """Some rows as pictures: with the entries that are known, as they are fitted, and as they are."""

    known: Array
    fitted: Array
    true: Array

    @classmethod
    def of(cls, problem: Completion, solution: Solution, true: Array, tile: tuple[int, int]) -> Tiled:
        """Lay out the first rows, each of tile[0]·tile[1] entries."""
        count = min(_ACROSS * _DOWN, problem.shape[0])
        lines = problem.by_rows
        known = np.full((count, problem.shape[1]), np.nan)
        for i in range(count):
            places = slice(lines.indptr[i], lines.indptr[i + 1])
            known[i, lines.indices[places]] = lines.values[places] + problem.mean
        rows, columns = np.divmod(np.arange(known.size), problem.shape[1])
        fitted = problem.predict(solution, rows, columns).reshape(known.shape)
        return cls(*(mosaic(rows, tile, _ACROSS) for rows in (known, fitted, true[:count])))


def draw_completion(
    solution: Solution,
    certificate: Certificate | None = None,
    choice: Any = None,
    *,
    title: str = "",
    tiled: Tiled | None = None,
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
    tiled : Tiled, optional
        Adds pictures of some rows.

    Returns
    -------
    matplotlib.figure.Figure
    """
    panels, rows = 2 if choice is None and tiled is None else 3, 1 if tiled is None else 2
    fig, axes = figure(rows, panels, width=3.6 * panels, height=3.4 * rows)
    with style():
        if title:
            fig.suptitle(title, x=0.01, ha="left")
        _draw_errors(axes[0, 0], solution)
        _draw_losses(axes[0, 1], solution, certificate)
        if choice is not None:
            _draw_path(axes[0, 2], choice)
        elif tiled is not None:
            axes[0, 2].set_axis_off()
        if tiled is not None:
            limits = {"vmin": np.nanmin(tiled.known), "vmax": np.nanmax(tiled.known)}
            for axis, values, name in zip(axes[1], tiled, Tiled._fields, strict=True):
                axis.imshow(values, cmap="gray_r", **limits)
                axis.set_facecolor(_HOLE)
                axis.set(title=name, xticks=[], yticks=[])
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
