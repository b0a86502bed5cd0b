"""What keeps hostile pages, hostile text and hostile machines away from a server on the reader's own."""

from __future__ import annotations

import hmac
import re
import time
from collections import defaultdict, deque

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # KaTeX and Observable Plot set the style attribute
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Scripts come from this server alone, and none can be made of text."""

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

TOKEN_FIELD, TOKEN_HEADER = "token", "x-lens-token"
"""Where a page sends the token that shows that it is ours."""

_LIMITS = {"/import": 11_000_000, "/restore": 65_000_000}  # a file, and the text of another in the form
_LARGEST = 1_000_000
"""Bytes of a request's body, unless its path has a limit of its own."""

_TOO_MUCH = (
    "That is more than can be taken at once. Nothing was changed. Go back: what you wrote is there; send less of it."
)

_WRITES = 20
"""A second."""


class Guard:
    """The outermost layer: hosts, bodies, rates, and the headers of every answer.

    Parameters
    ----------
    app : ASGI application
    hosts : set of str
        Names, with the port, that the server answers to.
    """

    def __init__(self, app: ASGIApp, *, hosts: frozenset[str]) -> None:
        self.app = app
        self.hosts = hosts
        self._writes: dict[str, deque[float]] = defaultdict(deque)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, sent)
            return
        limit = _LIMITS.get(scope["path"], _LARGEST)
        await self.app(scope, _limited(receive, limit), sent)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if headers.get("host", "").lower() not in self.hosts:
            # Another name for this address: a page elsewhere may have made it [DNS rebinding].
            return PlainTextResponse("This server answers to its own name only.", 421)
        if scope["method"] in ("GET", "HEAD"):
            return None
        if scope["method"] != "POST":
            return PlainTextResponse("Pages are read by GET and changed by POST.", 405)
        if not _same_origin(headers, self.hosts):
            return PlainTextResponse("Changes are made from this server's own pages only.", 403)
        length = headers.get("content-length", "0")
        if not re.fullmatch(r"[0-9]{1,12}", length) or int(length) > _LIMITS.get(scope["path"], _LARGEST):
            return PlainTextResponse(_TOO_MUCH, 413)
        if not self._within_rate(scope["path"]):
            return PlainTextResponse("Too many changes in one second. Try again.", 429, {"retry-after": "1"})
        return None

    def _within_rate(self, path: str) -> bool:
        recent, now = self._writes[path.split("/")[1]], time.monotonic()
        while recent and recent[0] < now - 1.0:
            recent.popleft()
        if len(recent) >= _WRITES:
            return False
        recent.append(now)
        return True


def _same_origin(headers: Headers, hosts: frozenset[str]) -> bool:
    """Say whether a browser tells that the request comes from a page of ours."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site == "same-origin"
    return origin is not None and origin.removeprefix("http://") in hosts


def _limited(receive: Receive, limit: int) -> Receive:
    """Return the stream of a body that breaks off where it is too large; it may not have said how large it is."""
    taken = 0

    async def limited() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413, _TOO_MUCH)
        return message

    return limited


def is_ours(token: str, given: str | None) -> bool:
    """Say whether a token is that of this process."""
    return given is not None and hmac.compare_digest(token.encode(), given.encode("utf-8", "replace"))
