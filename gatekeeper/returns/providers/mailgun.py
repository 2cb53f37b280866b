"""Mailgun's webhooks: the signature stands in the body, and covers only a time and a token that stand beside it.

documentation.mailgun.com: user manual, "Securing webhooks" and "Webhook payloads".
"""

import hmac
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from gatekeeper.model import Returned, ReturnKind
from gatekeeper.returns.providers.shapes import METADATA, Delivery, Provider, dig, document, is_fresh, one

# It tries for eight hours, and does not say whether it signs each attempt anew
_WITHIN: Final = timedelta(hours=9)


def _check(delivery: Delivery, secret: str) -> bool:
    signed = dig(document(delivery.body), "signature")
    timestamp, token, signature = (str(dig(signed, name)) for name in ("timestamp", "token", "signature"))
    expected = hmac.digest(secret.encode(), f"{timestamp}{token}".encode("utf-8", "replace"), "sha256").hex()
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")) and is_fresh(
        timestamp, delivery.now, _WITHIN
    )


def _read(said: Any) -> Iterator[Returned]:
    event = dig(said, "event-data")
    match dig(event, "event"), dig(event, "severity"):
        case ("failed", "temporary"):
            kind: ReturnKind | None = ReturnKind.DELAYED
        case ("failed" | "rejected", _):
            kind = ReturnKind.BOUNCED
        case ("complained", _):
            kind = ReturnKind.COMPLAINED
        case _:
            kind = None
    status = dig(event, "delivery-status")
    detail = f"{dig(status, 'code') or ''} {dig(status, 'message') or dig(status, 'description') or dig(event, 'reason') or ''}"
    names = dig(event, "user-variables", METADATA), dig(event, "message", "headers", "message-id")
    yield from one(kind, names, detail, dig(event, "recipient"))


PROVIDER = Provider(_check, _read, "the HTTP webhook signing key", bool)
