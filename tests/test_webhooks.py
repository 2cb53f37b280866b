"""POST /webhooks/stripe on a real uvicorn and a real ledger: the answers, and what is on disk by then (cases 2, 24, 25)."""

import contextlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from starlette.applications import Starlette

from gatekeeper import webhooks
from gatekeeper.billing.stripe.webhook import MAX_BYTES
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.model import Identity
from tests.billing.events import OTHER, SECRET, body, event, signed, thin_event
from tests.billing.reading import bill, debtor
from tests.kit.ledger import Ledger, opened
from tests.kit.standin import START, MovableClock
from tests.pages.serving import serving

PATH = "/webhooks/stripe"


@dataclass
class Endpoint:
    """A running web part that has nothing but webhooks. `woken`: how often the worker was told to look."""

    url: str
    ledger: Ledger
    client: httpx.Client
    woken: list[int] = field(default_factory=list)

    def post(self, content: bytes, header: str | None = None) -> int:
        """The status that this delivery is answered with; signed as it should be if nothing else is said."""
        headers = {"Stripe-Signature": (signed(content) if header is None else header).encode("latin-1")}
        return self.client.post(self.url + PATH, content=content, headers=headers).status_code

    def kept(self) -> list[dict[str, Any]]:
        return self.ledger.rows("inbox")


def run(ledger: Ledger, secrets: tuple[str, ...] = (SECRET,)) -> Iterator[Endpoint]:
    woken: list[int] = []
    app = Starlette(
        routes=webhooks.routes(
            inbox=ledger.writer.inbox,
            reader=ledger.reader,
            secrets=secrets,
            clock=lambda: START,
            wake=lambda: woken.append(1),
        )
    )
    with serving(app) as url, httpx.Client(trust_env=False, timeout=30) as client:
        yield Endpoint(url, ledger, client, woken)


@pytest.fixture
def endpoint(database_url: str) -> Iterator[Endpoint]:
    with opened(database_url) as ledger:
        yield from run(ledger)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """One endpoint for tests that look at answers more than at rows."""
    with opened(f"sqlite:///{tmp_path_factory.mktemp('lasting')}/ledger.db") as ledger:
        yield from run(ledger, (OTHER, SECRET))


def test_an_event_is_on_disk_when_it_is_answered(endpoint: Endpoint) -> None:
    content = body(event())
    assert endpoint.post(content) == 200
    (row,) = endpoint.kept()
    assert (row["event_id"], row["type"], row["object_id"], row["body"]) == ("evt_1", "invoice.paid", "in_1", content)
    assert row["received_at"] == row["next_try_at"] == START
    (due,) = endpoint.ledger.reader.events_due(START, 10)
    assert due.body == content
    assert endpoint.woken == [1]


def test_fifty_deliveries_of_one_event_are_one_row(endpoint: Endpoint) -> None:
    content = body(event())
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: endpoint.post(content), range(50))) == {200}
    assert len(endpoint.kept()) == 1
    assert endpoint.woken == [1]


@pytest.mark.parametrize(
    "document",
    [
        event("something.new"),
        event("charge.refunded", {"id": "ch_1", "object": "charge"}),
        event("invoice.upcoming", {"object": "invoice", "customer": "cus_1"}),
        event(livemode=True),
        event(account="acct_of_another"),
        thin_event(context="acct_of_another"),
        thin_event(livemode=True),
    ],
    ids=lambda document: f"{document['type']}, {document['object']}",
)
def test_what_is_not_for_us_is_kept_answered_200_and_never_looked_at(endpoint: Endpoint, document: dict[str, Any]) -> None:
    endpoint.ledger.writer.reconciles.pin(Identity(account="acct_ours", livemode=False))
    assert endpoint.post(body(document)) == 200
    (row,) = endpoint.kept()
    assert row["next_try_at"] is None
    assert endpoint.woken == []


@pytest.mark.parametrize("document", [event(account="acct_ours"), thin_event(context="org_1/acct_ours"), thin_event(), event()])
def test_what_is_for_us_is_looked_at(endpoint: Endpoint, document: dict[str, Any]) -> None:
    endpoint.ledger.writer.reconciles.pin(Identity(account="acct_ours", livemode=False))
    assert endpoint.post(body(document)) == 200
    assert endpoint.kept()[0]["next_try_at"] == START


def test_a_test_event_is_not_for_a_live_ledger(endpoint: Endpoint) -> None:
    endpoint.ledger.writer.reconciles.pin(Identity(account="acct_ours", livemode=True))
    assert [endpoint.post(body(event(id=f"evt_{live}", livemode=live))) for live in (False, True)] == [200, 200]
    assert {row["event_id"]: row["next_try_at"] for row in endpoint.kept()} == {"evt_False": None, "evt_True": START}


def test_before_any_books_were_read_every_event_may_be_ours(endpoint: Endpoint) -> None:
    assert endpoint.post(body(event(livemode=True, account="acct_2"))) == 200
    assert endpoint.kept()[0]["next_try_at"] == START


def test_forgeries_are_400_and_leave_nothing(endpoint: Endpoint) -> None:
    content = body(event())
    good = signed(content)
    for header in ("", "garbage", signed(content, OTHER), signed(content, ago=400), signed(content, ago=-86_400)):
        assert endpoint.post(content, header) == 400
    assert endpoint.post(content, good.replace("v1=", "v1=é")) == 400
    assert endpoint.post(content, good.replace(",v1=", ",v0=")) == 400
    assert endpoint.post(content + b" ", good) == 400
    assert endpoint.client.post(endpoint.url + PATH, content=content).status_code == 400
    for odd in (b"[]", b"", b"{}", b"[" * 100_000, b'{"id": "evt_1"}'):
        assert endpoint.post(odd) == 400
    assert endpoint.post(b"\xff\xfe", good) == 400
    assert endpoint.kept() == []
    assert endpoint.woken == []


def test_two_signatures_during_a_roll_are_taken_and_so_is_either_secret(lasting: Endpoint) -> None:
    content = body(event(id="evt_roll"))
    for secrets in ((OTHER,), (SECRET,), ("whsec_gone", OTHER), (SECRET, "whsec_new")):
        assert lasting.post(content, signed(content, *secrets)) == 200
    assert lasting.post(content, signed(content, "whsec_gone", "whsec_new")) == 400


def test_without_secrets_everything_is_400(database_url: str) -> None:
    with opened(database_url) as ledger:
        for endpoint in run(ledger, ()):
            assert endpoint.post(body(event())) == 400
            assert endpoint.kept() == []


def test_only_post_is_served(lasting: Endpoint) -> None:
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        answer = lasting.client.request(method, lasting.url + PATH)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_chunked_body_is_read_as_any_other(lasting: Endpoint) -> None:
    content = body(event(id="evt_chunked"))
    headers = {"Stripe-Signature": signed(content)}
    pieces = (content[at : at + 10] for at in range(0, len(content), 10))
    assert lasting.client.post(lasting.url + PATH, content=pieces, headers=headers).status_code == 200
    assert lasting.ledger.rows("inbox", event_id="evt_chunked")[0]["body"] == content


def test_an_event_may_be_as_large_as_a_megabyte(lasting: Endpoint) -> None:
    content = body(event(id="evt_large"))
    content += b" " * (MAX_BYTES - len(content))
    assert lasting.post(content) == 200
    assert lasting.post(content + b" ") == 400


@pytest.mark.parametrize("chunked", [False, True])
def test_a_larger_body_is_refused_before_it_has_come(lasting: Endpoint, *, chunked: bool) -> None:
    """Of five megabytes not much more than one is taken: then the sender is answered, and the connection closed."""
    host, port = lasting.url.removeprefix("http://").split(":")
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 5000000"
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n{length}\r\nStripe-Signature: t=1,v1=a\r\n\r\n".encode()
    piece = (b"10000\r\n" + b" " * 65_536 + b"\r\n") if chunked else b" " * 65_536
    answer = b""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head)
        with contextlib.suppress(ConnectionError):  # the system may throw the answer away together with what was not read
            for _ in range(16):
                connection.sendall(piece)
            while received := connection.recv(65_536):
                answer += received
    assert answer[:13] in {b"", b"HTTP/1.1 400 "}


def test_a_sender_that_goes_away_is_no_fault_of_ours(lasting: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    host, port = lasting.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this".encode())
    assert lasting.post(body(event(id="evt_next"))) == 200
    assert "Exception" not in caplog.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_cannot_be_kept_is_not_taken(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    """Stripe sends it again; and the log does not tell whose invoice it was."""
    with endpoint.ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE inbox RENAME TO gone"))
    content = body(event(about={"id": "in_1", "customer_email": "canary@customer.example"}))
    assert endpoint.post(content) == 503
    assert "canary" not in caplog.text
    with endpoint.ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO inbox"))
    assert endpoint.post(content) == 200
    assert len(endpoint.kept()) == 1


def test_every_event_of_a_stand_in_that_doubles_and_shuffles_is_kept_once(endpoint: Endpoint) -> None:
    clock = MovableClock(datetime.now(UTC).replace(microsecond=0))
    with Standin(clock) as standin:
        chaos = {"duplicates": 0.5, "disorder": 0.5, "patience": 0.1}
        snapshots = standin.deliver_to(endpoint.url + PATH, ["whsec_rolled", SECRET], **chaos)
        thins = standin.deliver_to(endpoint.url + PATH, [SECRET], form="thin", **chaos)
        standin.books.pay(bill(standin, debtor(standin)))
        assert snapshots.wait_idle(20)
        assert thins.wait_idle(20)
        assert {attempt.status for attempt in (*snapshots.attempts, *thins.attempts)} == {200}
        kept = {row["event_id"] for row in endpoint.kept()}
        named = {one.removeprefix("evt_") for one in standin.books.events}
        assert kept == {f"evt_{one}" for one in named} | {f"evt_thin_{one}" for one in named}
    assert {json.loads(row["body"])["object"] for row in endpoint.kept()} == {"event", "v2.core.event"}


words = st.text() | st.sampled_from(
    ["id", "type", "data", "object", "invoice.paid", "v2.core.event", "\0", "\ud83d", "x" * 5000]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words, lambda inner: st.dictionaries(words, inner), max_leaves=5
)
documents = st.dictionaries(words, values).map(lambda changes: event() | changes) | st.dictionaries(words, values) | values
headers = st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"])) | st.from_regex(
    r"t=[0-9]{1,11},v1=[0-9a-f]{64}", fullmatch=True
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary() | documents.map(body), header=st.none() | headers)
def test_no_body_and_no_header_makes_it_stumble(lasting: Endpoint, content: bytes, header: str | None) -> None:
    status = lasting.post(content, None if header is None else header.strip())
    assert status in ({200, 400} if header is None else {400})
    if status == 200:
        assert lasting.ledger.rows("inbox", event_id=json.loads(content)["id"])
