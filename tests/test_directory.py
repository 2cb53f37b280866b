"""The product's directory, asked over a real connection: what it may say, what follows from it, and what its silence costs."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
import structlog

from gatekeeper.directory import Directory
from gatekeeper.model import Audience, Origin, Profile
from tests.kit.builders import ACCOUNTANT, DUE_AT, USER, invoice, on
from tests.kit.directory import Product, product
from tests.kit.ledger import Ledger, a_customer, opened

PEOPLE = [
    {"audience": "accountant", "address": "ann@acme.example", "name": "Ann", "locale": "es"},
    {"audience": "accountant", "address": "bob@acme.example"},
    {"audience": "user", "address": "cy@acme.example", "department": "what else the product knows is not read"},
]
ANSWER = {
    "contacts": PEOPLE,
    "locale": "es-CO",
    "time_zone": "America/Bogota",
    "country": "co",
    "plan": "team",
    "phone": "+57 1",
}


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with opened(database_url) as made:
        made.read(invoice())
        made.settle_all()
        yield made


@pytest.fixture
def shop() -> Iterator[Product]:
    with product() as running:
        yield running


@contextmanager
def asking(ledger: Ledger, url: str, *, token: str = "", seconds: float = 5) -> Iterator[Directory]:
    with httpx.Client(trust_env=False) as client:
        yield Directory(
            url=url,
            token=token,
            cache=timedelta(hours=1),
            timeout_seconds=seconds,
            client=client,
            look_up=ledger.writer.profiles.look_up,
        )


@pytest.fixture
def directory(ledger: Ledger, shop: Product) -> Iterator[Directory]:
    with asking(ledger, shop.url + "/people/{account}", token="a-token") as made:
        yield made


def named(ledger: Ledger) -> list[tuple[str, str, str]]:
    people = ledger.facts().contacts
    return [(one.audience.value, one.address, one.name) for one in people if one.origin is Origin.DIRECTORY]


def test_it_names_the_people_and_describes_the_account(ledger: Ledger, shop: Product, directory: Directory) -> None:
    shop.says(ANSWER)

    assert directory.refresh("acme", on(1))

    assert shop.asked == [("/people/acme", "Bearer a-token")]
    assert named(ledger) == [
        ("accountant", "ann@acme.example", "Ann"),
        ("accountant", "bob@acme.example", ""),
        ("user", "cy@acme.example", ""),
    ]
    facts = ledger.facts()
    assert (facts.time_zone, facts.country, facts.plan, facts.directory_at) == ("America/Bogota", "CO", "team", on(1))
    assert {one.set_at for one in facts.contacts if one.origin is Origin.DIRECTORY} == {on(1)}
    assert ledger.reader.account("acme").locale == "es-CO"
    assert ledger.touched() == {"acme"}


def test_the_same_answer_again_is_only_fresher(ledger: Ledger, shop: Product, directory: Directory) -> None:
    shop.says(ANSWER)
    directory.refresh("acme", on(1))
    ledger.settle_all()
    before = ledger.facts()

    assert directory.refresh("acme", on(2))

    assert (ledger.touched(), ledger.facts().directory_at) == (set(), on(2))
    assert (ledger.facts().contacts, ledger.facts().version) == (before.contacts, before.version)


def test_an_account_that_the_product_does_not_know_is_an_answer(ledger: Ledger, shop: Product, directory: Directory) -> None:
    shop.says(ANSWER)
    directory.refresh("acme", on(1))
    shop.says({}, status=404)

    assert directory.refresh("acme", on(2))

    assert (named(ledger), ledger.facts().directory_at, ledger.facts().plan) == ([], on(2), "")
    assert {one.address for one in ledger.facts().contacts} == {ACCOUNTANT, USER}


def test_an_account_that_is_not_ours_is_not_made(ledger: Ledger, shop: Product, directory: Directory) -> None:
    shop.says(ANSWER)

    assert directory.refresh("nobody", on(1))

    assert ledger.reader.account("nobody") is None


REFUSED = [
    (
        {"contacts": [{"audience": "boss", "address": "ann@acme.example"}]},
        "contacts.0.audience must be: `accountant` or `user`",
    ),
    ({"contacts": [{"audience": "user"}]}, "contacts.0.address is missing"),
    ({"contacts": "ann@acme.example"}, "contacts must be: list of at most 50 people"),
    ({"time_zone": "Bogota"}, "time_zone must be: name of a time zone"),
    ({"country": "UK", "locale": "español"}, "locale must be: language as `es` or `pt-BR`; country must be: two letters"),
    ({"tags": ["a", 1]}, "tags.1 must be: list of at most 50 texts"),
    ({"plan": "a\u0000b", "phone": 5}, "plan must be: text of at most 200 characters on one line; phone must be"),
    ([], "document must be an object"),
    (b"<html>ann@acme.example", "document is not JSON"),
    (b'{"plan": "' + b"x" * 100_000 + b'"}', "larger than 100000 bytes"),
    (b"\x1f\x8b\x08\x00", "document is not JSON"),
]


@pytest.mark.parametrize(("said", "why"), REFUSED)
def test_what_cannot_be_taken_changes_nothing_and_the_log_says_why_without_saying_what(
    ledger: Ledger, shop: Product, directory: Directory, said: object, why: str
) -> None:
    shop.says(said)
    before = ledger.dump()

    with structlog.testing.capture_logs() as logged:
        assert not directory.refresh("acme", on(1))

    assert ledger.dump() == before
    assert why in logged[0]["because"]
    assert not any(secret in str(logged) for secret in ("ann@", "Bogota;", "UK", "español", "a-token"))


@pytest.mark.parametrize("status", [204, 301, 302, 307, 400, 401, 403, 410, 429, 500, 503])
def test_any_other_status_is_no_answer_and_no_redirect_is_followed(
    ledger: Ledger, shop: Product, directory: Directory, status: int
) -> None:
    shop.says(ANSWER, status=status)
    shop.headers = {"Location": f"{shop.url}/elsewhere"}

    assert not directory.refresh("acme", on(1))

    assert (len(shop.asked), named(ledger), ledger.facts().directory_at) == (1, [], None)


def test_a_silent_directory_costs_one_time_out_a_minute_for_all_accounts(ledger: Ledger, shop: Product) -> None:
    shop.silent.set()
    with asking(ledger, shop.url + "/{account}", seconds=0.1) as directory:
        assert [directory.refresh(name, on(1)) for name in ("acme", "b", "c")] == [False, False, False]
        assert not directory.refresh("b", on(1, seconds=59))
        assert len(shop.asked) == 1

        shop.silent.clear()
        shop.says(ANSWER)
        assert directory.refresh("acme", on(1, seconds=60))


def test_a_directory_that_is_not_there_is_no_answer(ledger: Ledger, shop: Product) -> None:
    with asking(ledger, "http://127.0.0.1:1/{account}") as directory, structlog.testing.capture_logs() as logged:
        assert not directory.refresh("acme", on(1))
    assert logged[0]["because"] == "it cannot be reached, or is too slow (ConnectError)"


def test_an_answer_that_is_none_pauses_only_its_account(ledger: Ledger, shop: Product, directory: Directory) -> None:
    shop.says({"contacts": 1})
    assert not directory.refresh("acme", on(1))
    shop.says({})

    assert not directory.refresh("acme", on(1, seconds=59))
    assert directory.refresh("other", on(1, seconds=59))
    assert directory.refresh("acme", on(1, seconds=60))


def test_a_clock_that_was_set_back_ends_the_pause(ledger: Ledger, shop: Product, directory: Directory) -> None:
    shop.says({}, status=503)
    directory.refresh("acme", on(5))
    shop.says({})

    assert directory.refresh("acme", on(4))


@pytest.mark.parametrize(
    ("path", "account", "asked"),
    [
        ("/people/{account}", "a/b?c#d%e+f", "/people/a%2Fb%3Fc%23d%25e%2Bf"),
        ("/people/{account}/contacts", "..", "/people/%2E%2E/contacts"),
        ("/people?id={account}&all=1", "a&b=c", "/people?id=a%26b%3Dc&all=1"),
        ("/people", "a&b", "/people?account=a%26b"),
        ("/people?all=1", "acme", "/people?all=1&account=acme"),
    ],
)
def test_an_account_id_never_leads_elsewhere(ledger: Ledger, shop: Product, path: str, account: str, asked: str) -> None:
    with asking(ledger, shop.url + path) as directory:
        directory.refresh(account, DUE_AT)
    assert shop.asked == [(asked, None)]


def test_an_answer_holds_for_as_long_as_the_settings_say(ledger: Ledger, shop: Product, directory: Directory) -> None:
    assert not directory.is_fresh(ledger.facts(), on(1))
    shop.says({})
    directory.refresh("acme", on(1))
    known = ledger.facts()

    assert directory.is_fresh(known, on(1))
    assert directory.is_fresh(known, on(1, seconds=3599))
    assert not directory.is_fresh(known, on(1, seconds=3600))
    assert not directory.is_fresh(known, on(0))


def test_the_api_goes_before_the_directory_and_that_before_stripe_field_by_field(
    ledger: Ledger, shop: Product, directory: Directory
) -> None:
    stripes = a_customer(locale="fr", country="FR", plan="solo", tags=("old", "new"), time_zone="Europe/Paris")
    ledger.writer.readings.record_customer(stripes, on(1))
    shop.says({"plan": "team", "country": "BE", "tags": []})
    directory.refresh("acme", on(1))
    ledger.writer.profiles.tell("acme", Profile(plan="enterprise", segment="key", name="Acme SA"), author="ops", now=on(1))

    known = ledger.reader.known_account("acme").known
    assert (known.plan, known.segment, known.name) == ("enterprise", "key", "Acme SA")
    assert (known.country, known.tags, known.locale, known.time_zone) == ("BE", None, "fr", "Europe/Paris")

    ledger.writer.profiles.tell("acme", Profile(), author="ops", now=on(2))
    shop.says({}, status=404)
    directory.refresh("acme", on(2))
    known = ledger.reader.known_account("acme").known
    assert (known.plan, known.country, known.tags, known.name) == ("solo", "FR", ("new", "old"), "Acme")


def test_who_is_named_by_two_sources_stays_as_long_as_one_names_them(
    ledger: Ledger, shop: Product, directory: Directory
) -> None:
    shop.says({"contacts": [{"audience": "user", "address": USER}]})
    directory.refresh("acme", on(1))
    ledger.writer.readings.record_customer(a_customer(addresses=()), on(2))

    (left,) = ledger.facts().contacts
    assert (left.audience, left.address, left.origin, left.set_at) == (Audience.USER, USER, Origin.DIRECTORY, on(1))
