"""What the stand-in keeps: one record an object, under the API's field names. Instants are whole seconds since 1970."""

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Collection = Literal["charge_automatically", "send_invoice"]

_INCOMPLETE_LASTS = 23 * 3600


class Refused(Exception):
    """A request that Stripe answers with an error object; the fields are those of the object, `status` is the HTTP status."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request_error", code: str = "", param: str = ""
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.kind, self.code, self.param = message, status, kind, code, param


@dataclass(slots=True, kw_only=True)
class Customer:
    id: str
    created: int
    invoice_prefix: str
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    preferred_locales: list[str] = field(default_factory=list)
    payment_method: str | None = None
    country: str | None = None
    test_clock: str | None = None
    currency: str | None = None
    delinquent: bool = False
    next_invoice_sequence: int = 1
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class Product:
    id: str
    created: int
    name: str


@dataclass(slots=True, kw_only=True)
class Price:
    """`interval` None: a one-time price."""

    id: str
    created: int
    product: str
    currency: str
    unit_amount: int
    interval: str | None = None
    interval_count: int = 1


@dataclass(slots=True, kw_only=True)
class Line:
    """One line of an invoice. `item` is an invoice item (`ii_`) or a subscription item (`si_`); `price` None: a bare amount."""

    id: str
    item: str
    amount: int
    description: str
    start: int
    end: int
    quantity: int = 1
    price: Price | None = None


@dataclass(slots=True, kw_only=True)
class Invoice:
    id: str
    created: int
    customer: str
    currency: str
    collection_method: Collection
    status: str = "draft"
    lines: list[Line] = field(default_factory=list)
    subscription: str | None = None
    billing_reason: str = "manual"
    days_until_due: int | None = None
    due_date: int | None = None
    number: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    auto_advance: bool = False
    attempted: bool = False
    attempt_count: int = 0
    next_payment_attempt: int | None = None
    amount_paid: int = 0
    amount_paid_off_stripe: int = 0
    amount_overpaid: int = 0
    pre_payment_credit_notes_amount: int = 0
    post_payment_credit_notes_amount: int = 0
    customer_email: str | None = None
    customer_name: str | None = None
    finalized_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None
    marked_uncollectible_at: int | None = None
    revises: str | None = None
    latest_revision: str | None = None

    @property
    def total(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def amount_due(self) -> int:
        return self.total - self.pre_payment_credit_notes_amount

    @property
    def amount_remaining(self) -> int:
        return self.amount_due - self.amount_paid


@dataclass(slots=True, kw_only=True)
class Subscription:
    id: str
    created: int
    item: str
    customer: str
    price: Price
    collection_method: Collection
    current_period_start: int
    current_period_end: int
    quantity: int = 1
    days_until_due: int | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    latest_invoice: str | None = None
    cancel_at_period_end: bool = False
    canceled_at: int | None = None

    def status(self, latest: Invoice | None, now: int) -> str:
        """The status follows the latest invoice alone, however old another open one is (Stripe's subscription overview)."""
        if self.canceled_at is not None:
            return "canceled"
        if latest is None or latest.status != "open" or latest.amount_remaining <= 0:
            return "active"
        if self.collection_method == "send_invoice":
            return "past_due" if latest.due_date is not None and latest.due_date < now else "active"
        if not latest.attempted:
            return "active"
        if latest.billing_reason == "subscription_create":
            return "incomplete" if now < self.created + _INCOMPLETE_LASTS else "incomplete_expired"
        return "past_due"


@dataclass(slots=True, kw_only=True)
class Intent:
    """A payment intent: `requires_payment_method`, `processing`, `succeeded` or `canceled`."""

    id: str
    created: int
    amount: int
    currency: str
    customer: str | None
    status: str = "requires_payment_method"
    payment_method: str | None = None
    canceled_at: int | None = None
    failure: str | None = None
    charge: str | None = None


@dataclass(slots=True, kw_only=True)
class Payment:
    """Stripe's invoice payment: the tie of an invoice to an intent, or to a record of money that Stripe never saw."""

    id: str
    created: int
    invoice: str
    amount_requested: int
    currency: str
    intent: str | None
    record: str | None = None
    is_default: bool = False
    status: str = "open"
    amount_paid: int | None = None
    paid_at: int | None = None
    canceled_at: int | None = None


@dataclass(slots=True, kw_only=True)
class CreditNote:
    """`before` lowers what is owed on an open invoice, `after` gives back money that was paid."""

    id: str
    created: int
    number: str
    invoice: str
    customer: str
    currency: str
    before: int
    after: int
    out_of_band: int | None = None
    memo: str | None = None
    reason: str | None = None

    @property
    def amount(self) -> int:
        return self.before + self.after


@dataclass(slots=True, kw_only=True)
class Charge:
    """Money that was taken by an intent."""

    id: str
    created: int
    amount: int
    currency: str
    customer: str | None
    intent: str
    payment_method: str | None
    amount_refunded: int = 0
    disputed: bool = False


@dataclass(slots=True, kw_only=True)
class Dispute:
    id: str
    created: int
    charge: str
    intent: str
    amount: int
    currency: str
    reason: str
    status: str


@dataclass(slots=True, kw_only=True)
class TestClock:
    """`ready`, or `advancing` while what lies between two moments happens."""

    id: str
    created: int
    frozen_time: int
    name: str | None = None
    status: str = "ready"
    deleted: bool = False


Record = Charge | Dispute | TestClock | Customer | Product | Price | Invoice | Subscription | Intent | Payment | CreditNote
