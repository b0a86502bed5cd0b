"""A library of the test's own, and a client that posts as its pages do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lopside.lens.app import create
from lopside.lens.space.refreshing import refresh

PORT = 8642


@pytest.fixture(scope="session")
def built_in_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with the built-in papers and all that is computed of them: made once, and copied by tests."""
    path = tmp_path_factory.mktemp("built-in") / "library.db"
    store = create(path, port=PORT).state.store
    refresh(store)
    store.close()
    return path


@pytest.fixture
def app(tmp_path: Path, built_in_library: Path) -> Iterator[Any]:
    """The application on a library of the test's own."""
    shutil.copy(built_in_library, tmp_path / "library.db")
    made = create(tmp_path / "library.db", port=PORT)
    yield made
    made.state.store.close()


@pytest.fixture
def client(app: Any) -> TestClient:
    """A browser without scripts."""
    return TestClient(app, base_url=f"http://127.0.0.1:{PORT}")


@pytest.fixture
def post(client: TestClient) -> Callable[..., Any]:
    """Send a form as a page of ours does: `post(path, fields, **further)`."""
    token = re.search(r'name="lens-token" content="([^"]+)"', client.get("/about").text)
    assert token is not None

    def send(path: str, fields: dict[str, Any] | None = None, **further: Any) -> Any:
        headers = {"sec-fetch-site": "same-origin", "x-lens-token": token[1]} | further.pop("headers", {})
        return client.post(path, data=fields or {}, headers=headers, follow_redirects=False, **further)

    return send
