"""A finalized invoice that is edited is voided and replaced. What was said about one of the chain was said about all of it."""

from itertools import permutations

from gatekeeper.model import Invoice
from tests.kit.builders import invoice, on
from tests.kit.ledger import Ledger, current, past_due, planned, reading


def revision(number: int, of: int | None = None, **changes: object) -> Invoice:
    """Invoice `number`, made on that day in the place of invoice `of`."""
    return invoice(number, lineage=f"in_{of}" if of else f"in_{number}", created_at=on(number), **changes)


def chain(first: int = 1) -> tuple[Invoice, Invoice, Invoice, Invoice]:
    """An invoice that was revised three times."""
    void = {"status": "void", "replaced_by": f"in_{first + 3}"}
    later = [revision(first + step, of=first + step - 1, **(void if step < 3 else {})) for step in (1, 2, 3)]
    return revision(first, **void), *later


def test_a_chain_of_revisions_has_one_lineage_in_whatever_order_it_arrives(ledger: Ledger) -> None:
    for number, order in enumerate(permutations(range(4))):
        revisions = chain(10 * number + 1)
        ledger.read(*(revisions[step] for step in order))

        lineages = {row["id"]: row["lineage"] for row in ledger.rows("invoices")}
        assert {lineages[one.id] for one in revisions} == {f"in_{10 * number + 1}"}, order
        ledger.read(*revisions)
        assert {row["id"]: row["lineage"] for row in ledger.rows("invoices")} == lineages


def test_a_chain_whose_beginning_is_unknown_is_united_by_what_is_known_of_it(ledger: Ledger) -> None:
    _first, _second, third, fourth = chain()
    ledger.read(fourth, third)

    assert {row["lineage"] for row in ledger.rows("invoices")} == {"in_2"}


def test_a_list_that_shows_the_successor_first_unites_them_as_well(ledger: Ledger) -> None:
    ledger.writer.readings.record_page([reading(revision(2, of=1))], 1)
    ledger.read(revision(1, status="void", replaced_by="in_2"))

    assert {row["lineage"] for row in ledger.rows("invoices")} == {"in_1"}
    assert ledger.writer.readings.record_page([reading(revision(2, of=1))], 2) == []


def test_what_was_said_of_a_late_revision_counts_when_the_earlier_ones_are_found(ledger: Ledger) -> None:
    ledger.read(revision(3, of=2), invoice(9))
    notices = (planned(named=("in_2", "in_9")), planned(address="else@customer.example", named=("in_9",)))
    ledger.judge(past_due(*notices))
    ledger.settle_all()

    ledger.read(revision(2, of=1, status="void"))

    facts = ledger.facts()
    assert [one.lineage for one in facts.invoices] == ["in_1", "in_9"]
    assert [notice.named for notice in facts.notices] == [("in_1", "in_9"), ("in_9",)]
    assert ledger.touched() == {"acme"}


def test_an_invoice_that_is_no_revision_unites_nothing(ledger: Ledger) -> None:
    ledger.read(invoice(1), invoice(2, lineage=""))

    assert {row["id"]: row["lineage"] for row in ledger.rows("invoices")} == {"in_1": "in_1", "in_2": "in_2"}


def test_a_pay_link_leads_to_the_newest_invoice_of_its_chain(ledger: Ledger) -> None:
    ledger.read(revision(1))
    token = ledger.reader.invoice("in_1").pay_token

    *earlier, last = chain()
    ledger.read(*earlier)
    assert ledger.reader.invoice_by_token(token).id == "in_3"

    ledger.read(last)
    assert ledger.reader.invoice_by_token(token).id == "in_4"


def test_a_pay_link_does_not_lead_to_a_revision_that_has_not_been_issued(ledger: Ledger) -> None:
    ledger.read(revision(1))
    token = ledger.reader.invoice("in_1").pay_token

    ledger.read(revision(2, of=1, status="draft"))

    assert ledger.reader.invoice_by_token(token).id == "in_1"


def test_the_account_stays_past_due_while_a_debt_moves(ledger: Ledger) -> None:
    """The successor is written first, then the void: at no moment is nothing owed."""
    ledger.read(revision(1))
    ledger.read(revision(2, of=1))
    assert [one.lineage for one in ledger.facts().invoices] == ["in_1", "in_1"]

    ledger.read(revision(1, status="void", replaced_by="in_2"))
    assert [one.id for one in ledger.facts().invoices] == ["in_2"]
    assert not ledger.judge(current())
