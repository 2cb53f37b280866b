"""The ladder as customers are told of it. One row is one line of the policy page; each boundary has a row on either side."""

from dataclasses import replace

import pytest

from gatekeeper.model import Audience, NoticeState, Step
from gatekeeper.policy.rules import Rules, ladder
from tests.kit.builders import ACCOUNTANT, automatic, both, contact, day, facts, invoice, notice, on, reminded, warned
from tests.policy.table import CURRENT, PAST_DUE, REMIND, RESTORE, SUSPENDED, WARN, Row, half_told, row, told

TO_BOTH = both()
ONLY_ACCOUNTANT = (contact(Audience.ACCOUNTANT),)
TELL_THE_ACCOUNTANT = {"unreachable to accountant"}

PATIENT = Rules(steps=ladder(reminder=3))

REMINDER = [
    row("nothing is said before the due date", on(0, seconds=-1), facts(), CURRENT, says={"nothing_overdue"}),
    row("a reminder goes to both on the due date", on(0), facts(), PAST_DUE, asks=REMIND, says={"owes", "reminder_now"}),
    row("a policy may wait some days with it", on(3, seconds=-1), facts(), PAST_DUE, says={"reminder_due"}, rules=PATIENT),
    row("and then it goes to both", on(3), facts(), PAST_DUE, asks=REMIND, rules=PATIENT),
    row("a late look still begins with a reminder", on(60), facts(), PAST_DUE, asks=REMIND),
    row(
        "whoever was reminded is not reminded again",
        on(1),
        facts(notices=reminded()[:1]),
        PAST_DUE,
        asks={"reminder to user"},
        says={"reminded", "reminder_now"},
    ),
    row("a reminder on its way is waited for", on(1), facts(notices=reminded(None)), PAST_DUE, says={"reminder_under_way"}),
    row(
        "a reminder that was put off by the mail server is waited for",
        on(1),
        facts(notices=reminded(None, state=NoticeState.DEFERRED)),
        PAST_DUE,
        says={"reminder_under_way"},
    ),
    row(
        "a reminder that may or may not have arrived is not written again by itself",
        on(1),
        facts(notices=reminded(None, state=NoticeState.UNCERTAIN)),
        PAST_DUE,
        says={"in_doubt"},
    ),
    row(
        "but its one repetition is waited for",
        on(1),
        facts(notices=reminded(None, state=NoticeState.UNCERTAIN, next_try_at=on(1.01))),
        PAST_DUE,
        says={"reminder_under_way"},
    ),
    row(
        "a withdrawn reminder is written again",
        on(1),
        facts(notices=reminded(None, state=NoticeState.WITHDRAWN)),
        PAST_DUE,
        asks=REMIND,
    ),
    row(
        "one address that is both audiences gets one letter",
        on(0),
        facts(
            contacts=(contact(Audience.USER, "Owner@customer.example"), contact(Audience.ACCOUNTANT, "owner@customer.example "))
        ),
        PAST_DUE,
        asks={"reminder to accountant+user"},
    ),
    row(
        "an accountant who becomes the user as well is told as the user too",
        on(1),
        facts(contacts=tuple(contact(audience, ACCOUNTANT) for audience in Audience), notices=reminded()[:1]),
        PAST_DUE,
        asks={"reminder to accountant+user"},
    ),
    row(
        "but not while a letter to that address is on its way",
        on(1),
        facts(contacts=tuple(contact(audience, ACCOUNTANT) for audience in Audience), notices=reminded(None)[:1]),
        PAST_DUE,
    ),
    row(
        "every accountant gets the letter",
        on(0),
        facts(contacts=(*TO_BOTH, contact(Audience.ACCOUNTANT, "deputy@customer.example"))),
        PAST_DUE,
        asks=REMIND,
    ),
    row(
        "an address that is empty is no address",
        on(0),
        facts(contacts=(contact(Audience.ACCOUNTANT), contact(Audience.USER, " "))),
        PAST_DUE,
        asks={"reminder to accountant", *TELL_THE_ACCOUNTANT},
        says={"unreachable"},
    ),
]

UNREACHABLE = [
    row(
        "a user without an address is said so at once",
        on(0),
        facts(contacts=ONLY_ACCOUNTANT),
        PAST_DUE,
        asks={"reminder to accountant", *TELL_THE_ACCOUNTANT},
        says={"unreachable"},
    ),
    row(
        "a user without an address blocks the warning",
        on(50),
        facts(contacts=ONLY_ACCOUNTANT, notices=reminded()[:1]),
        PAST_DUE,
        asks=TELL_THE_ACCOUNTANT,
        says={"reminded", "unreachable"},
    ),
    row(
        "a user without an address blocks suspension",
        on(50),
        half_told(on(50), Step.WARNING, Audience.USER, state=NoticeState.REFUSED),
        PAST_DUE,
        asks=TELL_THE_ACCOUNTANT,
        says={"warned", "unreachable"},
    ),
    row(
        "a refused notice does not count, and is not tried at the same address again",
        on(14),
        facts(notices=reminded()[:1] + reminded(state=NoticeState.REFUSED)[1:]),
        PAST_DUE,
        asks=TELL_THE_ACCOUNTANT,
        says={"unreachable"},
    ),
    row(
        "a bounced reminder takes its count away",
        on(20),
        half_told(on(20), Step.REMINDER, Audience.USER, state=NoticeState.BOUNCED),
        PAST_DUE,
        asks=TELL_THE_ACCOUNTANT,
        says={"unreachable"},
    ),
    row(
        "a new address of a user who could not be reached is written to",
        on(3),
        facts(
            contacts=(contact(Audience.ACCOUNTANT), contact(Audience.USER, "new@customer.example")),
            notices=reminded()[:1] + reminded(state=NoticeState.REFUSED)[1:],
        ),
        PAST_DUE,
        asks={"reminder to user"},
    ),
    row(
        "one of two users who was told is enough",
        on(13),
        facts(
            contacts=(*TO_BOTH, contact(Audience.USER, "gone@customer.example")),
            notices=(
                *reminded(),
                notice(Step.REMINDER, Audience.USER, 0, state=NoticeState.REFUSED, address="gone@customer.example"),
            ),
        ),
        PAST_DUE,
        says={"warning_due"},
    ),
]

WARNING = [
    row("no warning a second before two weeks", on(14, seconds=-1), facts(notices=reminded()), PAST_DUE, says={"warning_due"}),
    row(
        "the warning goes to both after two weeks", on(14), facts(notices=reminded()), PAST_DUE, asks=WARN, says={"warning_now"}
    ),
    row(
        "the warning waits for two weeks after the last of both was reminded",
        on(17, seconds=-1),
        facts(notices=reminded()[:1] + reminded(3)[1:]),
        PAST_DUE,
        says={"warning_due"},
    ),
    row("then it goes to both", on(17), facts(notices=reminded()[:1] + reminded(3)[1:]), PAST_DUE, asks=WARN),
    row(
        "two weeks count from the acceptance, not from the planning",
        on(14),
        facts(notices=reminded(1, planned_at=on(0))),
        PAST_DUE,
    ),
    row(
        "an outage of two months is followed by the warning, nothing more",
        on(60),
        facts(notices=reminded()),
        PAST_DUE,
        asks=WARN,
    ),
    row(
        "a warning on its way is waited for",
        on(15),
        facts(notices=reminded() + warned(None, planned_at=on(14))),
        PAST_DUE,
        says={"warning_under_way"},
    ),
    row(
        "a warning to one of both is not enough",
        on(40),
        facts(notices=reminded() + warned()[:1]),
        PAST_DUE,
        asks={"warning to user"},
        says={"warned"},
    ),
    row(
        "a warning that came a second too soon after the reminder does not count",
        on(40),
        facts(notices=reminded() + warned(accepted_at=on(14, seconds=-1))),
        PAST_DUE,
        asks=WARN,
    ),
    row(
        "a warning of another invoice does not count",
        on(40),
        facts(notices=reminded() + warned(named=("in_9",))),
        PAST_DUE,
        asks=WARN,
    ),
]

SUSPENSION = [
    row("no suspension a second before five days", on(19, seconds=-1), told(on(19)), PAST_DUE, says={"suspension_due"}),
    row(
        "access is suspended five days after the warning",
        on(19),
        told(on(19)),
        SUSPENDED,
        says={"owes", "reminded", "warned", "suspended"},
    ),
    row(
        "no suspension before the named day has begun, even when five days have passed",
        on(20, seconds=-9 * 3600 - 1),
        told(on(19), notices=reminded() + warned(suspend_on=day(20))),
        PAST_DUE,
        says={"suspension_due"},
    ),
    row(
        "the named day begins at its midnight",
        on(20, seconds=-9 * 3600),
        told(on(20, seconds=-9 * 3600), notices=reminded() + warned(suspend_on=day(20))),
        SUSPENDED,
    ),
    row(
        "five days count from the last of both warnings",
        on(22, seconds=-1),
        told(on(22), notices=reminded() + warned()[:1] + warned(17)[1:]),
        PAST_DUE,
        says={"suspension_due"},
    ),
    row("then access is suspended", on(22), told(on(22), notices=reminded() + warned()[:1] + warned(17)[1:]), SUSPENDED),
    row(
        "nor before any day that a letter of this case named",
        on(19),
        told(on(19), notices=(*reminded(), *warned(), *warned(15, occasion=2))),
        PAST_DUE,
        says={"suspension_due"},
    ),
    row(
        "not even a letter of which nobody knows whether it arrived",
        on(19),
        told(on(19), notices=(*reminded(), *warned(), *warned(15, occasion=2, state=NoticeState.UNCERTAIN))),
        PAST_DUE,
        says={"suspension_due"},
    ),
    row("a reading of a minute ago is fresh", on(19), told(on(19), read=60), SUSPENDED),
    row("no suspension on a reading that is older than a minute", on(19), told(on(19), read=61), PAST_DUE, says={"read_first"}),
    row("no suspension on a reading of tomorrow", on(19), told(on(19), read=-1), PAST_DUE, says={"read_first"}),
    row("who is suspended stays so on an old reading", on(90), told(on(19), standing=SUSPENDED), SUSPENDED, says={"suspended"}),
    row(
        "a warning that bounces later opens access, for nobody knows that it was read",
        on(20),
        replace(half_told(on(20), Step.WARNING, Audience.USER, state=NoticeState.BOUNCED), standing=SUSPENDED),
        PAST_DUE,
        asks=RESTORE | TELL_THE_ACCOUNTANT,
        says={"unreachable"},
    ),
]

RETRIES = [
    row(
        "a charge that will be tried again is waited for",
        on(21, seconds=-1),
        told(on(21), invoices=(automatic(read=on(21), next_attempt_at=on(21)),)),
        PAST_DUE,
        says={"retry_scheduled"},
    ),
    row(
        "when its time has come it is waited for no longer",
        on(21),
        told(on(21), invoices=(automatic(read=on(21), next_attempt_at=on(21)),)),
        SUSPENDED,
    ),
    row(
        "a charge of another invoice is not waited for",
        on(19),
        told(on(19), invoices=(invoice(read=on(19)), automatic(2, next_attempt_at=on(30)))),
        SUSPENDED,
    ),
]


@pytest.mark.parametrize("line", REMINDER + UNREACHABLE + WARNING + SUSPENSION + RETRIES)
def test_the_ladder(line: Row) -> None:
    line.check()
