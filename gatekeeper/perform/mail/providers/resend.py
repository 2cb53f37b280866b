"""Resend, `POST /emails` (resend.com/docs/api-reference/emails/send-email). Writes a Message-ID of its own.

The only one that forgets a repeated request: the same Idempotency-Key within 24 hours sends nothing again (case 52). The same
key with another text is answered 409: an earlier request with this key was taken, and what it said is not this.
"""

import re
from dataclasses import dataclass, field
from email.headerregistry import Address

import httpx

from gatekeeper.perform.mail.letter import Letter
from gatekeeper.perform.mail.providers.fields import fields
from gatekeeper.perform.mail.providers.http import NOTICE, Answer, notice_of, tag_of


@dataclass(frozen=True, slots=True)
class Resend:
    key: str = field(repr=False)
    api: str = "https://api.resend.com"
    name: str = field(default="Resend", init=False)

    def request(self, letter: Letter) -> httpx.Request:
        parts = fields(letter)
        document = {
            "from": _unquoted(parts.sender),
            "to": [parts.recipient.addr_spec],
            "reply_to": [parts.reply_to.addr_spec] if parts.reply_to else [],
            "subject": parts.subject,
            "text": parts.text,
            "html": parts.html,
            "headers": dict(parts.headers),
            "tags": [{"name": NOTICE, "value": tag_of(letter)}],
        }
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": notice_of(letter)}
        return httpx.Request("POST", f"{self.api}/emails", headers=headers, json=document)

    def taken_as(self, answer: Answer) -> str:
        return answer.text("id")

    def complaint(self, answer: Answer) -> str:
        return answer.text("message")

    def blames_recipient(self, answer: Answer) -> bool:
        # "Invalid `to` field. The email address needs to follow …"
        return answer.status == httpx.codes.UNPROCESSABLE_ENTITY and "`to`" in self.complaint(answer)


def _unquoted(address: Address) -> str:
    """Resend refuses names in quotes: so none that needs them."""
    name = " ".join(re.sub(r'[()<>@,:;".\[\]\\]', " ", address.display_name).split())
    return f"{name} <{address.addr_spec}>" if name else address.addr_spec
