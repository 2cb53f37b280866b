"""POST /webhooks/stripe when much happens at once: bursts, a database that is away, senders that stall, a kill (case 72)."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from starlette.applications import Starlette

from gatekeeper import webhooks
from gatekeeper.billing.stripe.webhook import delivery
from gatekeeper.ledger.engine import for_writing
from gatekeeper.model import Identity
from tests.billing.events import SECRET, body, event, signed
from tests.kit import running
from tests.kit.ledger import Ledger, opened, statements
from tests.kit.postgres import Postgres
from tests.kit.processes import kill, started
from tests.kit.running import Installation, until
from tests.kit.standin import START
from tests.pages.serving import serving

PATH = "/webhooks/stripe"


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with opened(database_url) as ledger:
        ledger.writer.reconciles.pin(Identity(account="acct_ours", livemode=False))
        yield ledger


@pytest.fixture
def web(ledger: Ledger) -> Iterator[str]:
    made = webhooks.routes(
        inbox=ledger.writer.inbox, reader=ledger.reader, secrets=[SECRET], clock=lambda: START, wake=lambda: None
    )
    with serving(Starlette(routes=made)) as url:
        yield url


def post(url: str, event_id: str, secret: str = SECRET) -> int:
    """The status of the answer; 0: there was none."""
    with sender(url, event_id, secret=secret) as connection:
        return int(connection.recv(1000)[9:12] or 0)


def kept(ledger: Ledger) -> set[str]:
    return {row["event_id"] for row in ledger.rows("inbox")}


@contextmanager
def sender(url: str, event_id: str, *, secret: str = SECRET, length: int | None = None) -> Iterator[socket.socket]:
    """A connection over which a delivery, or only so many bytes of its body, has been sent."""
    host, port = url.removeprefix("http://").split(":")
    content = body(event(id=event_id))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n"
    head += f"Stripe-Signature: {signed(content, secret)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(head.encode() + content[:length])
        yield connection


@contextmanager
def nobody_writes(ledger: Ledger) -> Iterator[None]:
    """Every write to the inbox waits until the block ends."""
    with for_writing(ledger.engine).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE inbox IN SHARE MODE"))
        yield


def test_a_burst_is_kept_whole(ledger: Ledger, web: str) -> None:
    with contextlib.ExitStack() as connections:
        senders = [connections.enter_context(sender(web, f"evt_{number}")) for number in range(400)]
        assert {connection.recv(1000)[:12] for connection in senders} == {b"HTTP/1.1 200"}
    assert kept(ledger) == {f"evt_{number}" for number in range(400)}


def test_what_comes_in_during_a_commit_shares_the_next_one(ledger: Ledger, web: str) -> None:
    """Doubles among them too: each is answered, and there is one row of it (case 2)."""
    with statements(ledger.engine) as sent, contextlib.ExitStack() as connections:
        with nobody_writes(ledger):
            senders = [connections.enter_context(sender(web, f"evt_{number % 10}")) for number in range(20)]
            assert post(web, "evt_forged", "whsec_guessed") == 400  # so the others have come in before
        assert {connection.recv(1000)[:12] for connection in senders} == {b"HTTP/1.1 200"}
    assert len(ledger.rows("inbox")) == len(kept(ledger)) == 10
    assert len([statement for statement, _ in sent if statement.startswith("INSERT")]) <= 3


def test_an_event_costs_one_statement_and_a_forgery_none(ledger: Ledger, web: str) -> None:
    """Whoever floods us with forgeries keeps no connection to the database busy."""
    assert post(web, "evt_first") == 200  # it also looks up whose books these are
    with statements(ledger.engine) as sent:
        assert post(web, "evt_forged", "whsec_guessed") == 400
        assert sent == []
        assert post(web, "evt_second") == 200
    asked = [statement.split(" ", 1)[0] for statement, _ in sent]
    assert asked == (["INSERT"] if ledger.engine.dialect.name == "postgresql" else ["BEGIN", "INSERT"])


def test_senders_that_stall_or_leave_hold_nobody_up(ledger: Ledger, web: str) -> None:
    with contextlib.ExitStack() as connections:
        for _ in range(50):
            connections.enter_context(sender(web, "evt_stalls", length=100))
        with nobody_writes(ledger):
            with sender(web, "evt_leaves"):
                pass
            stays = connections.enter_context(sender(web, "evt_stays"))
            assert post(web, "evt_forged", "whsec_guessed") == 400
        assert stays.recv(1000).startswith(b"HTTP/1.1 200")
        assert post(web, "evt_later") == 200
    assert kept(ledger) - {"evt_leaves"} == {"evt_stays", "evt_later"}


def test_one_who_no_longer_waits_is_no_fault_for_the_others(ledger: Ledger) -> None:
    """At a stop, requests that have lasted too long are cancelled, perhaps in the middle of a commit."""
    keeping = webhooks._Keeping(ledger.writer.inbox, ledger.reader, lambda: None)

    async def story() -> None:
        first, second, third = (
            asyncio.create_task(keeping.keep(webhooks._Come(delivery(content), content, START)))
            for content in (body(event(id=f"evt_{number}")) for number in range(3))
        )
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(first, third)

    asyncio.run(story())
    assert kept(ledger) >= {"evt_0", "evt_2"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_was_started_again_costs_no_event(ledger: Ledger, web: str, postgres: Postgres) -> None:
    """The connection that was kept is dead, and nobody has noticed yet."""
    assert post(web, "evt_before") == 200
    end_connections(postgres, ledger)
    assert post(web, "evt_after") == 200
    assert kept(ledger) == {"evt_before", "evt_after"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_while_the_database_is_away_events_are_left_to_be_sent_again(ledger: Ledger, web: str, postgres: Postgres) -> None:
    assert post(web, "evt_before") == 200
    admit(postgres, ledger, connections=False)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda number: post(web, f"evt_{number}"), range(16))) == {503}
    admit(postgres, ledger, connections=True)
    assert {post(web, f"evt_{number}") for number in range(16)} == {200}
    assert kept(ledger) == {"evt_before"} | {f"evt_{number}" for number in range(16)}


def end_connections(postgres: Postgres, ledger: Ledger) -> None:
    postgres._run(f"SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = '{name_of(ledger)}'")


def admit(postgres: Postgres, ledger: Ledger, *, connections: bool) -> None:
    postgres._run(f'ALTER DATABASE "{name_of(ledger)}" ALLOW_CONNECTIONS {connections}')
    end_connections(postgres, ledger)


def name_of(ledger: Ledger) -> str:
    return str(make_url(ledger.url).database)


def test_what_was_answered_outlives_a_kill(database_url: str, tmp_path: Path) -> None:
    """The last answers are on disk at the moment that they are read, whatever happens to the process then."""
    installation = Installation(
        tmp_path / "state", "http://127.0.0.1:9", f"file:{tmp_path}/mail", datetime.now(UTC), database_url
    )
    installation.command("migrate")
    answered: set[str] = set()

    def deliver(event_id: str) -> None:
        with contextlib.suppress(ConnectionError):
            if post(installation.web, event_id, running.SECRET) == 200:
                answered.add(event_id)

    with started(installation, "web", ports=(installation.web_port,)) as process, ThreadPoolExecutor(8) as pool:
        deliveries = [pool.submit(deliver, f"evt_{number}") for number in range(400)]
        until(lambda: len(answered) > 100, what="some are answered")
        kill(process.pid)
    assert all(delivery.exception() is None for delivery in deliveries)
    with opened(database_url) as ledger:
        assert answered <= kept(ledger)
