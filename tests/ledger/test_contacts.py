"""Who said whom to write to, and since when; and what Stripe's customers say of their account beside that."""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import update

from gatekeeper.ledger.tables import accounts
from gatekeeper.model import Audience, Contact, Origin, Profile
from tests.kit.builders import ACCOUNTANT, DUE_AT, USER, invoice, on
from tests.kit.ledger import Ledger, a_customer

ANN = Contact(audience=Audience.ACCOUNTANT, address="ann@acme.example", origin=Origin.API)
CY = Contact(audience=Audience.USER, address="cy@acme.example", origin=Origin.API)


def since(ledger: Ledger, account_id: str = "acme") -> dict[tuple[str, str], object]:
    return {(one.origin.value, one.address): one.set_at for one in ledger.facts(account_id).contacts}


def tell(ledger: Ledger, *contacts: Contact, now: object = DUE_AT, **said: object) -> list[str]:
    return ledger.writer.profiles.tell("acme", Profile(contacts=contacts, **said), author="ops", now=now)


def test_an_address_is_as_old_as_its_source_has_named_it(ledger: Ledger) -> None:
    ledger.read(invoice())
    tell(ledger, ANN, CY, now=on(1))
    renamed = a_customer(name="Acme Ltd", locale="en", addresses=((Audience.USER, USER), (Audience.USER, "new@acme.example")))

    ledger.writer.readings.record_customer(renamed, on(2))
    tell(ledger, ANN, now=on(3))

    assert since(ledger) == {
        ("stripe", USER): DUE_AT,
        ("stripe", "new@acme.example"): on(2),
        ("api", "ann@acme.example"): on(1),
    }
    assert {one.name for one in ledger.facts().contacts if one.origin is Origin.STRIPE} == {"Acme Ltd"}


def test_a_customer_that_moves_takes_its_people_along_and_leaves_those_of_the_product(ledger: Ledger) -> None:
    ledger.read(invoice())
    tell(ledger, ANN)

    ledger.writer.readings.record_customer(a_customer(account_id="else"), on(1))

    assert since(ledger) == {("api", "ann@acme.example"): DUE_AT}
    assert since(ledger, "else") == {("stripe", ACCOUNTANT): on(1), ("stripe", USER): on(1)}


def test_two_customers_may_name_the_same_person(ledger: Ledger) -> None:
    for name in ("cus_1", "cus_2"):
        ledger.writer.readings.record_customer(a_customer(id=name, addresses=((Audience.USER, USER),)), DUE_AT)
    ledger.writer.readings.record_customer(a_customer(id="cus_1", addresses=()), on(1))

    assert [one.address for one in ledger.facts().contacts] == [USER]


def test_the_product_is_told_what_has_changed_by_its_words(ledger: Ledger) -> None:
    assert tell(ledger, ANN, plan="team", tags=("a",)) == ["contacts", "plan", "tags"]
    assert tell(ledger, ANN, plan="team", tags=("a",)) == []
    assert tell(ledger, replace(ANN, name="Ann"), plan="team", tags=("a",)) == ["contacts"]
    assert tell(ledger, replace(ANN, name="Ann"), plan="solo") == ["plan", "tags"]
    assert tell(ledger) == ["contacts", "plan"]
    whats = [row["reasons"][0]["params"]["what"] for row in ledger.rows("audit")]
    assert whats == ["contacts, plan, tags", "contacts", "plan, tags", "contacts, plan"]


def test_what_stripe_says_of_several_customers_is_put_together(ledger: Ledger) -> None:
    def read(*customers: tuple[str, str, str, Iterable[str]]) -> None:
        for name, country, plan, tags in customers:
            made = a_customer(id=f"cus_{name or country}", name=name, country=country, plan=plan, tags=tuple(tags))
            ledger.writer.readings.record_customer(made, DUE_AT)

    read(("", "AR", "nameless", ["x"]), ("B", "", "named", ["y", "x"]), ("C", "CO", "later", []))

    facts = ledger.facts()
    assert (facts.country, facts.plan, facts.tags) == ("CO", "named", ("x", "y"))


def test_a_customer_that_changes_nothing_but_its_plan_has_its_account_looked_at(ledger: Ledger) -> None:
    ledger.writer.readings.record_customer(a_customer(tags=("b", "a")), DUE_AT)
    ledger.settle_all()
    ledger.writer.readings.record_customer(a_customer(tags=("a", "b", "a")), on(1))
    assert ledger.touched() == set()

    ledger.writer.readings.record_customer(a_customer(tags=("a", "b"), plan="team"), on(1))
    assert (ledger.touched(), ledger.facts().plan) == ({"acme"}, "team")


def test_an_account_lives_by_the_test_clock_of_its_customer_and_by_no_other_time(ledger: Ledger) -> None:
    ledger.writer.readings.record_customer(a_customer(test_clock="clock_1"), DUE_AT)
    with ledger.engine.begin() as connection:
        connection.execute(update(accounts).values(clock_at=on(5)))
    ledger.writer.readings.record_customer(a_customer(test_clock="clock_1", plan="team"), on(1))
    assert ledger.facts().clock_at == on(5)

    ledger.writer.readings.record_customer(a_customer(test_clock="clock_2"), on(2))
    assert (ledger.rows("accounts")[0]["clock_id"], ledger.facts().clock_at) == ("clock_2", None)
