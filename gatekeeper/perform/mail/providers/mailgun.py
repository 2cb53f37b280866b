"""Mailgun, `POST /v3/DOMAIN/messages.mime` (documentation.mailgun.com). Takes the message as it is, Message-ID included."""

import base64
from dataclasses import dataclass, field

import httpx

from gatekeeper.perform.mail.letter import Letter, compose, envelope
from gatekeeper.perform.mail.providers.http import NOTICE, Answer, notice_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailgun:
    key: str = field(repr=False)
    domain: str
    api: str = "https://api.mailgun.net"
    name: str = field(default="Mailgun", init=False)

    def request(self, letter: Letter) -> httpx.Request:
        return httpx.Request(
            "POST",
            f"{self.api}/v3/{self.domain}/messages.mime",
            headers={"Authorization": "Basic " + base64.b64encode(f"api:{self.key}".encode()).decode()},
            data={"to": envelope(letter)[1], "o:tracking": "no", f"v:{NOTICE}": notice_of(letter)},
            files={"message": ("message.mime", compose(letter), "message/rfc822")},
        )

    def taken_as(self, answer: Answer) -> str:
        return answer.text("id").strip("<>").partition("@")[0]

    def complaint(self, answer: Answer) -> str:
        return answer.text("message")

    def blames_recipient(self, answer: Answer) -> bool:
        # "to parameter is not a valid address. please check documentation"
        return answer.status == httpx.codes.BAD_REQUEST and self.complaint(answer).startswith("to parameter")
