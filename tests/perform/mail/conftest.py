"""A letter with a default for everything, so that a test names only what it is about."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gatekeeper.perform.mail import Letter, Transport, open_transport
from tests.kit.smtp import MailServer

WORDS: dict[str, Any] = {
    "message_id": "<gk-42@mail.acme.example>",
    "sender": "Acme Billing <billing@acme.example>",
    "to_address": "ana@customer.example",
    "to_name": "Ana Núñez",
    "subject": "Invoice F-1042 is overdue",
    "text": "Please pay 120.00 EUR.\n",
    "html": "<p>Please pay 120.00 EUR.</p>\n",
    "language": "en",
    "dated_at": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
}


@pytest.fixture(scope="session")
def letter() -> Callable[..., Letter]:
    return lambda **changes: Letter(**WORDS | changes)


@pytest.fixture(params=[False, True], ids=["", "pipelining"])
def server(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    with MailServer(pipelining=request.param) as server:
        yield server


@pytest.fixture
def transport(server: MailServer) -> Iterator[Transport]:
    transport = open_transport(server.url, timeout_seconds=5)
    yield transport
    transport.close()
