"""The page behind `hosted_invoice_url`: another address at every reading, which expires, and a button that pays."""

import base64
from html import escape

from babel.numbers import format_currency, get_currency_precision

from gatekeeper.demo.standin.frame import Frame
from gatekeeper.demo.standin.records import Invoice

_DAY = 86_400


def address(it: Invoice, frame: Frame) -> str | None:
    """The address of the invoice's page as this reading shows it; null on a draft."""
    if it.finalized_at is None:
        return None
    token = base64.urlsafe_b64encode(f"{it.id}.{frame.now}.{frame.reading}".encode()).decode().rstrip("=")
    return f"{frame.base_url}/i/{token}"


def read_token(token: str) -> tuple[str, int]:
    """The invoice's id and the moment at which the address was read.

    Raises:
        ValueError: no token of ours.
    """
    invoice_id, read_at, _ = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split(".")
    return invoice_id, int(read_at)


def expires(it: Invoice, read_at: int) -> int:
    """30 days after it was due (without a due date: after it was finalized), never later than 120 days after it was finalized;
    an address just read is good for ten more days (docs.stripe.com/invoicing/hosted-invoice-page).
    """
    finalized = it.finalized_at or it.created
    end = min((it.due_date or finalized) + 30 * _DAY, finalized + 120 * _DAY)
    return max(end, read_at + 10 * _DAY)


def html(it: Invoice | None, *, expired: bool) -> str:
    """The page, with the button where something can be paid; `it` None: no such invoice."""
    if it is None or expired:
        return _frame("This link has expired", "<p>Ask for a new link: open the payment page of your product again.</p>")
    currency = it.currency.upper()
    owed = format_currency(it.amount_remaining / 10 ** get_currency_precision(currency), currency, locale="en")
    if it.status in {"open", "uncollectible"} and it.amount_remaining > 0:
        button = '<form method="post"><button>Pay now</button></form>'
        return _frame(f"Invoice {escape(it.number or '')}", f"<p>To pay: <strong>{escape(owed)}</strong></p>{button}")
    return _frame(f"Invoice {escape(it.number or '')}", f"<p>Nothing is left to pay: this invoice is {escape(it.status)}.</p>")


def _frame(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>body{{font:1.1rem/1.5 system-ui;max-width:30rem;margin:4rem auto;padding:0 1rem}}"
        f"button{{font:inherit;padding:.6rem 1.4rem}}</style><h1>{title}</h1>{body}"
        f"<p><small>The stand-in for Stripe: no money moves here.</small></p></html>"
    )
