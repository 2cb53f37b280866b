"""Holds, distrust and staff: what keeps an account from climbing, and what comes after."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from gatekeeper.model import Dispute, Facts, Scope, Standing, Step
from gatekeeper.policy.calendar import Span, end_of_day, start_of_day
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import LadderStep, Rules, ladder
from tests.kit.builders import day, exemption, facts, invoice, on, promise, reminded, warned
from tests.policy.table import CONFIRM, CURRENT, PAST_DUE, REMIND, RESTORE, RULES, SUSPENDED, WARN, Row, row, told

MIDNIGHT = 15 * 3600
MORNING = MIDNIGHT + 8 * 3600  # of the next day
RESTRICTED_FIRST = (
    LadderStep(kind=Step.WARNING, name="first-warning", after=Span(days=14)),
    LadderStep(kind=Step.RESTRICT, name="restrict", after=Span(days=5)),
)
BOTH = Rules(steps=(ladder()[0], *RESTRICTED_FIRST, *ladder(warning=7)[1:]))
KIRITIMATI = Rules(time_zone=ZoneInfo("Pacific/Kiritimati"))


def warned_of_both(now: float, standing: Standing, **changes: object) -> Facts:
    """Restricted on day 19, warned of suspension on day 26."""
    letters = reminded() + warned(14, closes=Step.RESTRICT) + warned(26, closes=Step.SUSPEND)
    return told(on(now), notices=letters, standing=standing, standing_since_at=on(19), **changes)


def warned_again(accepted: float) -> Facts:
    return told(on(accepted + 5), promises=(promise(24),), notices=reminded() + warned() + warned(accepted, occasion=2))


EXEMPT = [
    row(
        "an exempt account is neither written to nor suspended",
        on(0),
        facts(exemptions=(exemption(30),)),
        PAST_DUE,
        says={"exempt"},
    ),
    row("even when everything was told", on(19), told(on(19), exemptions=(exemption(30),)), PAST_DUE, says={"exempt"}),
    row(
        "exemption opens access",
        on(19),
        told(on(19), standing=SUSPENDED, exemptions=(exemption(30),)),
        PAST_DUE,
        asks=RESTORE,
        says={"exempt"},
    ),
    row(
        "an exemption lasts to the end of its last day",
        on(30, seconds=MIDNIGHT - 1),
        told(on(30), exemptions=(exemption(30),)),
        PAST_DUE,
        says={"exempt"},
    ),
    row(
        "when it has ended at midnight nothing happens at night",
        on(30, seconds=MORNING - 1),
        told(on(30, seconds=MORNING - 1), exemptions=(exemption(30),)),
        PAST_DUE,
        says={"warning_due"},
    ),
    row(
        "in the morning a fresh warning comes first",
        on(30, seconds=MORNING),
        told(on(30, seconds=MORNING), exemptions=(exemption(30),)),
        PAST_DUE,
        asks=WARN,
    ),
    row(
        "one that staff ended is over", on(20), told(on(20), exemptions=(exemption(30, ended_at=on(20)),)), PAST_DUE, asks=WARN
    ),
    row(
        "one that ended before the warning was written leaves it its force",
        on(19),
        told(on(19), exemptions=(exemption(30, ended_at=on(13)),)),
        SUSPENDED,
    ),
    row(
        "that staff tidies up a lapsed one later changes nothing",
        on(19),
        told(on(19), exemptions=(exemption(10, ended_at=on(18)),)),
        SUSPENDED,
    ),
    row(
        "one from suspension alone opens access, and lifts a restriction as well",
        on(32),
        warned_of_both(32, SUSPENDED, exemptions=(exemption(40, scope=Scope.SUSPENSION),)),
        PAST_DUE,
        asks=RESTORE,
        says={"exempt_from_suspension"},
        rules=BOTH,
    ),
    row("an exemption may be for ever", on(19), told(on(19), exemptions=(exemption(0, until_on=date.max),)), PAST_DUE),
    row("an exemption is no debt", on(-1), facts(exemptions=(exemption(30),)), CURRENT),
]

PROMISED = [
    row(
        "a promise holds the ladder, and is confirmed in writing",
        on(19),
        told(on(19), promises=(promise(24),)),
        PAST_DUE,
        asks=CONFIRM,
        says={"promised"},
    ),
    row(
        "a promise opens access",
        on(20),
        told(on(20), standing=SUSPENDED, promises=(promise(24),)),
        PAST_DUE,
        asks=RESTORE | CONFIRM,
    ),
    row(
        "a promise is good to the end of its day",
        on(24, seconds=MIDNIGHT - 1),
        told(on(24), promises=(promise(24),)),
        PAST_DUE,
        asks=CONFIRM,
        says={"promised"},
    ),
    row(
        "a broken promise: a fresh warning naming a new day",
        on(24, seconds=MORNING),
        told(on(24, seconds=MORNING), promises=(promise(24),)),
        PAST_DUE,
        asks=WARN,
        says={"promise_broken"},
    ),
    row("then nothing before that day", on(30, seconds=-1), warned_again(25), PAST_DUE, says={"suspension_due"}),
    row("then suspension", on(30), warned_again(25), SUSPENDED),
    row(
        "a warning that was written before the promise ended does not count, whenever it was accepted",
        on(40),
        told(on(40), promises=(promise(24),), notices=reminded() + warned(25, planned_at=on(24))),
        PAST_DUE,
        asks=WARN,
    ),
    row(
        "nor does it stand in the way of the fresh one while it is on its way",
        on(25),
        told(on(25), promises=(promise(24),), notices=reminded() + warned(None, planned_at=on(14))),
        PAST_DUE,
        asks=WARN,
    ),
    row(
        "of two holds the longer one counts",
        on(26),
        told(on(26), promises=(promise(24),), exemptions=(exemption(28),)),
        PAST_DUE,
        says={"exempt"},
    ),
]

ON_ITS_WAY = [
    row(
        "payment on its way opens access",
        on(25),
        told(on(25), standing=SUSPENDED, invoices=(invoice(processing_since_at=on(25)),)),
        PAST_DUE,
        asks=RESTORE,
        says={"processing"},
    ),
    row(
        "while a payment is on its way nobody is written to",
        on(14, seconds=-1),
        facts(invoices=(invoice(processing_since_at=on(0)),)),
        PAST_DUE,
        says={"processing"},
    ),
    row(
        "a payment that takes longer than two weeks is waited for no longer",
        on(14),
        facts(invoices=(invoice(processing_since_at=on(0)),)),
        PAST_DUE,
        asks=REMIND,
    ),
    row(
        "a payment that failed is followed by a new warning",
        on(22),
        told(on(22), invoices=(invoice(read=on(22), processing_ended_at=on(21)),)),
        PAST_DUE,
        asks=WARN,
    ),
    row(
        "the new warning names a new day, and suspension waits for it",
        on(27, seconds=-1),
        told(
            on(27),
            invoices=(invoice(read=on(27), processing_ended_at=on(21)),),
            notices=reminded() + warned() + warned(22, occasion=2),
        ),
        PAST_DUE,
        says={"suspension_due"},
    ),
    row(
        "a payment that failed before anybody looked opens access like one that is on its way, and leaves no restriction",
        on(32),
        warned_of_both(32, SUSPENDED, invoices=(invoice(read=on(32), processing_ended_at=on(31)),)),
        PAST_DUE,
        asks=RESTORE | WARN,
        rules=BOTH,
    ),
    row(
        "a dispute that is over leaves a restriction, and only the warning of the suspension is repeated",
        on(28),
        warned_of_both(28, Standing.RESTRICTED, disputes=(Dispute(id="dp_1", opened_at=on(27), closed_at=on(28)),)),
        Standing.RESTRICTED,
        asks=WARN,
        rules=BOTH,
    ),
    row(
        "a payment of one invoice does not hold the other",
        on(19),
        told(on(19), invoices=(invoice(read=on(19)), invoice(2, processing_since_at=on(12)))),
        SUSPENDED,
    ),
    row(
        "nor does its failing open access for the other",
        on(25),
        told(on(25), standing=SUSPENDED, invoices=(invoice(), invoice(2, processing_ended_at=on(24)))),
        SUSPENDED,
    ),
]

STAFF = [
    row(
        "an account that staff opened is warned afresh",
        on(20),
        told(on(20), standing=SUSPENDED, reopened_at=on(20)),
        PAST_DUE,
        asks=RESTORE | WARN,
    ),
    row(
        "and suspended on the new day",
        on(25),
        told(on(25), reopened_at=on(20), notices=reminded() + warned() + warned(20, occasion=2)),
        SUSPENDED,
    ),
    row(
        "a clock that was set back does not undo what staff did, and asks for nothing",
        on(19),
        told(on(19), standing=SUSPENDED, reopened_at=on(20)),
        PAST_DUE,
        asks=RESTORE,
        says={"warning_due"},
    ),
    row(
        "a restricted account that staff opened is open, also when it was warned of suspension since",
        on(27),
        warned_of_both(27, Standing.RESTRICTED, reopened_at=on(27)),
        PAST_DUE,
        asks=RESTORE | WARN,
        rules=BOTH,
    ),
    row(
        "a suspended account that staff opened is not even restricted",
        on(32),
        warned_of_both(32, SUSPENDED, reopened_at=on(32)),
        PAST_DUE,
        asks=RESTORE | WARN,
        rules=BOTH,
    ),
    row(
        "a customer that names no account is not judged",
        on(19),
        told(on(19), mapped=False),
        PAST_DUE,
        says={"unmapped"},
    ),
]

DISTRUST = [
    row("nobody is written to while Stripe is not believed", on(0), facts(distrust="401"), CURRENT, says={"distrust"}),
    row("nobody is suspended while Stripe is not believed", on(19), told(on(19), distrust="401"), PAST_DUE, says={"distrust"}),
    row(
        "suspended stays suspended while Stripe is not believed",
        on(25),
        told(on(25), standing=SUSPENDED, distrust="401"),
        SUSPENDED,
        says={"suspended"},
    ),
    row(
        "payment opens access also while Stripe is not believed",
        on(25),
        told(on(25), standing=SUSPENDED, distrust="401", invoices=(invoice(status="paid", remaining_minor=0),)),
        CURRENT,
        asks=RESTORE,
    ),
    row(
        "so does payment of the only invoice that they were told of",
        on(25),
        told(
            on(25),
            standing=SUSPENDED,
            distrust="401",
            invoices=(invoice(status="paid", remaining_minor=0), invoice(2, due=20)),
        ),
        PAST_DUE,
        asks=RESTORE,
        says={"distrust"},
    ),
]


@pytest.mark.parametrize("line", EXEMPT + PROMISED + ON_ITS_WAY + STAFF + DISTRUST)
def test_what_holds_the_ladder(line: Row) -> None:
    line.check()


@pytest.mark.parametrize(
    ("known", "now", "review_at"),
    [
        pytest.param(facts(), on(-1), on(0), id="not yet due: at the due date"),
        pytest.param(facts(notices=reminded()), on(1), on(14), id="reminded: when the warning is due"),
        pytest.param(told(on(15)), on(15), on(19), id="warned: when suspension is due"),
        pytest.param(told(on(19), read=61), on(19), on(19), id="to be read first: at once"),
        pytest.param(facts(promises=(promise(24),)), on(1), on(24, seconds=MIDNIGHT), id="promised: when the day is over"),
        pytest.param(facts(distrust="401"), on(1), on(1, seconds=600), id="not believed: in ten minutes"),
        pytest.param(facts(notices=reminded(None)), on(1), None, id="a letter on its way: when it has arrived"),
        pytest.param(
            facts(notices=reminded(None), invoices=(invoice(), invoice(2, due=9))), on(1), on(9), id="the next invoice"
        ),
        pytest.param(
            facts(invoices=(invoice(processing_since_at=on(1)), invoice(2, due=9))),
            on(1),
            on(9),
            id="before a payment's time is up",
        ),
        pytest.param(facts(invoices=(invoice(processing_since_at=on(1)),)), on(1), on(15), id="a payment's time is up"),
        pytest.param(told(on(19), standing=SUSPENDED), on(19), None, id="suspended: when something happens"),
        pytest.param(facts(invoices=()), on(0), None, id="nothing owed: when something happens"),
    ],
)
def test_the_account_is_looked_at_again_when_time_alone_changes_the_answer(
    known: Facts, now: datetime, review_at: datetime | None
) -> None:
    assert decide(known, RULES, now).review_at == review_at


def test_days_are_those_of_the_products_time_zone() -> None:
    """On day 14 at 09:00 UTC it is 23:00 in Kiritimati; at 11:00 the next day has begun."""
    early, late = on(14), on(14, seconds=2 * 3600)

    named = {decide(facts(notices=reminded()), KIRITIMATI, now).notices[0].suspend_on for now in (early, late)}

    assert named == {day(19), day(20)}


@pytest.mark.parametrize("zone", ["UTC", "America/Santiago", "Africa/Cairo", "America/Havana", "Pacific/Kiritimati"])
def test_a_day_ends_where_the_next_begins_also_where_midnight_is_skipped(zone: str) -> None:
    days = [date.fromordinal(number) for number in range(date(2024, 1, 1).toordinal(), date(2028, 1, 1).toordinal())]

    starts = [start_of_day(found, ZoneInfo(zone)) for found in days]

    assert starts == sorted(set(starts))
    assert [start.astimezone(ZoneInfo(zone)).date() for start in starts] == days
    assert [end_of_day(found, ZoneInfo(zone)) for found in days[:-1]] == starts[1:]
    assert {start.tzinfo for start in starts} == {UTC}


@pytest.mark.parametrize("standing", [Standing.SUSPENDED, Standing.RESTRICTED])
def test_whoever_is_let_in_again_is_told_so(standing: Standing) -> None:
    known = facts(standing=standing, case_id=1, invoices=())

    assert [letter.step for letter in decide(known, RULES, on(1)).notices] == ["restored", "restored"]


def test_whoever_was_not_locked_out_hears_nothing_of_being_let_in() -> None:
    assert decide(facts(standing=PAST_DUE, case_id=1, invoices=()), RULES, on(1)).notices == ()
