"""Invoices that are billed elsewhere, in the ledger: all or none, never Stripe's, and final when paid."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.ledger.writer.statements import Effect, StatementsRefused
from gatekeeper.model import Contact, Invoice, Origin, Profile
from tests.kit.builders import DUE_AT, invoice, on
from tests.kit.ledger import Ledger, at_once, opened, reading

STATES = ("open", "paid", "void", "uncollectible")


def stated(which: str = "F-1", account: str = "acme", /, *, said: datetime = DUE_AT, **changes: Any) -> Invoice:
    fields = {"id": which, "lineage": which, "number": which, "account_id": account, "customer_id": f"statement:{account}"}
    if changes.get("status") == "paid":
        fields["remaining_minor"] = 0
    return replace(invoice(read=said), origin=Origin.STATEMENT, **(fields | changes))


def record(ledger: Ledger, *invoices: Invoice, now: datetime = DUE_AT) -> list[str]:
    return [one.effect.value for one in ledger.writer.statements.record(invoices, author="ann", now=now)]


def test_accounts_that_there_are_not_yet_are_made_and_looked_at(ledger: Ledger) -> None:
    assert record(ledger, stated("F-1"), stated("F-2", "else"), stated("F-3", "else")) == ["new", "new", "new"]

    assert ledger.touched() == {"acme", "else"}
    assert [one.id for one in ledger.facts("else").invoices] == ["F-2", "F-3"]
    assert {row["pay_token"] != "" for row in ledger.rows("invoices")} == {True}


def test_what_says_nothing_new_is_only_fresher(ledger: Ledger) -> None:
    record(ledger, stated("F-1"), stated("F-2", "else"))
    ledger.settle_all()
    tokens = [row["pay_token"] for row in ledger.rows("invoices")]

    assert record(ledger, stated("F-1", said=on(1)), stated("F-2", "else", said=on(1), remaining_minor=1), now=on(1)) == [
        *("unchanged", "changed"),
    ]

    assert ledger.touched() == {"else"}
    assert [row["read_at"] for row in ledger.rows("invoices")] == [on(1), on(1)]
    assert [row["pay_token"] for row in ledger.rows("invoices")] == tokens
    assert len(ledger.rows("audit")) == 3


def test_what_a_later_file_leaves_out_is_still_owed(ledger: Ledger) -> None:
    record(ledger, stated("F-1"), stated("F-2"))
    record(ledger, stated("F-2", status="paid"), now=on(1))

    assert [one.id for one in ledger.facts().invoices] == ["F-1"]


def test_one_that_cannot_be_taken_stops_all(ledger: Ledger) -> None:
    ledger.read(invoice(id="old_1", lineage="old_1"))
    record(ledger, stated("F-1"))
    before = ledger.dump()

    with pytest.raises(StatementsRefused) as refused:
        record(ledger, stated("F-2", "new"), stated("old_1"), stated("F-1", "else"))

    assert set(refused.value.faults) == {"old_1", "F-1"}
    assert ledger.dump() == before


def test_a_preview_says_what_would_change_and_changes_nothing(ledger: Ledger) -> None:
    record(ledger, stated("F-1"), stated("F-2", status="paid"), stated("F-3"))
    before = ledger.dump()

    news = [stated("F-1"), stated("F-2"), stated("F-3", status="void"), stated("F-4", "new")]
    effects = [one.effect for one in ledger.writer.statements.preview(news)]

    assert effects == [Effect.UNCHANGED, Effect.FINAL, Effect.CHANGED, Effect.NEW]
    assert ledger.dump() == before


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with opened(f"sqlite:///{tmp_path_factory.mktemp('lasting')}/ledger.db") as made:
        yield made


@settings(max_examples=40)
@given(said=st.lists(st.sampled_from(STATES), min_size=1, max_size=6))
def test_paid_and_void_are_never_left(lasting: Ledger, said: list[str]) -> None:
    which, status, settled_at = f"F-{uuid4()}", said[0], None
    for day, said_now in enumerate(said):
        record(lasting, stated(which, status=said_now, said=on(day)), now=on(day))
        if status not in {"paid", "void"} and said_now != status:
            status, settled_at = said_now, None if said_now == "open" else on(day)

    kept = lasting.reader.invoice(which)
    assert (kept.status, kept.settled_at) == (status, settled_at)


def test_a_reconcile_of_stripes_books_leaves_statements_alone(ledger: Ledger) -> None:
    record(ledger, stated("F-1"))
    ledger.read(invoice())

    assert ledger.reader.owing_not_seen_in(99, "", 10) == ["in_1"]


def test_imports_readings_and_the_api_at_once_all_come_through(ledger: Ledger) -> None:
    names = [f"a{number}" for number in range(30)]
    files = [[stated(f"F-{batch}-{name}", name) for name in names] for batch in range(3)]
    people = tuple(Contact(audience=one.audience, address=one.address, origin=Origin.API) for one in ledger_people())

    def tell() -> None:
        for name in reversed(names):
            ledger.writer.profiles.tell(name, Profile(contacts=people), author="ops", now=DUE_AT)

    def read() -> None:
        for number, name in enumerate(names):
            shown = invoice(number, customer_id=f"cus_{name}")
            customer = replace(reading().customer, id=f"cus_{name}", account_id=name)
            ledger.writer.readings.record(replace(reading(shown), customer=customer), if_version=None)

    at_once(*(lambda file=file: record(ledger, *file) for file in files), tell, read)

    assert [len(ledger.facts(name).invoices) for name in names] == [4] * len(names)
    assert {len(ledger.facts(name).contacts) for name in names} == {4}


def ledger_people() -> list[Contact]:
    return [Contact(audience=audience, address=address) for audience, address in reading().customer.addresses]
