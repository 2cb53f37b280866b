"""Stripe's customers into ours: whose account they are, whom to write to, and what a policy may go by."""

from typing import Any

import pytest

from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.shapes import Unreadable
from gatekeeper.billing.stripe.words import Mapper
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.model import Audience, Customer
from tests.billing.reading import MAPPER, bill, debtor, reading_from, shown
from tests.kit.standin import MovableClock


def test_a_deleted_customer_keeps_its_id_only(standin: Standin, source: StripeBooks, clock: MovableClock) -> None:
    one = bill(standin, who := debtor(standin))
    standin.books.delete_customer(who)
    reading = source.invoice(one)
    assert reading is not None
    assert reading.customer == source.customer(who) == Customer(id=who, account_id=None, deleted=True)
    assert reading.invoice.owed
    with reading_from(standin.url, clock, mapper=Mapper(account_id_from="id", contacts_from={})) as by_id:
        assert by_id.customer(who) == Customer(id=who, account_id=who, deleted=True)


@pytest.mark.parametrize(
    ("place", "told", "account"),
    [
        ("id", {}, "the customer's id"),
        ("customer.id", {}, "the customer's id"),
        ("metadata.account_id", {"account_id": "acme"}, "acme"),
        ("customer.metadata.account_id", {"account_id": "acme"}, "acme"),
        ("metadata.a.b", {"a.b": "acme"}, "acme"),
        ("metadata.account_id", {}, None),
        ("metadata.account_id", {"account_id": ""}, None),
        ("metadata.account_id", {"account_id": " acme\n"}, "acme"),
        ("metadata.account_id", {"account_id": "a" * 128}, "a" * 128),
        ("metadata.account_id", {"account_id": "a" * 129}, None),
        ("metadata.account_id", {"account_id": "acme cloud"}, None),
        ("metadata.account_id", {"account_id": "acme,beta"}, None),
        ("metadata.account_id", {"account_id": "ñandú"}, None),
        ("metadata.account_id", {"account_id": "ac\nme"}, None),
        ("metadata.account_id", {"account_id": "ac\0me"}, None),
    ],
)
def test_the_account_is_named_where_the_settings_say(
    standin: Standin, clock: MovableClock, place: str, told: dict[str, str], account: str | None
) -> None:
    who = debtor(standin, metadata=told)
    with reading_from(standin.url, clock, mapper=Mapper(account_id_from=place, contacts_from={})) as source:
        customer = source.customer(who)
        reading = source.invoice(bill(standin, who))
    assert customer is not None
    assert reading is not None
    assert customer.account_id == (who if place in {"id", "customer.id"} else account)
    assert reading.customer == customer


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("a@x.example", ["a@x.example"]),
        (" a@x.example , b@x.example,", ["a@x.example", "b@x.example"]),
        (" , ", []),
        ("a@x.example\nBcc: all@x.example", []),
        ("a@x.example,b\x00@x.example", ["a@x.example"]),
        (None, []),
        (7, []),
        ({"a": 1}, []),
        (True, []),
    ],
)
def test_several_addresses_are_parted_by_commas(standin: Standin, told: Any, read: list[str]) -> None:
    document = shown(standin, f"/v1/customers/{debtor(standin)}") | {"metadata": {"user_email": told, "account_id": told}}
    customer = MAPPER.customer(document)
    assert [address for audience, address in customer.addresses if audience is Audience.USER] == read
    if not isinstance(told, str):
        assert customer.account_id is None


def test_what_a_customer_writes_is_made_fit_to_be_kept(standin: Standin) -> None:
    document = shown(standin, f"/v1/customers/{debtor(standin)}")
    odd = {
        "name": "A\0cme \ud83d",
        "email": "\ud83d@x.example",
        "preferred_locales": ["d\0e"],
        "metadata": {"\ud83d": "\ud83d"},
    }
    customer = MAPPER.customer(document | odd)
    assert (customer.name, customer.locale) == ("Acme ?", "de")
    assert customer.addresses == ((Audience.ACCOUNTANT, "?@x.example"),)


def test_empty_is_what_stripe_shows_as_null(standin: Standin) -> None:
    document = shown(standin, f"/v1/customers/{debtor(standin)}")
    customer = MAPPER.customer(document | {"name": None, "email": None, "preferred_locales": None, "metadata": {}})
    assert customer == Customer(id=document["id"], account_id=None)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({}, {"plan": "", "time_zone": "", "tags": ()}),
        (
            {"plan": " pro ", "time_zone": "America/Bogota", "tags": "vip, eu ,vip,,"},
            {"plan": "pro", "time_zone": "America/Bogota", "tags": ("vip", "eu")},
        ),
        ({"time_zone": "Bogota"}, {"time_zone": ""}),
        ({"time_zone": "America"}, {"time_zone": ""}),
        ({"time_zone": "../../etc/passwd"}, {"time_zone": ""}),
        ({"time_zone": "/etc/passwd"}, {"time_zone": ""}),
        ({"time_zone": "a" * 300}, {"time_zone": ""}),
        ({"time_zone": "utc+1\0"}, {"time_zone": ""}),
        ({"plan": "p\0r\no\ud83d", "tags": "a\nb,c"}, {"plan": "pro", "tags": ("ab", "c")}),
        ({"plan": 7, "time_zone": ["UTC"], "tags": {"a": 1}}, {"plan": "", "time_zone": "", "tags": ()}),
    ],
)
def test_what_a_policy_may_go_by_is_read_and_a_slip_of_the_pen_is_no_fault(
    standin: Standin, told: dict[str, Any], expected: dict[str, Any]
) -> None:
    document = shown(standin, f"/v1/customers/{debtor(standin)}")
    customer = MAPPER.customer(document | {"metadata": told})
    assert {name: getattr(customer, name) for name in expected} == expected


def test_attributes_are_read_where_the_settings_say_and_nowhere_else(standin: Standin) -> None:
    told = {"plan": "pro", "tags": "vip", "tier": "gold"}
    document = shown(standin, f"/v1/customers/{debtor(standin)}") | {"metadata": told}
    mapper = Mapper(account_id_from="id", contacts_from={}, attributes_from={"plan": "metadata.tier"})
    customer = mapper.customer(document)
    assert (customer.plan, customer.tags, customer.time_zone) == ("gold", (), "")


def test_the_country_is_that_of_the_address(standin: Standin, source: StripeBooks) -> None:
    def country(**address: Any) -> str:
        customer = source.customer(debtor(standin, **address))
        assert customer is not None
        return customer.country

    assert (country(), country(country="CO"), country(country="de")) == ("", "CO", "DE")
    document = shown(standin, f"/v1/customers/{debtor(standin, country='CO')}")
    assert MAPPER.customer(document | {"address": document["address"] | {"country": None}}).country == ""
    with pytest.raises(Unreadable, match="address"):
        MAPPER.customer(document | {"address": {}})


def test_whoever_lives_by_a_test_clock_says_so(standin: Standin, source: StripeBooks) -> None:
    own = standin.books.create_test_clock(standin.books.now()).id
    found = source.customer(debtor(standin, test_clock=own))
    assert found is not None
    assert found.test_clock == own
