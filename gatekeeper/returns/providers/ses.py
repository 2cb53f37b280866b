"""Amazon SES, which tells over an SNS topic. Every customer of Amazon can have SNS sign something: only our topic is believed.

docs.aws.amazon.com: SNS "Verifying the signatures of Amazon SNS messages"; SES "Amazon SNS notification contents".
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from gatekeeper.model import Returned, ReturnKind
from gatekeeper.returns.providers.keys import is_signed_by_certificate
from gatekeeper.returns.providers.shapes import METADATA, Delivery, Provider, bounced, dig, document, header_named, items, one

# SNS tries for an hour at most, with the signature that it made at first
_WITHIN: Final = timedelta(hours=2)
_TOPIC: Final = re.compile(r"arn:(aws[a-z-]*):sns:([a-z0-9-]{3,30}):[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
_CERTIFICATE: Final = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")
_SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_KINDS: Final = {
    "Complaint": ReturnKind.COMPLAINED,
    "Reject": ReturnKind.BOUNCED,
    "Rendering Failure": ReturnKind.BOUNCED,
    "DeliveryDelay": ReturnKind.DELAYED,
}


def _check(delivery: Delivery, topic: str) -> bool:
    said = document(delivery.body)
    names = _SIGNED.get(str(dig(said, "Type")))
    if names is None or dig(said, "TopicArn") != topic or not _is_fresh(dig(said, "Timestamp"), delivery.now):
        return False
    address = _certificate_of(str(dig(said, "SigningCertURL")), topic)
    if not address:
        return False
    signed = "".join(f"{name}\n{said[name]}\n" for name in names if dig(said, name) is not None).encode("utf-8", "replace")
    version = str(dig(said, "SignatureVersion"))
    certificate = _fetched(delivery, address)
    return version in {"1", "2"} and is_signed_by_certificate(
        signed, str(dig(said, "Signature")), certificate, sha256=version == "2", now=delivery.now
    )


def _certificate_of(address: str, topic: str) -> str:
    """The address, if it is Amazon's for the certificates of our topic's region; else nothing is fetched."""
    named = _TOPIC.fullmatch(topic)
    assert named, "checked with the settings"
    china = ".cn" if named[1] == "aws-cn" else ""
    host = f"https://sns.{named[2]}.amazonaws.com{china}"
    return address if address.startswith(host) and _CERTIFICATE.fullmatch(address.removeprefix(host)) else ""


def _is_fresh(timestamp: Any, now: datetime) -> bool:
    try:
        at = datetime.fromisoformat(str(timestamp))
    except ValueError:
        return False
    return at.tzinfo is not None and abs(now - at) <= _WITHIN


def _fetched(delivery: Delivery, address: str) -> bytes:
    return _certificate(delivery.fetch, address)


@lru_cache(maxsize=16)
def _certificate(fetch: Any, address: str) -> bytes:
    """SNS changes it about once a year, and its address with it."""
    certificate: bytes = fetch(address)
    return certificate


def _read(said: Any) -> Iterator[Returned]:
    try:
        told = document(str(dig(said, "Message")))
    except ValueError:  # SNS says a word of its own when a topic is connected
        return
    mail = dig(told, "mail")
    tagged = items(dig(mail, "tags", METADATA))
    headers = dig(mail, "headers")
    names = (*tagged[:1], header_named(headers, "message-id"), dig(mail, "commonHeaders", "messageId"))
    event = str(dig(told, "notificationType") or dig(told, "eventType"))
    kind = (
        bounced(*(dig(told, "bounce", name) for name in ("bounceType", "bounceSubType")))
        if event == "Bounce"
        else _KINDS.get(event)
    )
    for recipient in _recipients(told):
        status = f"{dig(recipient, 'status') or ''} {dig(recipient, 'diagnosticCode') or ''}"
        detail = status.strip() or dig(told, "complaint", "complaintFeedbackType") or dig(told, "reject", "reason")
        yield from one(kind, names, detail, dig(recipient, "emailAddress"))


def _to_confirm(said: Any) -> str:
    """Never opened by us: who could have us fetch this address could have us fetch others."""
    return str(dig(said, "SubscribeURL")) if dig(said, "Type") == "SubscriptionConfirmation" else ""


def _recipients(told: Any) -> list[Any]:
    found = [
        *items(dig(told, "bounce", "bouncedRecipients")),
        *items(dig(told, "complaint", "complainedRecipients")),
        *items(dig(told, "deliveryDelay", "delayedRecipients")),
    ]
    return found or [{}]


def _is_topic(secret: str) -> bool:
    return bool(_TOPIC.fullmatch(secret))


PROVIDER = Provider(
    _check,
    _read,
    "`arn:aws:sns:REGION:ACCOUNT:TOPIC`, the only topic that is believed",
    _is_topic,
    needs_keys=True,
    to_confirm=_to_confirm,
)
