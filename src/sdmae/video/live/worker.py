"""The process in which one camera is decoded: FFmpeg may crash or hang here, and nothing else is harmed.

Orders come in on standard input, a line each, and messages go out on standard output (see `wire`). It ends when its
standard input does, whatever it is at: who started it is gone, or wants no more.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sdmae.video.live.order import Order
from sdmae.video.live.play import Lost, play
from sdmae.video.live.wire import Kind, send

GRACE = 1.0
"""Seconds to take leave of the camera, which may allow only so many viewers, and counts those who do not."""


def main() -> None:
    """Plays what it is told to until its standard input ends."""
    _no_core()
    # Whatever else writes to standard output must not come between the messages.
    out = os.fdopen(os.dup(1), "wb", buffering=1 << 20)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    stop = threading.Event()
    orders: queue.SimpleQueue[Order | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders, stop), daemon=True).start()

    def tell(kind: Kind, about: dict[str, Any], parts: Sequence[bytes | memoryview] = ()) -> None:
        send(out, kind, about, parts)

    with suppress(BrokenPipeError):
        while (order := orders.get()) is not None:
            try:
                play(order, tell, stop)
            except Lost as lost:
                tell("lost", {"why": str(lost), "barred": lost.barred, "at_once": lost.at_once})
            else:
                tell("ended", {})
    os._exit(0)  # nothing is left to be closed, and no thread of FFmpeg's shall be waited for


def _listen(orders: queue.SimpleQueue[Order | None], stop: threading.Event) -> None:
    for line in sys.stdin:
        orders.put(Order.from_json(line))
    stop.set()
    orders.put(None)
    time.sleep(GRACE)
    os._exit(0)


def _no_core() -> None:
    """The address with its password is in this process's memory; no crash shall write it to a disk."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
