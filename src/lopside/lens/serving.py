"""Serving the pages on this machine, and where the library lies."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lopside.errors import InputError

if TYPE_CHECKING:
    from uvicorn import Server

    from lopside.lens.store.database import Library

HOST = "127.0.0.1"

_FIRST = 1.0
"""Seconds in which the first page is served before anything is computed beside it."""


def home() -> Path:
    """Return the folder of the reader's data: `LOPSIDE_HOME`, or the platform's place for data."""
    from platformdirs import user_data_path

    given = os.environ.get("LOPSIDE_HOME")
    return Path(given).expanduser() if given else user_data_path("lopside", appauthor=False)


def serve(path: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve a library until Ctrl-C.

    Parameters
    ----------
    path : Path
        Of the library.
    port : int
        0 takes any that is free.
    ready : callable
        Given the address once it answers.

    Raises
    ------
    FileError
        If the library cannot be used.
    InputError
        If the port cannot be had.
    """
    with _server(path, port, ready) as (server, ours):
        server.run(sockets=[ours])


@contextmanager
def served(path: Path, port: int = 0) -> Iterator[str]:
    """Serve a library from a thread beside this one, and give its address; the parameters are those of `serve`."""
    answers = threading.Event()
    addresses: list[str] = []

    def ready(address: str) -> None:
        addresses.append(address)
        answers.set()

    with _server(path, port, ready) as (server, ours):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [ours]}, name="lens")
        thread.start()
        try:
            answers.wait()
            yield addresses[0]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def _server(path: Path, port: int, ready: Callable[[str], None]) -> Iterator[tuple[Server, socket.socket]]:
    import uvicorn

    from lopside.lens.app import create

    with _listening(port) as ours:
        address = f"http://{HOST}:{ours.getsockname()[1]}/"
        app = create(path, port=ours.getsockname()[1])

        class Telling(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                ready(address)

        # Nobody else's proxy stands before this, so what a header says of one is not believed.
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        soon = threading.Timer(_FIRST, _prepare, (app.state.store,))
        soon.daemon = True
        soon.start()
        try:
            yield Telling(config), ours
        finally:
            app.state.runner.stop()
            soon.cancel()
            app.state.store.close()


def _prepare(store: Library) -> None:
    from lopside.lens.pages.lab import warm
    from lopside.lens.space.refreshing import refresh_behind

    refresh_behind(store)
    warm()


def _listening(port: int) -> socket.socket:
    # The protocol by its name: else asyncio does not turn off Nagle's delay, and an answer waits 40 ms for its body.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":  # elsewhere this would let a second server take the same port
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(128)
    except (OSError, OverflowError) as error:
        found.close()
        raise InputError(
            f"got port {port}, which cannot be had ({error}); expected a free one. Try --port 0, which finds one"
        ) from error
    return found
