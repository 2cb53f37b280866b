"""A reconcile reads the list page by page; the list only says which invoices to look at more closely (cases 5, 7 and 8)."""

from dataclasses import replace

from gatekeeper.model import Identity
from tests.kit.builders import invoice, on
from tests.kit.ledger import CHANGES_OF_AN_INVOICE, Ledger, a_customer, past_due, reading


def test_a_page_adds_what_is_unknown(ledger: Ledger) -> None:
    number = ledger.writer.readings.begin_reconcile()

    assert ledger.writer.readings.record_page([reading(), reading(invoice(2))], number) == []

    assert [one.id for one in ledger.facts().invoices] == ["in_1", "in_2"]
    assert ledger.reader.open_not_seen_in(number, "", 10) == []


def test_a_page_may_name_an_invoice_twice(ledger: Ledger) -> None:
    assert ledger.writer.readings.record_page([reading(), reading()], 1) == []
    assert ledger.writer.readings.record_page([reading(), reading()], 2) == []
    assert len(ledger.facts().invoices) == 1


def test_a_page_shows_too_little_to_suspend_upon(ledger: Ledger) -> None:
    """It shows no payments on their way, so that what it adds or finds unchanged has not been read freshly (rule 2)."""
    page = [reading(invoice(read=on(20)))]
    ledger.writer.readings.record_page(page, 1)
    assert ledger.facts().invoices[0].read_at < on(0)

    ledger.read(invoice(read=on(19), processing_since_at=on(18)))
    ledger.writer.readings.record_page(page, 2)

    (kept,) = ledger.facts().invoices
    assert (kept.read_at, kept.processing_since_at) == (on(19), on(18))


def test_a_page_that_shows_nothing_new_touches_nothing(ledger: Ledger) -> None:
    ledger.read(invoice(), invoice(2, processing_since_at=on(1)))
    ledger.settle_all()
    before = ledger.facts()

    assert ledger.writer.readings.record_page([reading(), reading(invoice(2))], 1) == []

    assert ledger.touched() == set()
    assert ledger.facts() == before


def test_a_page_leaves_what_differs_to_a_single_reading(ledger: Ledger) -> None:
    ledger.read(invoice(), invoice(2))
    ledger.settle_all()
    before = ledger.facts()

    for name, change in CHANGES_OF_AN_INVOICE.items():
        shown = [reading(replace(invoice(), **change)), reading(invoice(2))]
        assert ledger.writer.readings.record_page(shown, 1) == ["in_1"], name

    assert ledger.facts() == before
    assert ledger.touched() == set()
    assert ledger.reader.open_not_seen_in(1, "", 10) == []


def test_a_page_leaves_a_customer_that_differs_to_a_single_reading(ledger: Ledger) -> None:
    changes: list[dict[str, object]] = [{"account_id": "other"}, {"account_id": None}, {"name": "Acme Inc."}, {"locale": "fr"}]
    changes += [{"addresses": ()}, {"deleted": True}]
    ledger.read(invoice())
    ledger.settle_all()
    before = ledger.facts()

    for number, change in enumerate(changes, start=2):
        found = [reading(customer=a_customer(**change)), reading(invoice(number), customer=a_customer(**change))]
        assert ledger.writer.readings.record_page(found, 1) == ["in_1", f"in_{number}"], change

    after = ledger.facts()
    assert (after.contacts, after.invoices[0], len(after.invoices)) == (before.contacts, before.invoices[0], 7)
    assert [row["name"] for row in ledger.rows("customers")] == ["Acme"]


def test_what_a_list_no_longer_shows_is_found(ledger: Ledger) -> None:
    ledger.read(*(invoice(number) for number in range(1, 7)), invoice(7, status="paid"), invoice(8, status="draft"))
    number = ledger.writer.readings.begin_reconcile()
    ledger.writer.readings.record_page([reading(invoice(2)), reading(invoice(5, number="changed"))], number)

    assert ledger.reader.open_not_seen_in(number, "", 3) == ["in_1", "in_3", "in_4"]
    assert ledger.reader.open_not_seen_in(number, "in_4", 3) == ["in_6"]


def test_each_reconcile_has_a_number_of_its_own(ledger: Ledger) -> None:
    assert [ledger.writer.readings.begin_reconcile() for _ in range(3)] == [1, 2, 3]


def test_books_are_watched_from_the_first_time_that_they_were_read_whole(ledger: Ledger) -> None:
    assert ledger.reader.state().watched_since_at is None
    ledger.read(invoice())
    assert "not been read whole" in ledger.facts().distrust

    ledger.writer.readings.finish_reconcile(on(1))
    ledger.writer.readings.finish_reconcile(on(2))

    known = ledger.reader.state()
    assert (known.watched_since_at, known.reconciled_at, known.distrust) == (on(1), on(2), "")
    assert (ledger.facts().watched_since_at, ledger.facts().distrust) == (on(1), "")


def test_distrust_lasts_until_the_next_reconcile_and_releases_whom_it_held(ledger: Ledger) -> None:
    ledger.read(invoice(), invoice(2, customer_id="cus_2"), customer=a_customer(account_id="acme"))
    ledger.read(invoice(3, customer_id="cus_3"), customer=a_customer(account_id="free"))
    ledger.writer.readings.finish_reconcile(on(1))
    ledger.writer.readings.distrust("the key was refused")
    assert {ledger.facts("acme").distrust, ledger.facts("free").distrust} == {"the key was refused"}
    ledger.judge(past_due(), withheld=True)
    ledger.settle_all()

    ledger.writer.readings.finish_reconcile(on(2))

    assert ledger.touched() == {"acme"}
    assert ledger.facts().distrust == ""


def test_a_reconcile_of_books_that_were_trusted_releases_nobody(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.writer.readings.finish_reconcile(on(1))
    ledger.judge(past_due(), withheld=True)

    ledger.writer.readings.finish_reconcile(on(2))

    assert ledger.touched() == set()


def test_a_ledger_is_tied_to_the_first_books_for_good(ledger: Ledger) -> None:
    assert ledger.reader.state().identity is None
    ours, theirs = Identity(account="acct_1", livemode=False), Identity(account="acct_2", livemode=True)

    ledger.writer.readings.pin(ours)
    ledger.writer.readings.pin(theirs)

    assert ledger.reader.state().identity == ours
