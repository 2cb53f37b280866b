"""The feed's client: whatever happens to the line, the book ends where the ledger is, and nothing secret is said."""

import contextlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.gate import feed as feed_module
from gatekeeper.gate.book import Book
from gatekeeper.gate.feed import Feed, events
from gatekeeper.snapshot import decode
from tests.kit.feed import TOKEN, FeedServer, alive, feed_server, of_delta, of_snapshot
from tests.kit.history import History, change
from tests.kit.origin import Response, origin
from tests.kit.ports import free_port

GROUPS = [
    [change("a", "suspended"), change("é\u2028", "restricted", "/x")],
    [change("b", "suspended")],
    [change("a", "current")],
]
HISTORY = History(*GROUPS, *([change(f"n{number}", "past_due")] for number in range(5)))


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with feed_server() as running:
        yield running


@pytest.fixture
def log() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as said:
        yield said


@pytest.fixture(autouse=True)
def _pauses_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(feed_module, "_LONGEST_PAUSE_SECONDS", 0.05)


class Listening:
    """A feed's client in its thread, whose book can be waited for."""

    def __init__(self, url: str, keep_at: Path | None = None, steady: Callable[[], float] = time.monotonic) -> None:
        self.book = Book(steady)
        self.feed = Feed(url, TOKEN, self.book, keep_at=keep_at, steady=steady, now=lambda: datetime.now(UTC))
        self._told = threading.Condition()
        self._stop = threading.Event()
        self.thread = threading.Thread(target=self.feed.run, args=(self._stop, self._tell))

    def _tell(self) -> None:
        with self._told:
            self._told.notify_all()

    def wait_for(self, condition: Callable[[Book], bool]) -> None:
        with self._told:
            assert self._told.wait_for(lambda: condition(self.book), 10)

    def wait_for_revision(self, revision: int) -> None:
        self.wait_for(lambda book: book.revision == revision)
        standings = {account: standing for account, (standing, _) in HISTORY.state(revision).items()}
        assert self.book.snapshot().standings == standings

    def stop(self) -> None:
        self._stop.set()
        self.feed.hang_up()
        self.thread.join(10)
        assert not self.thread.is_alive()


def each_time_later() -> Callable[[], float]:
    """A clock by which so much time has passed at each look that whatever may be kept is."""
    seconds = itertools.count(0, 11)
    return lambda: float(next(seconds))


@contextlib.contextmanager
def listening(url: str, keep_at: Path | None = None, steady: Callable[[], float] = time.monotonic) -> Iterator[Listening]:
    client = Listening(url, keep_at, steady)
    client.feed.look()
    client.thread.start()
    try:
        yield client
    finally:
        client.stop()


def test_it_begins_with_a_snapshot_hears_changes_and_goes_on_where_the_line_broke(
    server: FeedServer, log: list[structlog.typing.EventDict]
) -> None:
    def first(since: int | None) -> bytes:
        if since is None:
            return of_snapshot(HISTORY.whole(1))
        return of_delta(HISTORY.delta(since, 3)) if since < 3 else b""

    server.first = first
    with listening(server.url) as client:
        client.wait_for_revision(1)
        assert server.asked.get(timeout=10) == ""
        server.say(of_delta(HISTORY.delta(1, 2)))
        client.wait_for_revision(2)
        server.say(None)
        client.wait_for_revision(3)
        assert server.asked.get(timeout=10) == "since=2"
        server.say(None)
        assert server.asked.get(timeout=10) == "since=3"
    assert [event["fault"] for event in log] == ["the server ended the stream"] * 2


def test_a_line_that_breaks_anywhere_loses_nothing(server: FeedServer) -> None:
    """Each answer is cut at another byte, so that there is a break inside and between all kinds of events."""
    cuts = iter(range(1, 1000, 37))

    def first(since: int | None) -> bytes:
        told = of_snapshot(HISTORY.whole(0)) if since is None else b""
        told += alive(since or 0) + b": nobody reads this\n\n"
        for revision in range(since or 0, HISTORY.newest):
            told += of_delta(HISTORY.delta(revision, revision + 1))
        return told[: next(cuts, None)]

    server.first = first
    with listening(server.url) as client:
        while True:
            server.asked.get(timeout=10)
            if client.book.revision == HISTORY.newest:
                break
            server.say(None)
        client.wait_for_revision(HISTORY.newest)


@pytest.mark.parametrize("missed", [of_delta(HISTORY.delta(2, 3)), alive(3)])
def test_whatever_was_missed_it_asks_for_a_whole_snapshot(server: FeedServer, missed: bytes) -> None:
    server.first = lambda since: (
        of_snapshot(HISTORY.whole(1 if since is None and server.asked.empty() else 3)) if since is None else b""
    )
    with listening(server.url) as client:
        client.wait_for_revision(1)
        server.first = lambda since: of_snapshot(HISTORY.whole(3)) if since is None else b""
        server.say(missed)
        client.wait_for_revision(3)
        assert [server.asked.get(timeout=10) for _ in range(2)] == ["", ""]
        server.say(None)
        assert server.asked.get(timeout=10) == "since=3"


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        (401, b"application/problem+json", "scope read"),
        (403, b"application/problem+json", "scope read"),
        (404, b"text/html", "web part"),
        (200, b"text/html", "text/event-stream"),
        (503, b"text/plain", "is it up"),
    ],
)
def test_what_is_no_feed_is_said_once_with_what_to_do(
    server: FeedServer, log: list[structlog.typing.EventDict], status: int, kind: bytes, advice: str
) -> None:
    server.status, server.kind = status, kind
    with listening(server.url) as client:
        for _ in range(4):
            server.asked.get(timeout=10)
            server.say(None)
        assert not client.book.ready
    (said,) = log
    assert advice in said["fault"]
    assert TOKEN not in repr(log)


def test_nobody_there_is_said_once_and_looked_for_again(log: list[structlog.typing.EventDict]) -> None:
    with listening(f"http://127.0.0.1:{free_port()}") as client:
        for _ in range(3):
            failures = client.feed._failures
            client.wait_for(lambda _, failures=failures: client.feed._failures > failures)
    assert [event["fault"] for event in log] == ["the line broke: ConnectError"]


def test_a_foreign_or_older_snapshot_changes_nothing_and_is_no_sign_of_life(
    server: FeedServer, log: list[structlog.typing.EventDict]
) -> None:
    seconds = 0.0
    server.first = lambda since: of_snapshot(HISTORY.whole(2)) if since is None else b""
    with listening(server.url, steady=lambda: seconds) as client:
        client.wait_for_revision(2)
        seconds = 100.0
        server.first = lambda _: b""
        foreign = History(*GROUPS, [], ledger="another")
        for told in (of_snapshot(foreign.whole(4)), alive(2, "another"), of_snapshot(HISTORY.whole(1))):
            server.asked.get(timeout=10)
            server.say(told)
        server.asked.get(timeout=10)
        assert (client.book.revision, client.book.age, client.feed._wants_snapshot) == (2, 100.0, True)
        server.say(alive(2))
        client.wait_for(lambda book: book.age == 0.0)
    assert len(log) == 2
    assert "another" in log[0]["fault"]
    assert "revision 1 is older" in log[1]["fault"]


def test_what_is_strange_is_survived(server: FeedServer) -> None:
    strange = [
        b"event: snapshot\ndata: {\n\n",
        b"event: change\ndata: []\n\n",
        b"event: alive\ndata: 7\n\n",
        b"event: tomorrow\ndata: new\n\n",
        b"\xff\xfe\x00\n\ndata\n\n",
    ]
    told = iter(strange)
    server.first = lambda _: next(told, of_snapshot(HISTORY.whole(1)))
    with listening(server.url) as client:
        for _ in strange:
            server.asked.get(timeout=10)
            server.say(None)
        client.wait_for_revision(1)


def test_a_start_with_everything_dead_goes_by_what_was_kept(server: FeedServer, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    server.first = lambda since: of_snapshot(HISTORY.whole(2)) if since is None else b""
    with listening(server.url, kept, steady=each_time_later()) as client:
        client.wait_for_revision(2)
        server.say(of_delta(HISTORY.delta(2, 3)) + alive(3))
        client.wait_for(lambda _: kept.exists() and decode(kept.read_bytes()).revision == 3)
    assert [file.name for file in tmp_path.iterdir()] == ["kept"]
    assert kept.stat().st_mode & 0o777 == 0o640
    with listening(f"http://127.0.0.1:{free_port()}", kept) as restarted:
        restarted.wait_for_revision(3)
    server.first = lambda since: of_delta(HISTORY.delta(3, 4)) if since == 3 else b""
    with listening(server.url, kept) as restarted:
        restarted.wait_for_revision(4)


def test_a_heartbeat_makes_what_is_kept_younger(server: FeedServer, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    server.first = lambda since: of_snapshot(HISTORY.whole(2)) + alive(2) if since is None else b""
    with listening(server.url, kept, steady=each_time_later()) as client:
        client.wait_for(lambda _: kept.exists())
        server.asked.get(timeout=10)
        os.utime(kept, (0, 0))
        server.say(alive(2) * 2)
        client.wait_for(lambda _: kept.stat().st_mtime > 0)


def test_a_file_that_cannot_be_written_is_said_once(
    server: FeedServer, tmp_path: Path, log: list[structlog.typing.EventDict]
) -> None:
    server.first = lambda _: of_snapshot(HISTORY.whole(1))
    with listening(server.url, tmp_path / "gone" / "kept", steady=each_time_later()) as client:
        for revision in range(1, 4):
            client.wait_for_revision(revision)
            server.say(of_delta(HISTORY.delta(revision, revision + 1)))
        client.wait_for_revision(4)
    assert len(log) == 1
    assert "cannot be kept" in log[0]["event"]


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "é", "a\x00"])
def test_a_token_that_cannot_travel_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as refused:
        Feed(
            "http://127.0.0.1", token, Book(time.monotonic), keep_at=None, steady=time.monotonic, now=lambda: datetime.now(UTC)
        )
    assert not token or repr(token) not in str(refused.value)


def test_a_redirect_does_not_get_the_token() -> None:
    with origin(lambda _: Response(200)) as elsewhere:
        asked = threading.Event()

        def answer(_: object) -> Response:
            asked.set()
            return Response(302, {"Location": elsewhere.url})

        with origin(answer) as server, listening(server.url):
            assert asked.wait(10)
        assert elsewhere.requests == []


def test_a_thousand_clients_do_not_come_back_at_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    clients = [Listening("http://127.0.0.1:9").feed for _ in range(1000)]
    for longest in (1, 2, 4, 8, 16, 30, 30, 30):
        pauses = sorted(client._pause() for client in clients)
        assert longest / 2 <= pauses[0] < 0.6 * longest
        assert 0.9 * longest < pauses[-1] <= longest


# The wire


EVENTS = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=8).filter(
            lambda n: n.strip() == n
        ),
        st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20), min_size=1, max_size=3),
    ),
    max_size=5,
)


@given(EVENTS, st.sampled_from([b"\n", b"\r\n"]), st.data())
def test_events_are_the_same_however_the_bytes_are_cut(
    told: list[tuple[str, list[str]]], end: bytes, data: st.DataObject
) -> None:
    wire = b""
    for name, lines in told:
        wire += b": a comment" + end + b"event: " + name.encode() + end
        wire += b"".join(b"data: " + line.encode() + end for line in lines) + b"id: 7" + end + end
    chunks = []
    while wire:
        size = data.draw(st.integers(1, len(wire)))
        chunks.append(wire[:size])
        wire = wire[size:]
    assert list(events(chunks)) == [(name, "\n".join(lines).encode()) for name, lines in told]


def test_an_event_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "_LONGEST_EVENT", 1000)
    assert list(events([b"data: " + json.dumps("x" * 500).encode() + b"\n\n"] * 3))
    with pytest.raises(feed_module.FeedBroken, match="does not end"):
        list(events([b"data: " + b"x" * 400] * 4))
