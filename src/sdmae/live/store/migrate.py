"""A store of any earlier version becomes one of this version, when it is opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from sdmae.errors import StoreError

FOLDER = Path(__file__).parent / "migrations"


def migrate(connection: Connection, shown: str, to: str = "head") -> None:
    """Brings the database to version `to`, in one transaction. An empty one gets its tables.

    shown: the store's address as it may be seen. Raises `StoreError` where a newer program has written it, or where
    it is a database of something else.
    """
    settings = AlembicConfig()
    settings.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    settings.attributes["connection"] = connection
    scripts = ScriptDirectory.from_config(settings)
    found = MigrationContext.configure(connection).get_current_revision()
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            f"{shown}: was written by a newer sdmae (version {found} of the store); update sdmae, or name another "
            f"store"
        )
    if found is None and (others := inspect(connection).get_table_names()):
        raise StoreError(f"{shown}: is a database of something else (it has a table {others[0]}); name another store")
    if found != scripts.get_current_head() or to != "head":
        command.upgrade(settings, to)
