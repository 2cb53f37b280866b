"""What the lockout page is told of an account, from a real ledger."""

from collections.abc import Iterator

import pytest

from gatekeeper.ledger.wish_reader import WishReader
from gatekeeper.model import Standing, Verdict
from gatekeeper.pages.ledger_books import LedgerBooks
from gatekeeper.policy.rules import Rules
from tests.kit.builders import day, invoice, on
from tests.kit.ledger import Ledger, opened
from tests.wording.samples import PRODUCT


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """A ledger with one account, which owes one invoice."""
    with opened(database_url) as made:
        made.read(invoice())
        yield made


@pytest.fixture
def books(ledger: Ledger) -> LedgerBooks:
    return LedgerBooks(
        reader=ledger.reader,
        wishes=WishReader(ledger.engine),
        rules_of=lambda _: Rules(),
        product=PRODUCT,
        public_url="https://bill.acme.example",
        promise_days=7,
        clock=lambda: on(20),
    )


@pytest.mark.parametrize("left", [(), ("/reports", "/export")])
def test_the_page_of_a_restricted_account_is_told_what_it_is_left(
    ledger: Ledger, books: LedgerBooks, left: tuple[str, ...]
) -> None:
    ledger.judge(Verdict(standing=Standing.RESTRICTED, reasons=(), leaves_open=left), on(19))
    view = books.lockout("acme")
    assert view is not None
    assert (view.standing, view.leaves_open, view.suspended_on) == (Standing.RESTRICTED, left, None)
    assert [owed.number for owed in view.owed] == ["A-1"]


def test_the_page_of_a_suspended_account_is_told_since_when(ledger: Ledger, books: LedgerBooks) -> None:
    ledger.judge(Verdict(standing=Standing.RESTRICTED, reasons=(), leaves_open=("/reports",)), on(14))
    ledger.judge(Verdict(standing=Standing.SUSPENDED, reasons=()), on(19))
    view = books.lockout("acme")
    assert view is not None
    assert (view.standing, view.leaves_open, view.suspended_on) == (Standing.SUSPENDED, (), day(19))


def test_who_owes_nothing_gets_no_lockout_page(ledger: Ledger, books: LedgerBooks) -> None:
    ledger.read(invoice(status="paid", remaining_minor=0))
    assert books.lockout("acme") is None
    assert books.lockout("nobody") is None
