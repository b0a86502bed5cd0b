"""The papers' figures redrawn: experiments make tables, tables make pictures, claims are judged by tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from types import ModuleType

from lopside.errors import InputError
from lopside.io import require_writable
from lopside.reproduce import certificate, draws, fig1, fig2, fig3, fig4, plateaus, ye_du
from lopside.reproduce.claims import write_claims
from lopside.reproduce.table import Table

__all__ = ["FIGURES", "reproduce"]

_MODULES: dict[str, ModuleType] = {
    "fig1": fig1,
    "fig2": fig2,
    "fig3": fig3,
    "fig4": fig4,
    "ye_du": ye_du,
    "plateaus": plateaus,
    "draws": draws,
    "certificate": certificate,
}

FIGURES: dict[str, Callable[..., list[Path]]] = {name: module.experiment for name, module in _MODULES.items()}
"""What can be redrawn: the experiment behind each name."""


def reproduce(name: str, out: str | PathLike[str], *, progress: Callable[[str], None] | None = None) -> list[Path]:
    """Redraw a figure, or all of them, and judge the claims about them.

    Parameters
    ----------
    name : str
        One of `FIGURES`, or "all".
    out : path
        A folder; made if it is not there. Each figure leaves its tables (CSV with `# name: fact` lines on top)
        and its pictures (PNG and SVG) in it.
    progress : callable, optional
        Told in words what is being done.

    Returns
    -------
    list of Path
        The files written. `claims.csv` and `claims.md` come last; they judge every table in the folder.

    Raises
    ------
    InputError
        If there is no such figure.
    FileError
        If a file cannot be written.
    """
    if name != "all" and name not in _MODULES:
        raise InputError(f'got the figure "{name}"; expected one of {", ".join(_MODULES)}, or all')
    say = progress or (lambda _: None)
    folder, began = Path(out), time.perf_counter()
    require_writable(folder / "claims.md")
    written: list[Path] = []
    for figure in _MODULES if name == "all" else (name,):
        say(f"{figure}: running")
        written += _MODULES[figure].experiment(folder)
        say(f"{figure}: drawing")
        written += _MODULES[figure].draw(folder / f"{figure}.csv", folder / figure)
    say("claims")
    names = (f"{figure}{kind}" for figure in _MODULES for kind in ("", "_runs"))
    tables = {table: Table.read(folder / f"{table}.csv") for table in names if (folder / f"{table}.csv").exists()}
    return written + write_claims(folder, tables, time.perf_counter() - began)
