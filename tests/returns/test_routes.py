"""POST /webhooks/mail/PROVIDER on a real uvicorn and a real ledger: what each says, and what is not believed (case 49)."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.applications import Starlette

from gatekeeper.model import Notice
from gatekeeper.returns.intake import Intake
from gatekeeper.returns.providers import PROVIDERS, SecretInvalid, parse_secret, ses
from gatekeeper.returns.routes import MAX_BYTES, routes
from tests.kit.ledger import DOMAIN
from tests.kit.rig import Rig, rigged
from tests.pages.serving import serving
from tests.returns import deliveries as made
from tests.returns.deliveries import NOW, SECRETS, SIGNED, TOPIC, Posted

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass
class Endpoint:
    """A running web part that knows every provider. `fetched`: the addresses that it fetched; `woken`: how often it woke us."""

    url: str
    rig: Rig
    client: httpx.Client
    notice: Notice = field(init=False)
    fetched: list[str] = field(default_factory=list)
    woken: list[int] = field(default_factory=list)
    to_confirm: list[str] = field(default_factory=list)
    certificate: bytes = made.CERTIFICATE

    def post(self, provider: str, posted: Posted) -> int:
        content, said = posted
        headers = {name: value.encode("latin-1") for name, value in said.items()}
        return self.client.post(f"{self.url}/webhooks/mail/{provider}", content=content, headers=headers).status_code

    @property
    def named(self) -> str:
        """The notice as a provider is told of it."""
        return self.notice.message_id.strip("<>")

    def state(self) -> tuple[str, str]:
        (row,) = self.rig.ledger.rows("notices", id=self.notice.id)
        return row["state"], row["detail"].partition(" | ")[2]


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    folder = tmp_path_factory.mktemp("lasting")
    with rigged(f"sqlite:///{folder / 'ledger.db'}", folder) as rig, httpx.Client(trust_env=False, timeout=30) as client:
        rig.ledger.hasten()
        running = Endpoint("", rig, client)

        def fetch(address: str) -> bytes:
            running.fetched.append(address)
            return running.certificate

        mounted = routes(
            intake=Intake(rig.ledger.writer.returns, domain=DOMAIN, secret=b"", clock=rig.clock),
            secrets=SECRETS,
            real_clock=lambda: NOW,
            wake=lambda: running.woken.append(1),
            to_confirm=running.to_confirm.append,
            fetch=fetch,
        )
        with serving(Starlette(routes=mounted)) as running.url:
            yield running


@pytest.fixture
def endpoint(lasting: Endpoint) -> Endpoint:
    """The same for all, with a notice of an account of its own."""
    rig = lasting.rig
    account = f"acme{len(rig.standings())}"
    rig.books.owe(account)
    rig.look()
    lasting.notice = next(notice for notice in rig.post() if notice.address == f"accountant@{account}.example")
    rig.ledger.settle_all()
    lasting.fetched.clear()
    lasting.woken.clear()
    lasting.certificate = made.CERTIFICATE
    ses._certificate.cache_clear()
    return lasting


def event(provider: str, notice: str, *said: str) -> Any:
    """An event of this provider, about this notice."""
    document = getattr(made, f"{provider}_event")(notice, *said)
    return [document] if provider == "sendgrid" else document


HARD = {
    "postmark": ("HardBounce",),
    "mailgun": ("failed",),
    "resend": ("email.bounced",),
    "sendgrid": ("bounce",),
    "ses": ("Bounce",),
}
FATES = [
    *((provider, said, "bounced") for provider, said in HARD.items()),
    *(("postmark", (kind,), "bounced") for kind in ("SoftBounce", "BadEmailAddress", "Blocked", "DMARCPolicy", "Unknown")),
    ("postmark", ("Transient",), "delayed"),
    ("postmark", ("SpamComplaint",), "complained"),
    ("postmark", ("SpamComplaint", "SpamComplaint"), "complained"),
    *(("postmark", (kind,), "") for kind in ("AutoResponder", "AddressChange", "Subscribe")),
    *(("postmark", ("", record), "") for record in ("Delivery", "Open", "Click", "")),
    ("mailgun", ("failed", "temporary"), "delayed"),
    ("mailgun", ("complained",), "complained"),
    *(("mailgun", (kind,), "") for kind in ("delivered", "accepted", "opened", "unsubscribed")),
    ("resend", ("email.failed",), "bounced"),
    ("resend", ("email.bounced", "Transient"), "delayed"),
    ("resend", ("email.delivery_delayed",), "delayed"),
    ("resend", ("email.complained",), "complained"),
    *(("resend", (kind,), "") for kind in ("email.sent", "email.delivered", "email.opened")),
    ("sendgrid", ("dropped",), "bounced"),
    ("sendgrid", ("deferred",), "delayed"),
    ("sendgrid", ("spamreport",), "complained"),
    *(("sendgrid", (kind,), "") for kind in ("processed", "delivered", "open", "click", "unsubscribe")),
    ("ses", ("Bounce", "Transient", "MailboxFull"), "bounced"),
    ("ses", ("Bounce", "Undetermined", "Undetermined"), "bounced"),
    ("ses", ("Bounce", "Transient", "General"), "delayed"),
    ("ses", ("Complaint",), "complained"),
    ("ses", ("DeliveryDelay",), "delayed"),
    *(("ses", (kind,), "") for kind in ("Delivery", "Send", "Open")),
]


@pytest.mark.parametrize(
    ("provider", "said", "fate"), FATES, ids=lambda value: "-".join(value) if isinstance(value, tuple) else value
)
def test_each_event_of_each_provider_does_what_it_says(
    endpoint: Endpoint, provider: str, said: tuple[str, ...], fate: str
) -> None:
    assert endpoint.post(provider, SIGNED[provider](event(provider, endpoint.named, *said))) == 200
    state, detail = endpoint.state()
    assert state == ("bounced" if fate == "bounced" else "accepted")
    assert detail.partition(":")[0] == fate
    assert len(endpoint.woken) == (1 if fate else 0)
    assert endpoint.rig.ledger.touched() == ({endpoint.notice.account_id} if fate else set())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_case_49_twice_is_once_and_what_is_not_ours_is_answered_all_the_same(endpoint: Endpoint, provider: str) -> None:
    posted = SIGNED[provider](event(provider, endpoint.named, *HARD[provider]))
    assert endpoint.post(provider, posted) == 200
    before = endpoint.rig.ledger.dump()
    assert endpoint.post(provider, posted) == 200
    assert endpoint.post(provider, SIGNED[provider](event(provider, "gk-0@else.example", *HARD[provider]))) == 200
    for strange in ("", "\0", "\ud800", "x" * 10_000, "<>", "<<a@b>>", "a b"):
        assert endpoint.post(provider, SIGNED[provider](event(provider, strange, *HARD[provider]))) == 200
    assert endpoint.rig.ledger.dump() == before
    assert len(endpoint.woken) == 1


FORGED = {
    "postmark": {"secret": "hook:guessed"},
    "mailgun": {"secret": "key-guessed"},
    "resend": {"secret": "whsec_" + base64.b64encode(b"guessed").decode()},
    "sendgrid": {"key": made._curve()[0]},
    "ses": {"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)},
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_case_49_a_forgery_is_401_and_changes_nothing(endpoint: Endpoint, provider: str) -> None:
    said = event(provider, endpoint.named, *HARD[provider])
    body, headers = SIGNED[provider](said)
    assert endpoint.post(provider, SIGNED[provider](said, **FORGED[provider])) == 401
    assert endpoint.post(provider, (b"", headers)) == 401
    assert endpoint.post(provider, (b"[" * 100_000, headers)) == 401
    assert endpoint.post(provider, (b"{}", {})) == 401
    assert endpoint.post(provider, (b"\xff\xfe", dict.fromkeys(headers, "ÿ"))) == 401
    if provider not in {"postmark", "mailgun"}:  # which sign no body
        assert endpoint.post(provider, (body.replace(b"acme", b"acne"), headers)) == 401
    for other in PROVIDERS.keys() - {provider}:
        assert endpoint.post(other, (body, headers)) == 401
    assert endpoint.state() == ("accepted", "")
    assert endpoint.woken == []


OLD = {"mailgun": 9 * HOUR, "resend": 5 * MINUTE, "sendgrid": 25 * HOUR, "ses": 2 * HOUR}


@pytest.mark.parametrize("provider", OLD)
def test_what_was_signed_long_ago_or_ahead_is_not_believed(endpoint: Endpoint, provider: str) -> None:
    said = event(provider, endpoint.named, *HARD[provider])
    for apart in (-OLD[provider] - MINUTE, OLD[provider] + MINUTE):
        assert endpoint.post(provider, SIGNED[provider](said, at=NOW + apart)) == 401
    assert endpoint.state() == ("accepted", "")
    assert endpoint.post(provider, SIGNED[provider](said, at=NOW - OLD[provider] + MINUTE)) == 200
    assert endpoint.state()[0] == "bounced"


def test_both_signature_versions_of_sns_are_checked_with_a_certificate_that_is_fetched_once(endpoint: Endpoint) -> None:
    for version, kind in (("1", "DeliveryDelay"), ("2", "Bounce")):
        assert endpoint.post("ses", made.sns(made.ses_event(endpoint.named, kind), version=version)) == 200
    assert endpoint.post("ses", made.sns({}, version="3")) == 401
    assert endpoint.state()[0] == "bounced"
    assert endpoint.fetched == [made.CERTIFICATE_URL]


def test_the_headers_name_the_letter_where_ses_shows_no_tag(endpoint: Endpoint) -> None:
    assert endpoint.post("ses", made.sns(made.ses_event(endpoint.named, "Bounce", tagged=False))) == 200
    assert endpoint.state() == ("bounced", "bounced: 5.1.1 smtp; 550 no such user")


@pytest.mark.parametrize(
    "address",
    [
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "https://evil.example/SimpleNotificationService-1.pem",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-1.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem?x",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-1.pem",
        "file:///etc/passwd",
        "",
    ],
)
def test_no_certificate_is_fetched_from_anywhere_else(endpoint: Endpoint, address: str) -> None:
    assert endpoint.post("ses", made.sns(made.ses_event(endpoint.named, "Bounce"), SigningCertURL=address)) == 401
    assert endpoint.fetched == []


def test_what_another_topic_says_is_not_believed_however_well_it_is_signed(endpoint: Endpoint) -> None:
    said = made.ses_event(endpoint.named, "Bounce")
    assert endpoint.post("ses", made.sns(said, TopicArn=TOPIC.replace("bounces", "mine"))) == 401
    assert endpoint.fetched == []


@pytest.mark.parametrize(
    "certificate", [made.OLD_CERTIFICATE, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_certificate_that_is_old_or_none_vouches_for_nothing(endpoint: Endpoint, certificate: bytes) -> None:
    endpoint.certificate = certificate
    assert endpoint.post("ses", made.sns(made.ses_event(endpoint.named, "Bounce"))) == 401


def test_a_subscription_waits_for_a_person_and_its_address_is_not_fetched(endpoint: Endpoint) -> None:
    link = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=2336412f37"
    asked = {"Type": "SubscriptionConfirmation", "SubscribeURL": link, "Token": "2336412f37"}
    with structlog.testing.capture_logs() as logs:
        assert endpoint.post("ses", made.sns("You have chosen to subscribe", **asked)) == 200
    assert "2336412f37" not in json.dumps(logs)
    assert [line["event"] for line in logs] == ["returns.subscription_to_confirm"]
    assert endpoint.to_confirm == [link]
    assert endpoint.fetched == [made.CERTIFICATE_URL]


def test_a_provider_without_a_secret_is_not_there(endpoint: Endpoint) -> None:
    assert endpoint.post("sparkpost", (b"{}", {})) == 404
    assert endpoint.client.get(f"{endpoint.url}/webhooks/mail/postmark").status_code == 405


def test_a_body_larger_than_any_event_is_not_read(endpoint: Endpoint) -> None:
    assert endpoint.post("postmark", made.postmark("x" * MAX_BYTES)) == 400


def rename(rig: Rig, table: str, to: str) -> None:
    with rig.ledger.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {table} RENAME TO {to}"))


def test_what_cannot_be_kept_is_asked_for_again(endpoint: Endpoint) -> None:
    rename(endpoint.rig, "notices", "elsewhere")
    with structlog.testing.capture_logs() as logs:
        assert endpoint.post("postmark", made.postmark(made.postmark_event(endpoint.named, "HardBounce"))) == 503
    rename(endpoint.rig, "elsewhere", "notices")
    assert made.TO not in json.dumps(logs)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_no_document_that_is_signed_makes_an_error_or_another_letter_of_it(endpoint: Endpoint, data: st.DataObject) -> None:
    """Any part of a true event replaced by anything."""
    provider = data.draw(st.sampled_from(sorted(PROVIDERS)))
    said = event(provider, "gk-unknown", *HARD[provider])
    document: Any = {"": said}
    key: Any = ""
    while isinstance(document[key], dict | list) and document[key] and data.draw(st.booleans()):
        document = document[key]
        key = data.draw(st.sampled_from(sorted(document) if isinstance(document, dict) else range(len(document))))
    replacement = data.draw(json_values)
    if document is not None and key != "":
        document[key] = replacement
    else:
        said = replacement
    assert endpoint.post(provider, SIGNED[provider](said)) == 200
    assert endpoint.state() == ("accepted", "")


@pytest.mark.parametrize(
    "secret",
    [
        "sparkpost:x",
        "postmark",
        "postmark:",
        "postmark:user",
        "mailgun:",
        "resend:abc",
        "resend:whsec_",
        "ses:arn:aws:s3:::x",
        "sendgrid:!",
    ],
)
def test_a_secret_that_verifies_nothing_is_refused_with_the_settings(secret: str) -> None:
    with pytest.raises(SecretInvalid) as fault:
        parse_secret(secret)
    assert "guess" not in str(fault.value)


def test_without_the_package_its_absence_is_said_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatekeeper.returns.providers.are_there", lambda: False)
    for secret in SECRETS:
        if secret.startswith(("ses:", "sendgrid:")):
            with pytest.raises(SecretInvalid, match=r"gatekeeper\[signatures\]"):
                parse_secret(secret)
        else:
            assert parse_secret(secret)
