"""Where the results of a fit go: factors, trace and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from lopside import Solution
from lopside.cli.talk import Refusal
from lopside.io import require_writable
from lopside.report import write_trace

_PICTURES = (".png", ".jpg", ".jpeg")


class Targets(NamedTuple):
    """Where results go; None for what was not asked for."""

    factors: Path | None = None
    trace: Path | None = None
    picture: Path | None = None  # without its ending

    def paths(self) -> list[Path]:
        """Return every file that will be written."""
        pictures = [Path(f"{self.picture}.{kind}") for kind in ("png", "svg")] if self.picture else []
        return [path for path in (self.factors, self.trace, *pictures) if path is not None]


def choose_targets(out: Path | None, *, plot: bool) -> Targets:
    """Decide from --out and --plot what is written where.

    Raises
    ------
    Refusal
        For a picture without a place, or a place that is neither a folder nor an .npz.
    """
    if out is None:
        if plot:
            raise Refusal("got --plot without --out; expected a place for the picture. Try --out folder")
        return Targets()
    if out.suffix.lower() == ".npz" and not out.is_dir():
        return Targets(out, None, out.with_suffix("") if plot else None)
    if out.is_file() or out.suffix.lower() in (".npy", ".csv", ".json", ".txt", ".mat", *_PICTURES, ".svg"):
        raise Refusal(f"got --out {out}; expected a folder or a file that ends in .npz. Try {out.with_suffix('.npz')}")
    return Targets(out / "factors.npz", out / "trace.csv", out / "run" if plot else None)


def require_targets(targets: Targets, matrix: Path, out: Path | None) -> None:
    """Make sure that every file can be written and none of them is the input.

    Raises
    ------
    Refusal
        If one is.
    FileError
        If a place cannot be written.
    """
    for path in targets.paths():
        if path.exists() and path.samefile(matrix):
            raise Refusal(f"got --out {out}, which would overwrite INPUT; expected another place. Try a folder")
        require_writable(path)


def save(solution: Solution, targets: Targets) -> dict[str, str]:
    """Write factors and trace; return what was written."""
    outputs = {}
    if targets.factors is not None:
        solution.save(targets.factors)
        outputs["factors"] = str(targets.factors)
    if targets.trace is not None:
        write_trace(targets.trace, solution.trace)
        outputs["trace"] = str(targets.trace)
    return outputs


def draw(A: Any, solution: Solution, certificate: Any, target: Path, matrix: Path) -> dict[str, str]:
    """Draw the run and return what was written."""
    from lopside.plots.canvas import save as save_picture
    from lopside.plots.run import draw_run

    colours = "gray" if matrix.suffix.lower() in _PICTURES else "viridis"
    written = save_picture(draw_run(A, solution, certificate, title=matrix.name, colours=colours), target)
    return {path.suffix[1:]: str(path) for path in written}


def kept(solution: Solution, outputs: dict[str, str]) -> str:
    """Say where the factors are."""
    if not outputs:
        return "nothing was kept. Try --out next time"
    return f"the factors of step {solution.steps} are in {outputs['factors']}"
