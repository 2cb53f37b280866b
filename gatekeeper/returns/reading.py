"""Reads a message that a mail server sent back: what it says of which letter. Pure, and it never raises, whatever the bytes.

Whatever is neither a report nor a known kind of bounce is nothing: an automatic reply least of all (case 51).
"""

import email
import email.policy
import logging
import re
from collections.abc import Iterator
from email.message import Message
from email.utils import parseaddr
from typing import Final

from flufl.bounce import all_failures

from gatekeeper.model import Report, Returned, ReturnKind
from gatekeeper.returns.said import address_of, message_ids, words
from gatekeeper.returns.verp import message_ids_in

# What is said stands at the beginning; a returned letter behind it may be long
MAX_BYTES: Final = 256_000
_REPORTS_READ: Final = 50
_IDS_READ: Final = 10
_NAMED: Final = re.compile(rb"^[> \t]*(?:x-)?(?:original-)?message-id:\s*(<[^<>\s]{1,250}>)", re.IGNORECASE | re.MULTILINE)
_BY_MACHINES: Final = re.compile(r"mailer-daemon|postmaster", re.IGNORECASE)
_ACTIONS: Final = {"failed": ReturnKind.BOUNCED, "delayed": ReturnKind.DELAYED}
# RFC 3464 2.3.3: these arrived, or went on to where nobody reports from
_ARRIVED: Final = frozenset({"delivered", "relayed", "expanded"})
_CLASSES: Final = {"5": ReturnKind.BOUNCED, "4": ReturnKind.DELAYED}
# RFC 5965 7.3, RFC 6591: said of a letter that nobody complains about
_NO_COMPLAINTS: Final = frozenset({"not-spam", "auth-failure"})

# It says by itself, on the root logger, which pattern of it choked on a message
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)


def read(message: bytes, *, domain: str, secret: bytes) -> Returned | None:
    """What came back, if that is what it is. `domain`, `secret`: of our Message-IDs, and of our return paths (`verp`)."""
    message = message[:MAX_BYTES]
    try:
        reports = tuple(_reports(email.message_from_bytes(message, policy=email.policy.compat32)))
        named = _named(message)
    except Exception:  # noqa: BLE001 - parser and patterns meet what nobody foresaw; it is not for us then
        return None
    ids = message_ids(*message_ids_in(message, domain, secret), *named)
    return Returned(message_ids=ids, reports=reports) if ids and reports else None


def _reports(message: Message) -> Iterator[Report]:
    parts = message.get_payload()
    kinds = {part.get_content_type(): part for part in parts if isinstance(part, Message)} if isinstance(parts, list) else {}
    status = kinds.get("message/delivery-status") or kinds.get("message/global-delivery-status")
    feedback = kinds.get("message/feedback-report")
    if feedback is not None:
        yield from _feedback(feedback)
    elif status is not None:
        yield from _delivery_status(status)
    elif _BY_MACHINES.search(parseaddr(str(message.get("From", "")))[1].partition("@")[0]):
        yield from _odd(message)


def _delivery_status(part: Message) -> Iterator[Report]:
    """RFC 3464: a block for the message, then one for each recipient."""
    for _, block in zip(range(_REPORTS_READ), _blocks(part), strict=False):
        status = _field(block, "Status")
        kind = _kind(_field(block, "Action").lower(), status)
        if kind is not None:
            said = _field(block, "Diagnostic-Code").partition(";")[2]
            recipient = _field(block, "Original-Recipient") or _field(block, "Final-Recipient")
            address = address_of(recipient.rpartition(";")[2])
            yield Report(kind, words(f"{status.split()[0] if status else ''} {said}"), address)


def _kind(action: str, status: str) -> ReturnKind | None:
    """The action decides: who has given up after days of `4.4.1` has not delivered either. Without one, the status does."""
    if action in _ARRIVED:
        return None
    return _ACTIONS.get(action) or _CLASSES.get(status[:1])


def _feedback(part: Message) -> Iterator[Report]:
    """RFC 5965: somebody called the letter spam."""
    for block in _blocks(part):
        kind = _field(block, "Feedback-Type").lower()
        if kind and kind not in _NO_COMPLAINTS:
            recipient = _field(block, "Original-Rcpt-To")
            yield Report(ReturnKind.COMPLAINED, words(kind), address_of(recipient.rpartition(";")[2]))


def _odd(message: Message) -> Iterator[Report]:
    """From before RFC 3464, and from those who have not read it."""
    temporary, permanent = all_failures(message)
    for kind, addresses in ((ReturnKind.BOUNCED, permanent), (ReturnKind.DELAYED, temporary)):
        for _, address in zip(range(_REPORTS_READ), sorted(addresses), strict=False):
            yield Report(kind, words(str(message.get("Subject", ""))), address_of(address.decode("utf-8", "replace")))


def _blocks(part: Message) -> Iterator[Message]:
    """The groups of fields in a part; the parser knows only those of `message/delivery-status`."""
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (block for block in payload if isinstance(block, Message))
        return
    text = part.get_payload(decode=True)
    for block in re.split(rb"\r?\n\r?\n", text if isinstance(text, bytes) else b""):
        yield email.message_from_bytes(block.lstrip(), policy=email.policy.compat32)


def _field(block: Message, name: str) -> str:
    return " ".join(str(block.get(name, "")).split())


def _named(message: bytes) -> list[str]:
    """The Message-IDs that stand in it, but for its own: in the headers of the letter, which comes back whole or in part."""
    head = re.search(rb"\r?\n\r?\n", message)
    found = _NAMED.finditer(message, head.end() if head else len(message))
    return [match[1].decode("ascii", "replace") for _, match in zip(range(_IDS_READ), found, strict=False)]
