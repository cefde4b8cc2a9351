"""What is told of an event, in the one form in which everybody is told: standard output, MQTT, webhooks, the page."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sdmae.live.store.records import StoredEvent

Kind = Literal["start", "update", "end"]
"""What has become of the event."""


@dataclass(frozen=True, slots=True)
class Notice:
    """That an event has begun, goes on, or is over."""

    kind: Kind
    """Which."""
    event: StoredEvent
    """The event then."""

    def json(self) -> str:
        """One line; the fields are those of docs/serve.md."""
        return json.dumps({"kind": self.kind, **event_fields(self.event)}, ensure_ascii=False, allow_nan=False)


def event_fields(event: StoredEvent) -> dict[str, Any]:
    """An event as JSON: times both in seconds since 1970 and as text in UTC, box in pixels of the source."""
    peak = event.peak
    return {
        "id": event.id,
        "camera": event.camera,
        "start": event.start,
        "start_time": utc(event.start),
        "end": event.end,
        "end_time": utc(event.end),
        "seconds": round(event.end - event.start, 3),
        "open": event.open,
        "ended_by": event.ended_by,
        "peak_score": peak.score,
        "peak_at": peak.time,
        "peak_at_time": utc(peak.time),
        "threshold": event.threshold,
        "box": None if peak.box is None else list(peak.box),
        "term": peak.term,
        "parts": peak.parts,
        "detector": event.detector,
        "clip": event.clip,
        "thumbnail": event.thumbnail,
        "acknowledged_by": event.acknowledged_by,
        "acknowledged_at": event.acknowledged_at,
        "verdict": event.verdict,
        "keep": event.keep,
    }


def utc(moment: float) -> str:
    """Seconds since 1970 as ISO 8601, to the millisecond, in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
