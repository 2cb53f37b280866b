"""What a biller says: its customers, its invoices, and whose books they are."""

from dataclasses import dataclass
from datetime import datetime

from gatekeeper.model.words import Audience, Money, Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The biller's customer, in our words. `account_id` is None where the customer names no account of the product.

    `country`: ISO 3166-1 alpha-2; `time_zone`: an IANA name; empty where unknown. `test_clock`: the id of the Stripe test clock
    in whose time this customer lives (test mode only).
    """

    id: str
    account_id: str | None
    name: str = ""
    locale: str | None = None
    addresses: tuple[tuple[Audience, str], ...] = ()
    deleted: bool = False
    country: str = ""
    time_zone: str = ""
    plan: str = ""
    tags: tuple[str, ...] = ()
    test_clock: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One claim of the biller, as last read at `read_at`.

    `status` is Stripe's (`draft open paid void uncollectible`), and open to words that Stripe adds later. `lineage` is the
    id of the first invoice of a chain of revisions: what was said about one of the chain was said about all of it.
    `processing_since_at`: since when a payment of it has been seen on its way
    (bank debits take days); `processing_ended_at`: when the last such payment was seen to have failed.
    `settled_at`: when it was paid, voided or written off. `origin`: `STRIPE`, or `STATEMENT` for one that is billed elsewhere,
    with its own `pay_url` (Stripe's expire, and are never kept).
    """

    id: str
    customer_id: str
    status: str
    currency: str
    total_minor: int
    remaining_minor: int
    created_at: datetime
    read_at: datetime
    account_id: str = ""
    number: str = ""
    lineage: str = ""
    replaced_by: str | None = None
    finalized_at: datetime | None = None
    due_at: datetime | None = None
    automatic: bool = False
    attempted: bool = False
    next_attempt_at: datetime | None = None
    billing_reason: str = ""
    processing_since_at: datetime | None = None
    processing_ended_at: datetime | None = None
    pay_token: str = ""
    settled_at: datetime | None = None
    origin: Origin = Origin.STRIPE
    pay_url: str = ""

    @property
    def owed(self) -> bool:
        """Rule 5 of facts/stripe.md: debt is `open` with something remaining, whatever else the object says."""
        return self.status == "open" and self.remaining_minor > 0

    @property
    def remaining(self) -> Money:
        return Money(minor=self.remaining_minor, currency=self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One invoice and its customer as the biller showed them in one answer."""

    invoice: Invoice
    customer: Customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose books these are: the biller's account id, and whether they are the live ones."""

    account: str
    livemode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A payment of the account that its bank has called back in question; `closed_at` is None while that lasts."""

    id: str
    opened_at: datetime
    closed_at: datetime | None = None
