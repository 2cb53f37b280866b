"""Brings the ledger's schema to this version, with alembic. Safe to run by several processes at once, and again."""

from pathlib import Path
from uuid import uuid4

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from gatekeeper.ledger.engine import DatabaseUnavailable, for_writing, insert_new, take_turn
from gatekeeper.ledger.tables import state

_FOLDER = Path(__file__).parent / "migrations"
_TURN = 8402_0001


class SchemaBehind(RuntimeError):
    """The ledger's schema is not the one that this version works with."""


def migrate(engine: Engine) -> None:
    """Upgrade to this version's schema, and give a new ledger its id. Raises SchemaBehind for the schema of a newer version."""
    with for_writing(engine).begin() as connection:
        take_turn(connection, _TURN)
        _refuse_newer(_schema_of(connection))
        command.upgrade(_config(connection), "head")
        insert_new(connection, state, id=1, ledger_id=str(uuid4()))


def is_current(engine: Engine) -> bool:
    """Whether there is a ledger, of this version's schema. A database that does not answer holds none."""
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").exists():
        return False  # asking would make the file
    try:
        require_current(engine)
    except SchemaBehind:
        return False
    except DatabaseUnavailable:
        return False
    return True


def require_current(engine: Engine) -> None:
    """Raises SchemaBehind unless the schema is exactly this version's: an old worker may not write into a new ledger."""
    with engine.connect() as connection:
        found = _schema_of(connection)
    _refuse_newer(found)
    wanted = _scripts().get_current_head()
    if found != wanted:
        raise SchemaBehind(
            f"the ledger's schema is at {found or 'nothing'}, this version works with {wanted}; run `gatekeeper migrate`"
        )


def _refuse_newer(found: str | None) -> None:
    if found is not None and found not in {script.revision for script in _scripts().walk_revisions()}:
        raise SchemaBehind(
            f"the ledger's schema {found} was made by a newer gatekeeper; install that version, there is no way back (case 77)"
        )


def _schema_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(_FOLDER))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
