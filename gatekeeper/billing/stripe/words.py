"""Stripe's JSON into the words of the model. Strict where we read, blind to the rest (case 26)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.model import Audience, Customer, Invoice, Reading, is_account_id

API_VERSION: Final = "2026-10-28.endive"
Document = Mapping[str, Any]

_PAYABLE: Final = frozenset({"open", "uncollectible"})
_YEAR_5: Final = -62_000_000_000
_YEAR_10000: Final = 253_402_300_800
_FAULTS_SAID: Final = 3


class Unreadable(SourceUnavailable):
    """An object that is not shaped as the pinned API version promises; it is no evidence of anything."""


def _instant(seconds: object) -> datetime:
    if type(seconds) is not int or not _YEAR_5 <= seconds < _YEAR_10000:
        raise ValueError("should be whole seconds since 1970")
    return datetime.fromtimestamp(seconds, tz=UTC)


def _storable(text: object) -> object:
    """Without what JSON can say and PostgreSQL cannot keep. Customers write these texts; they must not stop the others."""
    return text.replace("\0", "").encode("utf-8", "replace").decode() if isinstance(text, str) else text


_Instant = Annotated[datetime, BeforeValidator(_instant)]
_Text = Annotated[str, BeforeValidator(_storable)]
_Word = Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]
_Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Shown(BaseModel):
    """What we read of an object: every field must be there, and of its type. Stripe shows what is empty as null."""

    model_config = ConfigDict(strict=True, frozen=True)


class _Named(_Shown):
    id: _Word


class _Page(_Shown):
    data: list[dict[str, Any]]
    has_more: bool


class _Customer(_Named):
    name: _Text | None
    email: _Text | None
    metadata: dict[Any, Any]
    preferred_locales: list[_Text] | None


class _Intent(_Shown):
    status: _Word


class _Means(_Shown):
    """By what a payment is made; `payment_intent` is expanded."""

    type: _Word
    payment_intent: _Intent | None = None

    @model_validator(mode="after")
    def _shows_its_intent(self) -> Self:
        if self.type == "payment_intent" and self.payment_intent is None:
            raise ValueError("payment_intent is missing")
        return self


class _Payment(_Shown):
    payment: _Means


class _Payments(_Shown):
    data: list[_Payment]


class _Origin(_Shown):
    invoice: _Word


class _Transitions(_Shown):
    finalized_at: _Instant | None


class _Payable(_Shown):
    status: _Word
    amount_remaining: _Whole

    @property
    def owed(self) -> bool:
        return self.status == "open" and self.amount_remaining > 0


class _Invoice(_Payable, _Named):
    customer: dict[str, Any]
    currency: _Word
    total: _Whole
    created: _Instant
    number: _Text | None
    from_invoice: _Origin | None
    latest_revision: _Word | None
    status_transitions: _Transitions
    due_date: _Instant | None
    collection_method: Literal["charge_automatically", "send_invoice"]
    attempted: bool
    attempt_count: _Whole
    next_payment_attempt: _Instant | None
    billing_reason: _Word | None
    payments: _Payments | None = None

    @property
    def was_attempted(self) -> bool:
        return self.attempted or self.attempt_count > 0

    @property
    def is_processing(self) -> bool:
        """Whether a payment of it is on its way: bank debits stay `processing` for days while the invoice is open."""
        means = [payment.payment for payment in self.payments.data] if self.payments else []
        return any(one.payment_intent is not None and one.payment_intent.status == "processing" for one in means)


class _WithPage(_Payable):
    hosted_invoice_url: Annotated[str, Field(pattern=r"^https?://[!-~]+$")] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapper:
    """How Stripe customers name their account (`id` or `metadata.KEY`) and its people (`email` or `metadata.KEY`)."""

    account_id_from: str
    contacts_from: Mapping[Audience, str]

    def reading(self, document: Document, *, read_at: datetime, listed: bool = False) -> Reading:
        """An invoice that was fetched with its customer expanded, and, unless it was `listed`, its payments.

        Stripe does not say since when a payment is on its way (the object is made with the invoice): `processing_since_at` is
        `read_at`, when it was seen; the ledger keeps the first.

        Raises:
            Unreadable: a field that we rely on is missing or of another kind.
        """
        shown = _read(_Invoice, document, "invoice")
        if shown.payments is None and shown.owed and shown.was_attempted and not listed:
            raise _unreadable(document, "invoice", "payments: missing, and a payment may be on its way")
        invoice = Invoice(
            id=shown.id,
            customer_id=_read(_Named, shown.customer, "customer").id,
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
        )
        return Reading(invoice=invoice, customer=self.customer(shown.customer))

    def customer(self, document: Document) -> Customer:
        """A customer; a deleted one has lost everything but its id.

        Raises:
            Unreadable: as above.
        """
        if document.get("deleted") is True:
            gone = _read(_Named, document, "customer")
            account_id = gone.id if self._account_is_customer else None
            return Customer(id=gone.id, account_id=account_id, deleted=True)
        shown = _read(_Customer, document, "customer")
        locales = shown.preferred_locales or []
        return Customer(
            id=shown.id,
            account_id=shown.id if self._account_is_customer else _account_id(_field(shown, self.account_id_from)),
            name=shown.name or "",
            locale=locales[0] if locales else None,
            addresses=tuple(self._addresses(shown)),
        )

    @property
    def _account_is_customer(self) -> bool:
        return self.account_id_from in {"id", "customer.id"}

    def _addresses(self, shown: _Customer) -> list[tuple[Audience, str]]:
        """Several addresses of one audience are parted by commas."""
        return [
            (audience, address.strip())
            for audience, place in self.contacts_from.items()
            for address in _field(shown, place).split(",")
            if address.strip().isprintable() and address.strip()
        ]


def account_id(document: Document) -> str:
    """Whose books a key opens. Raises Unreadable."""
    return _read(_Named, document, "account").id


def page(document: Document) -> tuple[list[dict[str, Any]], str | None]:
    """The objects of one page of a list, and the id behind which the next page begins; None: this is the last.

    Raises:
        Unreadable: not a page, or one that has no last object and still says that there are more.
    """
    shown = _read(_Page, document, "list")
    if not shown.has_more:
        return shown.data, None
    if not shown.data:
        raise _unreadable(document, "list", "data: empty, and has_more: true")
    return shown.data, _read(_Named, shown.data[-1], "object").id


def hides_payments(document: Document) -> bool:
    """Whether an invoice has more payments than it shows, so that one of them may be on its way unseen."""
    payments = document.get("payments")
    return isinstance(payments, dict) and payments.get("has_more") is True


def payment_page(document: Document) -> str | None:
    """Where an invoice can be paid; None: it cannot, or need not be. Raises Unreadable."""
    shown = _read(_WithPage, document, "invoice")
    return shown.hosted_invoice_url if shown.status in _PAYABLE and shown.amount_remaining > 0 else None


_S = TypeVar("_S", bound=_Shown)


def _read(kind: type[_S], document: object, noun: str) -> _S:
    try:
        return kind.model_validate(document)
    except ValidationError as fault:
        # Never the value: it may be somebody's name or address
        told = fault.errors(include_url=False, include_context=False, include_input=False)[:_FAULTS_SAID]
        faults = "; ".join(f"{'.'.join(map(str, one['loc'])) or noun}: {one['msg']}" for one in told)
        raise _unreadable(document, noun, faults) from None


def _unreadable(document: object, noun: str, faults: str) -> Unreadable:
    try:
        name = _Named.model_validate(document).id
    except ValidationError:
        name = "without an id"
    return Unreadable(
        f"Stripe showed the {noun} {name} in another shape than its API {API_VERSION} promises ({faults}); "
        "nothing follows from it. Look for a newer gatekeeper, or report this."
    )


def _field(shown: _Customer, place: str) -> str:
    """The text in a field of the customer; empty where it is none."""
    room, _, key = place.removeprefix("customer.").partition(".")
    value = shown.metadata.get(key) if room == "metadata" else getattr(shown, room)
    return value if isinstance(value, str) else ""


def _account_id(text: str) -> str | None:
    found = text.strip()
    return found if is_account_id(found) else None
