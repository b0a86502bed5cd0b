"""The memory predicted is the memory taken: each case in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lopside.bench.plan import CASES


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux says how much memory was taken")
@pytest.mark.parametrize(("matrix", "rank", "how"), [case for case in CASES if case[0] != "square"])
def test_the_peak_is_predicted(matrix, rank, how):
    script = f"import json; from lopside.bench.plan import case; print(json.dumps(case({matrix!r}, {rank}, {how!r})))"
    # What is freed goes back to the system at once, and no peak can hide in what the process had before.
    exact = os.environ | {"MALLOC_MMAP_THRESHOLD_": "131072"}
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=exact)
    found = json.loads(ran.stdout)
    assert found["measured_mb"] == pytest.approx(found["predicted_mb"], rel=0.15)
    assert found["measured_mb"] < 1.15 * found["most_mb"]
