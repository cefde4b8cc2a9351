"""One program writes a store: a second one would take the first one's open events for those of a crash."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine, text

from sdmae.errors import StoreError
from sdmae.live.store.engine import make_private, shown, sqlite_file

_NUMBER = 0x5D3AE
"""Of the lock in PostgreSQL; any number that nobody else takes."""


def only_writer(url: str, engine: Engine) -> Callable[[], None]:
    """Takes the store for this process; gives what lets go of it. The lock of a process that was killed is gone.

    Raises `StoreError` where another process has it, and OSError or SQLAlchemyError where it cannot be asked for.
    """
    path = sqlite_file(url)
    if path is not None:
        path = path.with_name(f"{path.name}.lock")
        make_private(path)
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise _taken(url) from None
        return partial(os.close, handle)
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    if not connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": _NUMBER}).scalar():
        connection.close()
        raise _taken(url)

    def let_go() -> None:
        connection.invalidate()  # a connection put back into the pool would keep the lock
        connection.close()

    return let_go


def _taken(url: str) -> StoreError:
    return StoreError(f"{shown(url)}: another sdmae serve writes to it; stop that one, or name another store")
