"""A webhook delivery: is it from Stripe, and which object does it point at? Nothing else of its body is believed (rule 3)."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import stripe

MAX_BYTES: Final = 1_000_000
_TOLERANCE_SECONDS: Final = 300
_THIN: Final = "v2.core.event"
# What an event may point at, by the first word of its type, and the field of its object that names the invoice
_INVOICES: Final = {"invoice": "id", "invoice_payment": "invoice", "credit_note": "invoice"}


class DeliveryRefused(ValueError):
    """Not a delivery that Stripe signed: answer 400 and keep nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a delivery says to look at. `invoice_id` or `customer_id`, or neither: nothing to look at."""

    event_id: str
    kind: str
    livemode: bool
    invoice_id: str = ""
    customer_id: str = ""


def verify(body: bytes, signature: str, secrets: Iterable[str]) -> Delivery:
    """The delivery, if one of the secrets signed it within the last 300 seconds (rule 2; several while one is rolled).

    Raises:
        DeliveryRefused: no valid signature, or a body that is not an event. Any exception of the SDK ends here (rule 1).
    """
    if not any(_signed(body, signature, secret) for secret in secrets):
        raise DeliveryRefused("no configured secret signed this body within the last 300 seconds")
    return delivery(body)


def delivery(body: bytes) -> Delivery:
    """What the body of a verified or stored event points at.

    Raises:
        DeliveryRefused: not an event, snapshot or thin.
    """
    try:
        event = json.loads(body)
        kind, event_id, livemode = event["type"], event["id"], bool(event.get("livemode", False))
        target = _thin_target(event) if event.get("object") == _THIN else event["data"]["object"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise DeliveryRefused("the body is not a Stripe event") from fault
    if not isinstance(kind, str) or not isinstance(event_id, str) or not isinstance(target, dict):
        raise DeliveryRefused("the body is not a Stripe event")
    invoice_id, customer_id = _pointed_at(kind.removeprefix("v1."), target)
    return Delivery(event_id=event_id, kind=kind, livemode=livemode, invoice_id=invoice_id, customer_id=customer_id)


def _signed(body: bytes, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body.decode(), signature, secret, _TOLERANCE_SECONDS)
    except Exception:  # noqa: BLE001 - the SDK raises TypeError and others on hostile headers; all of them mean no
        return False
    return True


def _thin_target(event: dict[str, Any]) -> dict[str, Any]:
    related = event.get("related_object") or {}
    return {"id": related.get("id"), "object": related.get("type", "")}


def _pointed_at(kind: str, target: dict[str, Any]) -> tuple[str, str]:
    family, _, action = kind.partition(".")
    if family in _INVOICES and kind != "invoice.upcoming":  # which is of an invoice that does not exist yet
        return _text(target.get(_INVOICES[family])), ""
    if family == "customer" and action in {"created", "updated", "deleted"}:
        return "", _text(target.get("id"))
    return "", ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
