"""SendGrid's Event Webhook, signed with ECDSA over time and body; the verification key is a public one.

twilio.com/docs/sendgrid/for-developers/tracking-events: "event" and "getting-started-event-webhook-security-features".
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from gatekeeper.model import Returned, ReturnKind
from gatekeeper.returns.providers.keys import is_public_key, is_signed_by_curve
from gatekeeper.returns.providers.shapes import METADATA, Delivery, Provider, dig, is_fresh, items, one

_SIGNATURE: Final = "x-twilio-email-event-webhook-signature"
_TIMESTAMP: Final = "x-twilio-email-event-webhook-timestamp"
# It tries for a day, and does not say whether it signs each attempt anew
_WITHIN: Final = timedelta(hours=25)
# `blocked` is a bounce too: it is not tried again. `dropped`: SendGrid knows the address as bad, and has not even tried
_KINDS: Final = {
    "bounce": ReturnKind.BOUNCED,
    "dropped": ReturnKind.BOUNCED,
    "deferred": ReturnKind.DELAYED,
    "spamreport": ReturnKind.COMPLAINED,
}


def _check(delivery: Delivery, secret: str) -> bool:
    timestamp = delivery.headers.get(_TIMESTAMP, "")
    signed = timestamp.encode("utf-8", "replace") + delivery.body
    return is_signed_by_curve(signed, delivery.headers.get(_SIGNATURE, ""), secret) and is_fresh(
        timestamp, delivery.now, _WITHIN
    )


def _read(said: Any) -> Iterator[Returned]:
    for event in items(said):
        names = dig(event, METADATA), dig(event, "smtp-id")
        detail = f"{dig(event, 'status') or ''} {dig(event, 'reason') or dig(event, 'response') or ''}"
        yield from one(_KINDS.get(str(dig(event, "event"))), names, detail, dig(event, "email"))


PROVIDER = Provider(_check, _read, "the verification key of the signed event webhook", is_public_key, needs_keys=True)
