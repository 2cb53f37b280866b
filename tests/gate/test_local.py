"""The copy of the standings inside a product: who keeps it up to date, also in forked processes, and who is told."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog

from gatekeeper.gate.book import Book
from gatekeeper.gate.feed import Feed
from gatekeeper.gate.local import Door
from gatekeeper.model import Standing
from gatekeeper.wiring.local import from_feed, from_file
from tests.kit.feed import TOKEN, feed_server, of_delta, of_snapshot
from tests.kit.history import History, change
from tests.kit.inside import Inside, inside

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def within(tmp_path: Path) -> Iterator[Inside]:
    with inside(tmp_path) as found:
        yield found


def test_the_product_may_ask_for_a_banner(within: Inside) -> None:
    assert within.standings.standing("slow") is Standing.PAST_DUE
    assert within.standings.standing("good") is Standing.CURRENT
    assert within.standings.standing("\ud800") is Standing.CURRENT
    assert within.standings.troubles() == ()


def test_without_a_file_everybody_is_let_in_and_it_says_so(tmp_path: Path) -> None:
    standings = from_file(tmp_path / "snapshot")
    try:
        assert standings.standing("late") is Standing.CURRENT
        assert "no valid snapshot" in standings.troubles()[0]
    finally:
        standings.close()


def test_the_feed_is_followed_and_what_it_said_is_kept_for_the_next_start(tmp_path: Path) -> None:
    history = History([change("late", "suspended")], [change("late", "current")])
    kept, heard = tmp_path / "kept", threading.Event()
    with feed_server() as server:
        server.first = lambda since: of_snapshot(history.whole(1)) if since is None else b""
        standings = from_feed(server.url, TOKEN, keep_at=kept)
        try:
            server.asked.get(timeout=10)
            standings.watch(lambda: heard.set() if standings.book.revision == 2 else None)
            server.say(of_delta(history.delta(1, 2)))
            assert heard.wait(10)
            assert standings.standing("late") is Standing.CURRENT
        finally:
            standings.close()
    assert kept.exists()
    restarted = from_feed(server.url, TOKEN, keep_at=kept)
    try:
        assert restarted.standing("late") is Standing.SUSPENDED
    finally:
        restarted.close()


def test_a_watcher_that_fails_keeps_nobody_else_from_hearing(within: Inside) -> None:
    def fails() -> None:
        raise LookupError

    heard = threading.Event()
    within.standings.watch(fails)
    within.standings.watch(heard.set)
    with structlog.testing.capture_logs() as log:
        within.publish(good="suspended")
        assert heard.wait(10)
    assert "watcher" in log[0]["event"]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_keeps_its_copy_up_to_date_by_itself(within: Inside) -> None:
    told, tell = os.pipe()
    process = os.fork()
    if process == 0:
        heard = threading.Event()
        within.standings.watch(lambda: heard.set() if within.standings.standing("good") is Standing.SUSPENDED else None)
        os.write(tell, b"r")
        os._exit(0 if heard.wait(10) else 1)
    assert os.read(told, 1) == b"r"
    within.publish(good="suspended")
    os.close(told)
    os.close(tell)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


def test_a_forked_process_does_not_hold_the_line_of_the_one_before() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        feed = Feed("http://127.0.0.1:9", TOKEN, Book(time.monotonic), keep_at=None, steady=time.monotonic, now=lambda: NOW)
        feed._line = ours
        stop = threading.Event()
        stop.set()
        feed.run(stop, lambda: None)
        assert theirs.recv(1) == b""


def test_a_path_that_could_never_match_is_refused_at_the_start(within: Inside) -> None:
    with pytest.raises(ValueError, match="cannot stay open"):
        Door(within.standings, always_allow=("/a/../b",))


def test_frameworks_that_have_requests_of_their_own_ask_at_the_door(within: Inside) -> None:
    headers = {"accept": "text/html"}
    refusal = within.door.refusal("late", "POST", "/projects", lambda name: headers.get(name, ""))
    assert refusal is not None
    assert (refusal.status, dict(refusal.fields)["Cache-Control"]) == (402, "no-store")
    assert within.door.refusal("good", "POST", "/projects", lambda _: "") is None


@pytest.mark.parametrize("path", ["/login\ud800", "/login?x", "/login\\x", "/login\n", "", "login"])
def test_what_is_no_plain_path_opens_nothing(within: Inside, path: str) -> None:
    assert within.door.refusal("late", "GET", path, lambda _: "") is not None
    assert within.door.refusal("late", "GET", "/login", lambda _: "") is None
