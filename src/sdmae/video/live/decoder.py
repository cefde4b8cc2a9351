"""The program's side of a decoder's process: started, given orders, listened to, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Any

from sdmae.video.live.order import Order
from sdmae.video.live.wire import Inbox, Kind

_PATIENCE = 2.0
"""Seconds that a process gets to end by itself."""
_PIPE = 1 << 20
"""Bytes that a pipe holds where the system lets it: some frames, so that neither side wakes for every piece."""


class Decoder:
    """One process that decodes one camera, for any number of connections after one another.

    It is a program of its own, not a fork: it shares no lock with the threads of this one, loads neither torch nor
    the caller's `__main__`, and a signal from the terminal does not reach it. It costs 30 MB that are its own and a
    third of a second once. Frames come through a pipe at the size they are wanted in, for most detectors 0.2 MB and
    less: shared memory would save some 0.2 ms a frame, and leave its segments behind whenever something crashes.
    """

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        for library in ("OMP", "OPENBLAS", "MKL"):
            environment[f"{library}_NUM_THREADS"] = "1"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sdmae.video.live.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # FFmpeg writes whole addresses there.
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        with suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE)
        self._inbox = Inbox(descriptor)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def play(self, order: Order) -> None:
        """Asks it to open a source. That it is gone shows when it is listened to."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.write(f"{order.to_json()}\n".encode())
            self._process.stdin.flush()

    def receive(self, timeout: float) -> tuple[Kind, dict[str, Any], bytearray]:
        """Its next message. Raises `TimeoutError` after `timeout` seconds, and `wire.Closed` when it has ended."""
        return self._inbox.receive(timeout)

    def ready(self, timeout: float) -> bool:
        """Whether there is something to receive, or it has ended; waits at most `timeout` seconds for that."""
        return self._inbox.ready(timeout)

    def fate(self) -> str:
        """What became of it, in words, once it has ended."""
        try:
            code = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            return "its decoder stopped talking"
        if code < 0:
            with suppress(ValueError):
                return f"its decoder was ended by {signal.Signals(-code).name}"
        return f"its decoder ended with {code}"

    def ask_to_end(self) -> None:
        """Lets it take leave of its camera; from another thread, too."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def end(self, *, at_once: bool = False) -> None:
        """Waits until it has ended, and ends it where it does not, or `at_once`."""
        self.ask_to_end()
        if at_once:
            self._process.kill()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
