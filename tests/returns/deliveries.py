"""What each provider posts, shaped as its documentation shows it, and signed as it signs."""

import base64
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

NOW: Final = datetime(2026, 11, 22, 10, tzinfo=UTC)
TO: Final = "accountant@acme.example"
TOPIC: Final = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL: Final = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"
POSTMARK, MAILGUN = "hook:a secret", "key-0123456789"
RESEND: Final = "whsec_" + base64.b64encode(b"sixteen bytes or more").decode()

Posted = tuple[bytes, dict[str, str]]


def _curve() -> tuple[ec.EllipticCurvePrivateKey, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return key, base64.b64encode(public).decode()


def _certificate(key: rsa.RSAPrivateKey, until: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    valid = made.not_valid_before(until - timedelta(days=365)).not_valid_after(until)
    return valid.sign(key, SHA256()).public_bytes(Encoding.PEM)


SENDGRID_KEY, SENDGRID = _curve()
SNS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CERTIFICATE = _certificate(SNS_KEY, NOW + timedelta(days=30))
OLD_CERTIFICATE = _certificate(SNS_KEY, NOW - timedelta(days=30))


def seconds(at: datetime) -> str:
    return str(int(at.timestamp()))


def postmark(said: Any, *, secret: str = POSTMARK, at: datetime = NOW) -> Posted:
    return json.dumps(said).encode(), {"Authorization": "Basic " + base64.b64encode(secret.encode()).decode()}


def mailgun(said: Any, *, secret: str = MAILGUN, at: datetime = NOW) -> Posted:
    timestamp, token = seconds(at), "0123456789abcdef"
    signature = hmac.digest(secret.encode(), f"{timestamp}{token}".encode(), "sha256").hex()
    signed = {"timestamp": timestamp, "token": token, "signature": signature}
    return json.dumps({"signature": signed, "event-data": said}).encode(), {}


def resend(said: Any, *, secret: str = RESEND, at: datetime = NOW) -> Posted:
    body = json.dumps(said).encode()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, b"msg_1." + seconds(at).encode() + b"." + body, "sha256")).decode()
    return body, {"svix-id": "msg_1", "svix-timestamp": seconds(at), "svix-signature": f"v1,bm90aGluZw== v1,{signature}"}


def sendgrid(said: Any, *, key: ec.EllipticCurvePrivateKey = SENDGRID_KEY, at: datetime = NOW) -> Posted:
    body = json.dumps(said).encode()
    signature = base64.b64encode(key.sign(seconds(at).encode() + body, ec.ECDSA(SHA256()))).decode()
    headers = {"Signature": signature, "Timestamp": seconds(at)}
    return body, {f"X-Twilio-Email-Event-Webhook-{name}": value for name, value in headers.items()}


def sns(message: Any, *, version: str = "2", at: datetime = NOW, key: rsa.RSAPrivateKey = SNS_KEY, **changes: str) -> Posted:
    """`changes` are made before it is signed; those of a `SubscriptionConfirmation` make it one."""
    said = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    } | changes
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    if said["Type"] == "SubscriptionConfirmation":
        del said["Subject"]
        names = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
    signed = "".join(f"{name}\n{said[name]}\n" for name in names if name in said).encode()
    signature = key.sign(signed, PKCS1v15(), SHA256() if version == "2" else SHA1())
    said |= {"SignatureVersion": version, "Signature": base64.b64encode(signature).decode()}
    return json.dumps({"SigningCertURL": CERTIFICATE_URL} | said).encode(), {"x-amz-sns-message-type": said["Type"]}


SIGNED: Final[dict[str, Callable[..., Posted]]] = {
    "postmark": postmark, "mailgun": mailgun, "resend": resend, "sendgrid": sendgrid, "ses": sns,
}  # fmt: skip
SECRETS: Final = (
    f"postmark:{POSTMARK}", f"mailgun:{MAILGUN}", f"resend:{RESEND}", f"sendgrid:{SENDGRID}", f"ses:{TOPIC}",
)  # fmt: skip


def postmark_event(notice: str, kind: str, record: str = "Bounce") -> Any:
    return {
        "RecordType": record,
        "ID": 42,
        "Type": kind,
        "TypeCode": 1,
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "Metadata": {"gatekeeper-notice": notice},
        "Email": TO,
        "Details": "smtp;550 5.1.1 no such user",
    }


def mailgun_event(notice: str, event: str, severity: str = "permanent") -> Any:
    return {
        "event": event,
        "id": "CCXMjJ7nQi2N3BPigGOdgQ",
        "severity": severity,
        "recipient": TO,
        "delivery-status": {"code": 550, "message": "5.1.1 no such user"},
        "message": {"headers": {"message-id": "else@sample.mailgun.com"}},
        "user-variables": {"gatekeeper-notice": notice},
    }


def resend_event(notice: str, event: str, bounce: str = "Permanent") -> Any:
    return {
        "type": event,
        "created_at": "2026-11-22T10:00:00.000Z",
        "data": {
            "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
            "to": [TO],
            "tags": {"gatekeeper-notice": notice.partition("@")[0]},
            "bounce": {"type": bounce, "subType": "General", "message": "550 5.1.1 no such user"},
        },
    }


def sendgrid_event(notice: str, event: str) -> Any:
    return {
        "email": TO,
        "event": event,
        "smtp-id": "<14c5d75ce93@ismtpd>",
        "sg_event_id": "ZGVmZXJyZWQ",
        "reason": "550 5.1.1 no such user",
        "status": "5.1.1",
        "gatekeeper-notice": notice,
    }


def ses_event(notice: str, kind: str, bounce: str = "Permanent", sub: str = "General", *, tagged: bool = True) -> Any:
    recipient = {"emailAddress": TO, "status": "5.1.1", "action": "failed", "diagnosticCode": "smtp; 550 no such user"}
    named = {"tags": {"gatekeeper-notice": [notice.partition("@")[0]]}}
    shown = {"headers": [{"name": "Message-ID", "value": f"<{notice}>"}]}
    return {
        "eventType": kind,
        "mail": {"messageId": "0102018b", "destination": [TO]} | (named if tagged else shown),
        "bounce": {"bounceType": bounce, "bounceSubType": sub, "bouncedRecipients": [recipient]},
        "complaint": {"complainedRecipients": [], "complaintFeedbackType": "abuse"},
    }
