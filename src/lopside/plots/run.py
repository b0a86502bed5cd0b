"""Pictures of one run: the matrix, what the factors make of it, what is left, and how fast that came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lopside.arrays import Array
from lopside.linalg import frobenius
from lopside.plots.canvas import COLOURS, INK, QUIET, figure, style
from lopside.solution import Solution
from lopside.theory.certificate import Certificate, Part

_MOST_PIXELS = 1200
"""Rows and columns beyond this number are thinned out: a picture shows no more."""


def draw_run(
    A: Array,
    solution: Solution,
    certificate: Certificate | None = None,
    *,
    title: str = "",
    colours: str = "viridis",
    tile: tuple[int, int] | None = None,
) -> Any:
    """Draw A, X Yᵀ, their difference and the relative error after each step.

    Parameters
    ----------
    A : ndarray, shape (m, n)
    solution : Solution
        Of a run on A.
    certificate : Certificate, optional
        Adds the least relative error that any matrix of this rank can have and, where a convergence theorem
        holds, its guarantee.
    title : str
    colours : str
        A colour map of matplotlib.
    tile : (int, int), optional
        Show the first rows of the matrices as small pictures of this shape instead of the matrices themselves.

    Returns
    -------
    matplotlib.figure.Figure
    """
    A = np.asarray(A)
    original, fitted, note = _tiles(A, solution, tile) if tile else _thinned(A, solution)
    fig, axes = figure(2, 2, width=9.0, height=6.6)
    with style():
        if title:
            fig.suptitle(title, x=0.01, ha="left")
        low, high = float(np.nanmin(original)), float(np.nanmax(original))
        limits = {"vmin": low, "vmax": high if high > low else low + 1.0, "cmap": colours}
        _image(axes[0, 0], original, f"original{note}", **limits)
        _image(axes[0, 1], fitted, f"approximation of rank {solution.rank}", **limits)
        left = fitted - original
        most = float(np.nanquantile(np.abs(left), 0.995)) or 1.0
        _image(axes[1, 0], left, "approximation − original", vmin=-most, vmax=most, cmap="RdBu_r")
        draw_convergence(axes[1, 1], solution, frobenius(A), certificate)
    return fig


def draw_convergence(axis: Any, solution: Solution, norm: float, certificate: Certificate | None = None) -> None:
    """Draw the relative error after each step, the least one possible, and what a theorem guarantees.

    Parameters
    ----------
    axis : matplotlib.axes.Axes
    solution : Solution
    norm : float
        ‖A‖_F.
    certificate : Certificate, optional
    """
    steps, errors = _curve(solution)
    axis.plot(steps, errors, color=COLOURS[0], label="relative error", zorder=3)
    if certificate is not None:
        _draw_best(axis, certificate, solution.rank)
        if (part := earliest_guarantee(certificate)) is not None and norm > 0:
            _draw_guarantee(axis, part, norm, int(steps[-1]))
    _scale(axis, steps, errors)
    axis.set(title="convergence", xlabel="step", ylabel="‖X Yᵀ − A‖ / ‖A‖")
    axis.legend(loc="best")


def draw_together(runs: Mapping[str, tuple[Solution, Certificate]], *, title: str = "") -> Any:
    """Draw several runs at once: relative errors, and by how much each is above the least possible one.

    Parameters
    ----------
    runs : mapping
        Name to solution and certificate; the certificates must bound the least relative error away from 0.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    fig, axes = figure(1, 2, width=9.0, height=3.6)
    with style():
        if title:
            fig.suptitle(title, x=0.01, ha="left")
        for colour, (name, (solution, certificate)) in zip(COLOURS, runs.items(), strict=False):
            steps, errors = _curve(solution)
            low, high = certificate.best_relative_error_bounds or (0.0, 0.0)
            label = f"{name}, {solution.shape[0]} × {solution.shape[1]}"
            axes[0, 0].plot(steps, errors, color=colour, label=label)
            axes[0, 0].axhline(high, color=colour, linewidth=0.8, linestyle=":")
            axes[0, 1].plot(steps, errors / low - 1.0, color=colour)
        curves = [_curve(solution) for solution, _ in runs.values()]
        _scale(axes[0, 0], *(np.concatenate(parts) for parts in zip(*curves, strict=True)))
        axes[0, 0].set(title="relative error (dotted: least possible)", xlabel="step", ylabel="‖X Yᵀ − A‖ / ‖A‖")
        axes[0, 0].legend(loc="best")
        axes[0, 1].set(title="excess over the least possible error", xlabel="step", ylabel="error / least − 1")
        axes[0, 1].set_yscale("log")
        axes[0, 1].axhline(0.01, color=QUIET, linewidth=0.8)
        axes[0, 1].annotate("1 %", (1, 0.01), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=QUIET)
    return fig


def earliest_guarantee(certificate: Certificate) -> Part | None:
    """Return the convergence theorem that holds for ever from the earliest step on, if any does."""
    lasting = [part for part in certificate.parts if part.holds and part.bound is not None and part.horizon is None]
    return min(lasting, key=lambda part: part.step) if lasting else None


def _curve(solution: Solution) -> tuple[Array, Array]:
    errors = np.array(solution.trace.relative_error)
    errors[~((errors > 0) & np.isfinite(errors))] = np.nan
    return np.array(solution.trace.step), errors


def plain_tick(value: float, _place: int | None) -> str:
    """Return the label of a minor tick on a logarithmic axis of less than two decades."""
    leading = f"{value:.1e}"[0]
    return f"{value:g}" if leading in "235" else ""


def _scale(axis: Any, steps: Array, errors: Array) -> None:
    known = errors[np.isfinite(errors)]
    if not len(known):
        return
    # A run that ends on a plateau shows its early steps on a logarithmic axis, a linear one its straight line.
    if steps.max() > 100 and known.min() > 1e-3:
        axis.set_xscale("symlog", linthresh=1.0, linscale=0.5)
        axis.set_xlim(0, steps.max())
    else:
        axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_yscale("log")
    if known.max() < 100 * known.min():
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter(plain_tick if known.max() > 3 * known.min() else "{x:g}")


def _draw_best(axis: Any, certificate: Certificate, rank: int) -> None:
    low, high = certificate.best_relative_error_bounds or (0.0, 0.0)
    if low <= 0:  # nothing proved that a logarithmic axis could show
        return
    name = f"{high:.4g}" if high - low < 1e-3 * high else f"{low:.4g} to {high:.4g}"
    axis.axhspan(low, high, color=QUIET, alpha=0.25, linewidth=0)
    axis.axhline(low, color=QUIET, linewidth=1.0, label=f"least possible at rank {rank}: {name}")


def _draw_guarantee(axis: Any, part: Part, norm: float, last: int) -> None:
    if part.bound is None or last <= part.step:
        return
    steps = np.unique(np.linspace(part.step, last, 200).astype(int))
    losses = np.array([part.bound.loss_at(int(step) - part.step) for step in steps])
    label = f"guaranteed from step {part.step} on"
    axis.plot(steps, np.sqrt(2.0 * losses) / norm, "--", color=INK, linewidth=1.0, label=label)
    axis.axvline(part.step, color=INK, linewidth=0.6, alpha=0.5)


def _image(axis: Any, values: Array, title: str, **limits: Any) -> None:
    rows, columns = values.shape
    stretched = max(rows, columns) > 3 * min(rows, columns)
    shown = axis.imshow(values, aspect="auto" if stretched else "equal", **limits)
    axis.set_title(title)
    axis.set_axis_off()
    axis.figure.colorbar(shown, ax=axis, shrink=0.8, pad=0.02).outline.set_visible(False)


def _thinned(A: Array, solution: Solution) -> tuple[Array, Array, str]:
    rows, columns = (slice(None, None, -(-size // _MOST_PIXELS)) for size in A.shape)
    m, n = A.shape
    return A[rows, columns], solution.X[rows] @ solution.Y[columns].T, f", {m} × {n}"


def _tiles(A: Array, solution: Solution, tile: tuple[int, int]) -> tuple[Array, Array, str]:
    across, down = 10, 6
    count = min(across * down, len(A))
    note = f": {count} of {len(A)} rows, as {tile[0]} × {tile[1]}"
    fitted = solution.X[:count] @ solution.Y.T
    return mosaic(A[:count], tile, across), mosaic(fitted, tile, across), note


def mosaic(rows: Array, tile: tuple[int, int], across: int) -> Array:
    """Return rows as pictures of this height and width, so many beside each other, with NaN between them."""
    height, width = tile[0] + 1, tile[1] + 1
    down = -(-len(rows) // across)
    canvas = np.full((down * height - 1, across * width - 1), np.nan)
    for k, row in enumerate(rows):
        top, left = k // across * height, k % across * width
        canvas[top : top + tile[0], left : left + tile[1]] = row.reshape(tile)
    return canvas
