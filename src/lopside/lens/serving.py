"""Serving the pages on this machine, and where the library lies."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from lopside.errors import InputError

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
    import uvicorn

    from lopside.lens.app import create
    from lopside.lens.space.refreshing import refresh_behind

    with _listening(port) as ours:
        address = f"http://{HOST}:{ours.getsockname()[1]}/"
        app = create(path, port=ours.getsockname()[1])

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                ready(address)

        # Nobody else's proxy stands before this, so what a header says of one is not believed.
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        soon = threading.Timer(_FIRST, refresh_behind, (app.state.store,))
        soon.daemon = True
        soon.start()
        try:
            Server(config).run(sockets=[ours])
        finally:
            soon.cancel()
            app.state.store.close()


def _listening(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
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
