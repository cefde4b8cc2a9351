"""The thread that has what is old deleted."""

from __future__ import annotations

import logging
import threading
import time

from sdmae.errors import StoreError
from sdmae.live.settings import RetentionSettings
from sdmae.live.store import Store, sweep

EVERY = 600.0
"""Seconds between two sweeps."""
_log = logging.getLogger(__name__)


class Keeper:
    """Sweeps at once, and again and again."""

    def __init__(self, store: Store, policy: RetentionSettings) -> None:
        self._store = store
        self._policy = policy
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def close(self, patience: float) -> None:
        """Ends it, within `patience` seconds or after the step at hand."""
        self._stop.set()
        self._thread.join(patience)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                sweep(self._store, self._policy, time.time(), pause=self._stop.is_set)
            except StoreError as error:
                if not self._stop.is_set():
                    _log.error("what is old could not be deleted: %s", error)
            except Exception:
                _log.exception("what is old could not be deleted")
            self._stop.wait(EVERY)
