"""Stripe's JSON (API 2026-10-28.endive) into the words of the model. Strict where we read, blind to the rest (case 26)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from gatekeeper.model import Audience, Customer, Invoice, Reading

Document = Mapping[str, Any]
_PROCESSING: Final = "processing"
_MAX_ACCOUNT_ID: Final = 128


class Unreadable(ValueError):
    """An object that is not shaped as the pinned API version promises; it is no evidence of anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapper:
    """How Stripe customers name their account (`id` or `metadata.KEY`) and its people (`email` or `metadata.KEY`)."""

    account_id_from: str
    contacts_from: Mapping[Audience, str]

    def reading(self, document: Document, *, read_at: datetime) -> Reading:
        """An invoice that was fetched with its customer expanded.

        Raises:
            Unreadable: a field that we rely on is missing or of another kind.
        """
        try:
            return Reading(invoice=_invoice(document, read_at), customer=self.customer(document["customer"]))
        except (KeyError, TypeError, ValueError, OverflowError, OSError) as fault:
            raise Unreadable(f"an invoice is not shaped as the API version promises: {fault!r}") from fault

    def customer(self, document: Document) -> Customer:
        """A customer; a deleted one has lost everything but its id."""
        if document.get("deleted"):
            return Customer(id=document["id"], account_id=self._account_id(document), deleted=True)
        locales = document.get("preferred_locales") or []
        return Customer(
            id=document["id"],
            account_id=self._account_id(document),
            name=document.get("name") or "",
            locale=locales[0] if locales else None,
            addresses=tuple(self._addresses(document)),
        )

    def _account_id(self, document: Document) -> str | None:
        found = _field(document, self.account_id_from.removeprefix("customer."))
        return found if found and len(found) <= _MAX_ACCOUNT_ID else None

    def _addresses(self, document: Document) -> list[tuple[Audience, str]]:
        """Several addresses of one audience are parted by commas."""
        return [
            (audience, address.strip())
            for audience, place in self.contacts_from.items()
            for address in (_field(document, place) or "").split(",")
            if address.strip()
        ]


def _field(document: Document, place: str) -> str | None:
    in_metadata, _, key = place.partition(".")
    value = (document.get("metadata") or {}).get(key) if in_metadata == "metadata" else document.get(place)
    return value if isinstance(value, str) and value else None


def _invoice(document: Document, read_at: datetime) -> Invoice:
    revised = document.get("from_invoice") or {}
    return Invoice(
        id=document["id"],
        customer_id=document["customer"]["id"],
        status=document["status"] or "draft",
        currency=document["currency"],
        total_minor=int(document["total"]),
        remaining_minor=int(document["amount_remaining"]),
        created_at=_instant(document["created"]),
        read_at=read_at,
        number=document.get("number") or "",
        lineage=_id_of(revised.get("invoice")) or document["id"],
        replaced_by=_id_of(document.get("latest_revision")),
        finalized_at=_maybe_instant((document.get("status_transitions") or {}).get("finalized_at")),
        due_at=_maybe_instant(document["due_date"]),
        automatic=document["collection_method"] == "charge_automatically",
        attempted=bool(document["attempted"] or document["attempt_count"]),
        next_attempt_at=_maybe_instant(document.get("next_payment_attempt")),
        billing_reason=document.get("billing_reason") or "",
        processing_since_at=_processing_since(document.get("payments")),
    )


def _processing_since(payments: Document | None) -> datetime | None:
    """Since when a payment of it is on its way: bank debits stay `processing` for days while the invoice is open."""
    begun = []
    for payment in (payments or {}).get("data", ()):
        intent = (payment.get("payment") or {}).get("payment_intent")
        if isinstance(intent, dict) and intent.get("status") == _PROCESSING:
            begun.append(_instant(payment["created"]))
    return min(begun, default=None)


def _id_of(reference: str | Document | None) -> str | None:
    return reference["id"] if isinstance(reference, Mapping) else reference


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def _maybe_instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else _instant(seconds)
