"""All events that are asked for, as a file for a spreadsheet or a program, page by page from the store."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from fastapi import APIRouter
from starlette.responses import StreamingResponse

from sdmae.live.store import Reader, StoredEvent, Wanted, event_fields
from sdmae.scoring import TERMS
from sdmae.web.parts import Given
from sdmae.web.wanted import Asked

PAGE = 500
"""Events that are read at a time."""

_SIDES = ("x_min", "y_min", "x_max", "y_max")
COLUMNS = (
    *(
        "id",
        "camera",
        "start_time",
        "end_time",
        "seconds",
        "open",
        "ended_by",
        "peak_score",
        "peak_at_time",
        "threshold",
    ),
    *("term", *(f"part_{term}" for term in TERMS), *_SIDES, "verdict", "acknowledged_by", "acknowledged_at", "keep"),
    *("start", "end", "peak_at", "detector", "clip", "thumbnail"),
)
"""Of the table."""

router = APIRouter(prefix="/api/export", tags=["export"])


@router.get("/events.json", response_class=StreamingResponse)
def as_json(asked: Asked, parts: Given) -> StreamingResponse:
    """A list of events, the latest first; their fields are those of docs/serve.md."""
    return _sent(_json(_begun(_all(parts.store.read, asked))), "application/json", "events.json")


@router.get("/events.csv", response_class=StreamingResponse)
def as_csv(asked: Asked, parts: Given) -> StreamingResponse:
    """A table of events, the latest first; box and parts are a column each."""
    return _sent(_csv(_begun(_all(parts.store.read, asked))), "text/csv; charset=utf-8", "events.csv")


def _sent(lines: Iterator[str], kind: str, name: str) -> StreamingResponse:
    return StreamingResponse(
        lines, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'}
    )


def _begun(events: Iterator[StoredEvent]) -> Iterator[StoredEvent]:
    """The same, the first of them read now: what the store cannot read is said before an answer has begun."""
    first = list(islice(events, 1))
    return chain(first, events)


def _all(reader: Reader, asked: Wanted) -> Iterator[StoredEvent]:
    after: tuple[float, int] | None = None
    while page := reader.events(asked, limit=PAGE, after=after):
        yield from page
        after = page[-1].start, page[-1].id


def _json(events: Iterator[StoredEvent]) -> Iterator[str]:
    start = "["
    for event in events:
        yield f"{start}\n{json.dumps(event_fields(event), ensure_ascii=False, allow_nan=False)}"
        start = ","
    yield "[]\n" if start == "[" else "\n]\n"


def _csv(events: Iterator[StoredEvent]) -> Iterator[str]:
    yield _line(COLUMNS)
    for event in events:
        row = _row(event)
        yield _line([_cell(row[name]) for name in COLUMNS])


def _row(event: StoredEvent) -> dict[str, object]:
    fields = event_fields(event)
    box, parts = fields["box"] or ("",) * 4, fields["parts"]
    sides = dict(zip(_SIDES, box, strict=True))
    return fields | sides | {f"part_{term}": parts.get(term, "") for term in TERMS}


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _line(values: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue()
