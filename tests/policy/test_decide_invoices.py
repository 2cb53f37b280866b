"""Several invoices, sums, and what is set aside: the lines of the policy page that are about what is owed."""

from dataclasses import replace

import pytest

from gatekeeper.model import Audience, Invoice, NoticeState, Step
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules
from tests.kit.builders import both, contact, day, facts, invoice, notice, on, reminded, warned
from tests.policy.table import CURRENT, PAST_DUE, REMIND, RESTORE, RULES, SUSPENDED, Row, row, told

YEN = Rules(thresholds_minor={"jpy": 500})


def paid(number: int = 1) -> Invoice:
    return invoice(number, status="paid", remaining_minor=0)


def newer(now: float, **changes: object) -> Invoice:
    """A second invoice, due on day 10 and read at `now`."""
    return invoice(2, due=10, read=on(now), **changes)


PAYMENT = [
    row("payment opens access at once", on(25), told(on(25), standing=SUSPENDED, invoices=(paid(),)), CURRENT, asks=RESTORE),
    row("payment on day 19 prevents suspension", on(19), told(on(19), invoices=(paid(),)), CURRENT, says={"nothing_overdue"}),
    row(
        "a void invoice is owed no longer",
        on(25),
        told(on(25), standing=SUSPENDED, invoices=(invoice(status="void"),)),
        CURRENT,
        asks=RESTORE,
    ),
    row(
        "an open invoice with nothing remaining is settled",
        on(19),
        told(on(19), invoices=(invoice(remaining_minor=0, read=on(19)),)),
        CURRENT,
    ),
    row("a word of status that nobody knows is no debt", on(19), told(on(19), invoices=(invoice(status="frozen"),)), CURRENT),
    row(
        "a paid invoice beside an overdue one changes nothing",
        on(0),
        facts(invoices=(invoice(), paid(2))),
        PAST_DUE,
        asks=REMIND,
    ),
]

OLDER_AND_NEWER = [
    row(
        "an older invoice paid the hour before: the newer one starts with its own reminder (Kill Bill #2297)",
        on(19),
        told(on(19), invoices=(paid(), newer(19))),
        PAST_DUE,
        asks=REMIND,
    ),
    row(
        "a newer invoice that only the warning named starts with its own reminder",
        on(19),
        told(on(19), invoices=(paid(), newer(19)), notices=reminded() + warned(named=("in_1", "in_2"))),
        PAST_DUE,
        asks=REMIND,
    ),
    row(
        "a newer invoice that both notices named goes on",
        on(19),
        told(
            on(19),
            invoices=(paid(), newer(19)),
            notices=reminded(named=("in_1", "in_2")) + warned(named=("in_1", "in_2")),
        ),
        SUSPENDED,
    ),
    row(
        "a newer invoice does not put off what is due for the older one",
        on(19),
        told(on(19), invoices=(invoice(read=on(19)), newer(0))),
        SUSPENDED,
    ),
    row(
        "nor does an older one that nobody was told of",
        on(19),
        told(on(19), invoices=(invoice(2, due=-5), invoice(read=on(19)))),
        SUSPENDED,
    ),
    row(
        "a letter that names an older one as well does not begin the ladder of that one",
        on(1),
        facts(
            contacts=(*both(), contact(Audience.USER, "new@customer.example")),
            invoices=(invoice(2, due=-5), invoice()),
            notices=(
                *reminded()[:1],
                notice(Step.REMINDER, Audience.USER, 0, state=NoticeState.BOUNCED),
                notice(
                    Step.REMINDER, Audience.USER, None, address="new@customer.example", named=("in_2", "in_1"), planned_at=on(1)
                ),
            ),
        ),
        PAST_DUE,
        says={"reminder_under_way"},
    ),
    row(
        "when the older one is paid after suspension, access opens, and the newer one starts with its own reminder",
        on(25),
        told(on(25), standing=SUSPENDED, invoices=(paid(), newer(25))),
        PAST_DUE,
        asks=RESTORE | REMIND,
    ),
    row(
        "an invoice that both notices named keeps access closed when the other is paid",
        on(25),
        told(
            on(25),
            standing=SUSPENDED,
            invoices=(paid(), newer(0)),
            notices=reminded(named=("in_1", "in_2")) + warned(named=("in_1", "in_2")),
        ),
        SUSPENDED,
    ),
    row(
        "nobody is suspended when each was told of another invoice",
        on(40),
        told(
            on(40),
            invoices=(invoice(read=on(40)), newer(40)),
            notices=(
                *(said for kind in (reminded(), warned()) for said in kind[:1]),
                *(said for kind in (reminded(10, named=("in_2",)), warned(24, named=("in_2",))) for said in kind[1:]),
            ),
        ),
        PAST_DUE,
        asks={"reminder to user"},
    ),
    row(
        "a letter that is on its way is waited for, whatever it names: it will name what is overdue when it is sent",
        on(11),
        facts(invoices=(paid(), newer(11)), notices=reminded(None)),
        PAST_DUE,
        says={"reminder_under_way"},
    ),
    row(
        "a letter about the paid invoice that was refused is no reason not to write about the newer one",
        on(11),
        facts(invoices=(paid(), newer(11)), notices=reminded(None, state=NoticeState.REFUSED)),
        PAST_DUE,
        asks=REMIND,
    ),
    row(
        "a revised invoice keeps what was said about the first of its lineage",
        on(19),
        told(on(19), invoices=(invoice(2, due=8, read=on(19), lineage="in_1"),)),
        SUSPENDED,
    ),
    row(
        "a revision with a later due date is not overdue before it",
        on(19),
        told(on(19), invoices=(invoice(2, due=30, read=on(19), lineage="in_1"),)),
        CURRENT,
    ),
]

SUMS = [
    row(
        "a debt below the threshold is left alone",
        on(0),
        facts(invoices=(invoice(remaining_minor=99),)),
        CURRENT,
        says={"small"},
    ),
    row("a debt at the threshold is not", on(0), facts(invoices=(invoice(remaining_minor=100),)), PAST_DUE, asks=REMIND),
    row(
        "small debts add up",
        on(10),
        facts(invoices=(invoice(remaining_minor=60), newer(10, remaining_minor=40))),
        PAST_DUE,
        asks=REMIND,
    ),
    row(
        "currencies are never added",
        on(10),
        facts(invoices=(invoice(remaining_minor=60), newer(10, remaining_minor=60, currency="usd"))),
        CURRENT,
        says={"small"},
    ),
    row(
        "a currency may have a threshold of its own: below it",
        on(0),
        facts(invoices=(invoice(remaining_minor=499, currency="jpy"),)),
        CURRENT,
        rules=YEN,
    ),
    row(
        "a currency may have a threshold of its own: at it",
        on(0),
        facts(invoices=(invoice(remaining_minor=500, currency="jpy"),)),
        PAST_DUE,
        asks=REMIND,
        rules=YEN,
    ),
    row(
        "part payment that leaves thirty cents opens access",
        on(25),
        told(on(25), standing=SUSPENDED, invoices=(invoice(remaining_minor=30),)),
        CURRENT,
        asks=RESTORE,
        says={"small"},
    ),
    row(
        "part payment that leaves more changes nothing",
        on(25),
        told(on(25), standing=SUSPENDED, invoices=(invoice(remaining_minor=100),)),
        SUSPENDED,
    ),
]

SET_ASIDE = [
    row(
        "a due date before the invoice was made is not believed",
        on(0),
        facts(invoices=(invoice(created_at=on(1, seconds=1)),)),
        PAST_DUE,
        says={"doubtful"},
    ),
    row(
        "a due date on the eve of the invoice is, for clocks differ",
        on(0),
        facts(invoices=(invoice(created_at=on(1)),)),
        PAST_DUE,
        asks=REMIND,
    ),
    row(
        "a debt from long before gatekeeper came is left to a person",
        on(0),
        facts(watched_since_at=on(120, seconds=1)),
        CURRENT,
        says={"too_old"},
    ),
    row("a younger one is not", on(0), facts(watched_since_at=on(120)), PAST_DUE, asks=REMIND),
]


@pytest.mark.parametrize("line", PAYMENT + OLDER_AND_NEWER + SUMS + SET_ASIDE)
def test_what_is_owed(line: Row) -> None:
    line.check()


def test_a_letter_names_everything_that_is_overdue_the_oldest_first() -> None:
    known = facts(invoices=(invoice(2, due=5), invoice(1), invoice(3, due=30), paid(4), invoice(5, due=5)))

    verdict = decide(known, RULES, on(6))

    assert {letter.named for letter in verdict.notices} == {("in_1", "in_2", "in_5")}


def test_a_repeated_step_is_a_new_occasion() -> None:
    known = told(on(22), invoices=(invoice(processing_ended_at=on(21)),))

    verdict = decide(known, RULES, on(22))

    assert {(letter.occasion, letter.suspend_on) for letter in verdict.notices} == {(2, day(27))}


def test_the_order_in_which_facts_are_known_changes_nothing() -> None:
    known = told(on(40), invoices=(invoice(1), invoice(2), invoice(3)), notices=(*reminded(named=("in_3",)), *reminded()))
    turned = replace(known, invoices=known.invoices[::-1], contacts=known.contacts[::-1], notices=known.notices[::-1])

    assert decide(turned, RULES, on(40)) == decide(known, RULES, on(40))


def test_every_currency_is_said_by_itself() -> None:
    known = facts(invoices=(invoice(), invoice(2, currency="usd", remaining_minor=700), invoice(3, remaining_minor=1)))

    owed = [dict(reason.params)["total"] for reason in decide(known, RULES, on(0)).reasons if reason.code == "owes"]

    assert [(total.minor, total.currency) for total in owed] == [(5001, "eur"), (700, "usd")]


def test_a_second_restoration_of_a_case_is_a_new_occasion() -> None:
    said = notice(Step.RESTORED, Audience.USER, 30, named=())
    known = told(on(40), standing=SUSPENDED, invoices=(paid(),), notices=(*reminded(), *warned(), said))

    assert {letter.occasion for letter in decide(known, RULES, on(40)).notices} == {2}
