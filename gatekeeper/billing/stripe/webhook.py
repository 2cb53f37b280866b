"""A webhook delivery: is it from Stripe, and which object does it point at? Nothing else of its body is believed (rule 3)."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import stripe

MAX_BYTES: Final = 1_000_000
_TOLERANCE_SECONDS: Final = 300
_THIN: Final = "v2.core.event"
_WORD: Final = re.compile(r"[!-~]{1,255}")


class DeliveryRefused(ValueError):
    """Not a delivery that Stripe signed: answer 400 and keep nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a delivery says to look at: an invoice, a customer, a dispute or a test clock; or nothing.

    `related`: the kind and id of an object that is about an invoice, where the event does not say which (`Source.invoice_of`).
    `settles`: the event shows `invoice_id` as paid. That never changes again, and may be applied before anything is read.
    `account`: the Stripe account that it is about, where it says so; those of Connect do.
    """

    event_id: str
    kind: str
    livemode: bool
    account: str = ""
    invoice_id: str = ""
    customer_id: str = ""
    dispute_id: str = ""
    clock_id: str = ""
    related: tuple[str, str] | None = None
    settles: bool = False


def verify(body: bytes, signature: str, secrets: Iterable[str]) -> Delivery:
    """The delivery, if one of the secrets signed it within 300 seconds of now (rule 2; several while one is rolled).

    Raises:
        DeliveryRefused: no valid signature, or a body that is not an event. Any exception of the SDK ends here (rule 1).
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as fault:
        raise DeliveryRefused("the body is not UTF-8") from fault
    if not any(_is_fresh(text, signature, secret) for secret in secrets):
        raise DeliveryRefused("no secret of stripe.webhook_secrets signed this body within 300 seconds of now")
    return delivery(body)


def delivery(body: bytes) -> Delivery:
    """What the body of a verified or stored event points at.

    Raises:
        DeliveryRefused: not an event, snapshot or thin.
    """
    try:
        event = json.loads(body)
        thin = event.get("object") == _THIN
        event_id, kind = _word(event["id"]), _word(event["type"])
        target = _thin_target(event) if thin else event["data"]["object"]
        points_at = _pointed_at(kind.removeprefix("v1."), target)
        livemode, account = event.get("livemode") is True, _word(event.get("context" if thin else "account"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise DeliveryRefused("the body is not a Stripe event") from fault
    if not (event_id and kind):
        raise DeliveryRefused("the body is not a Stripe event")
    return Delivery(event_id=event_id, kind=kind, livemode=livemode, account=account.rpartition("/")[2], **points_at)


def _is_fresh(text: str, signature: str, secret: str) -> bool:
    """Whether `secret` signed it, at most 300 seconds ago or ahead.

    The SDK knows no bound ahead; with a tolerance of -300 it takes only what was signed more than 300 seconds ahead.
    """
    return _is_signed(text, signature, secret, _TOLERANCE_SECONDS) and not _is_signed(
        text, signature, secret, -_TOLERANCE_SECONDS
    )


def _is_signed(text: str, signature: str, secret: str, tolerance: int) -> bool:
    try:
        stripe.WebhookSignature.verify_header(text, signature, secret, tolerance)
    except Exception:  # noqa: BLE001 - the SDK raises TypeError and others on hostile headers; all of them mean no
        return False
    return True


def _thin_target(event: dict[str, Any]) -> dict[str, Any]:
    return {"id": (event.get("related_object") or {}).get("id")}


def _pointed_at(kind: str, target: dict[str, Any]) -> dict[str, Any]:
    """The fields of a `Delivery` that say what to look at.

    Of a body only these are read, which every API version since 2020-03-02 has under the same names: `id`, and as ids (never
    expanded) `invoice`, `customer`, `payment_intent`; and the status `paid`. A thin event shows its `id` alone.
    """
    own, invoice, customer = (_word(target.get(name)) for name in ("id", "invoice", "customer"))
    found: dict[str, Any] = {}
    match kind.split("."):
        case ["invoice", action] if action != "upcoming":  # which is of an invoice that does not exist yet
            found = {"invoice_id": own, "settles": bool(own) and target.get("status") == "paid"}
        case ["invoice_payment" | "credit_note" | "payment_intent" as family, _]:
            found = {"invoice_id": invoice} if "invoice" in target else _related(family, own)
        case ["customer", "created" | "updated" | "deleted"]:
            found = {"customer_id": own}
        case ["charge", "dispute", _]:
            found = {"dispute_id": own}
        case ["test_helpers", "test_clock", _]:
            found = {"clock_id": own}
        case ["refund", _] | ["charge", "refund", _]:
            found = _related("payment_intent", _word(target.get("payment_intent"))) | {"customer_id": customer}
        case ["customer", _, _] | ["charge", "refunded"]:
            found = {"customer_id": customer}
    return found


def _related(kind: str, object_id: str) -> dict[str, Any]:
    return {"related": (kind, object_id)} if object_id else {}


def _word(value: object) -> str:
    """An id, or the type of an event: short and printable, as every database keeps it; empty where it is neither."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""
