"""Messages between the program and a decoder's process: a kind, a little JSON, and bytes.

No pickles: who takes over a decoder with a made-up video gets no code into the program that way.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Sequence
from typing import Any, BinaryIO, Literal

Kind = Literal["opened", "packet", "frame", "lost", "ended"]
KINDS: tuple[Kind, ...] = ("opened", "packet", "frame", "lost", "ended")
_HEAD = struct.Struct(">BII")
_LONGEST_TEXT = 1 << 20
_LONGEST_BYTES = 1 << 30


class Closed(Exception):  # noqa: N818 - an end, not an error
    """The other side is gone, or speaks another language."""


def send(pipe: BinaryIO, kind: Kind, about: dict[str, Any], parts: Sequence[bytes | memoryview] = ()) -> None:
    """Writes one message."""
    text = json.dumps(about).encode()
    pipe.write(_HEAD.pack(KINDS.index(kind), len(text), sum(len(part) for part in parts)) + text)
    for part in parts:
        pipe.write(part)
    pipe.flush()


class Inbox:
    """Reads messages from a pipe, and never waits longer than it is told."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def ready(self, timeout: float) -> bool:
        """Whether there is something to read, the end included; waits at most `timeout` seconds for that."""
        return bool(self._poll.poll(timeout * 1000))

    def receive(self, timeout: float) -> tuple[Kind, dict[str, Any], bytearray]:
        """The next message. Raises `TimeoutError` where none has come after `timeout` seconds, and `Closed`."""
        until = time.monotonic() + timeout
        kind, text_length, length = _HEAD.unpack(self._exactly(_HEAD.size, until))
        if kind >= len(KINDS) or text_length > _LONGEST_TEXT or length > _LONGEST_BYTES:
            raise Closed
        try:
            about = json.loads(self._exactly(text_length, until))
        except ValueError:
            raise Closed from None
        if not isinstance(about, dict):
            raise Closed
        return KINDS[kind], about, self._exactly(length, until)

    def _exactly(self, count: int, until: float) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            try:
                got = os.readv(self._descriptor, [view])
            except BlockingIOError:
                left = until - time.monotonic()
                if left <= 0 or not self._poll.poll(left * 1000):
                    raise TimeoutError from None
                continue
            if not got:
                raise Closed
            view = view[got:]
        return data
