"""Events as lines of JSON, for whatever program reads our standard output."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TextIO

from sdmae.live.health import CameraState
from sdmae.live.store import Notice

_log = logging.getLogger(__name__)


class JsonLines:
    """A line for every notice. A reader that is slow, or has gone, holds nobody up: lines are dropped and counted."""

    name = "stdout"

    def __init__(self, stream: TextIO, *, size: int = 1000) -> None:
        """`size`: lines that wait for the reader, at most."""
        self._stream = stream
        self._queue: queue.Queue[str | None] = queue.Queue(size)
        self._dropped = 0
        self._gone = False
        self._thread = threading.Thread(target=self._run, name="stdout", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines that nobody read."""
        return self._dropped

    def tell(self, notice: Notice) -> None:
        """Puts a line into the queue."""
        try:
            if self._gone:
                raise queue.Full
            self._queue.put_nowait(notice.json())
        except queue.Full:
            self._dropped += 1

    def camera(self, name: str, state: CameraState) -> None:
        """Is no event, and in the log."""

    def close(self, patience: float) -> None:
        """Writes what waits."""
        try:
            self._queue.put(None, timeout=patience / 2)
        except queue.Full:
            return
        self._thread.join(patience / 2)

    def _run(self) -> None:
        while (line := self._queue.get()) is not None:
            try:
                if not self._gone:
                    self._stream.write(line + "\n")
                    self._stream.flush()
                    continue
            except (OSError, ValueError):
                self._gone = True
                _log.warning("nobody reads standard output any more: events are not written there")
            self._dropped += 1
