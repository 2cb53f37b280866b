"""A reconcile reads the list page by page; the list only says which invoices to look at more closely (cases 5, 7 and 8)."""

from dataclasses import replace
from datetime import timedelta

from gatekeeper.ledger.writer.reconciles import Reconcile
from gatekeeper.model import Identity
from tests.kit.builders import invoice, on
from tests.kit.ledger import CHANGES_OF_AN_INVOICE, Ledger, a_customer, past_due, reading


def test_a_page_adds_what_is_unknown(ledger: Ledger) -> None:
    number = ledger.writer.reconciles.begin(on(0)).number

    assert ledger.writer.readings.record_page([reading(), reading(invoice(2))], number) == []

    assert [one.id for one in ledger.facts().invoices] == ["in_1", "in_2"]
    assert ledger.reader.owing_not_seen_in(number, "", 10) == []


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
    assert ledger.reader.owing_not_seen_in(1, "", 10) == []


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
    number = ledger.writer.reconciles.begin(on(0)).number
    ledger.writer.readings.record_page([reading(invoice(2)), reading(invoice(5, number="changed"))], number)

    assert ledger.reader.owing_not_seen_in(number, "", 3) == ["in_1", "in_3", "in_4"]
    assert ledger.reader.owing_not_seen_in(number, "in_4", 3) == ["in_6"]


def test_each_reconcile_that_comes_to_its_end_has_a_number_of_its_own(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        begun = ledger.writer.reconciles.begin(on(0))
        assert begun == Reconcile(number=number, began_at=on(0))
        ledger.writer.reconciles.finish(begun)


def test_a_reconcile_that_broke_off_goes_on_for_an_hour(ledger: Ledger) -> None:
    begun = ledger.writer.reconciles.begin(on(0))
    ledger.writer.readings.record_page([reading()], begun.number, "in_1")
    within = on(0) + timedelta(minutes=59)

    assert ledger.writer.reconciles.begin(within) == replace(begun, cursor="in_1")
    assert ledger.writer.reconciles.begin(on(0) + timedelta(hours=1)) == Reconcile(
        number=2, began_at=on(0) + timedelta(hours=1)
    )


def test_a_clock_that_was_set_back_begins_anew(ledger: Ledger) -> None:
    ledger.writer.reconciles.begin(on(1))

    assert ledger.writer.reconciles.begin(on(0)) == Reconcile(number=2, began_at=on(0))


def test_a_page_that_points_something_out_is_not_behind_us_before_that_was_read(ledger: Ledger) -> None:
    ledger.read(invoice())
    begun = ledger.writer.reconciles.begin(on(0))
    ledger.writer.readings.record_page([reading(invoice(remaining_minor=1))], begun.number, "in_1")
    assert ledger.writer.reconciles.begin(on(0)).cursor == ""

    ledger.writer.reconciles.advance(begun.number, "in_1")
    assert ledger.writer.reconciles.begin(on(0)).cursor == "in_1"


def test_a_reconcile_that_another_has_overtaken_neither_advances_nor_finishes_it(ledger: Ledger) -> None:
    slow, quick = ledger.writer.reconciles.begin(on(0)), ledger.writer.reconciles.begin(on(1))
    ledger.writer.readings.record_page([reading()], slow.number, "in_1")
    ledger.writer.reconciles.finish(slow)

    assert ledger.reader.state().watched_since_at is None
    assert ledger.writer.reconciles.begin(on(1)) == quick


def test_what_could_not_be_read_beside_the_invoices_is_distrust_and_nothing_more(ledger: Ledger) -> None:
    ledger.writer.reconciles.finish(ledger.writer.reconciles.begin(on(1)), distrust="disputes could not be read")

    known = ledger.reader.state()
    assert (known.reconciled_at, known.watched_since_at) == (on(1), on(1))
    assert known.distrust == "disputes could not be read"


def test_changes_of_which_no_event_told_for_hours_are_said_once_and_until_one_comes(ledger: Ledger) -> None:
    def finish(hour: float, *, changed: bool) -> bool:
        begun = ledger.writer.reconciles.begin(on(0) + timedelta(hours=hour))
        return ledger.writer.reconciles.finish(begun, changed=changed)

    hours = [(0, True, False), (5, True, False), (7, False, False), (8, True, True), (9, True, False), (10, False, False)]
    assert [finish(hour, changed=changed) for hour, changed, _ in hours] == [said for _, _, said in hours]
    assert ledger.reader.state().unheard_since_at == on(0) + timedelta(hours=8)

    heard_at = on(0) + timedelta(hours=10)
    ledger.writer.inbox.store(event_id="e", kind="ping", object_id="", body=b"{}", now=heard_at, wanted=False)
    finish(11, changed=True)
    assert ledger.reader.state().unheard_since_at is None


def test_books_are_watched_from_the_first_time_that_they_were_read_whole(ledger: Ledger) -> None:
    assert ledger.reader.state().watched_since_at is None
    ledger.read(invoice())
    assert "not been read whole" in ledger.facts().distrust

    ledger.reconciled(on(1))
    ledger.reconciled(on(2))

    known = ledger.reader.state()
    assert (known.watched_since_at, known.reconciled_at, known.distrust) == (on(1), on(2), "")
    assert (ledger.facts().watched_since_at, ledger.facts().distrust) == (on(1), "")


def test_distrust_lasts_until_the_next_reconcile_and_releases_whom_it_held(ledger: Ledger) -> None:
    ledger.read(invoice(), invoice(2, customer_id="cus_2"), customer=a_customer(account_id="acme"))
    ledger.read(invoice(3, customer_id="cus_3"), customer=a_customer(account_id="free"))
    ledger.reconciled(on(1))
    ledger.writer.reconciles.distrust("the key was refused")
    assert {ledger.facts("acme").distrust, ledger.facts("free").distrust} == {"the key was refused"}
    ledger.judge(past_due(), withheld=True)
    ledger.settle_all()

    ledger.reconciled(on(2))

    assert ledger.touched() == {"acme"}
    assert ledger.facts().distrust == ""


def test_a_reconcile_of_books_that_were_trusted_releases_nobody(ledger: Ledger) -> None:
    ledger.read(invoice())
    ledger.reconciled(on(1))
    ledger.judge(past_due(), withheld=True)

    ledger.reconciled(on(2))

    assert ledger.touched() == set()


def test_a_ledger_is_tied_to_the_first_books_for_good(ledger: Ledger) -> None:
    assert ledger.reader.state().identity is None
    ours, theirs = Identity(account="acct_1", livemode=False), Identity(account="acct_2", livemode=True)

    ledger.writer.reconciles.pin(ours)
    ledger.writer.reconciles.pin(theirs)

    assert ledger.reader.state().identity == ours
