"""How a database is opened: SQLite so that what is committed stays, any other as it is."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from sdmae.errors import StoreError
from sdmae.video.say import named

PATIENCE = 5.0
"""Seconds for which SQLite waits for another process's lock."""


def shown(url: str) -> str:
    """The address of a store as it may be seen: a path, or a URL without user and password."""
    return url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else named(url)


def open_engine(url: str, *, writes: bool) -> Engine:
    """Connections to that database, for the one writer, or for readers, who can change nothing.

    url: sqlite:///FILE or postgresql://... Nothing is opened yet. Raises `StoreError` for another URL, and where the
    package for PostgreSQL is missing.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() == "sqlite":
            engine = create_engine(parsed, connect_args={"timeout": PATIENCE, "check_same_thread": False})
            _prepare_sqlite(engine, writes=writes)
            return engine
        engine = create_engine(parsed, pool_pre_ping=True, connect_args={"connect_timeout": int(PATIENCE)})
    except ModuleNotFoundError:
        raise StoreError(f"{shown(url)}: needs one more package: pip install 'sdmae[postgresql]'") from None
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise StoreError("the store must be sqlite:///events.db or postgresql://user:password@host/name") from None
    if not writes:
        event.listen(engine, "begin", _read_only)
    return engine


def put_down(error: BaseException, url: str) -> StoreError:
    """One line for what a database said, without statement, values or password."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = next(iter(str(cause).strip().splitlines()), "") or type(cause).__name__
    said = text.lower()
    if "disk is full" in said or "no space" in said:
        remedy = "the disk is full; free some of it, or set retention.size"
    elif "readonly" in said or "read-only" in said or "permission denied" in said:
        remedy = "cannot be written to; give this user the right to write the file and its folder"
    elif "unable to open" in said:
        remedy = "cannot be opened; is its folder there, and may this user write into it?"
    elif "locked" in said or "busy" in said:
        remedy = "is locked by another program; close that, or name another store"
    elif "not a database" in said or "malformed" in said or "disk image" in said:
        remedy = "is no database, or a broken one; move it away, or bring back a copy"
    else:
        remedy = f"the database says: {named(text)}"
    return StoreError(f"{shown(url)}: {remedy}")


def passing(error: SQLAlchemyError) -> bool:
    """Whether it may go by itself: a full disk, a lock, a lost connection; not a mistake in what was written."""
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    said = str(error.orig).lower()
    return any(word in said for word in ("locked", "busy", "full", "disk i/o", "space", "connection", "starting up"))


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite store; None for another."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _prepare_sqlite(engine: Engine, *, writes: bool) -> None:
    def connected(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late and is of the wrong kind
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        if writes:
            # Set before the first table, so that space can be given back in small steps.
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute("PRAGMA journal_size_limit=67108864")
        else:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    def begin(connection: Connection) -> None:
        # A writer that begins as a reader may find at its first write that it has come too late, and cannot wait.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begin)


def _read_only(connection: Connection) -> None:
    connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def make_private(path: Path) -> None:
    """Creates the file, if it is not there, so that only its owner can read it. SQLite's other files follow it."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
