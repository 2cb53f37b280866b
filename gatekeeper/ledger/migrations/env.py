"""Run by alembic, on the connection that gatekeeper.ledger.migrate hands over."""

from alembic import context

from gatekeeper.ledger import indexes  # noqa: F401 - they belong to the tables, and are told to them by being read
from gatekeeper.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    transaction_per_migration=False,
)
context.run_migrations()
