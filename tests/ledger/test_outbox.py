"""Intent, effect, outcome: a crash in between leaves a visible row, never silence and never a third copy (cases 41-45, 62)."""

import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.tables import notices
from gatekeeper.ledger.writer import open_writer
from gatekeeper.ledger.writer.outbox import GIVE_UP_AFTER, LEASE
from gatekeeper.model import Notice, NoticeState, Outcome, Step
from tests.kit.builders import SECOND, USER, day, invoice, on
from tests.kit.ledger import DOMAIN, Ledger, at_once, past_due, planned, suspended

ACCEPTED, DEFERRED, REFUSED, UNCERTAIN = (
    Outcome(state=state, detail=f"the server said {state}")
    for state in (NoticeState.ACCEPTED, NoticeState.DEFERRED, NoticeState.REFUSED, NoticeState.UNCERTAIN)
)


@pytest.fixture
def post(ledger: Ledger) -> Ledger:
    """A ledger with one notice that is to be sent on day 0, and no account that is touched."""
    ledger.read(invoice())
    ledger.judge(past_due(planned()), on(0))
    return ledger


def claim(ledger: Ledger, now: datetime) -> Notice:
    found = ledger.writer.outbox.claim(now)
    assert found is not None
    return found


def the_notice(ledger: Ledger) -> Notice:
    (found,) = ledger.facts().notices
    return found


def test_a_notice_is_claimed_when_its_time_has_come_and_only_once(post: Ledger) -> None:
    assert post.writer.outbox.claim(on(0) - SECOND) is None

    claimed = claim(post, on(0))

    assert (claimed.state, claimed.attempts, claimed.next_try_at) == (NoticeState.SENDING, 1, None)
    assert the_notice(post) == claimed
    assert post.writer.outbox.claim(on(9)) is None


def test_notices_are_sent_in_the_order_in_which_they_fell_due(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.judge(past_due(planned(address="second@x.example"), planned(address="third@x.example")), on(2))
    ledger.judge(past_due(planned(address="first@x.example")), on(1))

    assert [claim(ledger, on(3)).address.split("@")[0] for _ in range(3)] == ["first", "second", "third"]


def test_an_accepted_notice_says_when(post: Ledger) -> None:
    post.writer.outbox.settle(claim(post, on(0)), ACCEPTED, on(1))

    kept = the_notice(post)
    assert (kept.state, kept.accepted_at, kept.detail) == (NoticeState.ACCEPTED, on(1), "the server said accepted")
    assert post.touched() == {"acme"}
    assert post.writer.outbox.claim(on(99)) is None


def test_a_refused_notice_is_not_tried_again(post: Ledger) -> None:
    post.writer.outbox.settle(claim(post, on(0)), REFUSED, on(0))

    assert (the_notice(post).state, the_notice(post).accepted_at) == (NoticeState.REFUSED, None)
    assert post.writer.outbox.claim(on(99)) is None


def deferred(ledger: Ledger, outcome: Outcome, since: datetime) -> list[timedelta]:
    """The pauses between tries that all end like this, until they end."""
    now, pauses = since, []
    for _ in range(600):
        claimed = claim(ledger, now)
        ledger.writer.outbox.settle(claimed, outcome, now)
        kept = the_notice(ledger)
        assert kept.message_id == claimed.message_id
        if kept.next_try_at is None:
            return pauses
        pauses.append(kept.next_try_at - now)
        assert ledger.writer.outbox.claim(kept.next_try_at - SECOND) is None
        now = kept.next_try_at
    raise AssertionError("it is tried for ever")


@pytest.mark.parametrize(
    ("ours", "least"),
    [pytest.param(False, (15, 30, 45), id="theirs: 15 to 60 minutes"), pytest.param(True, (1, 2, 4, 8, 12), id="ours: sooner")],
)
def test_pauses_between_deferrals_grow_and_end_three_days_after_the_first(
    post: Ledger, ours: bool, least: tuple[int, ...]
) -> None:
    first = on(5)  # it waited for the policy's hours, over a long weekend
    pauses = deferred(post, replace(DEFERRED, ours=ours), first)

    floors = [timedelta(minutes=minutes) for minutes in least] + [timedelta(minutes=least[-1])] * len(pauses)
    assert all(floor <= pause <= floor * 4 / 3 for floor, pause in zip(floors, pauses, strict=False))
    assert len(set(pauses)) > len(pauses) / 2, "each is another, so that what was deferred together comes back apart"
    assert GIVE_UP_AFTER <= sum(pauses, timedelta()) < GIVE_UP_AFTER + timedelta(hours=1)
    assert the_notice(post).state is NoticeState.REFUSED
    assert the_notice(post).detail == "given up after 72 hours; the last answer: the server said deferred"
    assert post.writer.outbox.claim(on(99)) is None


def test_letters_that_were_deferred_together_come_back_apart(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.judge(past_due(*(planned(address=f"{number}@x.example") for number in range(9))), on(0))
    for claimed in [claim(ledger, on(0)) for _ in range(9)]:
        ledger.writer.outbox.settle(claimed, DEFERRED, on(0))

    back = [notice.next_try_at for notice in ledger.facts().notices if notice.next_try_at]

    assert len(set(back)) == 9
    assert max(back) - min(back) > timedelta(minutes=1)


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        pytest.param(7200, timedelta(hours=2), id="two hours: not before"),
        pytest.param(10_000_000, timedelta(hours=4), id="for ever: looked at after four hours all the same"),
    ],
)
def test_whoever_asks_for_a_pause_gets_it(post: Ledger, asked: int, pause: timedelta) -> None:
    post.writer.outbox.settle(claim(post, on(0)), replace(DEFERRED, ours=True, retry_after_seconds=asked), on(0))

    assert the_notice(post).next_try_at == on(0) + pause


def test_a_short_pause_that_is_asked_for_shortens_none(post: Ledger) -> None:
    post.writer.outbox.settle(claim(post, on(0)), replace(DEFERRED, retry_after_seconds=1), on(0))

    next_try_at = the_notice(post).next_try_at
    assert next_try_at is not None
    assert next_try_at >= on(0) + timedelta(minutes=15)


def test_what_staff_sends_again_has_three_days_again(post: Ledger) -> None:
    deferred(post, DEFERRED, on(0))

    post.writer.outbox.resend(the_notice(post).id, on(9))

    assert sum(deferred(post, DEFERRED, on(9)), timedelta()) >= GIVE_UP_AFTER


def test_what_comes_back_after_the_lease_changes_nothing(post: Ledger) -> None:
    late = claim(post, on(0))
    assert post.writer.outbox.recover(on(0) + LEASE) == 1
    second = claim(post, on(0) + 2 * LEASE)
    before = post.dump()

    for outcome in (ACCEPTED, DEFERRED, REFUSED, UNCERTAIN):
        post.writer.outbox.settle(late, outcome, on(1))
    post.writer.outbox.postpone(late, on(9))
    post.writer.outbox.withdraw(late)
    assert post.writer.outbox.name(late, ("in_9",), day(9)) is False

    assert post.dump() == before
    assert post.writer.outbox.name(second, ("in_9",), None) is True


def test_what_is_settled_twice_stays_as_it_was_settled_first(post: Ledger) -> None:
    claimed = claim(post, on(0))
    post.writer.outbox.settle(claimed, ACCEPTED, on(0))
    before = post.dump()

    post.writer.outbox.settle(claimed, REFUSED, on(1))

    assert post.dump() == before


def test_a_sender_that_died_leaves_a_doubt_and_one_more_try(post: Ledger) -> None:
    first = claim(post, on(0))
    assert post.writer.outbox.recover(on(0) + LEASE - SECOND) == 0

    died_at = on(0) + LEASE
    assert post.writer.outbox.recover(died_at) == 1
    assert post.writer.outbox.recover(died_at) == 0
    assert (the_notice(post).state, the_notice(post).next_try_at) == (NoticeState.UNCERTAIN, died_at + LEASE)
    assert post.touched() == {"acme"}

    again = claim(post, died_at + LEASE)
    assert again.message_id == first.message_id
    assert post.writer.outbox.recover(on(1)) == 1

    assert (the_notice(post).state, the_notice(post).next_try_at) == (NoticeState.UNCERTAIN, None)
    assert post.writer.outbox.claim(on(99)) is None


def test_two_doubts_end_the_tries_however_they_arose(post: Ledger) -> None:
    post.writer.outbox.settle(claim(post, on(0)), UNCERTAIN, on(0))
    assert the_notice(post).next_try_at == on(0) + LEASE
    post.writer.outbox.settle(claim(post, on(1)), DEFERRED, on(1))
    post.writer.outbox.settle(claim(post, on(2)), UNCERTAIN, on(2))

    assert (the_notice(post).state, the_notice(post).next_try_at) == (NoticeState.UNCERTAIN, None)


def test_a_second_try_that_is_accepted_ends_the_doubt(post: Ledger) -> None:
    post.writer.outbox.settle(claim(post, on(0)), UNCERTAIN, on(0))
    post.writer.outbox.settle(claim(post, on(1)), ACCEPTED, on(1))

    assert (the_notice(post).state, the_notice(post).accepted_at) == (NoticeState.ACCEPTED, on(1))


def test_what_is_postponed_was_no_attempt(post: Ledger) -> None:
    for hour in range(40):
        now = on(0) + timedelta(hours=hour)
        post.writer.outbox.postpone(claim(post, now), now + timedelta(hours=1))

    kept = the_notice(post)
    assert (kept.state, kept.attempts, kept.next_try_at) == (NoticeState.PLANNED, 0, on(0) + timedelta(hours=40))
    post.writer.outbox.settle(claim(post, on(2)), DEFERRED, on(2))
    assert on(2) + timedelta(minutes=15) <= (the_notice(post).next_try_at or on(2)) < on(2) + timedelta(minutes=20)


def test_a_notice_that_is_no_longer_true_is_withdrawn(post: Ledger) -> None:
    post.writer.outbox.withdraw(claim(post, on(0)))

    assert the_notice(post).state is NoticeState.WITHDRAWN
    assert post.touched() == {"acme"}
    assert post.writer.outbox.claim(on(99)) is None


def test_what_the_letter_names_is_written_before_it_is_sent(post: Ledger) -> None:
    assert post.writer.outbox.name(claim(post, on(0)), ("in_1", "in_2"), day(19))

    assert (the_notice(post).named, the_notice(post).suspend_on) == (("in_1", "in_2"), day(19))


@pytest.mark.parametrize("outcome", [REFUSED, UNCERTAIN], ids=["refused", "uncertain"])
def test_staff_may_ask_for_one_more_try(post: Ledger, outcome: Outcome) -> None:
    claimed = claim(post, on(0))
    post.writer.outbox.settle(claimed, outcome, on(0))
    post.settle_all()

    assert post.writer.outbox.resend(claimed.id, on(5)) is True

    assert post.touched() == {"acme"}
    again = claim(post, on(5))
    assert (again.message_id, again.attempts) == (claimed.message_id, 2)


def test_staff_cannot_send_again_what_was_accepted_or_is_on_its_way(post: Ledger) -> None:
    number = the_notice(post).id
    assert not post.writer.outbox.resend(number, on(0))
    claimed = claim(post, on(0))
    assert not post.writer.outbox.resend(number, on(0))
    post.writer.outbox.settle(claimed, ACCEPTED, on(0))
    before = post.dump()

    assert not post.writer.outbox.resend(number, on(1))
    assert not post.writer.outbox.resend(number + 1, on(1))

    assert post.dump() == before


def test_a_notice_with_the_key_of_another_cannot_exist(post: Ledger) -> None:
    """The database itself refuses it (rule 5)."""
    (row,) = post.rows("notices")
    copy = {name: value for name, value in row.items() if name != "id"} | {"message_id": "<another@x.example>"}

    with pytest.raises(IntegrityError), post.engine.begin() as connection:
        connection.execute(insert(notices).values(**copy))


def test_eight_senders_take_each_of_200_notices_once(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.judge(suspended(notices=tuple(planned(address=f"{number}@customer.example") for number in range(200))), on(0))
    elsewhere = open_engine(ledger.url)
    outboxes = [ledger.writer.outbox, open_writer(elsewhere, message_domain=DOMAIN).outbox] * 4

    def take_all(outbox: object) -> list[int]:
        taken = []
        misses = 0
        while misses < 3:
            notice = outbox.claim(on(0))
            misses = misses + 1 if notice is None else 0
            if notice is not None:
                taken.append(notice.id)
        return taken

    taken = at_once(*(lambda outbox=outbox: take_all(outbox) for outbox in outboxes))
    elsewhere.dispose()

    assert sorted(number for numbers in taken for number in numbers) == sorted(row["id"] for row in ledger.rows("notices"))
    assert {row["attempts"] for row in ledger.rows("notices")} == {1}


CHILD = """
import sys, datetime
from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.writer import open_writer
outbox = open_writer(open_engine(sys.argv[1]), message_domain="gatekeeper.example").outbox
print(outbox.claim(datetime.datetime.fromisoformat(sys.argv[2])).message_id, flush=True)
sys.stdin.read()
"""


def test_a_sender_that_is_killed_leaves_a_row_that_says_so_and_at_most_one_more_copy(post: Ledger) -> None:
    """A process is killed between the claim and the outcome, as often as it is started (case 62)."""
    sent, now = [], on(0)
    for _ in range(4):
        post.writer.outbox.recover(now)
        if the_notice(post).next_try_at is None:
            break
        command = [sys.executable, "-c", CHILD, post.url, now.isoformat()]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            sent.append(child.stdout.readline().strip())
            child.send_signal(signal.SIGKILL)
        assert the_notice(post).state is NoticeState.SENDING
        assert post.writer.outbox.recover(now + LEASE - SECOND) == 0
        now += 2 * LEASE + SECOND
        post.writer.outbox.recover(now - LEASE)

    assert sent == [the_notice(post).message_id] * 2
    assert the_notice(post).state is NoticeState.UNCERTAIN


def test_the_latest_notices_come_first(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.judge(past_due(planned(), planned(Step.WARNING, USER)))

    assert [notice.step for notice in ledger.reader.notices_of("acme")] == [Step.WARNING, Step.REMINDER]
    assert [notice.step for notice in ledger.reader.notices_of(limit=1)] == [Step.WARNING]
    assert ledger.reader.notices_of("else") == []
