"""What only one of the providers does or is asked for; and Amazon's signature."""

import base64
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from gatekeeper.perform.mail import Letter
from gatekeeper.perform.mail.providers.ses import authorization
from tests.kit.provider import ProviderApi
from tests.kit.provider_kinds import KINDS, opened

Letters = Callable[..., Letter]
NOTICE = "gk-42@mail.acme.example"


@pytest.fixture
def api() -> Iterator[ProviderApi]:
    with ProviderApi() as api:
        yield api


def test_each_provider_is_shown_its_key(api: ProviderApi, letter: Letters) -> None:
    for kind in KINDS.values():
        with closing(opened(kind, api.url)) as transport:
            transport.deliver(letter())

    postmark, sendgrid, mailgun, resend, ses = (one.headers for one in api.asked)
    assert postmark["X-Postmark-Server-Token"] == "canary-token"
    assert sendgrid["Authorization"] == resend["Authorization"] == "Bearer canary-token"
    assert mailgun["Authorization"] == "Basic " + base64.b64encode(b"api:canary-token").decode()
    assert ses["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260302/eu-central-1/ses/aws4_request,")
    assert "canary" not in ses["Authorization"]


def test_resend_is_told_by_which_key_it_knows_a_letter_again(api: ProviderApi, letter: Letters) -> None:
    with closing(opened(KINDS["Resend"], api.url)) as transport:
        for text in ("one", "two"):
            transport.deliver(letter(text=text))

    assert [one.headers["Idempotency-Key"] for one in api.asked] == [NOTICE, NOTICE]


def test_postmark_is_asked_to_keep_our_message_id_and_gets_a_notice_that_fits(api: ProviderApi, letter: Letters) -> None:
    with closing(opened(KINDS["Postmark"], api.url)) as transport:
        transport.deliver(letter(message_id=f"<gk-42@{'a' * 60}.{'b' * 60}.example>"))

    said = api.asked[0].json
    assert {"Name": "X-PM-KeepID", "Value": "true"} in said["Headers"]
    assert said["Metadata"] == {"gatekeeper-notice": "gk-42"}


def test_no_provider_follows_the_reader(api: ProviderApi, letter: Letters) -> None:
    for name in ("Postmark", "SendGrid"):
        with closing(opened(KINDS[name], api.url)) as transport:
            transport.deliver(letter())

    postmark, sendgrid = (one.json for one in api.asked)
    assert (postmark["TrackOpens"], postmark["TrackLinks"]) == (False, "None")
    assert {tracking["enable"] for tracking in sendgrid["tracking_settings"].values()} == {False}


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("7", 7),
        ("Mon, 02 Mar 2026 09:31:30 GMT", 90),
        ("Mon, 02 Mar 2026 09:00:00 GMT", 0),
        ("soon", 0),
        ("-5", 0),
        ("\u0664", 0),
        ("9" * 5000, 999_999_999),
    ],
)
def test_how_long_a_provider_wants_to_be_left_alone(api: ProviderApi, letter: Letters, asked: str, seconds: int) -> None:
    """A date is read against the date of its own answer: no clock of ours has to agree with theirs."""
    api.answers(429, {}, **{"Retry-After": asked.encode().decode("latin-1"), "Date": "Mon, 02 Mar 2026 09:30:00 GMT"})
    with closing(opened(KINDS["Resend"], api.url)) as transport:
        assert transport.deliver(letter()).retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("what", "service", "more", "signature"),
    [
        pytest.param(
            ("GET", "/", ""),
            "service",
            {},
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            id="get-vanilla",
        ),
        pytest.param(
            ("POST", "/", ""),
            "service",
            {},
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            id="post-vanilla",
        ),
        pytest.param(
            ("GET", "/", "Param1=value1&Param2=value2"),
            "service",
            {},
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            id="get-vanilla-query-order-key-case",
        ),
        pytest.param(
            ("GET", "/", "Action=ListUsers&Version=2010-05-08"),
            "iam",
            {"host": "iam.amazonaws.com", "content-type": "application/x-www-form-urlencoded; charset=utf-8"},
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            id="the guide's own example",
        ),
    ],
)
def test_requests_to_amazon_are_signed_as_its_test_suite_says(
    what: tuple[str, str, str], service: str, more: dict[str, str], signature: str
) -> None:
    headers = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z", **more}

    signed = authorization(
        "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ("us-east-1", service), what, headers, b""
    )

    assert signed.endswith(f"Signature={signature}")
