"""The schema is made by migrations, once, whoever comes first; and each database is opened with its faults in mind."""

import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Engine, MetaData, inspect, text, update

from gatekeeper.ledger import migrate as migrating
from gatekeeper.ledger.engine import open_engine, wal_is_safe
from gatekeeper.ledger.migrate import SchemaBehind, migrate, require_current
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.tables import metadata, state
from tests.kit.builders import DUE_AT
from tests.kit.ledger import Ledger, at_once, opened
from tests.kit.postgres import Postgres


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = open_engine(database_url)
    yield made
    made.dispose()


def definitions(engine: Engine) -> set[tuple[str, ...]]:
    """The schema in the database's own words, alembic's table and the order of clauses aside."""
    if engine.dialect.name == "sqlite":
        asked = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name <> 'alembic_version'"
    else:
        asked = """
            SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
            UNION ALL SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default)
              FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
            UNION ALL SELECT concat_ws(' ', conname, pg_get_constraintdef(oid))
              FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic%'
        """
    with engine.connect() as connection:
        found = connection.execute(text(asked)).scalars().all()
    return {tuple(sorted(" ".join(re.split(r'[\s"()]+', part)).strip() for part in one.split(","))) for one in found}


def test_migrations_make_the_tables_that_the_code_knows(engine: Engine) -> None:
    migrate(engine)

    with engine.begin() as connection:
        command.check(migrating._config(connection))
    made_by_migrations = definitions(engine)
    everything = MetaData()
    everything.reflect(engine)
    everything.drop_all(engine)
    metadata.create_all(engine)
    assert definitions(engine) == made_by_migrations


def test_a_migration_can_be_run_again_and_keeps_what_is_there(engine: Engine) -> None:
    migrate(engine)
    first = Reader(engine).state()

    migrate(engine)

    assert Reader(engine).state() == first
    require_current(engine)


def test_processes_that_migrate_at_once_make_one_ledger(database_url: str) -> None:
    program = (
        "import sys\nfrom gatekeeper.ledger.engine import open_engine\nfrom gatekeeper.ledger.migrate import migrate\n"
        "engine = open_engine(sys.argv[1])\nsys.stdin.read(1)\nmigrate(engine)\nengine.dispose()\n"
    )
    command_line = [sys.executable, "-W", "error", "-c", program, database_url]
    running = [subprocess.Popen(command_line, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]

    ends = [process.communicate("go") for process in running]

    assert [(process.returncode, errors) for process, (_, errors) in zip(running, ends, strict=True)] == [(0, "")] * 4
    with opened(database_url) as ledger:
        assert len(ledger.rows("state")) == 1


def test_threads_that_migrate_at_once_make_one_ledger(engine: Engine) -> None:
    at_once(*[lambda: migrate(engine)] * 4)

    require_current(engine)


def test_a_migration_that_fails_in_the_middle_leaves_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "uuid4", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            migrate(engine)

    assert inspect(engine).get_table_names() == []
    migrate(engine)
    require_current(engine)


def test_an_empty_database_is_refused(engine: Engine) -> None:
    with pytest.raises(SchemaBehind, match=r"is at nothing.*gatekeeper migrate"):
        require_current(engine)


def test_an_older_schema_is_refused(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))

    with pytest.raises(SchemaBehind, match="gatekeeper migrate"):
        require_current(ledger.engine)


def test_a_newer_schema_is_neither_used_nor_migrated(ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(SchemaBehind, match="newer gatekeeper"):
        require_current(ledger.engine)
    with pytest.raises(SchemaBehind, match="newer gatekeeper"):
        migrate(ledger.engine)


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 7, 0), False),
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 44, 9), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 0), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_write_ahead_logging_is_used_where_it_loses_nothing(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


@pytest.mark.parametrize(("version", "journal"), [((3, 51, 2), "truncate"), ((3, 51, 3), "wal")])
def test_sqlite_is_opened_for_durability(
    tmp_path: Path, version: tuple[int, ...], journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")

    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()

    assert pragmas == {"journal_mode": journal, "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


@pytest.mark.parametrize("version", [(3, 51, 2), (3, 51, 3)])
def test_threads_that_open_a_new_file_at_once_wait_for_each_other(
    tmp_path: Path, version: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    engine = open_engine(f"sqlite:///{tmp_path / 'ledger.db'}")

    at_once(*[lambda: migrate(engine)] * 4)

    require_current(engine)
    engine.dispose()


def test_the_folder_of_a_new_file_is_made(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'var' / 'lib' / 'ledger.db'}") as ledger:
        assert ledger.reader.revision() == 0
    assert (tmp_path / "var" / "lib" / "ledger.db").is_file()


def test_the_short_postgres_url_is_enough(postgres: Postgres) -> None:
    name = postgres.create()
    with opened(postgres.url(name).replace("postgresql+psycopg", "postgresql")) as ledger:
        assert ledger.reader.revision() == 0
    postgres.drop(name)


def test_a_reader_cannot_write_on_postgres(postgres: Postgres) -> None:
    name = postgres.create()
    with opened(postgres.url(name)) as ledger, ledger.reader._engine.begin() as connection:
        with pytest.raises(Exception, match="read-only transaction"):
            connection.execute(update(state).values(revision=7))
        connection.rollback()
    postgres.drop(name)


def test_a_ledger_is_not_ready_before_the_books_have_been_read_whole(ledger: Ledger) -> None:
    assert not ledger.reader.is_ready()

    ledger.reconciled(DUE_AT)

    assert ledger.reader.is_ready()
