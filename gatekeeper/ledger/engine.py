"""Opens the ledger's database: SQLite with its faults in mind, or Postgres. What the two do differently is said here."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

# SQLite can lose commits in WAL mode with several connections: from 3.7.0 until 3.51.3, but for two back-ports (case 73)
_WAL_MENDED: Final = (3, 51, 3)
_WAL_MENDED_IN: Final = (((3, 44, 6), (3, 45, 0)), ((3, 50, 7), (3, 51, 0)))
_PATIENCE_SECONDS: Final = 30

# What every question to the ledger may raise: the database cannot be reached, or is busy for too long, or all our connections
DatabaseUnavailable: Final = (OperationalError, PoolTimeout)

Outcome = TypeVar("Outcome")


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset fault (sqlite.org/wal.html#walresetbug)."""
    return version >= _WAL_MENDED or any(first <= version < beyond for first, beyond in _WAL_MENDED_IN)


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///FILE` or `postgresql://…` (psycopg 3). The folder of an SQLite file is made."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    # The second: for a host that falls silent in the middle of a connection, in milliseconds
    waiting = {"connect_timeout": _PATIENCE_SECONDS, "tcp_user_timeout": _PATIENCE_SECONDS * 1000}
    return create_engine(parsed, pool_pre_ping=True, hide_parameters=True, connect_args=waiting)


def _open_sqlite(url: URL) -> Engine:
    Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": _PATIENCE_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, see _begin
    journal = "WAL" if wal_is_safe(sqlite3.sqlite_version_info) else "TRUNCATE"
    for pragma in (f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    # A writer takes its lock at once: two that began reading could otherwise never both go on to write
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def for_writing(engine: Engine) -> Engine:
    """The same database, for transactions that write."""
    return engine.execution_options(writes=True)


class Line:
    """A connection that stays open, for one statement after the other, each of which is a transaction of its own.

    On Postgres that is one round trip each, in place of the four of a transaction over the pool. Safe for several threads,
    which take turns. It ends with the engine, when that is disposed of.
    """

    def __init__(self, engine: Engine) -> None:
        postgres = engine.dialect.name == "postgresql"
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT") if postgres else for_writing(engine)
        self._turn = threading.Lock()
        self._connection: Connection | None = None
        event.listen(engine, "engine_disposed", lambda _: self.close())

    def run(self, statement: Callable[[Connection], Outcome]) -> Outcome:
        """What `statement` returns. It is called again if the line is down: running it twice must do no more than once."""
        with self._turn:
            try:
                return self._run(statement)
            except DBAPIError as fault:
                if not fault.connection_invalidated:
                    raise
                return self._run(statement)  # over a new one; the server was started again since the last statement

    def _run(self, statement: Callable[[Connection], Outcome]) -> Outcome:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.detach()  # it is ours, and not the pool's: closing it ends it
        try:
            with self._connection.begin():
                return statement(self._connection)
        except BaseException:
            self._hang_up()
            raise

    def close(self) -> None:
        with self._turn:
            self._hang_up()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def for_reading(engine: Engine) -> Engine:
    """The same database, for transactions that cannot write on Postgres, and on both see all they ask at one moment."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def take_turn(connection: Connection, key: int) -> None:
    """Wait for the other transactions that took a turn by this key. On SQLite whoever writes is alone in any case."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(key)))


def insert_new(connection: Connection, table: Table, **values: Any) -> bool:
    """Insert a row, unless there is one with a key of it, or another transaction just writes one; whether it was inserted."""
    return insert_all_new(connection, table, [values]) == 1


def insert_all_new(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert those of the rows that `insert_new` would, in their order; how many were inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).on_conflict_do_nothing().returning(*table.primary_key)
    return len(connection.execute(statement, rows).all())
