"""Events: a list, one of them, and what a person says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from sdmae.live.store import Store, StoredEvent, event_fields
from sdmae.web.parts import Given, NotThereError, written
from sdmae.web.wanted import Asked

Mark = Literal["new", "seen", "normal", "real"]
"""Nobody has seen it; somebody has; it was normal; it was real."""
LARGEST = 2**63 - 1
"""Number of an event, at most: a database has no larger ones."""
Number = Annotated[int, Field(ge=1, le=LARGEST)]

router = APIRouter(prefix="/api/events", tags=["events"])


@dataclass(frozen=True, slots=True)
class Marking:
    """What a person says of an event."""

    mark: Mark
    """The one that it is to have."""
    by: Annotated[str, Field(max_length=128)] = ""
    """Who says it."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Whether an event is to be kept."""

    keep: bool
    """Never deleted for age or size."""


@router.get("")
def events(
    asked: Asked,
    parts: Given,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    after: Annotated[str | None, Query(pattern=r"^-?\d+(\.\d+)?(e[+-]?\d+)?_\d{1,18}$")] = None,
) -> dict[str, Any]:
    """The latest first. `next` is the `after` of the next page; null: there is none."""
    start, _, number = (after or "").partition("_")
    found = parts.store.read.events(asked, limit=limit + 1, after=(float(start), int(number)) if after else None)
    page = found[:limit]
    more = f"{page[-1].start!r}_{page[-1].id}" if len(found) > limit else None
    return {"events": [event_fields(event) for event in page], "next": more}


@router.get("/{number}")
def event(number: Number, parts: Given) -> dict[str, Any]:
    """One event; its fields are those of docs/serve.md."""
    return event_fields(stored(parts.store, number))


@router.put("/{number}/mark")
def mark(number: Number, marking: Marking, parts: Given) -> dict[str, Any]:
    """Says that it was seen, that it was normal, that it was real, or takes it all back.

    Idempotent: to undo, give the mark that it had before.
    """
    stored(parts.store, number)
    by = marking.by.strip() or "page"
    store = parts.store
    if marking.mark == "new":
        marked = written(store.forget(number))
    elif marking.mark == "seen":
        marked = written(store.judge(number, None, by))
    else:
        marked = written(store.judge(number, marking.mark, by))
    parts.feed.marked(marked)
    return event_fields(marked)


@router.put("/{number}/keep")
def keep(number: Number, keeping: Keeping, parts: Given) -> dict[str, Any]:
    """Says whether retention may delete it."""
    stored(parts.store, number)
    kept = written(parts.store.keep(number, keeping.keep))
    parts.feed.marked(kept)
    return event_fields(kept)


def stored(store: Store, number: int) -> StoredEvent:
    """The event of that number. Raises `NotThereError` for none, `StoreError` where the store cannot be read."""
    found = store.read.find(number)
    if found is None:
        raise NotThereError(f"there is no event {number}")
    return found
