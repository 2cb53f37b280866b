"""Stripe's books into a real ledger, over real HTTP: what is written is what was read, and absence is no evidence."""

from collections.abc import Iterator

import pytest

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.demo.standin.faults import Fault
from tests.billing.reading import Answer, bill, debtor, reading_from
from tests.kit.office import Office, opened_office

# What every reconcile asks for beside the invoices
ASIDE = ["test_helpers/test_clocks", "disputes"]


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    with opened_office(database_url) as made:
        yield made


# The lock of an invoice around fetch and write


def test_a_payment_between_fetch_and_write_is_not_written_over(office: Office) -> None:
    """The answer "open" is on its way when somebody else reads "paid": the one that asked first must not write last."""
    one = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()

    with reading_from(office.standin.url, office.clock) as beside:

        def overtaken(_path: str, answer: Answer) -> Answer:
            office.passing.alter = lambda _, later: later
            office.standin.books.pay(one)
            office.sync_of(source=beside).invoice(one)
            return answer

        office.passing.alter = overtaken
        office.asked()
        office.sync.invoice(one)
    assert office.statuses() == {one: "paid"}
    assert office.asked() == [f"invoices/{one}"] * 2


def test_an_invoice_that_changes_all_the_time_is_left_to_the_next_round(office: Office) -> None:
    one = bill(office.standin, debtor(office.standin), 100_000)
    office.sync.reconcile()
    with reading_from(office.standin.url, office.clock) as beside:
        other = office.sync_of(source=beside)

        def always_overtaken(_path: str, answer: Answer) -> Answer:
            office.standin.books.part_pay(one, 100)
            other.invoice(one)
            return answer

        office.passing.alter = always_overtaken
        office.asked()
        with pytest.raises(SourceUnavailable, match="changes faster than it can be read"):
            office.sync.invoice(one)
        assert len(office.asked()) == 8
    assert office.reader.invoice(one).remaining_minor == 99_200


def test_a_list_that_is_older_than_a_payment_reopens_nothing(office: Office) -> None:
    """Case 8: it was asked for before the payment and comes after it."""
    one = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    with reading_from(office.standin.url, office.clock) as beside:

        def overtaken(path: str, answer: Answer) -> Answer:
            if path.startswith("/v1/invoices?") and office.standin.books.invoice(one).status == "open":
                office.standin.books.pay(one)
                office.sync_of(source=beside).invoice(one)
            return answer

        office.passing.alter = overtaken
        office.sync.reconcile()
    assert office.statuses() == {one: "paid"}


# Revisions


def test_the_successor_is_written_before_the_invoice_that_it_replaces(office: Office) -> None:
    """A debt that moved is at no moment a debt forgiven."""
    old = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    new = office.standin.books.revise(old, amount=900).id
    office.standin.faults.add(Fault(kind="error", times=3, path=f"/v1/invoices/{new}"))
    with pytest.raises(SourceUnavailable):
        office.sync.invoice(old)
    assert office.statuses() == {old: "open"}
    office.sync.invoice(old)
    assert office.statuses() == {old: "void", new: "open"}
    assert office.reader.invoice(new).lineage == old


def test_a_successor_that_is_known_as_a_draft_is_read_again_first(office: Office) -> None:
    old = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    draft = office.standin.books.create_revision(old, days_until_due=7).id
    office.sync.invoice(draft)
    office.standin.books.finalize(draft)
    office.standin.faults.add(Fault(kind="error", times=3, path=f"/v1/invoices/{draft}"))
    with pytest.raises(SourceUnavailable):
        office.sync.invoice(old)
    assert office.statuses() == {old: "open", draft: "draft"}
    office.sync.invoice(old)
    assert office.statuses() == {old: "void", draft: "open"}


@pytest.mark.parametrize("order", [(0,), (1,), (2,), (0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
def test_a_chain_of_revisions_is_one_debt_in_whatever_order_it_is_read(office: Office, order: tuple[int, ...]) -> None:
    first = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    second = office.standin.books.revise(first, amount=800).id
    third = office.standin.books.revise(second, amount=1200).id
    chain = (first, second, third)
    for one in order:
        office.sync.invoice(chain[one])
    office.sync.reconcile()
    assert office.statuses() == {first: "void", second: "void", third: "open"}
    assert {row["lineage"] for row in office.ledger.rows("invoices")} == {first}
    assert [invoice.remaining_minor for invoice in office.ledger.facts().invoices] == [1200]


def test_revisions_that_lead_in_a_circle_come_to_an_end(office: Office) -> None:
    first, second = (bill(office.standin, debtor(office.standin)) for _ in range(2))
    circle = {first: second, second: first}
    office.passing.document(lambda document: document | {"latest_revision": circle.get(document["id"])})
    office.sync.invoice(first)
    assert set(office.statuses()) == {first, second}


# What a list does not show


def test_whatever_vanished_from_the_list_is_read_by_itself(office: Office) -> None:
    who = debtor(office.standin)
    paid, void, lost, credited, still = (bill(office.standin, who) for _ in range(5))
    office.sync.reconcile()
    office.standin.books.pay(paid, out_of_band=True)
    office.standin.books.void(void)
    office.standin.books.mark_uncollectible(lost)
    office.standin.books.credit(credited, 1000)
    assert office.sync.reconcile() == 4
    assert office.statuses() == {paid: "paid", void: "void", lost: "uncollectible", credited: "open", still: "open"}
    assert [invoice.id for invoice in office.ledger.facts().invoices if invoice.owed] == [still]
    assert office.sync.reconcile() == 0


def test_an_empty_list_restores_nobody_who_still_owes(office: Office) -> None:
    """Case 5: everything is read again by itself, and is open."""
    owed = {bill(office.standin, debtor(office.standin, f"account-{n}")): "open" for n in range(3)}
    office.sync.reconcile()
    office.standin.faults.add(Fault(kind="empty", path="/v1/invoices"))
    assert office.sync.reconcile() == 3
    assert office.statuses() == owed


def test_404_for_everything_changes_nothing(office: Office) -> None:
    """Case 6, behind the right account: nothing is evidence for or against, and nothing is freshly read."""
    one = bill(office.standin, debtor(office.standin))
    office.sync.reconcile()
    office.sync.invoice(one)
    before = office.ledger.rows("invoices"), office.ledger.rows("accounts")
    hidden = office.standin.books.invoices.copy()
    office.standin.books.invoices.clear()
    office.clock.move(hours=1)
    with pytest.raises(SourceUnavailable, match="shows no open invoice at all"):
        office.sync.reconcile()
    assert "check whose key stripe.api_key is" in office.reader.state().distrust
    office.sync.invoice(one)
    after = office.ledger.rows("invoices"), office.ledger.rows("accounts")
    assert after == before
    office.standin.books.invoices.update(hidden)


@pytest.mark.parametrize("kind", ["error", "html", "unauthorized"])
def test_a_list_that_breaks_off_changes_nothing_that_it_did_not_show(office: Office, kind: str) -> None:
    """Case 7. What it did show is written: the newest are on its first page."""
    who = debtor(office.standin)
    bills = [bill(office.standin, who) for _ in range(110)]
    office.sync.reconcile()
    settled = [*bills[:2], *bills[-2:]]
    for one in settled:
        office.standin.books.pay(one)
    on_its_pages = bills[5], bills[-20]
    for one in on_its_pages:
        office.standin.books.part_pay(one, 100)
    office.standin.faults.add(Fault(kind=kind, times=3, skip=2, path="/v1/invoices"))
    with pytest.raises(SourceUnavailable):
        office.sync.reconcile()
    assert set(office.statuses().values()) == {"open"}
    assert [office.reader.invoice(one).remaining_minor for one in on_its_pages] == [1000, 900]
    office.standin.faults.clear()
    office.sync.reconcile()
    assert {one for one, status in office.statuses().items() if status == "paid"} == set(settled)


def test_five_hundred_open_invoices_are_five_questions_one_for_the_written_off_and_one_for_each_that_vanished(
    office: Office,
) -> None:
    who = debtor(office.standin)
    bills = [bill(office.standin, who) for _ in range(500)]
    assert office.sync.reconcile() == 0
    assert office.asked() == ["account", *["invoices"] * 6, *ASIDE]
    for one in bills[::100]:
        office.standin.books.pay(one)
    assert office.sync.reconcile() == 5
    singly = [f"invoices/{one}" for one in sorted(bills[::100])]
    assert office.asked() == ["account", *["invoices"] * 6, ASIDE[0], *singly, *ASIDE[1:]]


def test_between_two_pages_and_two_single_readings_there_is_time_for_others(office: Office) -> None:
    who = debtor(office.standin)
    bills = [bill(office.standin, who) for _ in range(101)]
    office.sync.reconcile()
    for one in bills[:3]:
        office.standin.books.pay(one)
    pauses: list[int] = []
    office.sync.reconcile(between=lambda: pauses.append(1))
    assert len(pauses) == 3 + 3
