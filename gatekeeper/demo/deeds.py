"""What a visitor of the demo can do to its accounts and invoices: one entry a button.

Deeds on invoices are done in the books of the billing stand-in, where gatekeeper only reads; deeds on accounts are what staff
do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from gatekeeper.demo.standin.books import Books
from gatekeeper.ledger.writer.desk import Desk
from gatekeeper.policy.terms import check_exemption, check_promise

AUTHOR: Final = "demo"
_PROMISE: Final = timedelta(days=7)
_EXEMPTION: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Deed:
    """`label` is on the button, `done` says what was done; `act` does it to the thing of this id."""

    label: str
    done: str
    act: Callable[[str], object]


def on_invoices(books: Books) -> Mapping[str, Deed]:
    """By the last part of the button's address. Each raises the stand-in's Refused when the invoice is past that."""

    def pay_half(invoice_id: str) -> None:
        books.part_pay(invoice_id, books.invoice(invoice_id).amount_remaining // 2)

    return {
        "pay": Deed("Pay", "The invoice was paid.", lambda it: books.pay(it, payment_method="pm_card_visa")),
        "pay-half": Deed("Pay half", "Half of it was paid.", pay_half),
        "start-debit": Deed("Start a bank debit", "A payment is on its way; banks take days.", books.start_processing),
        "debit-arrives": Deed("The debit arrives", "The payment arrived.", books.succeed_processing),
        "debit-fails": Deed("The debit fails", "The payment failed.", books.fail_processing),
        "revise": Deed("Correct it", "A corrected invoice took its place.", books.revise),
        "void": Deed("Void it", "The invoice was voided: nothing of it is owed.", books.void),
    }


def on_accounts(desk: Desk, now: Callable[[], datetime], time_zone: tzinfo) -> Mapping[str, Deed]:
    """By the last part of the button's address. Each raises NoSuchAccount, or TermsRefused for a day too far away."""

    def promise(account_id: str) -> None:
        today = now().astimezone(time_zone).date()
        check_promise(today + _PROMISE, today)
        desk.promise(account_id, due_on=today + _PROMISE, by="The accountant", author=AUTHOR, now=now())

    def exempt(account_id: str) -> None:
        today = now().astimezone(time_zone).date()
        check_exemption(today + _EXEMPTION, today)
        desk.exempt(account_id, until_on=today + _EXEMPTION, reason="an old friend", author=AUTHOR, now=now())

    def end_exemption(account_id: str) -> None:
        desk.end_exemption(account_id, author=AUTHOR, now=now())

    def restore(account_id: str) -> None:
        desk.reopen(account_id, reason="opened in the demo", author=AUTHOR, now=now())

    return {
        "promise": Deed("They promise to pay in 7 days", "The promise was noted.", promise),
        "exempt": Deed("Exempt for 30 days", "The account is exempt.", exempt),
        "end-exemption": Deed("End the exemption", "The account is no longer exempt.", end_exemption),
        "restore": Deed("Open it by hand", "Staff opened the account.", restore),
    }
