"""Files of the pages: a fixed list, read once, with the hash of the contents in the address."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2", ".svg": "image/svg+xml"}

_PACKED = frozenset({"font/woff2"})
"""What would not become smaller."""


class _File(NamedTuple):
    body: bytes
    type: str
    mark: str


class StaticFiles:
    """An ASGI application that knows every file by name; nothing in an address is a path."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._gather(files("lopside.lens").joinpath("static"), "")

    def _gather(self, folder: Traversable, before: str) -> None:
        for member in folder.iterdir():
            name = before + member.name
            if member.is_dir():
                self._gather(member, f"{name}/")
                continue
            body, ending = member.read_bytes(), "." + name.rpartition(".")[2]
            kind = _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"
            self._files[name] = _File(body, kind, hashlib.sha256(body).hexdigest()[:12])

    def address(self, name: str) -> str:
        """Return the address of a file; KeyError if there is none."""
        return f"/static/{name}?{self._files[name].mark}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file. Whoever asks with the hash may keep it for ever."""
        found = self._files.get(scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/"))
        if found is None or scope["method"] not in ("GET", "HEAD"):
            await PlainTextResponse("There is no such file.", 404)(scope, receive, send)
            return
        known = scope["query_string"].decode("ascii", "replace") == found.mark
        kept = "public, max-age=31536000, immutable" if known else "no-cache"
        headers = {"cache-control": kept, "etag": f'"{found.mark}"', "vary": "accept-encoding"}
        asked = Headers(scope=scope)
        if asked.get("if-none-match") == headers["etag"]:
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return
        body = found.body
        if found.type not in _PACKED and "gzip" in asked.get("accept-encoding", ""):
            body, headers["content-encoding"] = _packed(found.body), "gzip"
        await Response(body, media_type=found.type, headers=headers)(scope, receive, send)


@cache
def _packed(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)
