"""Work done ahead by a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def prefetched(items: Iterable[T], depth: int = 2) -> Iterator[T]:
    """The same items, made by a thread of their own up to `depth` ahead. Its exceptions are raised here."""
    ready: queue.Queue[tuple[bool, T | BaseException]] = queue.Queue(depth)
    stopped = threading.Event()

    def offer(entry: tuple[bool, T | BaseException]) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(entry, timeout=0.1)
                return

    def work() -> None:
        try:
            for item in items:
                offer((True, item))
                if stopped.is_set():
                    return
            offer((False, StopIteration()))
        except BaseException as error:
            offer((False, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            good, item = ready.get()
            if good:
                yield item  # type: ignore[misc]
            elif isinstance(item, StopIteration):
                return
            else:
                try:
                    raise item  # type: ignore[misc]
                finally:
                    del item  # its traceback holds this frame, and so would the frame hold itself
    finally:
        stopped.set()
        with contextlib.suppress(queue.Empty):
            while True:
                ready.get_nowait()  # makes room, so that the thread sees at once that nobody waits for it
        thread.join()
