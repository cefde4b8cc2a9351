"""Run by alembic for each upgrade, on the connection that `migrate` hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite takes back a CREATE TABLE like anything else; cut off half-way, an upgrade has not happened.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
