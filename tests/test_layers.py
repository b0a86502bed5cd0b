"""Imports inside lopside go down the layers only, never in a circle; foreign packages keep to their place."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "lopside"

# From the ground up. A module may import its own package, all layers below, and its neighbours where joined.
FITTING = {
    *("trace", "loop", "defaults", "run", "checkpoint", "solution", "kept_solution", "certify", "solve"),
    *("footprint", "sizes", "calibration", "planning", "planned"),
    *("goal", "fits", "fitting", "factorize", "ridge_path"),
}
LAYERS = (
    {"errors"},
    {"arrays", "interruption", "text", "threads"},
    {"rows"},
    {"linalg", "sparse_arrays", "ids"},
    {"observations", "frames"},
    {"observed_tables"},
    {"kernels", "io"},
    {"storage"},
    {"krylov", "problems"},
    {"theory"},
    {"starts", "solvers", "step_sizes", "stopping", "data"},
    FITTING,
    {"studies", "catalog", "plots", "report"},
    {"estimators"},
    {"reproduce", "demo_tables", "bench"},
    {"demo"},
    {"cli", "lens"},
)
JOINED = (FITTING, {"cli", "lens"})
# These gather the public names and start the program; nothing below the top layer may import them.
ROOTS = {"lopside", "lopside.__main__"}

EVERYWHERE = {"numpy", "scipy", "threadpoolctl"}
HOMES = {
    "arxiv": {"lens"},
    "bibtexparser": {"lens"},
    "jinja2": {"lens"},
    "platformdirs": {"lens"},
    "requests": {"lens"},
    "rispy": {"lens"},
    "semanticscholar": {"lens"},
    "starlette": {"lens"},
    "urllib3": {"lens"},
    "uvicorn": {"lens"},
    "PIL": {"io"},
    "array_api_compat": {"storage"},
    "dask": {"bench", "storage"},
    "dask_ml": {"bench"},
    "distributed": {"bench", "storage"},
    "psutil": {"bench"},
    "fbpca": {"bench"},
    "narwhals": {"frames", "io"},
    "cmfrec": {"bench"},
    "libmf": {"bench"},
    "surprise": {"bench"},
    "polars": {"io"},
    "pyarrow": {"io"},
    "matplotlib": {"plots"},
    "llvmlite": {"kernels"},
    "numba": {"kernels"},
    "rich": {"cli"},
    "sklearn": {"bench", "data", "estimators"},
    "torch": {"bench", "storage"},
    "typer": {"cli"},
}


def modules(source: Path) -> dict[str, Path]:
    """Return the file of every module under ``source``, by its dotted name."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = (source.name, *path.relative_to(source).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path) -> Iterator[str]:
    """Yield the absolute dotted name behind every import of a file, run at once, later or for types only."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
            yield from (f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (str(argument.value) for argument in node.args[:1] if isinstance(argument, ast.Constant))


def layer(part: str) -> int:
    """Return how high a top-level module stands; an unknown one has no layer yet."""
    for height, members in enumerate(LAYERS):
        if part in members:
            return height
    raise KeyError(part)


def may_import(part: str, other: str) -> bool:
    """Say whether top-level module ``part`` may import top-level module ``other``."""
    joined = any({part, other} <= group for group in JOINED)
    return part == other or joined or layer(other) < layer(part)


def offences(source: Path) -> list[str]:
    """Return one message for every import or print that breaks the layout of the package under ``source``."""
    known = modules(source)
    root = source.name
    parts = {name: name.split(".")[1] for name in known if name not in ROOTS}
    if unknown := sorted(set(parts.values()) - set().union(*LAYERS)):
        return [f"{root}.{part} has no layer yet: put it into LAYERS" for part in unknown]
    found, edges = [], {}
    for name, path in known.items():
        edges[name] = set()
        for target in sorted(set(imported(name, path))):
            first, _, rest = target.partition(".")
            if first != root:
                found += foreign_offences(name, parts.get(name), first)
            elif target != f"{root}.__version__":  # a constant, set before anything is imported
                module = next((t for t in (target, target.rpartition(".")[0]) if t in known), None)
                if module is None:
                    found.append(f"{name} imports {target}, which is not there")
                else:
                    edges[name] |= {module} - {name}
                    found += upward_offences(name, parts.get(name), module)
        found += print_offences(name, parts.get(name), path)
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        found.append("a circle of imports: " + " -> ".join(error.args[1]))
    return found


def upward_offences(name: str, part: str | None, module: str) -> list[str]:
    if part is None:
        return []
    if module in ROOTS:
        top = part in LAYERS[-1]
        return [] if top else [f"{name} imports {module}, which imports everything"]
    other = module.split(".")[1]
    return [] if may_import(part, other) else [f"{name} imports {module}, which does not lie below it"]


def foreign_offences(name: str, part: str | None, package: str) -> list[str]:
    if package in sys.stdlib_module_names or package in EVERYWHERE:
        return []
    if package not in HOMES:
        return [f"{name} imports {package}, which has no place yet: put it into HOMES"]
    return [] if part in HOMES[package] else [f"{name} imports {package}; only {sorted(HOMES[package])} may"]


def print_offences(name: str, part: str | None, path: Path) -> list[str]:
    if part == "cli":
        return []
    calls = (n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.Call))
    return [f"{name}:{call.lineno} prints" for call in calls if ast.unparse(call.func) == "print"]


def test_the_package_keeps_its_layers() -> None:
    assert modules(SOURCE), f"no modules under {SOURCE}"
    assert offences(SOURCE) == []


GOOD = {
    "__init__.py": "from .solve import solve\nfrom .errors import Error\n__version__ = '1'",
    "__main__.py": "from lopside.cli import main",
    "errors.py": "import logging",
    "storage/__init__.py": "from lopside.storage.dense import Dense",
    "storage/dense.py": "from .. import errors\nfrom .protocol import Storage\nimport numpy as np",
    "storage/protocol.py": "import scipy.sparse",
    "theory/__init__.py": "",
    "theory/bounds.py": "from lopside.errors import Error\nfrom lopside import __version__",
    "solve.py": "def solve():\n    from .solution import Solution\n    from lopside.storage import Dense",
    "solution.py": "from lopside.theory.bounds import rate",
    "plots.py": "import matplotlib.pyplot",
    "cli/__init__.py": "import lopside as lo\nimport typer\nprint(lo.solve)",
}


def plant(folder: Path, **changed: str) -> Path:
    """Write the good package with some files replaced (``a__b`` stands for a/b.py) and return its folder."""
    source = folder / "lopside"
    planted = {name.replace("__", "/") + ".py": text for name, text in changed.items()}
    for name, text in (GOOD | planted).items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return source


def test_a_sound_package_passes(tmp_path: Path) -> None:
    assert offences(plant(tmp_path)) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"errors": "import lopside.solve"},
            "lopside.errors imports lopside.solve, which does not lie below",
        ),
        ({"errors": "from lopside import solve"}, "lopside.errors imports lopside.solve"),
        (
            {"storage__dense": "from ..theory import bounds"},
            "lopside.storage.dense imports lopside.theory.bounds",
        ),
        ({"storage__dense": "def f():\n    from ..plots import draw"}, "imports lopside.plots"),
        (
            {"storage__dense": "import typing\nif typing.TYPE_CHECKING:\n    from ..solve import solve"},
            "lopside.storage.dense imports lopside.solve",
        ),
        ({"errors": "import importlib\nimportlib.import_module('lopside.plots')"}, "imports lopside.plots"),
        ({"starts__gaussian": "from lopside.solvers import x", "solvers__gd": ""}, "imports lopside"),
        ({"plots": "from lopside.catalog import names", "catalog": ""}, "imports lopside.catalog"),
        ({"solve": "from lopside import Dense"}, "lopside.solve imports lopside, which imports everything"),
        ({"solve": "from . import Dense"}, "lopside.solve imports lopside, which imports everything"),
        ({"solution": "from lopside.solve import solve"}, "a circle of imports"),
        ({"storage__protocol": "from lopside.storage import Dense"}, "a circle of imports"),
        ({"solve": "from lopside.tools import Dense"}, "imports lopside.tools.Dense, which is not there"),
        ({"helpers": ""}, "lopside.helpers has no layer yet"),
        ({"solve": "from matplotlib import cbook"}, "lopside.solve imports matplotlib; only ['plots'] may"),
        ({"solve": "def f():\n    import rich.table"}, "lopside.solve imports rich; only ['cli'] may"),
        ({"solve": "import pandas"}, "lopside.solve imports pandas, which has no place yet"),
        ({"plots": "print('drawn')"}, "lopside.plots:1 prints"),
    ],
)
def test_a_planted_offence_is_found(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    found = offences(plant(tmp_path, **changed))
    assert any(message in line for line in found), found
