"""Postmark, `POST /email` (postmarkapp.com/developer/api/email-api). Keeps our Message-ID where `X-PM-KeepID` asks for it."""

from dataclasses import dataclass, field

import httpx

from gatekeeper.perform.mail.letter import Letter
from gatekeeper.perform.mail.providers.fields import fields
from gatekeeper.perform.mail.providers.http import NOTICE, Answer, notice_of, tag_of

_INVALID, _INACTIVE = 300, 406  # ErrorCode: the request has a bad field; the recipient bounced or complained before
_METADATA_LIMIT = 80


@dataclass(frozen=True, slots=True)
class Postmark:
    token: str = field(repr=False)
    api: str = "https://api.postmarkapp.com"
    name: str = field(default="Postmark", init=False)

    def request(self, letter: Letter) -> httpx.Request:
        parts, notice = fields(letter), notice_of(letter)
        headers = {**parts.headers, "Message-ID": letter.message_id, "X-PM-KeepID": "true"}
        document = {
            "From": str(parts.sender),
            "To": str(parts.recipient),
            "ReplyTo": str(parts.reply_to or ""),
            "Subject": parts.subject,
            "TextBody": parts.text,
            "HtmlBody": parts.html,
            "Headers": [{"Name": name, "Value": value} for name, value in headers.items()],
            "Metadata": {NOTICE: notice if len(notice) <= _METADATA_LIMIT else tag_of(letter)},
            "MessageStream": "outbound",
            "TrackOpens": False,
            "TrackLinks": "None",
        }
        return httpx.Request(
            "POST",
            f"{self.api}/email",
            headers={"X-Postmark-Server-Token": self.token, "Accept": "application/json"},
            json=document,
        )

    def taken_as(self, answer: Answer) -> str:
        return "" if answer.body.get("ErrorCode", 0) else answer.text("MessageID")

    def complaint(self, answer: Answer) -> str:
        return answer.text("Message")

    def blames_recipient(self, answer: Answer) -> bool:
        code = answer.body.get("ErrorCode")
        # "Invalid 'To' address: …", "Error parsing 'To': …": the same code stands for a bad sender too
        return code == _INACTIVE or (code == _INVALID and "'To'" in self.complaint(answer))
