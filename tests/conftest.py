"""The world in which every test runs: loopback only, a clean environment, a time zone far from UTC, repeatable randomness."""

import ipaddress
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from tests.kit import peers
from tests.kit.postgres import Postgres, running_postgres

pytest_plugins = ["tests.kit.fixtures"]

_LONG = {"stories", "torture", "wiring", "peers", "cli"}
_KEPT = {"GATEKEEPER_PEERS", "GATEKEEPER_STRIPE_WORLD"}
_configure = structlog.configure
_CONNECTING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_RESOLVING = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


class OutsideWorld(RuntimeError):
    """A test tried to leave this machine. Not an OSError, which the code under test may take for a network that is down."""


def pytest_configure() -> None:
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or (name.startswith("GATEKEEPER_") and name not in _KEPT):
            del os.environ[name]
    # Naive local time shows itself: behind UTC, and with summer time from September to April
    os.environ["TZ"] = "America/Santiago"
    time.tzset()
    # Debian keeps nginx where a plain user's PATH does not look
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    sys.addaudithook(_stay_on_this_machine)
    structlog.configure = _configure_without_memory


def _configure_without_memory(**settings: Any) -> None:
    """A logger that remembers how it was set up in one test is not heard by `capture_logs` in another."""
    _configure(**settings | {"cache_logger_on_first_use": False})


def _stay_on_this_machine(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse connections and look-ups beyond the loopback.

    An audit hook sees every socket of this process, below asyncio too. Names under `.invalid` fail as a resolver fails them.
    """
    if event in _CONNECTING:
        connection, address = arguments[0], arguments[-1]
        if connection.family in {socket.AF_INET, socket.AF_INET6} and address and not _local(address[0]):
            raise OutsideWorld(f"{event} to {address}: tests talk to 127.0.0.1 and ::1 only")
    elif event in _RESOLVING and not _local(arguments[0]) and not _literal(arguments[0]):
        if str(arguments[0]).endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        raise OutsideWorld(f"{event} of {arguments[0]!r}: tests look up no names but localhost")


def _local(host: str | bytes | None) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if not name or name in {"localhost", socket.gethostname()}:
        return True
    return _literal(name) and ipaddress.ip_address(name).is_loopback


def _literal(host: str | bytes | None) -> bool:
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host or "")
    except ValueError:
        return False
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Their files hold few tests, each of them long: begun last, one of them would run on while the other cores have nothing
    items.sort(key=lambda item: _LONG.isdisjoint(item.path.parts))
    for item in items:
        for mark in item.iter_markers("peer"):
            try:
                peers.missing(mark.args[0])
            except peers.UnknownPeer as fault:
                raise pytest.UsageError(f"{item.nodeid}: {fault}") from fault


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("peer"):
        (name,) = mark.args
        lack = peers.missing(name)
        if lack and peers.required(name):
            pytest.fail(f"{lack} (GATEKEEPER_PEERS=required)", pytrace=False)
        elif lack:
            pytest.skip(lack)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL, started for the first test that asks."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database; a test that asks runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)
