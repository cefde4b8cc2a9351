"""From the threads of the pipeline to the browsers that listen."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from sdmae.live.store import Notice, StoredEvent, event_fields
from sdmae.live.views import CameraChanged, CameraView, Push
from sdmae.web.service import Service

WAITING = 1000
"""Messages that wait for one browser, at most: one that is slower is let go, and comes back to see all anew."""

Message = dict[str, Any]
"""Fit for JSON, with its `kind`."""


class Listener:
    """What waits for one browser."""

    def __init__(self) -> None:
        """Within the event loop of its browser."""
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue(WAITING)
        self._loop = asyncio.get_running_loop()

    def tell(self, message: Message | None) -> None:
        """From any thread. None: that it is over."""
        # The loop may have ended a moment ago.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._put, message)

    async def next(self) -> Message | None:
        """The next one; None: it is over."""
        return await self._queue.get()

    def _put(self, message: Message | None) -> None:
        if message is None or self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            message = None
        self._queue.put_nowait(message)


class Feed:
    """Tells every browser what the service tells, and what other browsers have done."""

    def __init__(self, service: Service) -> None:
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._closed = False
        self._end: Callable[[], None] = service.subscribe(self._push)

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """A new browser, for as long as it is there."""
        listener = Listener()
        with self._lock:
            self._listeners.add(listener)
            closed = self._closed
        if closed:
            listener.tell(None)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def marked(self, event: StoredEvent) -> None:
        """Somebody has said something of an event."""
        self._tell({"kind": "mark", "event": event_fields(event)})

    def close(self) -> None:
        """Sends all browsers away."""
        self._end()
        with self._lock:
            self._closed = True
        self._tell(None)

    def _push(self, push: Push) -> None:
        if isinstance(push, Notice):
            self._tell({"kind": push.kind, "event": event_fields(push.event)})
        elif isinstance(push, CameraChanged):
            self._tell({"kind": "camera", "camera": camera_fields(push.camera)})
        else:
            self._tell({"kind": "score", "camera": push.camera, "time": push.time, "score": push.score})

    def _tell(self, message: Message | None) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener.tell(message)


def camera_fields(camera: CameraView) -> dict[str, Any]:
    """A camera as JSON."""
    fields = asdict(camera)
    fields["counts"]["waiting"] = camera.counts.waiting
    return fields
