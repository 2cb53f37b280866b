"""What the biller said is written down; an older answer never lies over a newer one (cases 1, 3, 7 and 8)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from gatekeeper.model import Audience, Contact, Mode
from tests.kit.builders import DUE_AT, SECOND, automatic, invoice, on
from tests.kit.ledger import CHANGES_OF_AN_INVOICE, Ledger, a_customer, past_due, reading, suspended


def test_facts_are_what_was_read(ledger: Ledger) -> None:
    east = timezone(timedelta(hours=5, minutes=45))
    shown = automatic(
        1,
        due_at=on(0).astimezone(east) + timedelta(microseconds=1),
        next_attempt_at=on(3).astimezone(east),
        processing_since_at=on(1),
        billing_reason="subscription_cycle",
        account_id="",
        lineage="",
    )

    ledger.read(shown)

    facts = ledger.facts()
    (kept,) = facts.invoices
    assert kept == replace(shown, account_id="acme", lineage="in_1", pay_token=kept.pay_token)
    assert [instant.utcoffset() for instant in (kept.due_at, kept.created_at, kept.read_at) if instant] == [timedelta(0)] * 3
    assert facts.contacts == (
        Contact(
            audience=Audience.ACCOUNTANT, address="accountant@customer.example", name="Acme", locale="de", set_at=shown.read_at
        ),
        Contact(audience=Audience.USER, address="user@customer.example", name="Acme", locale="de", set_at=shown.read_at),
    )


def test_what_others_write_may_be_of_any_length(ledger: Ledger) -> None:
    word = "ü" * 600

    ledger.read(
        invoice(number=1, billing_reason=word, status=word),
        customer=a_customer(account_id="a" * 500, name=word, locale=word, addresses=((Audience.USER, f"{word}@x.example"),)),
    )

    assert ledger.facts("a" * 500).contacts[0].address == f"{word}@x.example"


def test_a_reading_that_was_fetched_before_a_newer_write_is_refused(ledger: Ledger) -> None:
    ledger.read(invoice())
    version = ledger.reader.invoice_version("in_1")
    ledger.read(invoice(status="paid", remaining_minor=0))

    assert ledger.writer.readings.record(reading(), if_version=version) is False

    assert ledger.reader.invoice("in_1").status == "paid"


def test_of_two_who_see_an_invoice_for_the_first_time_the_second_reads_again(ledger: Ledger) -> None:
    assert ledger.writer.readings.record(reading(), if_version=None) is True
    assert ledger.writer.readings.record(reading(), if_version=None) is False


def test_a_reading_of_an_invoice_that_the_ledger_has_lost_is_refused(ledger: Ledger) -> None:
    assert ledger.writer.readings.record(reading(), if_version=3) is False
    assert ledger.reader.invoice("in_1") is None


def test_a_reading_that_is_refused_changes_nothing_else_either(ledger: Ledger) -> None:
    ledger.read(invoice())
    before = ledger.dump()

    older = reading(customer=a_customer(account_id="other", name="Other"))
    assert not ledger.writer.readings.record(older, if_version=99)

    assert ledger.dump() == before


def test_paid_and_void_are_never_left(ledger: Ledger) -> None:
    others = ("draft", "open", "uncollectible", "paid", "void")
    for number, (final, other) in enumerate((final, other) for final in ("paid", "void") for other in others if other != final):
        ledger.read(invoice(number), invoice(number, status=final, remaining_minor=0))

        ledger.read(invoice(number, status=other, remaining_minor=5000, read=on(1)))

        kept = ledger.reader.invoice(f"in_{number}")
        assert (kept.status, kept.remaining_minor, kept.read_at) == (final, 0, on(1)), other


def test_uncollectible_is_left_for_paid(ledger: Ledger) -> None:
    ledger.read(invoice(status="uncollectible"), invoice(status="paid", remaining_minor=0))

    assert ledger.reader.invoice("in_1").status == "paid"


def test_a_status_that_is_not_known_yet_is_kept_as_it_is(ledger: Ledger) -> None:
    ledger.read(invoice(status="frozen"))

    assert ledger.reader.invoice("in_1").status == "frozen"


def test_a_change_of_an_open_invoice_touches_its_account(ledger: Ledger) -> None:
    for number, (name, change) in enumerate(CHANGES_OF_AN_INVOICE.items()):
        ledger.read(invoice(number))
        ledger.settle_all()

        ledger.read(replace(invoice(number), **change))

        assert ledger.touched() == {"acme"}, name


def test_the_same_again_touches_nothing_but_outdates_decisions_that_waited_for_it(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.settle_all()
    stale = ledger.facts()

    ledger.read(invoice(read=on(1)))

    assert ledger.touched() == set()
    assert ledger.facts().invoices[0].read_at == on(1)
    assert ledger.writer.verdicts.record([(stale, past_due(), False)], on(1)) == []


@pytest.mark.parametrize("status", ["draft", "paid", "void"])
def test_an_invoice_that_nobody_owes_touches_nothing(ledger: Ledger, status: str) -> None:
    ledger.read(invoice())
    ledger.settle_all()

    ledger.read(invoice(2, status=status), invoice(2, status=status, number="A-2b"))

    assert ledger.touched() == set()


def test_a_payment_on_its_way_counts_from_when_it_was_first_seen(ledger: Ledger) -> None:
    ledger.read(invoice(), invoice(processing_since_at=on(1)), invoice(processing_since_at=on(3)))

    kept = ledger.facts().invoices[0]
    assert (kept.processing_since_at, kept.processing_ended_at) == (on(1), None)


def test_the_end_of_a_payment_on_its_way_is_noted(ledger: Ledger) -> None:
    ledger.read(invoice(processing_since_at=on(1)), invoice(read=on(4)))
    assert ledger.facts().invoices[0].processing_ended_at == on(4)

    ledger.read(invoice(read=on(5)))
    assert ledger.facts().invoices[0].processing_ended_at == on(4)


def test_a_second_payment_on_its_way_keeps_the_end_of_the_first(ledger: Ledger) -> None:
    ledger.read(invoice(processing_since_at=on(1)), invoice(read=on(4)), invoice(processing_since_at=on(5), read=on(6)))

    kept = ledger.facts().invoices[0]
    assert (kept.processing_since_at, kept.processing_ended_at) == (on(5), on(4))


def test_invoices_of_the_suspended_are_read_in_turn(ledger: Ledger) -> None:
    ledger.read(invoice(1, read=on(3)), invoice(2, read=on(1)), invoice(3, status="paid"), invoice(4, read=on(2)))
    ledger.read(invoice(5, customer_id="cus_2"), customer=a_customer(account_id="free"))
    ledger.judge(suspended())
    ledger.judge(past_due(), account_id="free")

    assert ledger.reader.owing_of_closed(2) == ["in_2", "in_4"]
    assert ledger.reader.owing_of_closed(9) == ["in_2", "in_4", "in_1"]


@pytest.mark.parametrize(
    "read",
    [
        lambda ledger: ledger.read(replace(invoice(), remaining_minor=1)),
        lambda ledger: ledger.read(invoice(read=on(2))),
        lambda ledger: ledger.writer.readings.record_customer(a_customer(addresses=()), DUE_AT),
        lambda ledger: ledger.writer.desk.set_mode(Mode.ARMED, author="Ann", now=DUE_AT),
    ],
    ids=["an invoice", "freshness", "a contact", "arming what was withheld"],
)
def test_every_kind_of_reading_outdates_a_verdict(ledger: Ledger, read: Callable[[Ledger], object]) -> None:
    ledger.read(invoice())
    ledger.judge(past_due(), withheld=True)
    stale = ledger.facts()

    read(ledger)

    before = ledger.dump()
    assert ledger.writer.verdicts.record([(stale, suspended(), False)], DUE_AT + SECOND) == []
    assert ledger.dump() == before


def test_pay_tokens_are_unique_and_last(ledger: Ledger) -> None:
    ledger.read(*(invoice(number) for number in range(1, 30)))
    tokens = {one.pay_token for one in ledger.facts().invoices}
    assert len(tokens) == 29
    assert all(len(token) == 24 for token in tokens)

    ledger.read(invoice(remaining_minor=1), invoice(status="paid"))
    assert ledger.reader.invoice("in_1").pay_token in tokens
    assert all(ledger.reader.invoice_by_token(token) is not None for token in tokens)


def test_a_token_that_was_never_given_out_leads_nowhere(ledger: Ledger) -> None:
    ledger.read(invoice())

    assert ledger.reader.invoice_by_token("") is None
    assert ledger.reader.invoice_by_token("in_1") is None


def test_an_unknown_invoice_has_no_version(ledger: Ledger) -> None:
    assert ledger.reader.invoice_version("in_1") is None
    assert ledger.reader.invoice("in_1") is None
