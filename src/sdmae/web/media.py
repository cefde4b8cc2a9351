"""Clips and thumbnails. Nobody names a file: an event is named, and the store knows its files."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from starlette.responses import FileResponse

from sdmae.web.events import Number, stored
from sdmae.web.parts import Given, NotThereError

router = APIRouter(prefix="/api/events", tags=["events"])

_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".mkv": "video/x-matroska"}


@router.head("/{number}/clip", include_in_schema=False)
@router.get("/{number}/clip", response_class=FileResponse)
def clip(number: Number, parts: Given) -> FileResponse:
    """Its clip; a part of it where a Range is asked for."""
    return _file(parts.store.media, stored(parts.store, number).clip, f"event {number} has no clip")


@router.head("/{number}/thumbnail", include_in_schema=False)
@router.get("/{number}/thumbnail", response_class=FileResponse)
def thumbnail(number: Number, parts: Given) -> FileResponse:
    """Its picture with the heat map."""
    return _file(parts.store.media, stored(parts.store, number).thumbnail, f"event {number} has no thumbnail")


def _file(media: Path, name: str | None, missing: str) -> FileResponse:
    """A file in the media folder, and never one elsewhere, whatever the store says and wherever links lead."""
    if not name:
        raise NotThereError(missing)
    folder = media.resolve()
    path = (folder / name).resolve()
    kind = _TYPES.get(path.suffix.lower())
    if kind is None or not path.is_relative_to(folder) or not path.is_file():
        raise NotThereError(missing)
    # Files never change once they are there, and their event's number is never given to another.
    return FileResponse(path, media_type=kind, headers={"cache-control": "private, max-age=86400"})
