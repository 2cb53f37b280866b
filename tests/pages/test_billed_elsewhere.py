"""The pay link of an invoice that is billed elsewhere, from the ledger to the browser."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from gatekeeper.ledger.wish_reader import WishReader
from gatekeeper.model import Origin
from gatekeeper.pages.ledger_books import LedgerBooks
from gatekeeper.policy.rules import Rules
from tests.kit.builders import DUE_AT, invoice
from tests.kit.ledger import Ledger, opened
from tests.pages.test_routes import HEADERS, ask, web
from tests.wording.samples import PRODUCT


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with opened(f"sqlite:///{tmp_path}/ledger.db") as made:
        yield made


def app(ledger: Ledger) -> Starlette:
    books = LedgerBooks(
        reader=ledger.reader,
        wishes=WishReader(ledger.engine),
        rules_of=lambda _: Rules(),
        product=PRODUCT,
        public_url="https://bill.example",
        promise_days=7,
        clock=lambda: DUE_AT,
    )
    return web(books, payment_page=pytest.fail, pdf=pytest.fail)


def link(ledger: Ledger, **changes: Any) -> str:
    stated = replace(invoice(), id="F-1", lineage="F-1", customer_id="statement:acme", origin=Origin.STATEMENT)
    (one,) = ledger.writer.statements.record([replace(stated, **changes)], author="ops", now=DUE_AT)
    return f"/pay/{one.invoice.pay_token}"


def test_it_leads_to_where_it_can_be_paid(ledger: Ledger) -> None:
    answer = ask(app(ledger), link(ledger, pay_url="https://bank.example/pay/1"))
    assert (answer.status_code, answer.headers["location"]) == (303, "https://bank.example/pay/1")


def test_without_such_a_place_it_says_how_to_pay_and_whom_to_ask(ledger: Ledger) -> None:
    answer = ask(app(ledger), link(ledger))
    assert answer.status_code == 200
    assert "This invoice is not paid online" in answer.text
    assert PRODUCT.support_email in answer.text
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


@pytest.mark.parametrize("changes", [{"status": "paid", "remaining_minor": 0}, {"status": "void"}])
def test_what_is_settled_says_thank_you(ledger: Ledger, changes: dict[str, Any]) -> None:
    assert "Thank you" in ask(app(ledger), link(ledger, pay_url="https://bank.example/1", **changes)).text


def test_what_was_written_off_can_still_be_paid(ledger: Ledger) -> None:
    assert ask(app(ledger), link(ledger, status="uncollectible", pay_url="https://bank.example/1")).status_code == 303


def test_a_pdf_of_it_is_not_ours_to_give(ledger: Ledger) -> None:
    assert ask(app(ledger), link(ledger, pay_url="https://bank.example/pay/1") + "/pdf").status_code == 404
