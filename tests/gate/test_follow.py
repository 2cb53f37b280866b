"""Both files of the publisher: whole, torn at any byte, older, foreign, gone, between any two steps (cases 88, 89 and 91)."""

import asyncio
import os
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from gatekeeper.gate.book import Book
from gatekeeper.gate.follow import Follower
from gatekeeper.model import Standing
from gatekeeper.snapshot import encode, encode_delta
from tests.kit.gates import publish
from tests.kit.history import History, append, change, changes_of, lay, lay_changes

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
GROUPS = [
    [change("a", "suspended"), change("b", "restricted", "/reports")],
    [change("c", "suspended")],
    [change("a", "current")],
    [change("b", "suspended"), change("d", "past_due")],
    [change("c", "current"), change("a", "restricted")],
]
HISTORY = History(*GROUPS)


@pytest.fixture
def book() -> Book:
    return Book(lambda: 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot"


@pytest.fixture
def follower(path: Path, book: Book) -> Follower:
    return Follower(path, book, lambda: datetime.now(UTC))


@pytest.fixture
def log() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as events:
        yield events


def is_at(book: Book, revision: int, history: History = HISTORY) -> bool:
    standings = {account: standing for account, (standing, _) in history.state(revision).items()}
    return (book.revision, book.snapshot().standings) == (revision, standings)


# The whole file


def test_each_new_file_is_taken_once(follower: Follower, path: Path, book: Book) -> None:
    lay(path, HISTORY, 1)
    follower.look()
    edition = book.edition
    follower.look()
    assert book.edition == edition
    assert is_at(book, 1)
    lay(path, HISTORY, 2)
    follower.look()
    assert is_at(book, 2)


def test_no_file_is_said_once_and_looked_for_again(
    follower: Follower, path: Path, book: Book, log: list[structlog.typing.EventDict]
) -> None:
    for _ in range(3):
        follower.look()
    assert len(log) == 1
    assert str(path) in log[0]["path"]
    lay(path, HISTORY, 1)
    follower.look()
    path.unlink()
    follower.look()
    follower.look()
    assert len(log) == 2
    assert is_at(book, 1)
    lay(path, HISTORY, 1)
    follower.look()
    assert len(log) == 2


@pytest.mark.parametrize(
    ("history", "revision", "said"),
    [(HISTORY, 4, "revision 4 is older than revision 5"), (History(*GROUPS, [], [], ledger="another"), 7, "ledger another")],
)
def test_an_older_or_foreign_file_is_refused_once_for_each_change(
    follower: Follower,
    path: Path,
    book: Book,
    log: list[structlog.typing.EventDict],
    history: History,
    revision: int,
    said: str,
) -> None:
    lay(path, HISTORY, 5)
    follower.look()
    lay(path, history, revision)
    follower.look()
    follower.look()
    os.utime(path)
    follower.look()
    assert is_at(book, 5)
    assert len(log) == 1
    assert said in log[0]["fault"]
    lay(path, History(*GROUPS, []), 6)
    follower.look()
    assert book.revision == 6


def test_no_torn_file_and_no_flipped_bit_is_ever_taken(follower: Follower, path: Path, book: Book) -> None:
    whole = encode(HISTORY.whole(4))
    spoilt = [whole[:length] for length in range(len(whole))]
    spoilt += [bytes([*whole[:at], whole[at] ^ 1 << at % 8, *whole[at + 1 :]]) for at in range(len(whole))]
    for data in spoilt:
        path.write_bytes(data)
        follower.look()
        assert not book.ready
    path.write_bytes(whole)
    follower.look()
    assert is_at(book, 4)


def test_a_folder_in_place_of_either_file_is_survived(
    follower: Follower, path: Path, book: Book, log: list[structlog.typing.EventDict]
) -> None:
    for place in (path, changes_of(path)):
        place.mkdir()
        for _ in range(3):
            follower.look()
    assert len(log) == 2
    path.rmdir()
    changes_of(path).rmdir()
    lay(path, HISTORY, 1)
    append(path, HISTORY.delta(1, 2))
    follower.look()
    assert is_at(book, 2)


def test_files_of_earlier_releases_are_followed(follower: Follower, path: Path, book: Book) -> None:
    publish(path, 1, late="suspended")
    follower.look()
    publish(path, 2)
    follower.look()
    assert (book.revision, len(book.listed)) == (2, 0)


# The changes


def test_changes_are_read_as_they_come_and_the_whole_file_is_not_read_again_for_a_revision_that_is_known(
    follower: Follower, path: Path, book: Book, log: list[structlog.typing.EventDict]
) -> None:
    lay(path, HISTORY, 1)
    follower.look()
    for revision in (2, 3):
        append(path, HISTORY.delta(revision - 1, revision))
        follower.look()
        assert is_at(book, revision)
    # Only the head of this one is in order: who knows revision 3 reads no further
    whole = encode(HISTORY.whole(3))
    path.write_bytes(whole[: whole.index(b"\n") + 1])
    follower.look()
    lay_changes(path, HISTORY.delta(3, 4))
    follower.look()
    assert is_at(book, 4)
    assert log == []


def test_a_torn_last_line_is_waited_for_at_every_byte(path: Path, log: list[structlog.typing.EventDict]) -> None:
    line = encode_delta(HISTORY.delta(2, 3))
    lay(path, HISTORY, 1)
    for cut in range(len(line)):
        lay_changes(path, HISTORY.delta(1, 2))
        book = Book(lambda: 0.0)
        follower = Follower(path, book, lambda: NOW)
        with changes_of(path).open("ab") as file:
            file.write(line[:cut])
            file.flush()
            follower.look()
            assert is_at(book, 2)
            file.write(line[cut:])
            file.flush()
        follower.look()
        assert is_at(book, 3)
    assert log == []


def test_a_bad_line_is_a_gap_that_the_next_whole_file_closes(
    follower: Follower, path: Path, book: Book, log: list[structlog.typing.EventDict]
) -> None:
    lay(path, HISTORY, 1)
    lay_changes(path, HISTORY.delta(1, 2))
    follower.look()
    with changes_of(path).open("ab") as file:
        file.write(encode_delta(HISTORY.delta(2, 3))[:-9] + b"\n")
    append(path, HISTORY.delta(3, 4))
    for _ in range(3):
        follower.look()
    assert is_at(book, 2)
    assert len(log) == 1
    assert "revision 3" in log[0]["fault"]
    lay(path, HISTORY, 3)
    follower.look()
    assert is_at(book, 4)
    assert len(log) == 1


def test_a_bad_line_that_a_later_one_spans_is_no_gap(follower: Follower, path: Path, book: Book) -> None:
    lay(path, HISTORY, 1)
    changes_of(path).write_bytes(b"0123456789abcdef {}\n" + encode_delta(HISTORY.delta(1, 4)))
    follower.look()
    assert is_at(book, 4)


def test_lines_of_another_ledger_change_nothing(
    follower: Follower, path: Path, book: Book, log: list[structlog.typing.EventDict]
) -> None:
    lay(path, HISTORY, 2)
    lay_changes(path, History(*GROUPS, ledger="another").delta(1, 5))
    follower.look()
    assert is_at(book, 2)
    assert "another" in log[0]["fault"]


def test_without_a_whole_file_changes_say_nothing(follower: Follower, path: Path, book: Book) -> None:
    lay_changes(path, HISTORY.delta(0, 2))
    follower.look()
    assert not book.ready
    lay(path, HISTORY, 1)
    follower.look()
    assert is_at(book, 2)


STEPS = st.lists(st.sampled_from(["append", "torn", "whole", "empty", "touch", "look", "restart"]), max_size=40)


# The second file of changes may get the number of the first, and be as long
@example([0, 0], ["append", "whole", "look", "empty", "whole"])
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30), STEPS)
def test_whatever_the_publisher_does_and_wherever_it_dies_the_follower_ends_where_the_ledger_is(
    picks: list[int], steps: list[str]
) -> None:
    """A publisher as docs/feed.md has it, that may stop after any step and begin again; looks come between any two of them."""
    history = History(*(GROUPS[pick] for pick in picks))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "snapshot"
        lay(path, history, 0)
        published = laid = 0
        torn = False
        book = Book(lambda: 0.0)
        follower = Follower(path, book, lambda: datetime.now(UTC))
        for step in [*steps, "whole", "empty", "append", "look"]:
            before = book.revision
            match step:
                case "append" if published < history.newest and not torn:
                    append(path, history.delta(published, published + 1))
                    published += 1
                case "torn" if published < history.newest and not torn:
                    with changes_of(path).open("ab") as file:
                        file.write(encode_delta(history.delta(published, published + 1))[:-20])
                    torn = True
                case "whole":
                    lay(path, history, published)
                    laid = published
                case "empty" if laid == published:
                    lay_changes(path)
                    torn = False
                case "touch":
                    os.utime(path)
                case "restart":
                    book = Book(lambda: 0.0)
                    follower = Follower(path, book, lambda: datetime.now(UTC))
                    before = 0
                case "look":
                    follower.look()
                    assert is_at(book, published, history)
            assert book.revision >= before
        assert is_at(book, published, history)


# Signs of life


def test_the_time_of_the_file_is_the_last_sign_of_life_and_a_restart_does_not_make_it_younger(path: Path) -> None:
    lay(path, HISTORY, 1)
    touched = NOW - timedelta(hours=73)
    os.utime(path, (touched.timestamp(), touched.timestamp()))
    book = Book(lambda: 0.0)
    follower = Follower(path, book, lambda: NOW)
    follower.look()
    assert (book.ready, book.stale, len(book.listed)) == (True, True, 0)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    follower.look()
    assert (book.stale, book.age) == (False, 0.0)
    assert book.entry(b"a").standing is Standing.SUSPENDED


def test_a_file_that_is_refused_is_no_sign_of_life(path: Path) -> None:
    seconds = 0.0
    book = Book(lambda: seconds)
    follower = Follower(path, book, lambda: NOW)
    lay(path, HISTORY, 2)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    follower.look()
    seconds = 100.0
    lay(path, HISTORY, 1)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    follower.look()
    assert book.age == 100.0


# Both ways to go on for ever


def test_the_gate_is_told_in_its_own_thread(path: Path, book: Book) -> None:
    async def story() -> None:
        told: list[tuple[int, threading.Thread]] = []
        lay(path, HISTORY, 1)
        heard = asyncio.Event()

        def changed() -> None:
            told.append((book.revision, threading.current_thread()))
            heard.set()

        following = asyncio.create_task(Follower(path, book, lambda: NOW).follow(changed, every_seconds=0.001))
        async with asyncio.timeout(10):
            for revision in (1, 2, 3):
                await heard.wait()
                heard.clear()
                append(path, HISTORY.delta(revision, revision + 1))
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert [revision for revision, _ in told][:3] == [1, 2, 3]
        assert {thread for _, thread in told} == {threading.current_thread()}

    asyncio.run(story())


def test_a_thread_follows_until_it_is_told_to_stop(path: Path, book: Book, follower: Follower) -> None:
    stop, at = threading.Event(), [threading.Event(), threading.Event()]

    def tell() -> None:
        for revision, event in enumerate(at, 1):
            if book.revision == revision:
                event.set()

    thread = threading.Thread(target=follower.run, args=(stop, tell))
    thread.start()
    try:
        for revision, event in enumerate(at, 1):
            lay(path, HISTORY, revision)
            assert event.wait(10)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
