"""The feed on a real uvicorn: whoever follows it knows what the ledger says, from wherever he begins."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text
from structlog.testing import capture_logs

from gatekeeper import api
from gatekeeper.api import feed
from gatekeeper.ledger.tables import accounts
from gatekeeper.model import Standing, Verdict
from gatekeeper.snapshot import Snapshot, apply, as_json, delta_of, snapshot_of
from tests.kit.apis import app_of
from tests.kit.builders import DUE_AT, invoice
from tests.kit.events import Event, events_in
from tests.kit.ledger import Ledger, a_customer, current, opened, past_due, statements, suspended
from tests.kit.running import Installation, until
from tests.pages.serving import serving

TOKEN = api.Token(name="gates", secret="looks-on", scopes=("read",))
NAMES = ("acme", "bolt", "cy")


@dataclass
class Door:
    url: str
    ledger: Ledger
    client: httpx.Client
    stopping: threading.Event

    def ask(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(f"{self.url}/api/v1/access/{path}", headers={"Authorization": "Bearer looks-on"} | headers)

    @contextmanager
    def events(self, since: int | None = None, **headers: str) -> Iterator[Iterator[Event]]:
        asked = {} if since is None else {"since": since}
        given = {"Authorization": "Bearer looks-on"} | headers
        with self.client.stream("GET", f"{self.url}/api/v1/access/stream", params=asked, headers=given) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["content-type"].startswith("text/event-stream")
            yield events_in(answer.iter_lines())

    def first(self, since: int | None = None, **headers: str) -> Event:
        with self.events(since, **headers) as found:
            return next(found)


def serve(ledger: Ledger) -> Iterator[Door]:
    """An API whose streams end when the block does."""
    stopping = threading.Event()
    limits = httpx.Limits(max_connections=100)
    with (
        serving(app_of(ledger, TOKEN, stopping=stopping.is_set)) as url,
        httpx.Client(trust_env=False, timeout=30, limits=limits) as client,
    ):
        yield Door(url, ledger, client, stopping)
        stopping.set()


def fill(ledger: Ledger) -> None:
    for number, name in enumerate(NAMES):
        ledger.read(invoice(number, customer_id=f"cus_{name}"), customer=a_customer(account_id=name))


@pytest.fixture
def door(database_url: str) -> Iterator[Door]:
    with opened(database_url) as ledger:
        fill(ledger)
        yield from serve(ledger)


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Door]:
    """The same, on SQLite only: for what does not depend on the database."""
    with opened(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        fill(ledger)
        yield from serve(ledger)


def test_who_knows_nothing_is_told_everything_and_then_what_changes(door: Door) -> None:
    door.ledger.judge(suspended(), account_id="acme")
    ledger_id = door.ledger.reader.state().ledger_id
    with door.events() as events:
        first = next(events)
        assert (first.kind, first.id) == ("snapshot", "1")
        assert first.data == {
            "ledger": ledger_id,
            "revision": 1,
            "published_at": DUE_AT.isoformat(),
            "accounts": 3,
            "past_due": [],
            "restricted": [],
            "suspended": ["acme"],
            "leaves_open": [],
        }
        door.ledger.judge(past_due(standing=Standing.RESTRICTED, leaves_open=("/x",)), account_id="bolt")
        told = {"ledger": ledger_id, "from": 1, "revision": 2, "at": DUE_AT.isoformat()}
        assert next(events) == Event("change", "2", told | {"changes": [["bolt", "restricted", ["/x"]]]})
        door.ledger.judge(current(), account_id="acme")
        told = {"ledger": ledger_id, "from": 2, "revision": 3, "at": DUE_AT.isoformat()}
        assert next(events) == Event("change", "3", told | {"changes": [["acme", "current"]]})


def test_who_comes_back_is_told_what_has_changed_meanwhile(door: Door) -> None:
    for name in NAMES:
        door.ledger.judge(suspended(), account_id=name)
    assert [(event.kind, event.id) for event in (door.first(since) for since in (0, 2, 3))] == [
        ("change", "3"),
        ("change", "3"),
        ("alive", ""),
    ]
    assert door.first(1).data["changes"] == [["bolt", "suspended"], ["cy", "suspended"]]
    assert door.first(3).data == {
        "ledger": door.ledger.reader.state().ledger_id,
        "revision": 3,
        "at": DUE_AT.isoformat(),
    }
    assert door.first(0, **{"Last-Event-ID": "2"}).data["from"] == 2, "a browser asks by its first address again"
    assert door.first(2, **{"Last-Event-ID": "rubbish"}).data["from"] == 2


def test_who_knows_what_this_ledger_never_was_is_told_everything(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.ledger.judge(suspended(), account_id="acme")
    door.ledger.judge(suspended(), account_id="bolt")
    assert door.first(3).kind == "snapshot", "newer than the ledger"
    assert door.first(10**19 - 1).kind == "snapshot"
    monkeypatch.setattr("gatekeeper.ledger.reader.Reader.changes_since.__kwdefaults__", {"most": 1})
    assert door.first(0).kind == "snapshot", "too far behind"
    door.ledger.writer.verdicts.raise_revision(10)
    assert door.first(2).kind == "snapshot", "from before a backup was restored"


def test_while_they_follow_a_backup_is_restored_and_they_are_told_everything(door: Door) -> None:
    door.ledger.judge(suspended(), account_id="acme")
    with door.events(1) as events:
        assert next(events).kind == "alive"
        with door.ledger.engine.begin() as connection:
            connection.execute(text("UPDATE accounts SET standing = 'current'"))
        door.ledger.writer.verdicts.raise_revision(1_000)
        event = next(events)
    assert (event.kind, event.id, event.data["suspended"]) == ("snapshot", "1001", [])


def test_what_sixteen_gates_are_told_is_read_once_and_none_of_them_is_taken_back(door: Door) -> None:
    """Case 107: whatever revision each of them is at, it only ever goes on, and all end alike."""
    began = threading.Barrier(17)
    last = 12

    def follow() -> Snapshot:
        with door.events() as events:
            held = snapshot_of_event(next(events))
            began.wait(30)
            while held.revision < last:
                event = next(events)
                if event.kind == "change":
                    assert event.data["from"] <= held.revision < event.data["revision"]
                    held = told(held, event)
        return held

    with ThreadPoolExecutor(16) as pool, statements(door.ledger.engine) as sent:
        gates = [pool.submit(follow) for _ in range(16)]
        began.wait(30)
        asked = len(sent)
        for number in range(last):
            verdict = (suspended(), current(), past_due())[number % 3]
            door.ledger.judge(verdict, account_id=NAMES[number // 3 % 3])
        ends = [gate.result(30) for gate in gates]
    assert {(end.revision, tuple(sorted(end.standings.items()))) for end in ends} == {
        (last, tuple((name, Standing.PAST_DUE) for name in NAMES))
    }
    looks = [statement for statement, _ in sent[asked:] if "changed_in >" in statement]
    assert 1 <= len(looks) <= last


def test_a_beat_says_that_the_ledger_could_be_read_and_none_comes_while_it_cannot(
    embedded: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_ALIVE_SECONDS", 0.0)
    with capture_logs() as said, embedded.events() as events:
        assert [next(events).kind for _ in range(3)] == ["snapshot", "alive", "alive"]
        with embedded.ledger.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE state RENAME TO hidden")
        until(lambda: [one for one in said if one["event"] == "feed.ledger_not_read"], what="it is noticed")
        with embedded.ledger.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO state")
        embedded.ledger.judge(suspended(), account_id="acme")
        assert next(event for event in events if event.kind != "alive").data["changes"] == [["acme", "suspended"]]
    assert len([one for one in said if one["event"] == "feed.ledger_not_read"]) == 1


def test_a_ledger_that_does_not_answer_is_503_and_nobody_stays_in_the_way(
    embedded: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_MOST_FOLLOWERS", 1)
    with embedded.ledger.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE state RENAME TO hidden")
    for path in ("stream", "stream", "snapshot"):
        assert embedded.ask(path).status_code == 503
    with embedded.ledger.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE hidden RENAME TO state")
    assert seat_is_free(embedded)


def seat_is_free(door: Door) -> bool:
    answer = door.client.send(_stream_request(door), stream=True)
    answer.close()
    return answer.status_code == 200


def _stream_request(door: Door) -> httpx.Request:
    return door.client.build_request("GET", f"{door.url}/api/v1/access/stream", headers={"Authorization": "Bearer looks-on"})


def test_no_more_follow_than_there_is_room_for(embedded: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_MOST_FOLLOWERS", 2)
    with embedded.events() as one, embedded.events() as two:
        assert (next(one).kind, next(two).kind) == ("snapshot", "snapshot")
        refusal = embedded.ask("stream")
        assert (refusal.status_code, refusal.headers["retry-after"]) == (503, "5")
        assert refusal.json()["type"] == "urn:gatekeeper:problem:feed-full"
    until(lambda: seat_is_free(embedded), what="whoever has gone makes room")


def test_who_does_not_read_is_let_go_and_the_others_hear_everything(embedded: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "_MOST_WAITING", 3)
    many = [{"id": f"{number:0200}", "standing": "suspended", "reasons": []} for number in range(50_000)]
    with embedded.ledger.engine.begin() as connection:
        connection.execute(insert(accounts), many)  # a first event that no buffer of the system holds
    host, port = embedded.url.removeprefix("http://").split(":")
    with capture_logs() as said, socket.create_connection((host, int(port))) as lazy, embedded.events() as events:
        lazy.sendall(b"GET /api/v1/access/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer looks-on\r\n\r\n")
        assert next(events).kind == "snapshot"
        assert lazy.recv(1000).startswith(b"HTTP/1.1 200")
        for number in range(8):
            embedded.ledger.judge(suspended() if number % 2 else current(), account_id="acme")
            embedded.ledger.judge(past_due(), account_id="acme")
            assert any(event.data.get("changes") == [["acme", "past_due"]] for event in events)
        assert [one["followers"] for one in said if one["event"] == "feed.slow_followers_let_go"] == [1]
        lazy.settimeout(30)
        rest = bytearray()
        while not rest.endswith(b"\r\n0\r\n\r\n"):
            rest += lazy.recv(1_000_000)
    assert rest.count(b"event: ") <= 1, "what was on its way to him, and nothing of what waited"


def test_when_the_house_stops_every_stream_ends_and_no_other_begins(embedded: Door) -> None:
    with embedded.events() as events:
        next(events)
        embedded.stopping.set()
        assert [event.kind for event in events] == []
    assert embedded.ask("stream").status_code == 503


def test_a_process_that_is_told_to_stop_ends_with_its_streams(tmp_path: Path) -> None:
    tokens: dict[str, dict[str, Any]] = {"api": {"tokens": [{"name": "gates", "token": "looks-on", "scopes": ["read"]}]}}
    installation = Installation(tmp_path, "http://127.0.0.1:1", f"file:{tmp_path}/mail", DUE_AT, extra=tokens)
    with installation.running() as process, httpx.Client(trust_env=False, timeout=30) as client:
        door = Door(installation.web, None, client, threading.Event())  # type: ignore[arg-type]  # its ledger is in there
        with door.events() as events:
            assert next(events).kind == "snapshot"
            process.terminate()
            assert [event.kind for event in events if event.kind != "alive"] == []
        assert process.wait(20) == 0
    assert "graceful shutdown exceeded" not in installation.log()
    assert "in_haste" not in installation.log()


@pytest.mark.parametrize("since", ["-1", "x", "1.0", "", "9" * 20])
def test_a_revision_that_is_none_is_refused(embedded: Door, since: str) -> None:
    refusal = embedded.client.get(
        f"{embedded.url}/api/v1/access/stream", params={"since": since}, headers={"Authorization": "Bearer looks-on"}
    )
    assert refusal.status_code == 422
    assert refusal.json()["errors"][0]["parameter"] == "since"


def test_only_a_token_opens_it_and_head_ends_at_once(embedded: Door) -> None:
    for path in ("stream", "snapshot"):
        address = f"{embedded.url}/api/v1/access/{path}"
        assert embedded.client.get(address).status_code == 401
        answer = embedded.client.head(address, headers={"Authorization": "Bearer looks-on"})
        assert (answer.status_code, answer.content) == (200, b"")


def test_the_whole_is_one_document_that_is_sent_again_only_when_it_has_changed(door: Door) -> None:
    door.ledger.judge(suspended(), account_id="acme")
    first = door.ask("snapshot")
    assert snapshot_of(first.content) == door.ledger.reader.snapshot(DUE_AT)
    tag = first.headers["etag"]
    again = door.ask("snapshot", **{"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    door.ledger.judge(current(), account_id="acme")
    fresh = door.ask("snapshot", **{"If-None-Match": tag})
    assert (fresh.status_code, fresh.json()["suspended"]) == (200, [])


def snapshot_of_event(event: Event) -> Snapshot:
    assert event.kind == "snapshot"
    return snapshot_of(as_json(event.data))


def told(held: Snapshot, event: Event) -> Snapshot:
    return apply(held, delta_of(as_json(event.data)))


MOVES = st.one_of(
    st.tuples(st.just("judge"), st.sampled_from(NAMES), st.sampled_from(Standing)),
    st.tuples(st.just("come"), st.integers(0, 2), st.just(None)),
    st.tuples(st.just("go"), st.integers(0, 2), st.just(None)),
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, phases=[Phase.generate])
@given(moves=st.lists(MOVES, max_size=30))
def test_whenever_they_come_and_go_they_end_where_the_ledger_is(embedded: Door, moves: list[Any]) -> None:
    """Three readers that begin with what they had, and one that begins with nothing in the end."""
    held: dict[int, Snapshot] = {}
    for move, what, standing in moves:
        match move:
            case "judge":
                embedded.ledger.judge(Verdict(standing=standing, reasons=()), account_id=what)
            case "come":
                held[what] = caught_up(embedded, held.get(what))
            case "go":
                held.pop(what, None)
    truth = {row.id: row.standing for row in embedded.ledger.reader.accounts() if row.standing is not Standing.CURRENT}
    for which in range(4):
        assert dict(caught_up(embedded, held.get(which)).standings) == truth


def caught_up(door: Door, held: Snapshot | None) -> Snapshot:
    """After as many events as it takes to be where the ledger is."""
    target = door.ledger.reader.revision()
    with door.events(None if held is None else held.revision) as events:
        for event in events:
            if event.kind == "snapshot":
                held = snapshot_of_event(event)
            elif event.kind == "change":
                assert held is not None
                held = told(held, event)
            if held is not None and held.revision >= target:
                return held
    raise AssertionError("the stream ended")
