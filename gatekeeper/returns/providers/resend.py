"""Resend's webhooks, signed as Standard Webhooks are (`svix-` headers): HMAC-SHA256 of id, time and body.

resend.com/docs/webhooks; docs.svix.com/receiving/verifying-payloads/how-manual.
"""

import base64
import binascii
import hmac
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from gatekeeper.model import Returned, ReturnKind
from gatekeeper.returns.providers.shapes import METADATA, Delivery, Provider, bounced, dig, header_named, is_fresh, items, one

_WITHIN: Final = timedelta(minutes=5)
_PREFIX: Final = "whsec_"
_KINDS: Final = {
    "email.failed": ReturnKind.BOUNCED,
    "email.suppressed": ReturnKind.BOUNCED,
    "email.delivery_delayed": ReturnKind.DELAYED,
    "email.complained": ReturnKind.COMPLAINED,
}


def _check(delivery: Delivery, secret: str) -> bool:
    unique, timestamp = delivery.headers.get("svix-id", ""), delivery.headers.get("svix-timestamp", "")
    signed = f"{unique}.{timestamp}.".encode("utf-8", "replace") + delivery.body
    expected = base64.b64encode(hmac.digest(_key(secret), signed, "sha256"))
    given = delivery.headers.get("svix-signature", "").encode("utf-8", "replace").split()
    return any(hmac.compare_digest(b"v1," + expected, one) for one in given) and is_fresh(timestamp, delivery.now, _WITHIN)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_PREFIX) + "==")


def _is_secret(secret: str) -> bool:
    try:
        return secret.startswith(_PREFIX) and bool(_key(secret))
    except (binascii.Error, ValueError):
        return False


def _read(said: Any) -> Iterator[Returned]:
    event, data = str(dig(said, "type")), dig(said, "data")
    tags = dig(data, "tags")
    tag = dig(tags, METADATA) or header_named(tags, METADATA)
    names = tag, dig(data, "message_id"), header_named(dig(data, "headers"), "message-id")
    bounce = dig(data, "bounce")
    detail = f"{dig(bounce, 'subType') or ''} {dig(bounce, 'message') or dig(data, 'failed', 'reason') or ''}"
    kind = bounced(dig(bounce, "type"), dig(bounce, "subType")) if event == "email.bounced" else _KINDS.get(event)
    to = items(dig(data, "to"))
    yield from one(kind, names, detail, to[0] if len(to) == 1 else "")


PROVIDER = Provider(_check, _read, f"`{_PREFIX}…`", _is_secret)
