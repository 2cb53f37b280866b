"""A letter in pieces, for providers that write the message themselves."""

import email
import email.policy
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from typing import Any, Final

from gatekeeper.perform.mail.letter import Letter, compose

# Each has a field of its own at every provider, or is the provider's to write
_NOT_PASSED_ON: Final = frozenset(
    {"from", "to", "subject", "reply-to", "date", "message-id", "mime-version", "content-type", "dkim-signature"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """`headers` are those that have no field of their own."""

    sender: Address
    recipient: Address
    reply_to: Address | None
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]


def fields(letter: Letter) -> Fields:
    """Taken from the composed message, as a reader finds them there: so no provider gets what `compose` would not send.

    Raises:
        LetterRefused: see `compose`.
    """
    message: Any = email.message_from_bytes(compose(letter), policy=email.policy.default)
    return Fields(
        sender=message["From"].addresses[0],
        recipient=message["To"].addresses[0],
        reply_to=message["Reply-To"].addresses[0] if "Reply-To" in message else None,
        subject=str(message["Subject"]),
        text=message.get_body(("plain",)).get_content(),
        html=message.get_body(("html",)).get_content(),
        headers={name: str(value) for name, value in message.items() if name.lower() not in _NOT_PASSED_ON},
    )
