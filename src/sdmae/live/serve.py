"""`sdmae serve`: the service from its start to the signal that ends it."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType

from sdmae.live.logs import start_logging, stop_logging
from sdmae.live.out import JsonLines
from sdmae.live.service import LiveService
from sdmae.live.settings import LiveSettings

Page = Callable[[LiveService], AbstractContextManager[object]]
"""Makes what serves HTTP while it is open, and raises `SdmaeError` where it cannot, such as for a port in use."""
LOOK = 0.5
"""Seconds between two looks at whether files have ended."""
_log = logging.getLogger(__name__)


def serve(settings: LiveSettings, *, page: Page | None = None) -> int:
    """Watches until SIGTERM or Ctrl-C comes, or all sources are files and have been played; then gives 0.

    Events are JSON lines on standard output, logs JSON lines on standard error. page: None serves no HTTP. Raises
    `SdmaeError` where it cannot begin.
    """
    handler = start_logging(settings.secrets)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # tells of every statement's circumstances
    try:
        with _asked_to_end() as asked:
            lines = JsonLines(sys.stdout)
            with LiveService(settings, outlets=[lines]) as service, (page or _nothing)(service):
                _log.info("watching %d cameras", len(service.cameras()))
                while not asked.wait(LOOK) and not service.over:
                    pass
                _log.info("ending")
    finally:
        stop_logging(handler)
    return 0


def _nothing(service: LiveService) -> AbstractContextManager[object]:
    return nullcontext()


@contextmanager
def _asked_to_end() -> Iterator[threading.Event]:
    """Set by SIGTERM and SIGINT, so that what is being written is written; a second one changes nothing."""
    asked = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
