"""Answers made of templates, and what is asked of every form."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

from lopside.lens.security import TOKEN_FIELD, TOKEN_HEADER, is_ours
from lopside.lens.static_files import StaticFiles
from lopside.lens.store.database import Library
from lopside.lens.text.anchors import anchor
from lopside.lens.text.prose import blocks
from lopside.lens.text.sound import sound
from lopside.lens.text.tex import plain
from lopside.lens.words import age

_WRITTEN = {"body": "What you wrote", "text": "Your list", "tag": "The tag"}
"""Fields of forms that take a reader's words, as they are given back where they could not be kept."""


def environment(static: StaticFiles, token: str) -> Environment:
    """Return the templates; what is put into them is escaped, without exception."""
    pages = Environment(
        loader=PackageLoader("lopside.lens"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    pages.globals.update(static=static.address, token=token, here="", asked="", wrote=())
    pages.globals.update(age=age, plain=plain, blocks=blocks, anchor=anchor)
    return pages


def page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page made of a template."""
    text = request.app.state.pages.get_template(name).render(**values)
    return HTMLResponse(text, status, headers={"cache-control": "no-store"})


def library(request: Request) -> Library:
    """Return the library that the application is on."""
    return request.app.state.store


async def form(request: Request) -> FormData:
    """Return what a form of ours sent: text made sound, and a file in the field `file` alone.

    Raises
    ------
    HTTPException
        If it is not one of ours, or cannot be read.
    """
    taken: list[tuple[str, str | UploadFile]] = []
    try:
        async with request.form(max_files=1, max_fields=200, max_part_size=5_000_000) as sent:
            for name, value in sent.multi_items():
                if isinstance(value, str):
                    taken.append((name, sound(value)))
                elif name == "file":  # on the disk until here, and in memory while it is looked at
                    body = BytesIO(await value.read())
                    taken.append((name, UploadFile(body, filename=value.filename, size=value.size)))
    except (ValueError, UnicodeDecodeError) as error:
        raise HTTPException(400, f"The form cannot be read ({error}). Try again.") from error
    found = FormData(taken)
    given = request.headers.get(TOKEN_HEADER) or found.get(TOKEN_FIELD)
    if not is_ours(request.app.state.token, given if isinstance(given, str) else None):
        await sent.close()
        raise HTTPException(
            403, "This page is from before the last start of Lens. Go back, copy what you wrote, reload."
        )
    request.state.wrote = [
        (_WRITTEN[name], value) for name, value in found.multi_items() if name in _WRITTEN and isinstance(value, str)
    ]
    return found


def address(path: str, **parameters: Any) -> str:
    """Return an address with parameters, those that are empty left out."""
    given = {name: value for name, value in parameters.items() if value not in (None, "", 1)}
    return f"{path}?{urlencode(given)}" if given else path


def whole(given: str | None) -> int | None:
    """Return a whole number of an address; None for anything else."""
    return int(given) if given and given.isascii() and given.isdecimal() and len(given) < 7 else None
