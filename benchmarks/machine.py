"""One paragraph that says where and with what a benchmark ran."""

from __future__ import annotations

import datetime
import os
import platform
from pathlib import Path

import numpy as np
import scipy

import lopside as lo


def describe() -> str:
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    versions = f"lopside {lo.__version__}, numpy {np.__version__}, scipy {scipy.__version__}"
    python = f"Python {platform.python_version()}, {platform.system()}"
    return f"{datetime.date.today()}: {model}, {os.cpu_count()} cores; {python}; {versions}\n"
