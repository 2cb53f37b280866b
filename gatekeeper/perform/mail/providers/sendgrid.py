"""SendGrid, `POST /v3/mail/send` (twilio.com/docs/sendgrid/api-reference/mail-send). It may write a Message-ID of its own."""

from dataclasses import dataclass, field
from email.headerregistry import Address
from typing import Any

import httpx

from gatekeeper.perform.mail.letter import Letter
from gatekeeper.perform.mail.providers.fields import fields
from gatekeeper.perform.mail.providers.http import NOTICE, Answer, notice_of

_OFF = {"enable": False}


@dataclass(frozen=True, slots=True)
class SendGrid:
    key: str = field(repr=False)
    api: str = "https://api.sendgrid.com"
    name: str = field(default="SendGrid", init=False)

    def request(self, letter: Letter) -> httpx.Request:
        parts = fields(letter)
        document: dict[str, Any] = {
            "personalizations": [{"to": [_named(parts.recipient)]}],
            "from": _named(parts.sender),
            "subject": parts.subject,
            "content": [{"type": "text/plain", "value": parts.text}, {"type": "text/html", "value": parts.html}],
            "headers": {**parts.headers, "Message-ID": letter.message_id},
            "custom_args": {NOTICE: notice_of(letter)},
            "tracking_settings": {"click_tracking": _OFF, "open_tracking": _OFF, "subscription_tracking": _OFF},
        }
        if parts.reply_to:
            document["reply_to"] = _named(parts.reply_to)
        return httpx.Request("POST", f"{self.api}/v3/mail/send", headers={"Authorization": f"Bearer {self.key}"}, json=document)

    def taken_as(self, answer: Answer) -> str:
        return answer.headers.get("X-Message-Id", "")

    def complaint(self, answer: Answer) -> str:
        return "; ".join(str(fault.get("message", "")) for fault in _faults(answer))

    def blames_recipient(self, answer: Answer) -> bool:
        return any(".to" in str(fault.get("field")) for fault in _faults(answer))


def _named(address: Address) -> dict[str, str]:
    named = {"email": address.addr_spec, "name": address.display_name}
    return {key: value for key, value in named.items() if value}


def _faults(answer: Answer) -> list[dict[str, Any]]:
    faults = answer.body.get("errors")
    return [fault for fault in faults if isinstance(fault, dict)] if isinstance(faults, list) else []
