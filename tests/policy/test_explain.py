"""Every reason that the policy can give is a whole sentence, with everything in it that the sentence needs."""

import ast
import re
from datetime import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import gatekeeper
from gatekeeper.model import Dispute, Facts, NoticeState, Origin, Reason, Scope, Standing, Step
from gatekeeper.policy.calendar import Hours, Office, Span
from gatekeeper.policy.decide import decide
from gatekeeper.policy.explain import REMEDIES, SENTENCES, Value, sentence
from gatekeeper.policy.rules import LadderStep, Rules, ladder
from gatekeeper.policy.withhold import withhold
from tests.kit.builders import automatic, exemption, facts, invoice, on, promise, reminded, warned
from tests.policy.table import RULES, told

ROOM = Path(gatekeeper.__file__).parent / "policy"

OFFICE = Office(hours=Hours(of_weekday=((0, time(9), time(10)),)), zone=ZoneInfo("UTC"))
OTHER_OFFICE = Office(hours=Hours(of_weekday=((0, time(11), time(12)),)), zone=ZoneInfo("UTC"))
RESTRICTING = Rules(steps=(*ladder()[:2], LadderStep(kind=Step.RESTRICT, name="restrict", after=Span(days=5))))
COURTEOUS = Rules(steps=(LadderStep(kind=Step.COURTESY, name="courtesy", after=Span(days=3)), *ladder()))

# By other rules than the product's own
RULES_OF = {
    "reminder_due": Rules(steps=ladder(reminder=3)),
    "courtesy_now": COURTEOUS,
    "warned_of_restriction": RESTRICTING,
    "restriction_due": RESTRICTING,
    "restricted": RESTRICTING,
    "no_hour_to_close": Rules(closing=(OFFICE, OTHER_OFFICE)),
}

# Said by those who hold a verdict back, or could not reach one: review and its callers
SAID_ELSEWHERE = {"brake", "dry_run", "halted", "undecided", "opened_by_staff", "directory_silent"}
SAID_ELSEWHERE |= {"brake_anomaly", "brake_blind", "brake_clock", "check_cap", "check_anomaly", "check_blind", "check_clock"}

SAID: dict[str, tuple[Facts, float, str]] = {
    "nothing_overdue": (facts(invoices=()), 0, "Nothing is overdue."),
    "owes": (facts(), 0, "5000 eur is overdue since 2026-03-02."),
    "small": (
        facts(invoices=(invoice(remaining_minor=1),)),
        0,
        "Invoice A-1 is overdue, but what is owed is below the threshold.",
    ),
    "too_old": (
        facts(watched_since_at=on(200)),
        0,
        "Invoice A-1 was overdue long before gatekeeper came; a person has to decide about it.",
    ),
    "processing": (facts(invoices=(invoice(processing_since_at=on(0)),)), 0, "A payment of invoice A-1 is on its way."),
    "doubtful": (
        facts(invoices=(invoice(created_at=on(2), number=""),)),
        0,
        "Invoice in_1 has a due date that cannot be meant; correct it in the billing system.",
    ),
    "unmapped": (
        facts(mapped=False),
        0,
        "The billing customer names no account of the product; add the account's id to the customer.",
    ),
    "exempt": (facts(exemptions=(exemption(9),)), 0, "Exempt until 2026-03-11: a good customer (Ann)."),
    "promised": (facts(promises=(promise(9),)), 0, "Bob promised to pay by 2026-03-11."),
    "distrust": (facts(distrust="no answer."), 0, "The billing system cannot be believed at the moment: no answer."),
    "reminder_due": (facts(), 1, "The reminder is due on 2026-03-05."),
    "reminder_now": (facts(), 0, "A reminder is being written to the user."),
    "reminder_under_way": (
        facts(notices=reminded(None)),
        1,
        "The reminder to the user is on its way; it has not been accepted yet.",
    ),
    "reminded": (facts(notices=reminded()), 1, "A reminder went to the user on 2026-03-02."),
    "warning_due": (facts(notices=reminded()), 1, "The warning is due on 2026-03-16."),
    "warning_now": (facts(notices=reminded()), 14, "A warning is being written to the user."),
    "warning_under_way": (
        facts(notices=reminded() + warned(None, planned_at=on(14))),
        15,
        "The warning to the user is on its way; it has not been accepted yet.",
    ),
    "warned": (told(on(15)), 15, "A warning went to the user on 2026-03-16: access ends on 2026-03-21."),
    "unreachable": (
        facts(notices=reminded(state=NoticeState.REFUSED)),
        1,
        "The user cannot be reached: no address, or every message was refused. A person has to call.",
    ),
    "suspension_due": (told(on(15)), 15, "Access will be suspended on 2026-03-21."),
    "retry_scheduled": (
        told(on(19), invoices=(automatic(next_attempt_at=on(20)),)),
        19,
        "The billing system will try to charge again on 2026-03-22; suspension waits for that.",
    ),
    "read_first": (
        told(on(19), read=61),
        19,
        "The invoice has to be read from the billing system again before access may be suspended.",
    ),
    "suspended": (
        told(on(19)),
        19,
        "Everyone was told, the named day has passed, and the invoice is still unpaid: access is suspended.",
    ),
    "uncollectible": (
        facts(invoices=(invoice(status="uncollectible"),)),
        0,
        "Invoice A-1 was written off: no more letters about it, and access stays as it is. It can still be paid.",
    ),
    "disputed": (
        facts(disputes=(Dispute(id="dp_1", opened_at=on(0)),)),
        1,
        "A payment is disputed at its bank (dp_1): no letters and no closing until that is settled.",
    ),
    "exempt_from_suspension": (
        told(on(19), exemptions=(exemption(30, scope=Scope.SUSPENSION),)),
        19,
        "Exempt from suspension until 2026-04-01, not from reminders: a good customer (Ann).",
    ),
    "staff_hold": (
        facts(exemptions=(exemption(9, staff_hold=True, reason="asks for a copy"),)),
        0,
        "Staff is looking into it until 2026-03-11: asks for a copy (Ann).",
    ),
    "promise_broken": (
        told(on(20), promises=(promise(15),)),
        20,
        "The promise of Bob to pay by 2026-03-17 was not kept.",
    ),
    "courtesy_now": (facts(), -2, "A friendly word about invoice A-1, which is about to fall due, is being written."),
    "warned_of_restriction": (
        told(on(15)),
        15,
        "A warning went to the user on 2026-03-16: access is restricted from 2026-03-21.",
    ),
    "in_doubt": (
        facts(notices=reminded(None, state=NoticeState.UNCERTAIN)),
        1,
        "Nobody knows whether the letter to the user arrived. Send it again (`gatekeeper notices resend`), or call.",
    ),
    "restriction_due": (told(on(15)), 15, "Access will be restricted on 2026-03-21."),
    "restricted": (
        told(on(19)),
        19,
        "Everyone was told, the named day has passed, and the invoice is still unpaid: access is restricted.",
    ),
    "no_hour_to_close": (
        told(on(19)),
        19,
        (
            "There is no hour in the next two months at which support is there and it is a day for closing at the customer's: "
            "nothing is closed. Widen product.support_hours, or closing_hours in the policy."
        ),
    ),
    "statement_old": (
        told(on(19), invoices=(invoice(origin=Origin.STATEMENT, read=on(15)),)),
        19,
        "Invoice A-1 is billed elsewhere, and was last heard of on 2026-03-17: import it again before anything is closed.",
    ),
    "would": (facts(), 0, "Would now: reminder to accountant, reminder to user, standing past_due"),
}


def plain(value: Value) -> str:
    return f"{value.minor} {value.currency}" if hasattr(value, "minor") else str(value)


@pytest.mark.parametrize("code", SAID)
def test_a_reason_is_a_sentence(code: str) -> None:
    known, day, said = SAID[code]

    verdict = decide(known, RULES_OF.get(code, RULES), on(day))
    reasons = withhold(verdict, known, Reason(code="dry_run")).reasons

    assert said in [sentence(reason, str, plain) for reason in reasons if reason.code == code]


def test_every_code_in_the_policys_source_is_among_them() -> None:
    written = set()
    for file in ROOM.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch("[a-z_]{3,}", node.value):
                written.add(node.value)

    joined = {"reminder_now", "reminder_under_way", "warning_now", "warning_under_way"}

    assert set(SENTENCES) == set(SAID) | SAID_ELSEWHERE
    assert set(SAID) - joined <= written


def test_a_code_without_a_sentence_cannot_be_said() -> None:
    with pytest.raises(KeyError):
        sentence(Reason(code="because"), str, plain)


def test_sentences_and_audiences_are_translated_and_values_are_shown_by_the_reader() -> None:
    translated = {"A reminder went to the %(audience)s on %(on)s.": "Erinnert am %(on)s: %(audience)s.", "user": "Nutzer"}
    reason = Reason(code="reminded", params=(("audience", "user"), ("on", on(0).date())))

    said = sentence(reason, lambda text: translated.get(text, text), lambda value: f"<{value}>")

    assert said == "Erinnert am <2026-03-02>: Nutzer."


def test_a_percent_sign_in_a_name_is_only_a_sign() -> None:
    reason = Reason(code="promised", params=(("by", "100 %(on)s Ltd"), ("on", on(0).date())))

    assert sentence(reason, str, plain) == "100 %(on)s Ltd promised to pay by 2026-03-02."


def test_every_standing_says_what_would_change_it() -> None:
    assert set(REMEDIES) == set(Standing)
