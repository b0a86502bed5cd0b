"""Make or check the locks, each for one use.

requirements/demo.txt is to run, lens.txt to read, dev.txt to develop and bench.txt to compare.

``python scripts/lock.py`` resolves the requirements of pyproject.toml for every Python, system and processor;
a pin that still fits stays as it is unless ``--upgrade`` is given. With ``--check`` it needs no network and
fails when pyproject.toml has changed since, when a lock was edited by hand, or when a lock holds anything but
hashed pins, such as a path, an address or a version that only one machine has.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# dev first: the others take its versions, so one environment can hold all.
LOCKS = {
    "dev.txt": ["--extra=dask", "--extra=demo", "--extra=lens", "--group=dev"],
    "demo.txt": ["--extra=demo", "--group=build"],
    "lens.txt": ["--extra=lens", "--group=build"],
    "bench.txt": ["--extra=dask", "--extra=demo", "--extra=lens", "--group=bench"],
}
HEADER = '# Made by "make lock". Requirements sha256:{requirements}\n# Pins sha256:{pins}\n'
LINE = re.compile(
    r"[a-z0-9][a-z0-9._-]*==[0-9][0-9a-z.!]*(?: ; [A-Za-z0-9_.'<>=!() ]+)? \\"
    r"|    --hash=sha256:[0-9a-f]{64}(?: \\)?"
)


def requirements_digest(root: Path) -> str:
    """Return the digest of all that the resolution is made from: the requirements in pyproject.toml."""
    config = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project = config["project"]
    asked = [
        project["requires-python"],
        project["dependencies"],
        project["optional-dependencies"],
        config["dependency-groups"],
    ]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def header(root: Path, pins: str) -> str:
    """Return the two comment lines that tie the pins to pyproject.toml and to themselves."""
    pins_digest = hashlib.sha256(pins.encode()).hexdigest()
    return HEADER.format(requirements=requirements_digest(root), pins=pins_digest)


def foreign_lines(name: str, pins: str, first: int = 1) -> list[str]:
    """Return a message for every line that is neither a pin nor a hash."""
    return [
        f"{name}:{number}: {line!r} is neither 'name==version' nor its sha256 hash; "
        "paths, addresses, options and local versions do not install on another machine"
        for number, line in enumerate(pins.splitlines(), start=first)
        if not LINE.fullmatch(line)
    ]


def problems(root: Path) -> list[str]:
    """Return what is wrong with the locks under ``root``, one message each; nothing if they are good."""
    found = []
    for name in LOCKS:
        path = root / "requirements" / name
        if not path.is_file():
            found.append(f"requirements/{name} is missing")
            continue
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        pins = "".join(lines[2:])
        wanted = header(root, pins).splitlines(keepends=True)
        found += foreign_lines(f"requirements/{name}", pins, first=3)
        if lines[:1] != wanted[:1]:
            found.append(f"requirements/{name} was made from other requirements than pyproject.toml has now")
        if lines[1:2] != wanted[1:2]:
            found.append(f"requirements/{name} was changed after it was made")
    return found


def resolve(output: Path, *arguments: str) -> str:
    """Let uv write ``output``, deaf to this machine's own indexes and settings, and return the pins."""
    python = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--output-file", str(output)]
    command += ["--universal", "--generate-hashes", "--no-header", "--no-annotate", "--no-config", "--quiet"]
    command += ["--system-certs", "--python", sys.executable, "--python-version", python.removeprefix(">=")]
    settings = ("PIP_", "UV_", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(settings)}
    if subprocess.run([*command, *arguments], cwd=ROOT, env=environment).returncode:
        sys.exit("No lock was made: uv found no versions that fit, or did not reach the registry (see above).")
    return output.read_text(encoding="utf-8")


def make(upgrade: bool) -> None:
    """Resolve all locks, then write all."""
    made: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in LOCKS.items():
            output, current = Path(folder, name), ROOT / "requirements" / name
            if current.is_file() and not upgrade:
                output.write_text(current.read_text(encoding="utf-8"), encoding="utf-8")
            constraints = [f"--constraints={Path(folder, other)}" for other in made]
            made[name] = resolve(output, *arguments, *constraints)
    if foreign := [line for name, pins in made.items() for line in foreign_lines(name, pins)]:
        sys.exit("No lock was written:\n" + "\n".join(foreign))
    for name, pins in made.items():
        path, text = ROOT / "requirements" / name, header(ROOT, pins) + pins
        if not path.is_file() or path.read_text(encoding="utf-8") != text:  # a new date would reinstall .venv
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Make the locks, or check them.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="change nothing; fail if a lock is out of date")
    mode.add_argument("--upgrade", action="store_true", help="take the newest versions that fit")
    options = parser.parse_args()
    if not options.check:
        make(options.upgrade)
    if found := problems(ROOT):
        sys.exit("\n".join([*found, "Run 'make lock' and commit the files under requirements/."]))


if __name__ == "__main__":
    main()
