"""How curves are drawn in every figure: the same colour for the same start, bounds in black, one legend."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from lopside.plots import canvas
from lopside.reproduce.setting import METHOD_NAMES, STARTS
from lopside.reproduce.table import Table

START_COLOURS = dict(zip(STARTS, (canvas.COLOURS[i] for i in (0, 2, 1, 4)), strict=True))
LABELS = {
    "proposed": "proposed (unbalanced, in the column span)",
    "column span": "column span, balanced",
    "unbalanced random": "random, unbalanced",
    "random": "random",
    "theory": "theory of the paper for the proposed start",
    "certificate": "all-time certificate of the thick run",
    "best": "best possible at this rank",
}
_LINES: dict[str, dict[str, Any]] = {
    "theory": {"color": canvas.INK, "linestyle": (0, (5, 2)), "linewidth": 1.5},
    "certificate": {"color": canvas.QUIET, "linestyle": "-", "linewidth": 1.2, "marker": "o", "markevery": [0]},
    "best": {"color": canvas.INK, "linestyle": (0, (1, 1.5)), "linewidth": 1.4},
}


def draw_curves(ax: Any, curves: Table) -> None:
    """Draw relative error against step: one thin line for each run, bounds on top.

    A proposed run that has a certificate is drawn stronger than the others.
    """
    ax.set_yscale("log")
    ax.minorticks_off()  # minor ticks of log axes take most of the time of drawing
    certified = set(curves.where(curve="certificate").columns["run"])
    for name in sorted(curves.distinct("curve"), key=list(LABELS).index, reverse=True):
        of_name, label = curves.where(curve=name), LABELS[name]
        for run in of_name.distinct("run"):
            look = {"color": START_COLOURS.get(name), "linewidth": 1.0, "alpha": 0.8} | _LINES.get(name, {})
            if name == "proposed" and run in certified:
                look |= {"linewidth": 2.2, "alpha": 1.0}
            line = of_name.where(run=run).columns
            order = 3 if name in _LINES else 2
            ax.plot(line["step"], line["relative_error"], label=label, markersize=4, zorder=order, **look)
            label = None


def log_steps(ax: Any, last: int) -> None:
    """Put the steps 1 to `last` on a log axis."""
    ax.set_xscale("log")
    ax.minorticks_off()
    ax.set_xlim(1, last)


def legend(fig: Any, *, columns: int = 2, inside: Any = None) -> None:
    """Put one legend for all the axes of a figure, in the order of `LABELS`.

    Parameters
    ----------
    fig : Figure
    columns : int
    inside : Axes, optional
        Unused axes to put it in; without, it goes under the figure.
    """
    lines = {}
    for ax in fig.axes:
        handles, labels = ax.get_legend_handles_labels()
        lines |= dict(zip(labels, handles, strict=True))
    labels = [label for label in LABELS.values() if label in lines]
    handles = [lines[label] for label in labels]
    if inside is None:
        made = fig.legend(handles, labels, loc="outside lower center", ncols=columns)
    else:
        inside.axis("off")
        made = inside.legend(handles, labels, loc="center left", ncols=columns)
    for handle in made.get_lines():
        handle.set(linewidth=2.0, alpha=1.0)


def number(value: float) -> str:
    """Return a number for a title.

    >>> number(0.5), number(0.000168), number(0.0001), number(0.01), number(2.0)
    ('0.5', '1.7e-4', '1e-4', '0.01', '2')
    """
    return f"{value:.4g}" if value >= 2e-3 else f"{value:.1e}".replace("e-0", "e-").replace(".0e", "e")


def fraction(value: float) -> str:
    """Return a condition number for a title.

    >>> fraction(10 / 9), fraction(2.0), fraction(1.2345)
    ('10/9', '2', '1.234')
    """
    near = Fraction(value).limit_denominator(9)
    return str(near) if abs(float(near) - value) < 1e-9 else number(value)


def pictures(csv: Path, out: Path, draw: Callable[[Table, str], Any]) -> list[Path]:
    """Draw one picture for each method in a table and save it as PNG and SVG beside `out`.

    Parameters
    ----------
    csv : Path
        The table of curves, all that is read.
    out : Path
        Without suffix; the method's short name is appended.
    draw : callable
        (curves of one method, its name) ↦ figure, called inside the house style.
    """
    table = Table.read(csv)
    paths: list[Path] = []
    for method in table.distinct("method"):
        with canvas.style():
            fig = draw(table.where(method=method), METHOD_NAMES[method])
        paths += canvas.save(fig, Path(f"{out}_{method}"))
    return paths
