"""Invoices that are billed elsewhere: what was said of them long ago is no evidence; and sums that nobody closes for."""

from datetime import timedelta

import pytest

from gatekeeper.model import Facts, Invoice, Origin
from gatekeeper.policy.decide import decide
from tests.kit.builders import invoice, on, reminded, warned
from tests.policy.table import CURRENT, PAST_DUE, RULES, SUSPENDED, Row, row, told

BOTH = reminded(named=("in_1", "in_2")) + warned(named=("in_1", "in_2"))


def stated(which: int, days_ago: float) -> Invoice:
    return invoice(which, read=on(19 - days_ago), origin=Origin.STATEMENT)


def read_now(which: int) -> Invoice:
    return invoice(which, read=on(19))


def owing(*invoices: Invoice) -> Facts:
    return told(on(19), invoices=invoices, notices=BOTH)


@pytest.mark.parametrize(
    "line",
    [
        row("what was said within three days is believed", on(19), owing(stated(1, 3)), SUSPENDED),
        row("what was said before that is not", on(19), owing(stated(1, 3.001)), PAST_DUE, says={"statement_old"}),
        row("nor what was said in the future", on(19), owing(stated(1, -0.001)), PAST_DUE, says={"statement_old"}),
        row("where another invoice was named too that one decides", on(19), owing(stated(1, 30), read_now(2)), SUSPENDED),
        row(
            "and is read first",
            on(19),
            owing(stated(1, 30), invoice(2, read=on(18))),
            PAST_DUE,
            says={"read_first"},
        ),
    ],
)
def test_an_invoice_that_is_billed_elsewhere(line: Row) -> None:
    line.check()


def test_stripe_is_never_asked_about_an_invoice_that_is_billed_elsewhere() -> None:
    assert decide(owing(stated(1, 30), invoice(2, read=on(18))), RULES, on(19)).read_first == ("in_2",)


def test_an_old_statement_is_looked_at_again_without_anybody_touching_it() -> None:
    assert decide(owing(stated(1, 30)), RULES, on(19)).review_at == on(19) + timedelta(hours=1)


@pytest.mark.parametrize(("cents", "standing"), [(100, SUSPENDED), (99, CURRENT)])
def test_nobody_stays_out_for_a_few_cents_that_were_written_off(cents: int, standing: object) -> None:
    given_up = invoice(status="uncollectible", remaining_minor=cents)

    assert decide(told(on(30), invoices=(given_up,), standing=SUSPENDED), RULES, on(30)).standing is standing
