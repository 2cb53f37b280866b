"""The biller's customers over real HTTP: whose accounts they are, and who of them is written to."""

from collections.abc import Iterator
from typing import Any

import pytest

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.words import Mapper
from gatekeeper.model import Audience
from tests.billing.reading import bill, debtor, reading_from
from tests.kit.office import Office, opened_office

ACCOUNT = "acct_standin"


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    with opened_office(database_url) as made:
        yield made


def test_the_current_address_is_used_and_not_the_frozen_one(office: Office) -> None:
    one = bill(office.standin, who := debtor(office.standin))
    office.standin.books.update_customer(who, {"email": "new@acme.example"})
    assert office.standin.books.invoice(one).customer_email == "ap@acme.example"
    office.sync.reconcile()
    assert office.addresses() == {"new@acme.example", "user@acme.example"}


@pytest.mark.parametrize("how", ["an event", "a list"])
def test_a_change_of_the_customer_changes_the_contacts(office: Office, how: str) -> None:
    bill(office.standin, who := debtor(office.standin))
    office.sync.reconcile()
    office.standin.books.update_customer(
        who, {"email": "new@acme.example", "metadata": {"user_email": "a@x.example,b@x.example"}}
    )
    if how == "an event":
        office.sync.customer(who)
    else:
        office.sync.reconcile()
    contacts = {(contact.audience, contact.address) for contact in office.ledger.facts().contacts}
    assert contacts == {
        (Audience.ACCOUNTANT, "new@acme.example"),
        (Audience.USER, "a@x.example"),
        (Audience.USER, "b@x.example"),
    }


def test_the_invoices_of_a_customer_that_moves_move_with_it(office: Office) -> None:
    one = bill(office.standin, who := debtor(office.standin))
    office.sync.reconcile()
    office.standin.books.update_customer(who, {"metadata": {"account_id": "renamed"}})
    office.sync.customer(who)
    assert office.reader.invoice(one).account_id == "renamed"
    assert office.ledger.facts().invoices == ()


def test_a_deleted_customer_still_owes_and_nobody_of_it_can_be_written_to(office: Office) -> None:
    one = bill(office.standin, who := debtor(office.standin))
    office.sync.reconcile()
    office.standin.books.delete_customer(who)
    office.sync.customer(who)
    office.sync.reconcile()
    office.sync.invoice(one)
    facts = office.ledger.facts()
    assert ([invoice.id for invoice in facts.invoices], facts.contacts) == ([one], ())


def test_a_customer_without_an_account_is_one_of_its_own_and_held(office: Office) -> None:
    one = bill(office.standin, who := debtor(office.standin, metadata={}))
    office.sync.reconcile()
    facts = office.ledger.facts(who)
    assert ([invoice.id for invoice in facts.invoices], facts.mapped) == ([one], False)
    office.standin.books.update_customer(who, {"metadata": {"account_id": "acme"}})
    office.sync.reconcile()
    assert office.ledger.facts().mapped
    assert [invoice.id for invoice in office.ledger.facts().invoices] == [one]


def test_two_customers_of_one_account_are_one_debtor(office: Office) -> None:
    both = {bill(office.standin, debtor(office.standin, email=f"{n}@acme.example")) for n in (1, 2)}
    office.sync.reconcile()
    assert {invoice.id for invoice in office.ledger.facts().invoices} == both
    assert {"1@acme.example", "2@acme.example"} <= office.addresses()


def test_where_the_customer_is_the_account_a_deleted_one_keeps_it(office: Office) -> None:
    with reading_from(office.standin.url, office.clock, mapper=Mapper(account_id_from="id", contacts_from={})) as source:
        one = bill(office.standin, who := debtor(office.standin))
        office.standin.books.delete_customer(who)
        office.sync_of(source=source).invoice(one)
    assert office.reader.invoice(one).account_id == who
    assert office.ledger.facts(who).mapped


def test_a_customer_that_there_is_not_changes_nothing(office: Office) -> None:
    before = office.ledger.rows("customers")
    office.sync.customer("cus_none")
    assert office.ledger.rows("customers") == before


def test_hostile_names_are_kept_on_every_database(office: Office) -> None:
    """One customer's name must not stop the reading of the others."""
    bill(office.standin, debtor(office.standin, name="A\0c\ud83dme"))
    bill(office.standin, debtor(office.standin, "other"))
    office.sync.reconcile()
    assert {row["name"] for row in office.ledger.rows("customers")} == {"Ac?me", "Other"}


def test_what_cannot_be_read_stops_the_reconcile_and_is_named(office: Office) -> None:
    one = bill(office.standin, debtor(office.standin))

    def renamed(document: Any) -> None:
        for invoice in document.get("data", ()):
            invoice["amount_left"] = invoice.pop("amount_remaining")

    office.passing.document(renamed)
    with pytest.raises(SourceUnavailable, match=rf"invoice {one} .*\(amount_remaining: Field required\)"):
        office.sync.reconcile()
    assert office.statuses() == {}
    assert one in office.reader.state().distrust
