"""Download what tests and demos on real ratings read: RecBole's wheel, which has MovieLens-100K as an example.

It goes into the folder of `lopside.data.ratings.data_folder` and stays a wheel: nothing is installed or copied out.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from lopside.data.ratings import RATINGS_WHEEL, data_folder

REQUIREMENT = "recbole==1.2.1"
SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"


def is_sound(wheel: Path) -> bool:
    """Say whether the wheel is there, bit for bit."""
    return wheel.is_file() and hashlib.sha256(wheel.read_bytes()).hexdigest() == SHA256


def fetch(folder: Path) -> Path:
    """Return the wheel, downloaded into the folder if it is not there yet; end with a sentence if that fails."""
    wheel = folder / RATINGS_WHEEL
    if is_sound(wheel):
        return wheel
    folder.mkdir(parents=True, exist_ok=True)
    # A neighbour first: the name is given to nothing but the whole, right file.
    with tempfile.TemporaryDirectory(dir=folder) as part:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        if subprocess.run([*command, "--dest", part, REQUIREMENT]).returncode:
            sys.exit(f"No data was fetched: pip found no {REQUIREMENT}, or did not reach the registry (see above).")
        fetched = Path(part, RATINGS_WHEEL)
        if not is_sound(fetched):
            sys.exit(f"No data was fetched: what pip downloaded is not the {RATINGS_WHEEL} with sha256 {SHA256}.")
        fetched.replace(wheel)
    return wheel


if __name__ == "__main__":
    sys.stdout.write(f"{fetch(data_folder())}\n")
