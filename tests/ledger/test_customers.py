"""Customers are mapped to accounts, bring the people who are written to, move, and are deleted."""

from dataclasses import replace

import pytest

from gatekeeper.model import Audience
from tests.kit.builders import ACCOUNTANT, DUE_AT, USER, invoice, on
from tests.kit.ledger import Ledger, a_customer, planned, reading, suspended

ELSE = a_customer(id="cus_2", account_id="else", name="Else", addresses=((Audience.USER, "else@customer.example"),))


def people(ledger: Ledger, account_id: str = "acme") -> list[tuple[str, str]]:
    return [(contact.audience.value, contact.address) for contact in ledger.facts(account_id).contacts]


def owed(ledger: Ledger, account_id: str = "acme") -> list[str]:
    return [one.id for one in ledger.facts(account_id).invoices]


def test_two_customers_of_one_account_share_it(ledger: Ledger) -> None:
    second = a_customer(id="cus_2", name="Acme Two", addresses=((Audience.USER, "else@customer.example"),))

    ledger.read(invoice())
    ledger.read(invoice(2, customer_id="cus_2"), customer=second)

    assert owed(ledger) == ["in_1", "in_2"]
    assert people(ledger) == [("accountant", ACCOUNTANT), ("user", "else@customer.example"), ("user", USER)]


def test_an_account_is_called_after_the_first_of_its_customers_whoever_came_last(ledger: Ledger) -> None:
    ledger.writer.readings.record_customer(a_customer(id="cus_3", name="Three", locale="fr"), DUE_AT)
    ledger.writer.readings.record_customer(a_customer(id="cus_1", name="", locale="it"), DUE_AT)
    ledger.writer.readings.record_customer(a_customer(id="cus_2", name="Two", locale="de"), DUE_AT)
    ledger.writer.readings.record_customer(a_customer(id="cus_4", name="Four"), DUE_AT)

    known = ledger.reader.account("acme")
    assert (known.name, known.locale) == ("Two", "de")


def test_an_account_that_its_first_customer_leaves_is_called_after_the_next(ledger: Ledger) -> None:
    for name in ("cus_1", "cus_2"):
        ledger.writer.readings.record_customer(a_customer(id=name, name=name), DUE_AT)

    ledger.writer.readings.record_customer(a_customer(account_id="else", name="cus_1"), DUE_AT)

    assert [ledger.reader.account(account_id).name for account_id in ("acme", "else")] == ["cus_2", "cus_1"]


def test_an_account_of_nameless_customers_keeps_their_language(ledger: Ledger) -> None:
    ledger.writer.readings.record_customer(a_customer(name="", locale="it"), DUE_AT)

    known = ledger.reader.account("acme")
    assert (known.name, known.locale) == ("", "it")


def test_a_customer_that_changes_its_account_takes_all_its_invoices_along(ledger: Ledger) -> None:
    ledger.read(invoice(1), invoice(2), invoice(3, status="paid"))
    ledger.read(invoice(4, customer_id="cus_2"), customer=ELSE)
    ledger.settle_all()

    ledger.read(invoice(1), customer=a_customer(account_id="else"))

    assert (owed(ledger), people(ledger)) == ([], [])
    assert owed(ledger, "else") == ["in_1", "in_2", "in_4"]
    assert ("accountant", ACCOUNTANT) in people(ledger, "else")
    assert ledger.reader.invoice("in_3").account_id == "else"
    assert ledger.touched() == {"acme", "else"}


def test_a_customer_that_was_read_by_itself_moves_as_well(ledger: Ledger) -> None:
    ledger.read(invoice(1), invoice(2, status="paid"))
    ledger.settle_all()

    ledger.writer.readings.record_customer(a_customer(account_id="else"), DUE_AT)

    assert (owed(ledger), owed(ledger, "else")) == ([], ["in_1"])
    assert ledger.reader.invoice("in_2").account_id == "else"
    assert ledger.touched() == {"acme", "else"}


def test_a_paid_invoice_stays_with_the_account_that_its_customer_moved_to(ledger: Ledger) -> None:
    ledger.read(invoice(status="paid"))

    ledger.read(invoice(status="open"), customer=a_customer(account_id="else"))

    kept = ledger.reader.invoice("in_1")
    assert (kept.account_id, kept.status) == ("else", "paid")


def test_whoever_was_reading_an_invoice_while_its_customer_moved_reads_again(ledger: Ledger) -> None:
    ledger.read(invoice(1), invoice(2))
    version = ledger.reader.invoice_version("in_2")

    ledger.read(invoice(1), customer=a_customer(account_id="else"))

    assert not ledger.writer.readings.record(reading(invoice(2)), if_version=version)
    assert owed(ledger, "else") == ["in_1", "in_2"]


def test_a_customer_without_an_account_is_kept_as_one_of_its_own(ledger: Ledger) -> None:
    ledger.read(invoice(), customer=a_customer(account_id=None))

    known = ledger.facts("cus_1")
    assert (known.mapped, [one.id for one in known.invoices]) == (False, ["in_1"])

    ledger.read(invoice())

    assert (owed(ledger, "cus_1"), owed(ledger)) == ([], ["in_1"])
    assert ledger.facts().mapped


def test_a_customer_that_loses_its_account_is_held(ledger: Ledger) -> None:
    ledger.read(invoice())

    ledger.read(invoice(), customer=a_customer(account_id=None))

    assert (owed(ledger), owed(ledger, "cus_1")) == ([], ["in_1"])
    assert not ledger.facts("cus_1").mapped


def test_an_account_that_is_named_by_its_customers_own_id_is_mapped(ledger: Ledger) -> None:
    ledger.read(invoice(), customer=a_customer(account_id=None))
    ledger.settle_all()

    ledger.read(invoice(), customer=a_customer(account_id="cus_1"))

    assert ledger.facts("cus_1").mapped
    assert ledger.touched() == {"cus_1"}


def test_contacts_are_replaced_and_touched_only_when_they_differ(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.settle_all()
    before = ledger.rows("contacts")

    same = a_customer(addresses=(*reversed(a_customer().addresses), (Audience.USER, USER)))
    ledger.writer.readings.record_customer(same, on(1))
    ledger.read(invoice(), customer=same)

    assert ledger.rows("contacts") == before
    assert ledger.touched() == set()


@pytest.mark.parametrize(
    "change",
    [{"addresses": ((Audience.USER, "new@customer.example"),)}, {"locale": "fr"}, {"name": "Acme Inc."}, {"locale": None}],
    ids=str,
)
def test_contacts_follow_every_change_of_their_customer(ledger: Ledger, change: dict[str, object]) -> None:
    ledger.read(invoice())
    ledger.settle_all()
    after = a_customer(**change)

    ledger.writer.readings.record_customer(after, on(1))

    found = [(c.audience, c.address, c.name, c.locale) for c in ledger.facts().contacts]
    assert found == [(audience, address, after.name, after.locale) for audience, address in sorted(after.addresses)]
    assert ledger.touched() == {"acme"}


def test_one_customers_contacts_leave_those_of_another_alone(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.read(invoice(2, customer_id="cus_2"), customer=replace(ELSE, account_id="acme"))

    ledger.writer.readings.record_customer(a_customer(addresses=()), on(1))

    assert people(ledger) == [("user", "else@customer.example")]


def test_a_deleted_customer_loses_its_contacts_and_keeps_its_debts(ledger: Ledger) -> None:
    """Stripe shows of a deleted customer nothing but its id, so that it no longer names an account either."""
    ledger.read(invoice())
    ledger.judge(suspended(notices=(planned(),)))
    ledger.settle_all()
    gone = a_customer(account_id=None, name="", locale=None, addresses=(), deleted=True)

    ledger.writer.readings.record_customer(gone, on(1))
    ledger.read(invoice(), customer=gone)

    assert (people(ledger), owed(ledger)) == ([], ["in_1"])
    assert ledger.facts().mapped
    assert ledger.reader.account("acme").name == "Acme"
    assert ledger.touched() == {"acme"}
    assert ledger.writer.readings.record_page([reading(customer=gone)], 1) == []


def test_a_customer_that_was_deleted_before_it_was_seen_is_held(ledger: Ledger) -> None:
    ledger.read(invoice(), customer=a_customer(account_id=None, name="", locale=None, addresses=(), deleted=True))

    assert (ledger.facts("cus_1").mapped, people(ledger, "cus_1")) == (False, [])
