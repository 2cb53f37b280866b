"""What the gate knows: always what the ledger said last, whatever came in which order (cases 88-91 and 107)."""

import contextlib
import itertools
import random
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.gate.book import CURRENT, SUSPENDED, Book, Entry, Gap, Listed, Refused
from gatekeeper.model import Standing
from gatekeeper.snapshot import Delta, Snapshot
from tests.kit.history import AT, LEDGER, History, State, change

HOUR = 3600.0
STALE = timedelta(hours=72).total_seconds()
PATHS = ("/reports", "/export")
CHANGES = st.builds(
    lambda account, standing, paths: (account, standing, paths if standing is Standing.RESTRICTED else ()),
    st.sampled_from("abcdefgh"),
    st.sampled_from(list(Standing)),
    st.sampled_from([(), PATHS[:1], PATHS]),
)
HISTORIES = st.lists(st.lists(CHANGES, max_size=4), min_size=1, max_size=8).map(lambda groups: History(*groups))


class Clock:
    """Seconds that go on when they are told to."""

    def __init__(self) -> None:
        self.seconds = 5_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> Book:
    return Book(clock)


@pytest.fixture
def log() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as events:
        yield events


def state(book: Book) -> State:
    entries = {account.decode(): book.entry(account) for account in book.listed}
    return {account: (entry.standing, entry.leaves_open) for account, entry in entries.items()}


def denied(*accounts: str) -> list[tuple[str, Standing, tuple[str, ...]]]:
    return [change(account, "suspended") for account in accounts]


def many(count: int, name: str = "n") -> list[str]:
    return [f"{name}{number}" for number in range(count)]


def feed(book: Book, said: Snapshot | Delta) -> None:
    with contextlib.suppress(Gap, Refused):
        book.take(said) if isinstance(said, Snapshot) else book.apply(said)


@st.composite
def said_of(draw: st.DrawFn, history: History) -> Snapshot | Delta:
    since, revision = sorted((draw(st.integers(0, history.newest)), draw(st.integers(0, history.newest))))
    if since == revision or draw(st.booleans()):
        return history.whole(revision)
    return history.delta(since, revision)


@given(st.data())
def test_whatever_comes_in_whatever_order_the_book_is_the_ledger_at_its_revision_and_never_goes_back(
    data: st.DataObject,
) -> None:
    history = data.draw(HISTORIES)
    book = Book(Clock())
    for said in data.draw(st.lists(said_of(history), max_size=20)):
        before, ready = book.revision, book.ready
        feed(book, said)
        covers = isinstance(said, Snapshot) or (ready and said.since <= before)
        assert book.revision == (max(before, said.revision) if covers else before)
        assert state(book) == (history.state(book.revision) if book.ready else {})
        assert book.snapshot().standings == {account: standing for account, (standing, _) in state(book).items()}


@given(st.data())
def test_sixteen_books_that_are_fed_in_different_ways_end_alike(data: st.DataObject) -> None:
    history = data.draw(HISTORIES)
    books = [Book(Clock()) for _ in range(16)]
    for book in books:
        for said in data.draw(st.lists(said_of(history), max_size=4)):
            feed(book, said)
        last = history.delta(book.revision, history.newest) if book.ready else history.whole(history.newest)
        feed(book, last)
    assert [state(book) for book in books] == [history.state(history.newest)] * 16
    assert {book.revision for book in books} == {history.newest}


def test_what_is_kept_to_start_from_is_taken_back_as_it_was(book: Book, clock: Clock) -> None:
    history = History([change("a", "suspended"), change("b", "restricted", *PATHS), change("c", "past_due")])
    book.take(history.whole(1))
    other = Book(clock)
    other.take(book.snapshot())
    assert state(other) == state(book) == history.state(1)
    assert (other.revision, other.ledger) == (1, LEDGER)


def test_an_older_or_foreign_word_changes_nothing(book: Book) -> None:
    history = History(denied("a"), denied("b"))
    book.take(history.whole(2))
    foreign = History([change("a", "current")], [], [], ledger="another")
    for refused in (history.whole(1), foreign.whole(3)):
        with pytest.raises(Refused):
            book.take(refused)
    with pytest.raises(Refused, match="another"):
        book.apply(foreign.delta(2, 3))
    assert (book.revision, state(book)) == (2, history.state(2))


def test_an_account_id_that_is_no_text_leaves_everything_as_it_was(book: Book) -> None:
    book.take(History(denied("a")).whole(1))
    strange = History(denied("a"), [change("a", "current"), change("\ud800", "suspended")])
    for said in (strange.whole(2), strange.delta(1, 2)):
        with pytest.raises(ValueError, match="surrogates"):
            feed(book, said)
        assert (book.revision, state(book)) == (1, History(denied("a")).state(1))


# The breaker (case 90)


def test_a_first_snapshot_is_taken_as_it_is(book: Book) -> None:
    everybody = History(denied(*many(900)), accounts=1000)
    book.take(everybody.whole(1))
    assert (len(book.listed), book.refused) == (900, 0)


@pytest.mark.parametrize(("accounts", "limit"), [(0, 50), (100, 50), (1000, 200)])
@pytest.mark.parametrize("whole", [True, False])
def test_more_new_denials_than_can_be_meant_are_not_believed_and_whom_the_same_word_opens_is_opened(
    book: Book, log: list[structlog.typing.EventDict], accounts: int, limit: int, whole: bool
) -> None:
    known = [*denied("old", "paid"), change("slow", "past_due")]
    news = [*denied(*many(limit), "slow"), change("paid", "current"), change("late", "past_due")]
    history = History(known, news, accounts=accounts)
    book.take(history.whole(1))
    feed(book, history.whole(2) if whole else history.delta(1, 2))
    assert state(book) == dict.fromkeys(("slow", "late"), (Standing.PAST_DUE, ())) | {"old": (Standing.SUSPENDED, ())}
    assert book.refused == limit + 1
    assert len(book.troubles()) == 1
    assert [event["log_level"] for event in log] == ["error"]


@pytest.mark.parametrize("whole", [True, False])
def test_as_many_as_can_be_meant_are_believed_within_an_hour_and_as_many_again_after_it(
    book: Book, clock: Clock, whole: bool
) -> None:
    history = History([], denied(*many(30)), denied(*many(20, "b")), denied(*many(50, "c")), accounts=0)
    book.take(history.whole(1))
    for revision, later in ((2, HOUR / 2), (3, HOUR / 3), (4, HOUR)):
        clock.seconds += later
        feed(book, history.whole(revision) if whole else history.delta(revision - 1, revision))
        assert (state(book), book.refused) == (history.state(revision), 0)


def test_what_was_kept_aside_stays_so_with_all_that_follows_until_the_ledger_takes_it_back(
    book: Book, clock: Clock, log: list[structlog.typing.EventDict]
) -> None:
    wrong = many(60)
    history = History(
        denied("old"), denied(*wrong), denied("later"), [change(name, "restricted") for name in wrong],
        [change(name, "current") for name in [*wrong, "later"]], denied("later"), accounts=0,
    )  # fmt: skip
    book.take(history.whole(1))
    for revision in (2, 3, 4):
        clock.seconds += 2 * HOUR
        book.apply(history.delta(revision - 1, revision))
        assert (state(book), book.refused) == (history.state(1), 60 + (revision > 2))
        book.take(history.whole(revision))
        assert (state(book), book.refused) == (history.state(1), 60 + (revision > 2))
        assert book.snapshot().revision == 1
    book.apply(history.delta(4, 5))
    assert (state(book), book.refused, book.troubles()) == (history.state(1), 0, ())
    book.apply(history.delta(5, 6))
    assert state(book) == history.state(6)
    assert [event["log_level"] for event in log] == ["error", "info"]


def test_time_and_a_whole_snapshot_make_nothing_credible_that_was_kept_aside(book: Book, clock: Clock) -> None:
    history = History([], denied(*many(45)), denied(*many(10, "b")), accounts=0)
    book.take(history.whole(1))
    book.apply(history.delta(1, 2))
    book.apply(history.delta(2, 3))
    clock.seconds += 2 * HOUR
    book.take(history.whole(3))
    assert (state(book), book.refused) == (history.state(2), 10)


def test_a_snapshot_that_does_not_say_how_many_accounts_there_are_leaves_that_as_it_was(book: Book) -> None:
    book.take(History(denied("old"), accounts=1000).whole(1))
    history = History(denied("old"), denied(*many(60)), accounts=0)
    book.take(history.whole(2))
    assert state(book) == history.state(2)


def test_a_restart_from_what_was_kept_hears_again_of_what_was_kept_aside(book: Book, clock: Clock) -> None:
    history = History(denied("old", "paid"), denied(*many(60)), [change("paid", "current")], accounts=0)
    book.take(history.whole(1))
    book.apply(history.delta(1, 2))
    book.apply(history.delta(2, 3))
    restarted = Book(clock)
    restarted.take(book.snapshot())
    assert state(restarted) == {"old": (Standing.SUSPENDED, ())}
    restarted.apply(history.delta(restarted.revision, 3))
    assert (state(restarted), restarted.refused, restarted.revision) == (state(book), 60, 3)


def test_who_was_restricted_and_is_suspended_is_no_new_denial(book: Book) -> None:
    names = many(60)
    history = History([change(name, "restricted") for name in names], denied(*names), accounts=0)
    book.take(history.whole(1))
    book.apply(history.delta(1, 2))
    assert state(book) == history.state(2)


# Staleness (case 88)


def test_a_denial_is_believed_for_72_hours_after_the_last_sign_of_life_and_again_after_the_next(
    book: Book, clock: Clock, log: list[structlog.typing.EventDict]
) -> None:
    history = History([*denied("late"), change("slow", "past_due")], [change("late", "current"), *denied("other")])
    book.take(history.whole(1))
    book.alive()
    clock.seconds += STALE
    book.tend()
    assert state(book) == history.state(1)
    clock.seconds += 1
    book.tend()
    assert (state(book), book.stale, len(book.troubles())) == ({}, True, 1)
    book.apply(history.delta(1, 2))
    assert state(book) == {}
    book.alive()
    assert (state(book), book.stale, book.troubles()) == (history.state(2), False, ())
    assert [event["log_level"] for event in log] == ["error", "info"]


@given(st.lists(st.one_of(st.just("heard"), st.floats(0, 2 * STALE)), max_size=12))
def test_age_lets_in_and_never_denies(passing: list[str | float]) -> None:
    clock = Clock()
    book = Book(clock)
    history = History([*denied("late"), change("half", "restricted")])
    book.take(history.whole(1))
    book.alive()
    for each in passing:
        if isinstance(each, str):
            book.alive()
        else:
            clock.seconds += each
            book.tend()
        assert book.entry(b"good") is CURRENT
        assert state(book) == ({} if book.age > STALE else history.state(1))


def test_a_sign_of_life_of_long_ago_makes_nothing_younger(book: Book, clock: Clock) -> None:
    book.take(History(denied("late")).whole(1))
    book.alive(100.0)
    book.alive(500.0)
    assert book.age == 100.0
    book.alive(-50.0)
    assert book.age == 0.0


# In place, while others read


@pytest.mark.parametrize("before", [Standing.PAST_DUE, Standing.RESTRICTED])
def test_who_is_opened_between_both_looks_of_a_reader_is_not_taken_for_suspended(before: Standing) -> None:
    class Interrupted(dict[bytes, Entry]):
        """Another thread has its turn just before each look."""

        def get(self, account: bytes, default: Any = None) -> Any:
            listed.put(account, CURRENT)
            return super().get(account, default)

    listed = Listed([b"a"])
    listed.others = Interrupted({b"a": Entry(before)})
    assert listed.entry(b"a") is CURRENT


def test_a_writer_puts_each_standing_so_that_no_moment_of_it_is_a_suspension() -> None:
    seen: list[Entry] = []

    class Watched(dict[bytes, Entry]):
        """Looks right after each write."""

        def __setitem__(self, account: bytes, entry: Entry) -> None:
            super().__setitem__(account, entry)
            seen.append(listed.entry(account))

        def pop(self, account: bytes, default: Any = None) -> Any:
            found = super().pop(account, default)
            seen.append(listed.entry(account))
            return found

    listed = Listed()
    listed.others = Watched()
    opened = [CURRENT, Entry(Standing.PAST_DUE), Entry(Standing.RESTRICTED), Entry(Standing.RESTRICTED, PATHS)]
    for before, after in itertools.product(opened, repeat=2):
        listed.put(b"a", before)
        listed.put(b"a", after)
    assert SUSPENDED not in seen
    assert set(seen) == set(opened)


def test_a_suspended_account_takes_110_bytes_at_most_and_one_in_good_standing_none() -> None:
    snapshot = Snapshot(1, AT, {f"acct_{number:012d}": Standing.SUSPENDED for number in range(100_000)}, {}, LEDGER, 10**7)
    numbers = random.Random(1).sample(range(10**12), 1000)
    book = Book(Clock())
    tracemalloc.start()
    try:
        book.take(snapshot)
        held, _ = tracemalloc.get_traced_memory()
        assert held / 100_000 <= 110
        for number in numbers:
            assert book.entry(f"good_{number}".encode()) is CURRENT
        assert tracemalloc.get_traced_memory()[0] - held < 10_000
    finally:
        tracemalloc.stop()


def test_each_change_that_an_answer_could_tell_makes_another_edition(book: Book, clock: Clock) -> None:
    history = History(denied("a"), denied("b"))
    editions = [book.edition]
    book.take(history.whole(1))
    editions.append(book.edition)
    book.apply(history.delta(1, 2))
    editions.append(book.edition)
    book.apply(history.delta(1, 2))
    book.alive()
    assert book.edition == editions[-1]
    clock.seconds += STALE + 1
    book.tend()
    editions.append(book.edition)
    assert editions == sorted(set(editions))
