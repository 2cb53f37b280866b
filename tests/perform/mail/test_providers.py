"""Delivery through providers' HTTP APIs, against servers that answer in the shapes that each provider publishes."""

import base64
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from email.utils import getaddresses
from typing import Any

import pytest

from gatekeeper.model import NoticeState, Outcome
from gatekeeper.perform.mail import Letter, LetterRefused, Transport
from tests.kit.ports import free_port
from tests.kit.provider import ProviderApi
from tests.kit.provider_kinds import KINDS, Kind, in_pieces, opened

Letters = Callable[..., Letter]
MORE_THAN_THE_KERNEL_BUFFERS = ("x" * 70 + "\n") * 100_000
DEFERRED, REFUSED, UNCERTAIN = NoticeState.DEFERRED, NoticeState.REFUSED, NoticeState.UNCERTAIN
NOTICE = "gk-42@mail.acme.example"


@pytest.fixture
def api() -> Iterator[ProviderApi]:
    with ProviderApi() as api:
        yield api


@pytest.fixture(params=KINDS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kind(name: str) -> Kind:
    return KINDS[name]


@pytest.fixture
def transport(api: ProviderApi, kind: Kind) -> Iterator[Transport]:
    with closing(opened(kind, api.url)) as transport:
        yield transport


def test_a_letter_arrives_as_it_was_meant(
    api: ProviderApi, transport: Transport, name: str, kind: Kind, letter: Letters
) -> None:
    api.answers(kind.taken[0], kind.taken[1], **kind.taken[2])

    outcome = transport.deliver(
        letter(
            subject="Núñez: F-1042 is overdue",
            reply_to="ap@acme.example",
            references="<gk-1@mail.acme.example>",
            text="Zażółć.\n",
        )
    )

    assert outcome == Outcome(state=NoticeState.ACCEPTED, detail=f"{name} took it as {kind.took_as}")
    (asked,) = api.asked
    assert asked.path == kind.path
    said = in_pieces(name, asked)
    assert said["from"] == "Acme Billing <billing@acme.example>"
    assert "ana@customer.example" in said["to"]
    assert said["reply_to"] == "ap@acme.example"
    assert said["subject"] == "Núñez: F-1042 is overdue"
    assert (said["text"].strip(), said["html"].strip()) == ("Zażółć.", "<p>Please pay 120.00 EUR.</p>")
    assert said["In-Reply-To"] == said["References"] == "<gk-1@mail.acme.example>"
    assert said["Auto-Submitted"] == "auto-generated"
    assert said["Content-Language"] == "en"
    assert said["notice"] == (NOTICE if name in {"Postmark", "SendGrid", "Mailgun"} else "gk-42")
    assert name == "Resend" or said["Message-ID"] == f"<{NOTICE}>"


def test_names_that_customers_write_become_no_header_and_no_recipient(
    api: ProviderApi, transport: Transport, name: str, kind: Kind, letter: Letters
) -> None:
    api.answers(kind.taken[0], kind.taken[1], **kind.taken[2])

    hostile = 'Eve, "Ltd" <x@evil.example>\r\nBcc: x@evil.example'
    transport.deliver(
        letter(to_name=hostile, subject=hostile, sender="Acme, Inc. <a@acme.example>", reply_to="ap@acme.example")
    )

    said = in_pieces(name, api.asked[0])
    assert "bcc" not in map(str.lower, said)
    assert addresses_in(said["to"]) == ["ana@customer.example"]
    assert addresses_in(said["from"]) == ["a@acme.example"]
    assert len(said["subject"].splitlines()) == 1


def addresses_in(field: str) -> list[str]:
    """As a reader finds them who splits at commas outside of quotes."""
    return [address for _, address in getaddresses([field])]


@pytest.mark.parametrize(
    ("which", "state", "detail"),
    [
        ("forbidden", DEFERRED, "look at mail.url and mail.from"),
        ("too_fast", DEFERRED, "429"),
        ("bad_sender", DEFERRED, ""),
        ("bad_recipient", REFUSED, ""),
    ],
)
def test_only_what_is_said_of_the_recipient_is_final(
    api: ProviderApi, transport: Transport, kind: Kind, letter: Letters, which: str, state: NoticeState, detail: str
) -> None:
    api.answers(*getattr(kind, which), **{"Retry-After": "7"})
    state = state if kind.refuses else DEFERRED

    outcome = transport.deliver(letter())

    assert (outcome.state, outcome.ours) == (state, state is DEFERRED)
    assert outcome.retry_after_seconds == (7 if state is DEFERRED else 0)
    assert detail in outcome.detail
    assert "ana@customer" not in outcome.detail
    assert "canary" not in outcome.detail


@pytest.mark.parametrize(
    ("status", "body", "headers", "state"),
    [
        pytest.param(500, b"<html>oops</html>", {}, DEFERRED, id="its own trouble"),
        pytest.param(503, b"{}", {}, DEFERRED, id="away"),
        pytest.param(302, b"", {"Location": "http://127.0.0.1:1/"}, DEFERRED, id="a redirect is not followed"),
        pytest.param(502, b"<html>bad gateway</html>", {}, UNCERTAIN, id="a gateway lost sight of it"),
        pytest.param(504, b"", {}, UNCERTAIN, id="a gateway grew tired of waiting"),
        pytest.param(409, {"name": "invalid_idempotent_request"}, {}, UNCERTAIN, id="taken before, with other words"),
        pytest.param(200, b"<html>Please sign in to this hotel's network</html>", {}, UNCERTAIN, id="yes in HTML"),
        pytest.param(200, b"{'not': JSON", {}, UNCERTAIN, id="yes in garbage"),
        pytest.param(200, b"[" * 50_000, {}, UNCERTAIN, id="yes, nested deeply"),
        pytest.param(200, [1], {}, UNCERTAIN, id="yes in another shape"),
        pytest.param(200, {"id": None, "MessageID": "", "MessageId": 0}, {}, UNCERTAIN, id="yes without an id"),
    ],
)
def test_what_is_no_clear_answer_is_never_acceptance_nor_the_recipients_fault(
    api: ProviderApi, transport: Transport, letter: Letters, status: int, body: Any, headers: dict[str, str], state: NoticeState
) -> None:
    api.answers(status, body, **headers)

    outcome = transport.deliver(letter())

    assert outcome.state is state
    assert str(status) in outcome.detail
    assert len(api.asked) == 1


@pytest.mark.parametrize("how", ["close", "hang"])
def test_no_answer_to_a_whole_request_is_uncertain(api: ProviderApi, kind: Kind, letter: Letters, how: str) -> None:
    api.fails(how)
    with closing(opened(kind, api.url, timeout_seconds=0.2)) as transport:
        outcome = transport.deliver(letter())

    assert outcome.state is UNCERTAIN
    assert outcome.detail.startswith("the whole message was sent to ")
    assert len(api.asked) == 1


def test_a_request_that_is_not_taken_whole_is_deferred(api: ProviderApi, kind: Kind, letter: Letters) -> None:
    api.fails("stall")
    with closing(opened(kind, api.url, timeout_seconds=0.2)) as transport:
        outcome = transport.deliver(letter(text=MORE_THAN_THE_KERNEL_BUFFERS))

    assert (outcome.state, outcome.ours) == (DEFERRED, True)
    assert api.asked == []


def test_a_provider_that_cannot_be_reached_is_deferred(name: str, kind: Kind, letter: Letters) -> None:
    with closing(opened(kind, f"http://127.0.0.1:{free_port()}")) as transport:
        outcome = transport.deliver(letter())

    assert outcome == Outcome(state=DEFERRED, detail=f"{name} (127.0.0.1): Connection refused", ours=True)


def test_what_speaks_no_http_is_uncertain_and_shows_no_secret(kind: Kind, letter: Letters) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        with closing(opened(kind, f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=0.2)) as transport:
            outcome = transport.deliver(letter())
            with listener.accept()[0] as connection:
                assert connection.recv(1)

    assert outcome.state is UNCERTAIN
    assert "canary" not in repr(outcome) + repr(transport) + repr(vars(transport))


def test_letters_share_a_connection_until_the_batch_ends(
    api: ProviderApi, transport: Transport, kind: Kind, letter: Letters
) -> None:
    api.answers(kind.taken[0], kind.taken[1], **kind.taken[2])

    for _ in range(3):
        transport.deliver(letter())
    assert api.connections == 1

    transport.close()
    transport.deliver(letter())
    assert api.connections == 2


def test_a_letter_that_cannot_be_written_reaches_no_provider(api: ProviderApi, transport: Transport, letter: Letters) -> None:
    with pytest.raises(LetterRefused):
        transport.deliver(letter(to_address="nobody"))

    assert api.connections == 0


def test_no_key_is_logged(
    api: ProviderApi, transport: Transport, kind: Kind, letter: Letters, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    api.answers(*kind.forbidden)

    transport.deliver(letter())

    assert "canary" not in caplog.text
    assert base64.b64encode(b"api:canary-token").decode() not in caplog.text
