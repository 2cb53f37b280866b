"""The friendly word before the due date: once an invoice, to who owes nothing overdue, and never too late."""

from dataclasses import replace
from typing import Any

import pytest

from gatekeeper.model import Dispute, NoticeState, Origin, Standing, Step
from gatekeeper.policy.decide import decide
from gatekeeper.policy.sending import content_now, read_first
from tests.kit.builders import exemption, facts, invoice, notice, on, promise
from tests.policy.documents import COURTESY, LADDER, read
from tests.policy.table import Row, row

RULES = read({"steps": [COURTESY, *LADDER]}).rules
TWICE = read({"steps": [COURTESY | {"name": "early", "before": "5 days"}, COURTESY | {"before": "1 day"}, *LADDER]}).rules
COURTESIES = {"courtesy to accountant", "courtesy to user"}
CURRENT, PAST_DUE = Standing.CURRENT, Standing.PAST_DUE


def said(day: float, name: str = "courtesy", **changes: Any) -> Any:
    about = {"case_id": None, "name": name} | changes
    return tuple(notice(Step.COURTESY, audience, day, **about) for audience in RULES.audiences)


@pytest.mark.parametrize(
    "expected",
    [
        row("four days before nothing is said", on(-4), facts(), CURRENT, rules=RULES),
        row("three days before it is", on(-3), facts(), CURRENT, asks=COURTESIES, says={"courtesy_now"}, rules=RULES),
        row("also later, if nobody was there", on(-0.01), facts(), CURRENT, asks=COURTESIES, rules=RULES),
        row("once", on(-2), facts(notices=said(-3), standing=CURRENT), CURRENT, rules=RULES),
        row("once, though it was refused", on(-2), facts(notices=said(-3, state=NoticeState.REFUSED)), CURRENT, rules=RULES),
        row(
            "again if it was never sent",
            on(-2), facts(notices=said(-3, state=NoticeState.WITHDRAWN)), CURRENT, asks=COURTESIES, rules=RULES,
        ),
        row("of two the later stands for both", on(-1), facts(), CURRENT, asks=COURTESIES, rules=TWICE),
        row("the second comes too", on(-1), facts(notices=said(-5, "early")), CURRENT, asks=COURTESIES, rules=TWICE),
        row("the first does not come after the second", on(-0.5), facts(notices=said(-1)), CURRENT, rules=TWICE),
        row("not about what is charged by itself", on(-2), facts(invoices=(invoice(automatic=True),)), CURRENT, rules=RULES),
        row("not about small sums", on(-2), facts(invoices=(invoice(remaining_minor=60),)), CURRENT, rules=RULES),
        row(
            "not to who got the invoice itself a moment ago",
            on(-2), facts(invoices=(invoice(created_at=on(-2.5), finalized_at=on(-2.5)),)), CURRENT, rules=RULES,
        ),
        row(
            "not to who is past due already",
            on(1), facts(invoices=(invoice(), invoice(2, due=3))), PAST_DUE,
            asks={"reminder to accountant", "reminder to user"}, rules=RULES,
        ),
        row("not in a dispute", on(-2), facts(disputes=(Dispute(id="dp", opened_at=on(-9)),)), CURRENT, rules=RULES),
        row("not to who is exempt", on(-2), facts(exemptions=(exemption(9),)), CURRENT, rules=RULES),
        row("not to who has promised", on(-2), facts(promises=(promise(9),)), CURRENT, rules=RULES),
        row("not on doubtful word", on(-2), facts(distrust="no answer"), CURRENT, rules=RULES),
    ],
)  # fmt: skip
def test_a_courtesy(expected: Row) -> None:
    expected.check()


def test_a_courtesy_is_looked_for_in_time() -> None:
    assert decide(facts(), RULES, on(-9)).review_at == on(-3)
    assert decide(facts(notices=said(-3)), RULES, on(-2)).review_at == on(0)


def test_one_letter_names_all_that_falls_due_soon_and_a_later_invoice_gets_its_own() -> None:
    soon = facts(invoices=(invoice(1), invoice(2, due=1), invoice(3, due=9)))
    first = decide(soon, RULES, on(-2))
    later = decide(replace(soon, notices=said(-2, named=("in_1", "in_2")), invoices=soon.invoices[1:]), RULES, on(6))

    assert {letter.named for letter in first.notices} == {("in_1", "in_2")}
    assert later.standing is PAST_DUE
    assert {letter.named for letter in decide(replace(soon, invoices=soon.invoices[2:]), RULES, on(6)).notices} == {("in_3",)}


def test_a_courtesy_that_is_late_is_no_longer_true() -> None:
    asked = said(None, state=NoticeState.PLANNED, planned_at=on(-3))[0]
    known = facts(notices=(asked,), standing=CURRENT, case_id=None)

    assert content_now(asked, known, RULES, on(-1)) is not None
    assert content_now(asked, known, RULES, on(0)) is None
    assert content_now(asked, replace(known, invoices=()), RULES, on(-1)) is None
    assert content_now(asked, replace(known, promises=(promise(9),)), RULES, on(-1)) is None


def test_what_is_billed_elsewhere_is_never_asked_of_the_billing_system() -> None:
    asked = said(None, state=NoticeState.PLANNED, planned_at=on(-3), named=("in_1", "in_2"))[0]
    elsewhere = invoice(2, due=1, origin=Origin.STATEMENT)
    known = facts(notices=(asked,), standing=CURRENT, case_id=None, invoices=(invoice(), elsewhere))

    assert read_first(asked, known, RULES, on(-1)) == ("in_1",)
