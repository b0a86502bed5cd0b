"""The one place that sends requests: paced, capped, logged, to known hosts only."""

from __future__ import annotations

import ipaddress
import json
import random
import socket
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as BrokenOff

from lopside import __version__
from lopside.lens.sources.hosts import SOURCES
from lopside.lens.sources.keys import Keys
from lopside.lens.sources.pacing import LONGEST, Clock, Pacer, Paused, Stopped
from lopside.lens.store.database import Library
from lopside.lens.store.requests_log import log

_CONNECT, _READ, _WHOLE = 10.0, 30.0, 120.0
"""Seconds: to be connected, for a part of an answer, for all of it."""

_TRIES = 3
_REDIRECTS = (301, 302, 303, 307, 308)


class Failed(Exception):
    """One request came to nothing; the sentence says why, in words for the reader."""

    def __init__(self, said: str, status: int | None = None, body: bytes = b"") -> None:
        super().__init__(said)
        self.status, self.body = status, body


class _Again(Exception):
    """The same request may do better in a while."""

    def __init__(self, failed: Failed, seconds: float | None = None) -> None:
        super().__init__(str(failed))
        self.failed, self.seconds = failed, seconds


class _Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Asker:
    """Sends requests to the sources.

    Parameters
    ----------
    store : Library
        With the pace and the log.
    clock : Clock
    keys : Keys
    stubs : dict, optional
        Addresses that stand for the sources, as a test's "http://127.0.0.1:8000"; only those may be on this machine.
    pace : dict, optional
        Seconds between two requests by source.
    """

    def __init__(
        self,
        store: Library,
        clock: Clock | None = None,
        keys: Keys | None = None,
        stubs: dict[str, str] | None = None,
        pace: dict[str, float] | None = None,
    ) -> None:
        self.store, self.clock = store, clock or Clock()
        self.pacer = Pacer(store, self.clock, pace)
        self.stopped: Callable[[], bool] = lambda: False
        self._keys, self._stubs = keys or Keys(None), stubs or {}
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a password that lies about
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=0))

    def base(self, source: str) -> str:
        """Return the address that a source's requests begin with."""
        return self._stubs.get(source, f"https://{SOURCES[source].host}")

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def ask(self, source: str, address: str, payload: Any = None) -> bytes:
        """Return the body of an answer.

        Raises
        ------
        Failed
            If there is none to be had.
        Paused
            If the source wants to be left alone for more than a minute.
        Stopped
            If the reader stops it.
        """
        tries = 0
        while True:
            self.pacer.wait(source, self.stopped)
            try:
                return self._followed(source, address, payload)
            except _Again as again:
                tries += 1
                # Retry-After r gives three further tries; a fault of the other side, three in all.
                if tries >= _TRIES + (again.seconds is not None):
                    raise again.failed from again
                usual = self.pacer.pace[source] * 2**tries * random.uniform(0.5, 1.5)
                self.pacer.hold(source, again.seconds if again.seconds is not None else usual)

    def _followed(self, source: str, address: str, payload: Any) -> bytes:
        for _ in range(4):
            answer = self._once(source, address, payload)
            if answer.status not in _REDIRECTS:
                return self._judged(source, answer)
            target = urljoin(address, answer.headers.get("location", ""))
            if _origin(target) != _origin(self.base(source)):
                raise Failed(
                    f"{SOURCES[source].name} leads to another host ({urlsplit(target).hostname}); not followed"
                )
            address = target
            self.pacer.wait(source, self.stopped)
        raise Failed(f"{SOURCES[source].name} leads in a circle")

    def _once(self, source: str, address: str, payload: Any) -> _Answer:
        began, status, said = monotonic(), None, ""
        try:
            self._require_public(source)
            answer = self._sent(source, address, payload)
            status = answer.status
            return answer
        except (requests.ConnectionError, requests.Timeout, BrokenOff, TimeoutError) as error:
            said = f"{SOURCES[source].name} cannot be reached, or broke off ({type(error).__name__})"
            raise _Again(Failed(said)) from error
        except (requests.RequestException, ValueError) as error:
            said = f"{SOURCES[source].name} gave an answer that cannot be read ({type(error).__name__})"
            raise Failed(said) from error
        except Failed as error:
            said, status = str(error), error.status
            raise
        finally:
            what = address.removeprefix(self.base(source))
            log(self.store, source, what, status, said, round(1000 * (monotonic() - began)))

    def _require_public(self, source: str) -> None:
        """Refuse a host whose name leads into this machine or its network."""
        if source in self._stubs:
            return
        try:
            found = {row[4][0] for row in socket.getaddrinfo(SOURCES[source].host, 443, type=socket.SOCK_STREAM)}
        except OSError as error:
            raise requests.ConnectionError(str(error)) from error
        if not found or not all(ipaddress.ip_address(str(one).split("%")[0]).is_global for one in found):
            raise Failed(f"{SOURCES[source].host} leads to a private address here; not asked")

    def _sent(self, source: str, address: str, payload: Any) -> _Answer:
        headers = {"user-agent": f"lopside-lens/{__version__}", "accept-encoding": "gzip", **self._keys.headers(source)}
        data = None if payload is None else json.dumps(payload)
        if data is not None:
            headers["content-type"] = "application/json"
        deadline = monotonic() + _WHOLE
        with self._session.request(
            "GET" if data is None else "POST",
            address,
            data=data,
            headers=headers,
            stream=True,
            timeout=(_CONNECT, _READ),
            allow_redirects=False,
        ) as answer:
            body = bytearray()
            while part := answer.raw.read1(65_536, decode_content=True):
                body += part
                if len(body) > SOURCES[source].cap:
                    raise Failed(
                        f"{SOURCES[source].name} sent more than {SOURCES[source].cap:,} bytes", answer.status_code
                    )
                if self.stopped():
                    raise Stopped
                if monotonic() > deadline:
                    raise Failed(f"{SOURCES[source].name} did not come to an end of its answer", answer.status_code)
            return _Answer(answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, bytes(body))

    def _judged(self, source: str, answer: _Answer) -> bytes:
        name, status = SOURCES[source].name, answer.status
        throttled = status == 200 and answer.body[:40].lower().startswith(b"rate exceeded")
        if status in (429, 503) or throttled:
            seconds = _retry_after(answer.headers.get("retry-after"), self.clock.now())
            if seconds is not None and seconds > LONGEST:
                self.pacer.hold(source, seconds)
                raise Paused(source, self.clock.now() + seconds)
            raise _Again(Failed(f"{name} has too many requests now ({status})", status), seconds)
        if status >= 500:
            raise _Again(Failed(f"{name} has a fault of its own ({status})", status))
        if status != 200:
            raise Failed(f"{name} refused ({status}{_reason(answer)})", status, answer.body)
        kind = answer.headers.get("content-type", "")
        if SOURCES[source].kind not in kind.lower():
            raise Failed(f"{name} answered with {kind or 'no type'!r}; expected {SOURCES[source].kind}", status)
        return answer.body


def _origin(address: str) -> tuple[str, str]:
    parts = urlsplit(address)
    return parts.scheme, parts.netloc.lower()


def _retry_after(text: str | None, now: float) -> float | None:
    """Return the seconds that a source asks to wait, or None if it does not say."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text.strip()[:9])
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now, 0.0)


def _reason(answer: _Answer) -> str:
    """Return what a source says of its refusal, as Semantic Scholar does: {"error": …}."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return ""
    reason = (said.get("error") or said.get("message")) if isinstance(said, dict) else None
    return f": {reason[:200]}" if isinstance(reason, str) else ""
