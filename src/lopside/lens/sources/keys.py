"""The reader's keys to sources: from the environment or a file that only the reader can read."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from lopside.errors import FileError

_VARIABLE = "SEMANTIC_SCHOLAR_API_KEY"
_HEADER = "x-api-key"


class Keys:
    """Keys by source. They are shown nowhere, and kept in no library.

    Parameters
    ----------
    folder : Path or None
        Of `keys.json`, {"semantic_scholar": "…"}, with rights 0600.

    Raises
    ------
    FileError
        If others can read the file, or it is something else.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def headers(self, source: str) -> dict[str, str]:
        """Return the headers that carry a source's key."""
        key = self._key() if source == "s2" else None
        return {_HEADER: key} if key else {}

    def __repr__(self) -> str:
        return "Keys(…)"

    def _key(self) -> str | None:
        key = os.environ.get(_VARIABLE) or self._kept()
        if key is not None and not re.fullmatch(r"[\x21-\x7e]{1,200}", key):
            raise FileError(
                f"got a key for Semantic Scholar that is no key; expected letters and digits. Try {_VARIABLE}"
            )
        return key

    def _kept(self) -> str | None:
        path = None if self._folder is None else self._folder / "keys.json"
        if path is None or not path.exists():
            return None
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise FileError(f"got {path}, which others can read; expected rights 0600. Try chmod 600 {path}")
        try:
            key = json.loads(path.read_text("utf-8")).get("semantic_scholar")
        except (ValueError, AttributeError, OSError) as error:
            raise FileError(f'got {path}, which cannot be read; expected {{"semantic_scholar": "…"}}') from error
        return str(key) if key else None
