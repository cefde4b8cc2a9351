"""The one thread that writes: whoever submits a job hears of it when it has been committed, and not before."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from sdmae.errors import StoreError
from sdmae.live.store.engine import passing, put_down

T = TypeVar("T")
TOGETHER = 256
"""Jobs in one transaction, at most: a commit waits for the disk, and all of them wait for the same one."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Order:
    job: Callable[[Connection], Any]
    future: Future[Any]


class Writer:
    """Runs jobs one after the other in transactions of its own."""

    def __init__(self, engine: Engine, url: str, *, size: int, patience: float) -> None:
        """`size`: jobs that wait, at most; `patience`: seconds for which a full disk or a lock is waited out."""
        self._engine = engine
        self._url = url
        self._patience = patience
        self._queue: queue.Queue[_Order | None] = queue.Queue(size)
        self._closed = threading.Event()
        self._ended = threading.Event()
        self._hurry = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return self._queue.qsize()

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written at the moment; None: nothing is known to be wrong."""
        return self._trouble

    def submit(self, job: Callable[[Connection], T], *, wait: float = 5.0) -> Future[T]:
        """Has the job run; the future holds what it gave once that was committed, or why it was not.

        A job may be run again where a transaction could not be committed, so it must do nothing but write. Waits up
        to `wait` seconds for room in the queue. Raises `StoreError` where there is none, or the store is closed.
        """
        if self._closed.is_set():
            raise StoreError("the store is closed")
        order = _Order(job, Future())
        try:
            self._queue.put(order, timeout=wait)
        except queue.Full:
            raise StoreError(self._trouble or "the store cannot keep up: too much waits to be written") from None
        if self._ended.is_set():
            self._refuse_waiting()  # it was closed meanwhile, and nobody else will look
        return order.future

    def close(self, patience: float = 5.0) -> bool:
        """Writes what waits, for up to `patience` seconds, and ends the thread. Whether all was written."""
        if not self._closed.is_set():
            self._closed.set()
            try:
                self._queue.put(None, timeout=0.8 * patience)
            except queue.Full:
                self._hurry.set()  # the thread waits for a disk: what is in its hands is given up, the rest follows
                self._queue.put(None, timeout=patience)
        self._thread.join(0.8 * patience)
        self._hurry.set()
        self._thread.join(0.2 * patience)
        return not self._thread.is_alive() and self._trouble is None

    def _run(self) -> None:
        while True:
            taken = [self._queue.get()]
            while len(taken) < TOGETHER and taken[-1] is not None:
                try:
                    taken.append(self._queue.get_nowait())
                except queue.Empty:
                    break
            orders = [order for order in taken if order is not None and order.future.set_running_or_notify_cancel()]
            if orders:
                self._write(orders)
            if taken[-1] is None:
                self._ended.set()
                self._refuse_waiting()
                return

    def _write(self, orders: list[_Order]) -> None:
        deadline = time.monotonic() + self._patience
        pause = 0.1
        while True:
            try:
                outcomes = self._transaction(orders)
                break
            except SQLAlchemyError as error:
                trouble = put_down(error, self._url)
                self._say(str(trouble))
                if not passing(error) or time.monotonic() + pause > deadline or self._hurry.wait(pause):
                    outcomes = [trouble] * len(orders)
                    break
                pause = min(2 * pause, 5.0)
            except Exception as error:
                # Whatever it was, this thread must live: whoever waits hears of it.
                _log.exception("a job of the store failed")
                outcomes = [error] * len(orders)
                break
        for order, outcome in zip(orders, outcomes, strict=True):
            if isinstance(outcome, Exception):
                order.future.set_exception(outcome)
            else:
                order.future.set_result(outcome)

    def _transaction(self, orders: list[_Order]) -> list[Any]:
        outcomes: list[Any] = []
        with self._engine.begin() as connection:
            for order in orders:
                # One that fails takes nothing of the others with it.
                try:
                    with connection.begin_nested():
                        outcomes.append(order.job(connection))
                except SQLAlchemyError as error:
                    if passing(error):
                        raise
                    outcomes.append(put_down(error, self._url))
                except Exception as error:
                    outcomes.append(error)
        self._say(None)
        return outcomes

    def _refuse_waiting(self) -> None:
        while True:
            try:
                order = self._queue.get_nowait()
            except queue.Empty:
                return
            if order is not None:
                order.future.set_exception(StoreError("the store is closed"))

    def _say(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            _log.log(logging.INFO if trouble is None else logging.ERROR, trouble or "the store can be written again")
        self._trouble = trouble
