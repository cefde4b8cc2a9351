"""Where events are kept: SQLite or PostgreSQL, one writer, any number of readers."""

from sdmae.live.store.history import History, Minute, MinuteMaker
from sdmae.live.store.notice import Kind, Notice, event_fields, utc
from sdmae.live.store.read import Post, Reader, Wanted
from sdmae.live.store.records import (
    Box,
    Ending,
    EventCounts,
    FrameCounts,
    Hook,
    NewEvent,
    Peak,
    StoredCamera,
    StoredEvent,
    StoreSize,
    Verdict,
)
from sdmae.live.store.retention import Swept, sweep
from sdmae.live.store.store import Store, open_store
from sdmae.live.store.would_be import WouldBe, watched, would_be

__all__ = [
    "Box",
    "Ending",
    "EventCounts",
    "FrameCounts",
    "History",
    "Hook",
    "Kind",
    "Minute",
    "MinuteMaker",
    "NewEvent",
    "Notice",
    "Peak",
    "Post",
    "Reader",
    "Store",
    "StoreSize",
    "StoredCamera",
    "StoredEvent",
    "Swept",
    "Verdict",
    "Wanted",
    "WouldBe",
    "event_fields",
    "open_store",
    "sweep",
    "utc",
    "watched",
    "would_be",
]
