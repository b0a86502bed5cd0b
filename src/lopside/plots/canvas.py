"""Figures in one calm style, pictures whose bytes repeat: the only file that imports matplotlib, and late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lopside.io import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["png", "svg"]

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
"""Six hues that people with any common colour blindness tell apart (Okabe and Ito)."""

INK, QUIET = "#222222", "#767676"
"""For lines that are not data of their own (theory, bounds), and for what should stay behind."""

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#9A9A9A",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9.0,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "figure.facecolor": "white",
    "figure.titlesize": 11.0,
    "font.family": "DejaVu Sans",  # ships with matplotlib, so pictures do not depend on installed fonts
    "font.size": 9.0,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.3,
    "lines.solid_capstyle": "round",
    "svg.hashsalt": "lopside",  # element ids would otherwise be random
    "text.color": INK,
    "xtick.color": "#5A5A5A",
    "xtick.labelsize": 8.0,
    "ytick.color": "#5A5A5A",
    "ytick.labelsize": 8.0,
}


@contextmanager
def style() -> Iterator[None]:
    """Hold the house style while drawing; matplotlib's settings are put back afterwards.

    Matplotlib reads some sizes only when a title, label or legend is made, so those calls belong inside.
    """
    import matplotlib as mpl
    from matplotlib.rcsetup import cycler

    settings: Any = _STYLE | {"axes.prop_cycle": cycler(color=COLOURS)}
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        yield


def figure(rows: int = 1, cols: int = 1, width: float = 7.0, height: float = 4.5) -> tuple[Figure, Any]:
    """Return a figure and its grid of axes.

    Parameters
    ----------
    rows, cols : int
        ≥ 1.
    width, height : float
        Of the whole figure, in inches.

    Returns
    -------
    fig : matplotlib.figure.Figure
        Not known to pyplot: nothing needs to be closed.
    axes : ndarray of Axes, shape (rows, cols)

    Examples
    --------
    >>> fig, axes = figure(1, 2)
    >>> axes.shape
    (1, 2)
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style():
        fig = Figure(figsize=(width, height), dpi=150, layout="constrained")
        FigureCanvasAgg(fig)
        axes = np.asarray(fig.subplots(rows, cols, squeeze=False))
    return fig, axes


def save(
    fig: Figure, path_without_suffix: str | PathLike[str], formats: Sequence[Format] = ("png", "svg")
) -> list[Path]:
    """Write a figure once per format and return the paths; equal figures give equal bytes.

    The layout is settled here, once for all formats.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    path_without_suffix : path
        In a folder that exists; `.png`, `.svg` and so on are appended.
    formats : sequence of "png" or "svg"

    Raises
    ------
    FileError
        If a file cannot be written.
    """
    with style():
        fig.draw_without_rendering()
        fig.set_layout_engine("none")
        written = {Path(f"{path_without_suffix}.{kind}"): _print(fig, kind) for kind in formats}
    for path, data in written.items():
        with whole_file(path) as file:
            file.write(data)
    return list(written)


def _print(fig: Figure, kind: Format) -> bytes:
    # Not fig.savefig: it lays the figure out and draws it once more for each format.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer, dpi = BytesIO(), fig.dpi
    # Neither the date nor the version of matplotlib goes into a file.
    if kind == "png":
        FigureCanvasAgg(fig).print_png(buffer, metadata={"Software": None})
    else:
        FigureCanvasSVG(fig).print_svg(buffer, metadata={"Date": None, "Creator": None})
    fig.set_dpi(dpi)  # print_svg leaves its own 72
    return buffer.getvalue()
