"""Postmark's webhooks, which it does not sign: user and password stand in the address that it is given.

postmarkapp.com/developer/webhooks/bounce-webhook, .../spam-complaint-webhook; types: .../developer/api/bounce-api.
"""

import base64
import binascii
import hmac
from collections.abc import Iterator
from typing import Any, Final

from gatekeeper.model import Returned, ReturnKind
from gatekeeper.returns.providers.shapes import METADATA, Delivery, Provider, dig, one

# Postmark goes on trying
_UNDER_WAY: Final = frozenset({"Transient", "DnsError"})
# Words of people and of their programs, which are no fate of the letter (case 51)
_NOT_OURS: Final = frozenset(
    {"AutoResponder", "AddressChange", "Subscribe", "Unsubscribe", "OpenRelayTest", "ChallengeVerification", "InboundError"}
)


def _check(delivery: Delivery, secret: str) -> bool:
    scheme, _, given = delivery.headers.get("authorization", "").partition(" ")
    try:
        decoded = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and hmac.compare_digest(decoded, secret.encode())


def _read(said: Any) -> Iterator[Returned]:
    named = (dig(said, "Metadata", METADATA),)
    yield from one(_kind(dig(said, "RecordType"), dig(said, "Type")), named, _detail(said), dig(said, "Email"))


def _kind(record: Any, kind: Any) -> ReturnKind | None:
    match record, kind:
        case ("SpamComplaint", _) | ("Bounce", "SpamComplaint"):
            return ReturnKind.COMPLAINED
        case "Bounce", str() if kind in _UNDER_WAY:
            return ReturnKind.DELAYED
        case "Bounce", str() if kind not in _NOT_OURS:
            return ReturnKind.BOUNCED
        case _:
            return None


def _detail(said: Any) -> str:
    return f"{dig(said, 'Type') or ''}: {dig(said, 'Details') or dig(said, 'Description') or ''}"


PROVIDER = Provider(_check, _read, "USER:PASSWORD", lambda secret: all(secret.partition(":")))
