"""The lists: every invoice that is owed or written off, once; to be gone on with where it broke off; half a list is none."""

import time
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.pace import PER_SECOND, Pace
from gatekeeper.demo.standin.faults import Fault
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.model import Identity
from gatekeeper.wiring.clock import steady_seconds
from tests.billing.reading import Answer, Between, bill, debtor, reading_from
from tests.kit.standin import READ_KEY, MovableClock


def ids(source: StripeBooks, cursor: str = "") -> list[str]:
    return [reading.invoice.id for page in source.owing_invoices(cursor) for reading in page.readings]


def owing(standin: Standin, opened: int, written_off: int) -> list[str]:
    """So many open invoices and so many written off, as the lists show them: newest first, the open ones before."""
    who = debtor(standin)
    lost = [standin.books.mark_uncollectible(bill(standin, who)).id for _ in range(written_off)]
    return [bill(standin, who) for _ in range(opened)][::-1] + lost[::-1]


def test_every_invoice_that_is_open_or_written_off_is_read_exactly_once(standin: Standin, source: StripeBooks) -> None:
    owed = owing(standin, 205, 3)
    standin.books.pay(bill(standin, debtor(standin)))
    standin.books.void(bill(standin, debtor(standin)))
    standin.books.create_invoice(debtor(standin))
    standin.log.clear()
    pages = list(source.owing_invoices())
    assert [len(page.readings) for page in pages] == [100, 100, 5, 3]
    assert [reading.invoice.id for page in pages for reading in page.readings] == owed
    assert [page.cursor for page in pages] == [f"open:{owed[99]}", f"open:{owed[199]}", "uncollectible:", ""]
    assert len(standin.log.entries()) == 4


def test_behind_each_cursor_the_list_goes_on(standin: Standin, source: StripeBooks) -> None:
    owed = owing(standin, 150, 120)
    pages = list(source.owing_invoices())
    assert [page.cursor for page in pages] == [f"open:{owed[99]}", "uncollectible:", f"uncollectible:{owed[249]}", ""]
    read = 0
    for page in pages:
        read += len(page.readings)
        assert ids(source, page.cursor) == (owed[read:] if page.cursor else owed)


def test_a_cursor_of_one_list_means_nothing_in_the_other(standin: Standin, source: StripeBooks) -> None:
    owed = owing(standin, 101, 0)
    lost = standin.books.mark_uncollectible(bill(standin, debtor(standin))).id  # newer than whatever is open
    assert ids(source, f"open:{owed[99]}") == [owed[100], lost]


def test_what_was_paid_meanwhile_is_no_obstacle_to_going_on_behind_it(standin: Standin, source: StripeBooks) -> None:
    owed = owing(standin, 120, 2)
    cursor = next(iter(source.owing_invoices())).cursor
    standin.books.pay(cursor.removeprefix("open:"))
    assert ids(source, cursor) == owed[100:]


@pytest.mark.parametrize(
    ("cursor", "left_out"),
    [("open:in_gone", 0), ("uncollectible:in_gone", 3), ("uncollectible:", 3), ("open:", 0), ("in_gone", 0), ("paid:in_1", 0)],
)
def test_a_cursor_that_stripe_does_not_know_any_more_begins_its_list_anew(
    standin: Standin, source: StripeBooks, cursor: str, left_out: int
) -> None:
    owed = owing(standin, 3, 2)
    assert ids(source, cursor) == owed[left_out:]


def test_a_cursor_that_is_refused_in_the_midst_of_a_list_ends_it(
    standin: Standin, passing: Between, watched: StripeBooks
) -> None:
    owing(standin, 250, 0)
    refusal = b'{"error": {"type": "invalid_request_error", "code": "resource_missing", "param": "starting_after"}}'
    passing.alter = lambda path, answer: Answer(400, refusal) if "starting_after" in path else answer
    pages = watched.owing_invoices()
    assert len(next(pages).readings) == 100
    with pytest.raises(SourceUnavailable, match="refuses the question"):
        next(pages)
    assert len(passing.paths) == 2


def test_a_page_that_comes_again_and_again_does_not_go_on_forever(
    standin: Standin, passing: Between, watched: StripeBooks
) -> None:
    """As from a cache between us and Stripe that does not look at the query."""
    owing(standin, 101, 0)
    first: list[Answer] = []

    def cached(_: str, answer: Answer) -> Answer:
        first.append(answer)
        return first[0]

    passing.alter = cached
    with pytest.raises(SourceUnavailable, match="the same page again"):
        list(watched.owing_invoices())
    assert len(passing.paths) == 2


def test_a_page_that_says_more_and_shows_nothing_is_none(standin: Standin, passing: Between, watched: StripeBooks) -> None:
    passing.document(lambda document: document | {"data": [], "has_more": True})
    with pytest.raises(SourceUnavailable, match="has_more"):
        list(watched.owing_invoices())


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "401": ({"kind": "unauthorized"}, "refuses the key"),
    "403": ({"kind": "forbidden"}, "may not read this"),
    "429": ({"kind": "rate_limited", "times": None}, "asks for fewer requests"),
    "429 with Retry-After": ({"kind": "rate_limited", "times": None, "retry_after": 3}, "asks for fewer requests"),
    "429 to be repeated": ({"kind": "rate_limited", "times": None, "should_retry": True}, "asks for fewer requests"),
    "500": ({"kind": "error", "times": None}, "a fault of its own"),
    "HTML": ({"kind": "html"}, "is not Stripe's API"),
    "torn": ({"kind": "reset", "times": None}, "cannot be reached"),
}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("page", [0, 1, 2, 3, 4])
def test_a_fault_on_any_page_of_either_list_is_told_and_what_came_before_it_can_be_gone_on_with(
    standin: Standin, clock: MovableClock, fault: str, page: int
) -> None:
    """Case 7. Three pages are open, two written off."""
    terms, told = FAULTS[fault]
    owed = owing(standin, 203, 101) if page else owing(standin, 1, 1)
    with reading_from(standin.url, clock) as source:
        standin.faults.add(Fault(skip=page, path="/v1/invoices", **terms))
        read, cursor = list[str](), ""
        pages = source.owing_invoices()
        for _ in range(page):
            one = next(pages)
            read += [reading.invoice.id for reading in one.readings]
            cursor = one.cursor
        with pytest.raises(SourceUnavailable, match=told) as failure:
            next(pages)
        assert READ_KEY not in str(failure.value)
        assert read == owed[: (0, 100, 200, 203, 303)[page]]
        standin.faults.clear()
        assert read + ids(source, cursor) == owed


@pytest.mark.usefixtures("hasty")
def test_so_is_a_page_that_takes_too_long(standin: Standin, source: StripeBooks, clock: MovableClock) -> None:
    owed = owing(standin, 101, 1)
    with reading_from(standin.url, clock, timeout=0.1) as impatient:
        for cursor in ["", *(page.cursor for page in list(source.owing_invoices())[:-1])]:
            standin.faults.add(Fault(kind="slow", seconds=0.6, times=None))
            with pytest.raises(SourceUnavailable, match=r"cannot be reached \(ReadTimeout\)"):
                ids(impatient, cursor)
            standin.faults.clear()
    assert ids(source) == owed


def test_an_empty_list_is_what_it_says_and_no_fault_of_ours_to_judge(standin: Standin, source: StripeBooks) -> None:
    """Case 5: that nothing is concluded from it is the business of whoever reads: here it must only not be an error."""
    owing(standin, 3, 2)
    standin.faults.add(Fault(kind="empty", path="/v1/invoices", query="status=open"))
    pages = list(source.owing_invoices())
    assert [len(page.readings) for page in pages] == [0, 2]


def test_the_key_of_another_account_opens_other_books(clock: MovableClock) -> None:
    """Case 6: its account is another one, and whatever we ask for is not there."""
    with Standin(clock) as ours, Standin(clock, account="acct_other") as other:
        one = bill(ours, who := debtor(ours))
        with reading_from(other.url, clock) as source:
            assert source.identity() == Identity(account="acct_other", livemode=False)
            assert (source.invoice(one), source.customer(who), ids(source)) == (None, None, [])


class Waits:
    """A pace with a clock that waiting moves; what was waited is noted."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waited: list[float] = []
        self.pace = Pace(lambda: self.now, self.wait)

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.waited.append(seconds)
        return False


@pytest.mark.parametrize(
    ("ask", "tries"),
    [
        (lambda source: list(source.owing_invoices()), 6),
        (lambda source: source.invoice("in_1"), 3),
        (lambda source: source.identity(), 3),
    ],
    ids=["a list", "an invoice", "the account"],
)
def test_429_is_asked_again_after_growing_pauses_and_given_up_at_last(
    standin: Standin, clock: MovableClock, ask: Callable[[StripeBooks], Any], tries: int
) -> None:
    standin.faults.add(Fault(kind="rate_limited", times=None))
    waits = Waits()
    with reading_from(standin.url, clock, pace=waits.pace) as source:
        with pytest.raises(SourceUnavailable, match=r"fewer requests \(429\), though gatekeeper has paused between them"):
            ask(source)
        pauses = [seconds for seconds in waits.waited if seconds >= 0.5]
        assert len(standin.log.entries()) == tries == len(pauses) + 1
        assert all(2 ** (n - 1) <= pause <= 2**n for n, pause in enumerate(pauses))
        standin.faults.clear()
        ask(source)


def test_429_that_ends_is_no_failure_and_retry_after_is_heeded(standin: Standin, clock: MovableClock) -> None:
    owed = owing(standin, 101, 0)
    standin.faults.add(Fault(kind="rate_limited", times=2, skip=1, retry_after=9))
    waits = Waits()
    with reading_from(standin.url, clock, pace=waits.pace) as source:
        assert ids(source) == owed
    assert [seconds for seconds in waits.waited if seconds >= 1] == [9, 9]


def test_at_most_five_requests_reach_stripe_in_any_second(standin: Standin, clock: MovableClock) -> None:
    """With the real clock, as the stand-in saw them come: however long the way there takes, none comes too early."""
    one = bill(standin, debtor(standin))
    began = time.monotonic()
    with reading_from(standin.url, clock, pace=Pace(steady_seconds, Event().wait)) as source:
        for _ in range(4):
            source.invoice(one)
            list(source.owing_invoices())
    came = [entry.at for entry in standin.log.entries()]
    assert len(came) == 12
    assert all(at - began >= number // PER_SECOND for number, at in enumerate(came))
