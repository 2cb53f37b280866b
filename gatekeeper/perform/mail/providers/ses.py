"""Amazon SES, `SendEmail` of API v2 with raw content (docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html).

SES writes a Message-ID of its own into the message; ours comes back in `mail.headers` of every event.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from gatekeeper.perform.mail.letter import Letter, compose, envelope
from gatekeeper.perform.mail.providers.http import NOTICE, Answer, tag_of

_PATH = "/v2/email/outbound-emails"


@dataclass(frozen=True, slots=True, kw_only=True)
class SesAccount:
    """The access key of an IAM user who may `ses:SendEmail`. `api`: empty: the region's own."""

    key_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str
    api: str = ""


class Ses:
    """`clock` says the true time, whatever clock the house goes by: a signature is good for five minutes."""

    name = "Amazon SES"

    def __init__(self, account: SesAccount, clock: Callable[[], datetime]) -> None:
        self._account = account
        self._api = account.api or f"https://email.{account.region}.amazonaws.com"
        self._clock = clock

    def request(self, letter: Letter) -> httpx.Request:
        document = {
            "Content": {"Raw": {"Data": base64.b64encode(compose(letter)).decode()}},
            "Destination": {"ToAddresses": [envelope(letter)[1]]},
            "EmailTags": [{"Name": NOTICE, "Value": tag_of(letter)}],
        }
        body, url = json.dumps(document).encode(), httpx.URL(self._api + _PATH)
        headers = {
            "content-type": "application/json",
            "host": url.netloc.decode(),
            "x-amz-date": self._clock().astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"),
        }
        key = self._account
        signed = authorization(key.key_id, key.secret_key, (key.region, "ses"), ("POST", url.path, ""), headers, body)
        return httpx.Request("POST", url, headers={**headers, "authorization": signed}, content=body)

    def taken_as(self, answer: Answer) -> str:
        return answer.text("MessageId")

    def complaint(self, answer: Answer) -> str:
        kind = answer.headers.get("x-amzn-ErrorType", "").partition(":")[0]
        return f"{kind} {answer.text('message') or answer.text('Message')}".strip()

    def blames_recipient(self, _answer: Answer) -> bool:
        """Never: `MessageRejected` is about our sender, sandbox or words. Who cannot be reached comes back as an event."""
        return False


def authorization(
    key_id: str,
    secret_key: str,
    where: tuple[str, str],
    what: tuple[str, str, str],
    headers: Mapping[str, str],
    body: bytes,
) -> str:
    """The Authorization header of Signature Version 4 (docs.aws.amazon.com, "Create a signed AWS API request").

    where: region and service. what: method, path and query, encoded. headers: names in lower case, `x-amz-date` among them.
    """
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    canonical = "\n".join([*what, lines, names, hashlib.sha256(body).hexdigest()])
    date = headers["x-amz-date"]
    scope = [date[:8], *where, "aws4_request"]
    key = b"AWS4" + secret_key.encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = "\n".join(["AWS4-HMAC-SHA256", date, "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return f"AWS4-HMAC-SHA256 Credential={key_id}/{'/'.join(scope)}, SignedHeaders={names}, Signature={signature}"
