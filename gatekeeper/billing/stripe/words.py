"""Stripe's invoices, customers, disputes and test clocks into the words of the model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from gatekeeper.billing.source import DisputeReading
from gatekeeper.billing.stripe.shapes import Document, Instant, Named, Shown, Text, Whole, Word, read, unreadable
from gatekeeper.model import Audience, Customer, Dispute, Invoice, Reading, is_account_id

_PAYABLE: Final = frozenset({"open", "uncollectible"})
_CLOSED: Final = frozenset({"won", "lost", "prevented", "warning_closed"})

_Url = Annotated[str, Field(pattern=r"^https?://[!-~]+$")]


class _Address(Shown):
    country: Text | None


class _Customer(Named):
    name: Text | None
    email: Text | None
    metadata: dict[Any, Any]
    preferred_locales: list[Text] | None
    address: _Address | None
    test_clock: Word | None


class _Intent(Shown):
    status: Word


class _Means(Shown):
    """By what a payment is made; `payment_intent` is expanded."""

    type: Word
    payment_intent: _Intent | None = None

    @model_validator(mode="after")
    def _shows_its_intent(self) -> Self:
        if self.type == "payment_intent" and self.payment_intent is None:
            raise ValueError("payment_intent is missing")
        return self


class _Payment(Shown):
    payment: _Means


class _Payments(Shown):
    data: list[_Payment]


class _Origin(Shown):
    invoice: Word


class _Transitions(Shown):
    finalized_at: Instant | None
    paid_at: Instant | None
    voided_at: Instant | None
    marked_uncollectible_at: Instant | None


class _Payable(Shown):
    status: Word
    amount_remaining: Whole

    @property
    def owed(self) -> bool:
        return self.status == "open" and self.amount_remaining > 0


class _Invoice(_Payable, Named):
    customer: dict[str, Any]
    currency: Word
    total: Whole
    created: Instant
    number: Text | None
    from_invoice: _Origin | None
    latest_revision: Word | None
    status_transitions: _Transitions
    due_date: Instant | None
    collection_method: Literal["charge_automatically", "send_invoice"]
    attempted: bool
    attempt_count: Whole
    next_payment_attempt: Instant | None
    billing_reason: Word | None
    payments: _Payments | None = None

    @property
    def was_attempted(self) -> bool:
        return self.attempted or self.attempt_count > 0

    @property
    def is_processing(self) -> bool:
        """Whether a payment of it is on its way: bank debits stay `processing` for days while the invoice is open."""
        means = [payment.payment for payment in self.payments.data] if self.payments else []
        return any(one.payment_intent is not None and one.payment_intent.status == "processing" for one in means)

    @property
    def settled_at(self) -> datetime | None:
        """When it came to its present status, where that ends it."""
        then = self.status_transitions
        ends = {"paid": then.paid_at, "void": then.voided_at, "uncollectible": then.marked_uncollectible_at}
        return ends.get(self.status)


class _WithPage(_Payable):
    hosted_invoice_url: _Url | None


class _WithPdf(Shown):
    invoice_pdf: _Url | None = None


class _About(Shown):
    """An object that belongs to an invoice."""

    invoice: Word


class _Charge(Shown):
    customer: Word | None


class _Dispute(Named):
    created: Instant
    status: Word
    charge: _Charge


class _Clock(Named):
    frozen_time: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapper:
    """Where a Stripe customer names its account, its people, its plan, time zone and tags: `id`, `email` or `metadata.KEY`.

    `attributes_from`: places of `plan`, `time_zone` and `tags`; one that is not named stays empty.
    """

    account_id_from: str
    contacts_from: Mapping[Audience, str]
    attributes_from: Mapping[str, str] = field(default_factory=dict)

    def reading(self, document: Document, *, read_at: datetime, listed: bool = False) -> Reading:
        """An invoice that was fetched with its customer expanded, and, unless it was `listed`, its payments.

        Stripe does not say since when a payment is on its way (the object is made with the invoice): `processing_since_at` is
        `read_at`, when it was seen; the ledger keeps the first.

        Raises:
            Unreadable: a field that we rely on is missing or of another kind.
        """
        shown = read(_Invoice, document, "invoice")
        if shown.payments is None and shown.owed and shown.was_attempted and not listed:
            raise unreadable(document, "invoice", "payments: missing, and a payment may be on its way")
        invoice = Invoice(
            id=shown.id,
            customer_id=read(Named, shown.customer, "customer").id,
            status=shown.status,
            currency=shown.currency,
            total_minor=shown.total,
            remaining_minor=shown.amount_remaining,
            created_at=shown.created,
            read_at=read_at,
            number=shown.number or "",
            lineage=shown.from_invoice.invoice if shown.from_invoice else shown.id,
            replaced_by=shown.latest_revision,
            finalized_at=shown.status_transitions.finalized_at,
            due_at=shown.due_date,
            automatic=shown.collection_method == "charge_automatically",
            attempted=shown.was_attempted,
            next_attempt_at=shown.next_payment_attempt,
            billing_reason=shown.billing_reason or "",
            processing_since_at=read_at if shown.is_processing else None,
            settled_at=shown.settled_at,
        )
        return Reading(invoice=invoice, customer=self.customer(shown.customer))

    def customer(self, document: Document) -> Customer:
        """A customer; a deleted one has lost everything but its id.

        Raises:
            Unreadable: as above.
        """
        if document.get("deleted") is True:
            gone = read(Named, document, "customer")
            account_id = gone.id if self._account_is_customer else None
            return Customer(id=gone.id, account_id=account_id, deleted=True)
        shown = read(_Customer, document, "customer")
        locales = shown.preferred_locales or []
        return Customer(
            id=shown.id,
            account_id=shown.id if self._account_is_customer else _account_id(_field(shown, self.account_id_from)),
            name=shown.name or "",
            locale=locales[0] if locales else None,
            addresses=tuple(self._addresses(shown)),
            country=(shown.address.country or "").strip().upper() if shown.address else "",
            time_zone=_time_zone(self._attribute(shown, "time_zone")),
            plan=self._attribute(shown, "plan"),
            tags=tuple(dict.fromkeys(_parted(self._attribute(shown, "tags")))),
            test_clock=shown.test_clock or "",
        )

    @property
    def _account_is_customer(self) -> bool:
        return self.account_id_from in {"id", "customer.id"}

    def _addresses(self, shown: _Customer) -> list[tuple[Audience, str]]:
        """Several addresses of one audience are parted by commas."""
        return [
            (audience, address) for audience, place in self.contacts_from.items() for address in _parted(_field(shown, place))
        ]

    def _attribute(self, shown: _Customer, name: str) -> str:
        place = self.attributes_from.get(name)
        return "" if place is None else "".join(filter(str.isprintable, _field(shown, place))).strip()


def account_id(document: Document) -> str:
    """Whose books a key opens. Raises Unreadable."""
    return read(Named, document, "account").id


def dispute(document: Document, *, read_at: datetime) -> DisputeReading:
    """A dispute that was fetched with its charge expanded. Raises Unreadable.

    Stripe does not say when it was closed: that is `read_at`, when it was first seen so; the ledger keeps the first.
    """
    shown = read(_Dispute, document, "dispute")
    closed_at = read_at if shown.status in _CLOSED else None
    return DisputeReading(
        dispute=Dispute(id=shown.id, opened_at=shown.created, closed_at=closed_at), customer_id=shown.charge.customer or ""
    )


def clock(document: Document) -> tuple[str, datetime]:
    """The id of a test clock, and what time it is there. Raises Unreadable."""
    shown = read(_Clock, document, "test clock")
    return shown.id, shown.frozen_time


def invoice_of(document: Document) -> str:
    """The invoice to which a payment or a credit note belongs. Raises Unreadable."""
    return read(_About, document, "object").invoice


def hides_payments(document: Document) -> bool:
    """Whether an invoice has more payments than it shows, so that one of them may be on its way unseen."""
    payments = document.get("payments")
    return isinstance(payments, dict) and payments.get("has_more") is True


def payment_page(document: Document) -> str | None:
    """Where an invoice can be paid; None: it cannot, or need not be. Raises Unreadable."""
    shown = read(_WithPage, document, "invoice")
    return shown.hosted_invoice_url if shown.status in _PAYABLE and shown.amount_remaining > 0 else None


def pdf(document: Document) -> str | None:
    """Where an invoice can be had as a PDF; None: nowhere. Raises Unreadable."""
    return read(_WithPdf, document, "invoice").invoice_pdf


def _field(shown: _Customer, place: str) -> str:
    """The text in a field of the customer; empty where it is none."""
    room, _, key = place.removeprefix("customer.").partition(".")
    value = shown.metadata.get(key) if room == "metadata" else getattr(shown, room)
    return value if isinstance(value, str) else ""


def _parted(text: str) -> Iterator[str]:
    """The parts between commas, but for those that are empty or could not be printed in one line."""
    return (part.strip() for part in text.split(",") if part.strip() and part.strip().isprintable())


def _account_id(text: str) -> str | None:
    found = text.strip()
    return found if is_account_id(found) else None


@lru_cache(maxsize=1024)
def _time_zone(name: str) -> str:
    """The name, if there is a time zone of this name: a customer's slip of the pen is no reason to read nothing at all."""
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, KeyError):
        return ""
