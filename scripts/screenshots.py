"""Takes a picture of every page of the reading room, light and dark, wide and narrow, into out/screenshots."""

from __future__ import annotations

import argparse
import os
import runpy
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from lopside.lens.serving import served

ROOT = Path(__file__).resolve().parent.parent
WIDTHS = (1280, 375)
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Read the command line and take the pictures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", nargs="*", metavar="NAME", help="pages by name; default: all")
    options.add_argument("--out", type=Path, default=ROOT / "out" / "screenshots")
    given = options.parse_args()
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        sys.exit(f"needs a Chromium: none of {', '.join(CHROMIUM)} is there. Try: apt install chromium")
    pages = runpy.run_path(str(ROOT / "tests" / "lens_pages.py"))
    wanted = {name: path for name, path in pages["addresses"](pages["PAGES"]).items() if name in (given.only or [name])}
    given.out.mkdir(parents=True, exist_ok=True)
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with (
        tempfile.TemporaryDirectory() as folder,
        served(Path(folder) / "library.db") as address,
        sync_playwright() as play,
        play.chromium.launch(executable_path=found, args=as_root) as browser,
    ):
        for theme in ("light", "dark"):
            for width in WIDTHS:
                _pictures(browser, address, wanted, theme, width, given.out)
    sys.stderr.write(f"{4 * len(wanted)} pictures are in {given.out}\n")


def _pictures(browser: Browser, address: str, wanted: dict[str, str], theme: str, width: int, out: Path) -> None:
    context = browser.new_context(
        base_url=address,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    for name, path in wanted.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(path, wait_until="networkidle")
        if run := page.locator("form#lab button.run").all():  # a lab shows little before something has run
            run[0].click()
            page.locator("form#lab button.run:enabled").wait_for()
        # As tall as it is: what is far below is only drawn when it comes near.
        page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out / f"{name}-{theme}-{width}.png", full_page=True)
    context.close()


if __name__ == "__main__":
    main()
