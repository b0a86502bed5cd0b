"""An import that is killed at any moment, and continued by another process, comes to the same library."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lens_import import begun, dump, imported
from stub_sources import World, served, small_world

from lopside.lens.store.database import Library

TEXT = "2106.14289\n10.1000/citing\nA first reference"
PROGRAM = """
import sys
from pathlib import Path
from lopside.lens.importing.running import run
from lopside.lens.sources.asking import Asker
from lopside.lens.store.database import Library

library = Library(Path(sys.argv[1]))
asker = Asker(library, stubs=dict.fromkeys(("arxiv", "s2"), sys.argv[2]), pace={"arxiv": 0.0, "s2": 0.0})
print(run(library, asker, 1))
"""


def world() -> World:
    """Return papers whose lists come in several pages."""
    found = small_world()
    found.page = 4
    others = [{"s2": f"{n:040x}", "title": f"Work number {n}", "authors": [f"A{n} N"], "year": 2000} for n in range(11)]
    found.papers += others
    found.cites += [("a" * 40, other["s2"]) for other in others]
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int]:
    """Give what an import that nobody disturbs comes to, and its requests."""
    library, there = Library(tmp_path_factory.mktemp("whole") / "library.db"), world()
    assert imported(library, there, TEXT)[1] == "done"
    library.close()
    return dump(library.path), len(there.asked)


class Killed:
    """A process that dies while it waits for an answer."""

    process: subprocess.Popen[str]

    def start(self, path: Path, address: str) -> None:
        given = [sys.executable, "-c", PROGRAM, str(path), address]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(given, env=environment, stdout=subprocess.PIPE, text=True)

    def __call__(self, handler: Any) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        handler.close_connection = True


@pytest.mark.skipif(os.name != "posix", reason="there is no such signal")
@pytest.mark.parametrize("after", [0, 2, 5])
def test_a_killed_import_continues(tmp_path: Path, whole: tuple[dict[str, Any], int], after: int) -> None:
    library, there, victim = Library(tmp_path / "library.db"), world(), Killed()
    begun(library, TEXT)
    library.close()
    there.faults = [*[None] * after, victim]
    with served(there) as address:
        for end in (-signal.SIGKILL, 0):
            victim.start(library.path, address)
            said, _ = victim.process.communicate(timeout=60)
            assert victim.process.returncode == end
    assert said == "done\n"
    expected, requests = whole
    assert dump(library.path) == expected
    assert len(there.asked) == requests + 1
