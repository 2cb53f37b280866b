"""Opens the ledger's database: SQLite with its faults in mind, or Postgres."""

import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

# SQLite can lose commits in WAL mode with several connections: from 3.7.0 until 3.51.3, but for two back-ports (case 73)
_WAL_MENDED: Final = (3, 51, 3)
_WAL_MENDED_IN: Final = (((3, 44, 6), (3, 45, 0)), ((3, 50, 7), (3, 51, 0)))


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """Whether this SQLite is free of the WAL-reset fault (sqlite.org/wal.html#walresetbug)."""
    return version >= _WAL_MENDED or any(first <= version < beyond for first, beyond in _WAL_MENDED_IN)


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///FILE` or `postgresql://…` (psycopg 3). The folder of an SQLite file is made."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_pre_ping=True)


def _open_sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": 30})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves, see _begin
    journal = "WAL" if wal_is_safe(sqlite3.sqlite_version_info) else "TRUNCATE"
    for pragma in (f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Connection) -> None:
    # A writer takes its lock at once: two that began reading could otherwise never both go on to write
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def for_writing(engine: Engine) -> Engine:
    """The same database, for transactions that write."""
    return engine.execution_options(writes=True)
