"""How each provider is asked and answers, in the shapes that it publishes; and one that is opened against a server of ours."""

import base64
import email
import email.policy
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from typing import Any

from gatekeeper.perform.mail import Transport, open_transport
from tests.kit.provider import Asked

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Kind:
    """One provider: its URL, and how it says yes, and what it says of a recipient, of a key and of haste."""

    url: str
    path: str
    taken: tuple[int, Any, dict[str, str]]
    took_as: str
    forbidden: tuple[int, Any]
    too_fast: tuple[int, Any]
    bad_recipient: tuple[int, Any]
    bad_sender: tuple[int, Any]
    refuses: bool = True


KINDS = {
    "Postmark": Kind(
        url="postmark:canary-token",
        path="/email",
        taken=(200, {"To": "ana@customer.example", "MessageID": "b7bc-1", "ErrorCode": 0, "Message": "OK"}, {}),
        took_as="b7bc-1",
        forbidden=(401, {"ErrorCode": 10, "Message": "The Server Token you provided was not valid."}),
        too_fast=(429, {"ErrorCode": 429, "Message": "Rate limit exceeded."}),
        bad_recipient=(
            422,
            {
                "ErrorCode": 406,
                "Message": "You tried to send to a recipient that has been marked as inactive. ana@customer.example",
            },
        ),
        bad_sender=(422, {"ErrorCode": 400, "Message": "The 'From' address is not a Sender Signature on your account."}),
    ),
    "SendGrid": Kind(
        url="sendgrid:canary-token",
        path="/v3/mail/send",
        taken=(202, b"", {"X-Message-Id": "14c5d75ce93"}),
        took_as="14c5d75ce93",
        forbidden=(401, {"errors": [{"message": "The provided authorization grant is invalid", "field": None, "help": None}]}),
        too_fast=(429, {"errors": [{"field": None, "message": "too many requests"}]}),
        bad_recipient=(
            400,
            {"errors": [{"message": "Does not contain a valid address.", "field": "personalizations.0.to.0.email"}]},
        ),
        bad_sender=(
            403,
            {"errors": [{"message": "The from address does not match a verified Sender Identity.", "field": "from"}]},
        ),
    ),
    "Mailgun": Kind(
        url="mailgun:canary-token@mg.acme.example",
        path="/v3/mg.acme.example/messages.mime",
        taken=(200, {"id": "<2026.1@mg.acme.example>", "message": "Queued. Thank you."}, {}),
        took_as="2026.1",
        forbidden=(401, b"Forbidden"),
        too_fast=(429, {"message": "Too many requests"}),
        bad_recipient=(400, {"message": "to parameter is not a valid address. please check documentation"}),
        bad_sender=(400, {"message": "'from' parameter is not a valid address. please check documentation"}),
    ),
    "Resend": Kind(
        url="resend:canary-token",
        path="/emails",
        taken=(200, {"id": "49a3999c-0ce1"}, {}),
        took_as="49a3999c-0ce1",
        forbidden=(403, {"statusCode": 403, "name": "invalid_api_key", "message": "API key is invalid"}),
        too_fast=(429, {"statusCode": 429, "name": "rate_limit_exceeded", "message": "Too many requests"}),
        bad_recipient=(
            422,
            {"statusCode": 422, "name": "validation_error", "message": "Invalid `to` field. The email address needs a form."},
        ),
        bad_sender=(422, {"statusCode": 422, "name": "invalid_from_address", "message": "Invalid `from` field."}),
    ),
    "Amazon SES": Kind(
        url="ses:AKIDEXAMPLE:canary-token@eu-central-1",
        path="/v2/email/outbound-emails",
        taken=(200, {"MessageId": "0107018-4711"}, {}),
        took_as="0107018-4711",
        forbidden=(403, {"message": "The security token included in the request is invalid."}),
        too_fast=(429, {"message": "Maximum sending rate exceeded."}),
        bad_recipient=(400, {"message": "Local address contains control or whitespace"}),
        refuses=False,  # it takes letters to whom it knows to be unreachable, and tells so by an event
        bad_sender=(
            400,
            {"message": "Email address is not verified. The following identities failed the check: ana@customer.example"},
        ),
    ),
}


def opened(kind: Kind, api: str, timeout_seconds: float = 5) -> Transport:
    return open_transport(f"{kind.url}?api={api}", timeout_seconds=timeout_seconds, clock=lambda: NOW)


def in_pieces(name: str, asked: Asked) -> dict[str, str]:
    """What each provider was told, under the same names; `notice` is what its webhooks give back."""
    match name:
        case "Postmark":
            said = asked.json
            headers = {one["Name"]: one["Value"] for one in said["Headers"]}
            named = (said["From"], said["To"], said["ReplyTo"], said["Subject"], said["TextBody"], said["HtmlBody"])
            notice = said["Metadata"]["gatekeeper-notice"]
        case "SendGrid":
            said, headers = asked.json, asked.json["headers"]
            (one,) = said["personalizations"]
            ends = [str(Address(end.get("name", ""), addr_spec=end["email"])) for end in (said["from"], *one["to"])]
            texts = [part["value"] for part in said["content"]]
            named = (*ends, said["reply_to"]["email"], said["subject"], *texts)
            notice = said["custom_args"]["gatekeeper-notice"]
        case "Resend":
            said, headers = asked.json, asked.json["headers"]
            named = (said["from"], *said["to"], *said["reply_to"], said["subject"], said["text"], said["html"])
            notice = said["tags"][0]["value"]
        case "Amazon SES":
            said = asked.json
            headers, named = of_mime(base64.b64decode(said["Content"]["Raw"]["Data"]))
            assert said["Destination"] == {"ToAddresses": ["ana@customer.example"]}
            notice = said["EmailTags"][0]["Value"]
        case _:
            form: Any = email.message_from_bytes(
                b"Content-Type: " + asked.headers["Content-Type"].encode() + b"\r\n\r\n" + asked.body, policy=email.policy.HTTP
            )
            said = {
                part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
                for part in form.iter_parts()
            }
            raw = asked.body.partition(b"message/rfc822\r\n\r\n")[2].rpartition(b"\r\n--")[0]
            headers, named = of_mime(raw)
            assert (said["to"], said["o:tracking"]) == (b"ana@customer.example", b"no")
            notice = said["v:gatekeeper-notice"].decode()
    return dict(zip(("from", "to", "reply_to", "subject", "text", "html"), named, strict=True)) | headers | {"notice": notice}


def of_mime(raw: bytes) -> tuple[dict[str, str], tuple[str, ...]]:
    message: Any = email.message_from_bytes(raw, policy=email.policy.default)
    texts = [part.get_content() for part in message.iter_parts()]
    return dict(message.items()), (message["From"], message["To"], message["Reply-To"], message["Subject"], *texts)
