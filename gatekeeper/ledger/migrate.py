"""Brings the ledger's schema to this version, with alembic. Safe to run by several processes at once, and again."""

from pathlib import Path
from uuid import uuid4

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, insert, select, text

from gatekeeper.ledger import tables
from gatekeeper.ledger.engine import for_writing

_FOLDER = Path(__file__).parent / "migrations"
_ADVISORY_LOCK = 8402_0001


class SchemaBehind(RuntimeError):
    """The ledger's schema is not the one that this version works with."""


def migrate(engine: Engine) -> None:
    """Upgrade to this version's schema, and give a new ledger its id."""
    with for_writing(engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        command.upgrade(_config(connection), "head")
        if connection.execute(select(tables.state.c.id)).first() is None:
            connection.execute(insert(tables.state).values(id=1, ledger_id=str(uuid4())))


def require_current(engine: Engine) -> None:
    """Raises SchemaBehind unless the schema is exactly this version's: an old worker may not write into a new ledger."""
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory(str(_FOLDER)).get_current_head()
    if found != wanted:
        raise SchemaBehind(f"the ledger's schema is at {found}, this version works with {wanted}; run `gatekeeper migrate`")


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
