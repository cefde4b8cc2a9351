"""The page itself: a few files, sent as they are."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response

from sdmae.web.parts import NotThereError

_FOLDER = Path(__file__).with_name("static")
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FILES = {path.name: path for path in _FOLDER.iterdir() if path.suffix in _KINDS}

router = APIRouter(include_in_schema=False)


@router.get("/")
def page() -> Response:
    """The page."""
    return static("index.html")


@router.get("/static/{name}")
def static(name: str) -> Response:
    """One of its files; the names are those that were there at the start, so there is no other way to a file."""
    path = _FILES.get(name)
    if path is None:
        raise NotThereError(f"the page has no file {name}")
    # After an update a browser must not run the old page against the new server.
    return Response(path.read_bytes(), media_type=_KINDS[path.suffix], headers={"cache-control": "no-cache"})
