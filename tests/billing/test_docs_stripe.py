"""docs/stripe.md is right: its events are those that are looked at, its numbers those of the code, its rehearsal works."""

import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatekeeper import worker
from gatekeeper.billing.stripe import asking, pace
from gatekeeper.billing.stripe.webhook import delivery
from gatekeeper.demo.standin.books import Books
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.wiring import house
from tests.billing.events import body, event
from tests.billing.reading import bill, debtor
from tests.kit.running import Installation
from tests.kit.standin import MovableClock

PAGE = (Path(__file__).parents[2] / "docs" / "stripe.md").read_text()
EVENTS = re.findall(r"\b[a-z_]+\.[a-z_.]+\b", PAGE.split("```")[1])


def test_each_event_that_is_asked_for_is_looked_at() -> None:
    assert len(EVENTS) == len(set(EVENTS)) == 18
    about = {"id": "of_it", "invoice": "in_1"}
    for kind in EVENTS:
        found = delivery(body(event(kind, about)))
        assert found.invoice_id or found.customer_id or found.dispute_id, kind


def test_what_each_kind_of_event_leads_to_is_told() -> None:
    """The rows of the table, each with an event of it, and what that says to look at."""
    table = {
        "`invoice.*`": ("invoice.sent", "invoice_id"),
        "`invoice_payment.*`, `credit_note.*`, `payment_intent.*`": ("credit_note.created", "invoice_id"),
        "`refund.*`": ("refund.created", "related"),
        "`customer.created`": ("customer.created", "customer_id"),
        "`customer.subscription.*`": ("customer.subscription.deleted", "customer_id"),
        "`charge.dispute.*`": ("charge.dispute.updated", "dispute_id"),
        "`test_helpers.test_clock.*`": ("test_helpers.test_clock.ready", "clock_id"),
    }
    about = {"id": "of_it", "invoice": "in_1", "customer": "cus_1", "payment_intent": "pi_1"}
    rows = PAGE.split("| event | what is read again |")[1].split("\n\n")[0].splitlines()[2:]
    assert len(rows) == len(table)
    for row, (words, (kind, field)) in zip(rows, table.items(), strict=True):
        assert row.startswith(f"| {words}")
        assert getattr(delivery(body(event(kind, about))), field), kind


def test_how_fast_and_how_often_is_asked_is_told() -> None:
    assert f"At most {pace.PER_SECOND} requests go out in any second" in PAGE
    assert f"a list is asked for {asking._TRIES_OF_LIST} times and one object {asking._TRIES_OF_ONE} times" in PAGE
    assert f"up to {pace._LONGEST_PAUSE_SECONDS:.0f} seconds" in PAGE


def test_the_event_that_holds_invoices_back_is_not_asked_for() -> None:
    assert "invoice.created" not in EVENTS
    assert "**Never `invoice.created`**" in PAGE


CHANGES: tuple[Callable[[Books, str, str], object], ...] = (
    lambda books, _, one: books.finalize(one),
    lambda books, one, _: books.part_pay(one, 100),
    lambda books, one, _: books.credit(one, 100),
    lambda books, one, _: books.start_processing(one),
    lambda books, one, _: books.fail_processing(one),
    lambda books, one, _: books.revise(one, amount=500),
    lambda books, one, _: books.mark_uncollectible(books.invoice(one).latest_revision or ""),
    lambda books, one, _: books.pay(books.invoice(one).latest_revision or "", out_of_band=True),
    lambda books, _, one: books.void(one),
    lambda books, one, _: books.update_customer(books.invoice(one).customer, {"email": "new@acme.example"}),
    lambda books, one, _: books.delete_customer(books.invoice(one).customer),
)


def test_every_change_of_what_is_owed_and_by_whom_leaves_an_event_that_is_asked_for() -> None:
    with Standin(MovableClock()) as standin:
        who = debtor(standin)
        one, draft = bill(standin, who), standin.books.create_invoice(who).id
        standin.books.add_line(draft, 700)
        for change in CHANGES:
            standin.books.events.clear()
            change(standin.books, one, draft)
            assert {made["type"] for made in standin.books.events.values()} & set(EVENTS)


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"every {worker._POLL_SECONDS} seconds | up to {worker._POLLED} open invoices" in PAGE
    assert f"each with {house._STRIPE_SECONDS:.0f} seconds' patience" in PAGE


@pytest.mark.parametrize("pays", [True, False])
def test_the_rehearsal_goes_as_it_is_told(tmp_path: Path, *, pays: bool) -> None:
    """Each `date` of the page in a shell, and `gatekeeper tick` for what `run` does by itself."""
    dates = re.findall(r"^\$ (?:mkdir -p var && )?(date -u .*?>) var/clock", PAGE, re.MULTILINE)
    assert len(dates) == 4
    clock = MovableClock(datetime.now(UTC).replace(microsecond=0))
    with Standin(clock) as standin:
        place = Installation(tmp_path, standin.url, f"file:{tmp_path}/mail", clock.now, extra={"safety": {"mode": "dry_run"}})
        one = bill(standin, debtor(standin), due=1)
        seen = []
        for number, date in enumerate(dates):
            subprocess.run(["bash", "-c", f"{date} {place.clock}"], check=True, env=os.environ)
            place.command("tick")
            if number == 0:
                place.command("arm")
            seen.append((place.standings()["acme"], len(list(tmp_path.glob("mail/**/*.eml")))))
        # Two letters each time: the reminder, the warning, the word of the suspension
        assert seen == [("current", 0), ("past_due", 2), ("past_due", 4), ("suspended", 6)]
        assert "suspended" in place.command("why", "acme")
        if pays:
            standin.books.pay(one)
        place.command("tick")
        assert place.standings() == {"acme": "current" if pays else "suspended"}
        assert len(list(tmp_path.glob("mail/**/*.eml"))) == (8 if pays else 6), "who has paid is told that access is back"
