"""When an invoice is overdue: each row of the table that Stripe does not have, and dates that nobody can have meant."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatekeeper.model import Invoice
from gatekeeper.policy.overdue import debts, in_process, is_doubtful, overdue_from
from gatekeeper.policy.rules import Rules
from tests.kit.builders import automatic, facts, invoice, on

RULES = Rules()


def row(sentence: str, claim: Invoice, overdue: datetime | None) -> Any:
    return pytest.param(claim, overdue, id=sentence)


@pytest.mark.parametrize(
    ("claim", "overdue"),
    [
        row("a draft is no debt", invoice(status="draft"), None),
        row("a paid invoice is no debt", invoice(status="paid"), None),
        row("a void invoice is no debt", invoice(status="void"), None),
        row("an uncollectible invoice is no debt", invoice(status="uncollectible"), None),
        row("a deleted draft is no debt", invoice(status="deleted"), None),
        row("open with nothing remaining is no debt", invoice(remaining_minor=0), None),
        row("open and overpaid is no debt", invoice(remaining_minor=-1), None),
        row("a due date is the date", invoice(due=3), on(3)),
        row("also of an automatic invoice, whatever was tried", automatic(due_at=on(3), attempted=False), on(3)),
        row("sent without a due date: from its finalisation", invoice(due_at=None, finalized_at=on(-2)), on(-2)),
        row("sent, and never finalised by the record: from its creation", invoice(due_at=None, finalized_at=None), on(-14)),
        row("automatic and not yet tried: not yet", automatic(attempted=False), None),
        row("automatic and the first of a subscription: never", automatic(billing_reason="subscription_create"), None),
        row("automatic, tried and still open: after the grace", automatic(), on(3)),
        row("automatic, tried, of a later period: after the grace", automatic(billing_reason="subscription_cycle"), on(3)),
        row("automatic, with retries to come: after the grace all the same", automatic(next_attempt_at=on(9)), on(3)),
    ],
)
def test_when_an_invoice_is_overdue(claim: Invoice, overdue: datetime | None) -> None:
    assert overdue_from(claim, RULES) == overdue


def test_the_grace_of_automatic_invoices_is_the_policys() -> None:
    assert overdue_from(automatic(), Rules(automatic_grace=timedelta(days=1))) == on(1)


@pytest.mark.parametrize(
    ("due_at", "doubtful"),
    [
        pytest.param(None, False, id="none at all"),
        pytest.param(datetime(1970, 1, 1, tzinfo=UTC), True, id="zero"),
        pytest.param(datetime(1969, 12, 31, tzinfo=UTC), True, id="negative"),
        pytest.param(on(-15, seconds=-1), True, id="more than a day before the invoice was made"),
        pytest.param(on(-15), False, id="a day before the invoice was made"),
        pytest.param(datetime(2200, 12, 31, tzinfo=UTC), False, id="in the year 2200"),
        pytest.param(datetime(2201, 1, 1, tzinfo=UTC), True, id="in the year 2201"),
        pytest.param(datetime(9999, 12, 31, tzinfo=UTC), True, id="in the year 9999"),
    ],
)
def test_a_due_date_that_cannot_be_meant(due_at: datetime | None, doubtful: bool) -> None:
    claim = invoice(due_at=due_at)

    sorted_out = debts(facts(invoices=(claim,)), RULES, on(1))

    assert is_doubtful(claim) is doubtful
    assert (claim in sorted_out.doubtful) is doubtful
    assert (claim in sorted_out.counted) is (due_at in {None, on(-15)})


def test_a_payment_is_on_its_way_for_two_weeks_at_most() -> None:
    claim = invoice(processing_since_at=on(0))

    assert in_process(claim, RULES, on(14, seconds=-1))
    assert not in_process(claim, RULES, on(14))
    assert not in_process(invoice(), RULES, on(0))


def test_each_debt_is_in_one_group() -> None:
    claims = {
        "counted": invoice(1),
        "processing": invoice(2, processing_since_at=on(0)),
        "doubtful": invoice(3, created_at=on(2)),
        "old": invoice(4, due=-221),
        "small": invoice(5, remaining_minor=1, currency="usd"),
    }
    beside = (invoice(6, due=1, created_at=on(0)), invoice(7, status="paid"))

    sorted_out = debts(facts(invoices=(*claims.values(), *beside)), RULES, on(0))

    assert {group: getattr(sorted_out, group) for group in claims} == {group: (claim,) for group, claim in claims.items()}
    assert sorted_out.next_overdue_at == on(1)


def test_the_oldest_debt_comes_first() -> None:
    claims = (invoice(3, due=2), invoice(1, due=2), invoice(2, due=1))

    assert [claim.id for claim in debts(facts(invoices=claims), RULES, on(5)).counted] == ["in_2", "in_1", "in_3"]
