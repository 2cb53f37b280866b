"""The reader on the wire: only GET, every page once, and no answer but a good one is an answer."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx
import pytest
import stripe

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.shapes import API_VERSION, Unreadable
from gatekeeper.billing.stripe.wire import Wire, WriteRefused
from gatekeeper.demo.standin.faults import Fault
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.model import Identity
from tests.billing.reading import Answer, Between, bill, debtor, reading_from
from tests.kit.ports import free_port
from tests.kit.standin import READ_KEY, MovableClock

SECRET = "rk_test_51canaryCANARY"
QUESTIONS: dict[str, Callable[[StripeBooks], Any]] = {
    "identity": lambda source: source.identity(),
    "owing invoices": lambda source: list(source.owing_invoices()),
    "an invoice": lambda source: source.invoice("in_1"),
    "a customer": lambda source: source.customer("cus_1"),
    "a payment page": lambda source: source.payment_page("in_1"),
}


def told(source: StripeBooks, question: str = "owing invoices") -> str:
    """What the operator is told when this question gets no answer; never the key, on no level of the exception."""
    with pytest.raises(SourceUnavailable) as failure:
        QUESTIONS[question](source)
    link: BaseException | None = failure.value
    while link is not None:
        assert "canary" not in f"{link!r} {link}".lower()
        link = link.__cause__
    return str(failure.value)


@pytest.fixture
def canary(passing: Between, clock: MovableClock) -> Iterator[StripeBooks]:
    """A reader with a key that must not be told, which the stand-in does not know."""
    with reading_from(passing.url, clock, key=SECRET) as source:
        yield source


def test_whatever_is_asked_the_wire_sees_only_get(standin: Standin, source: StripeBooks) -> None:
    one = bill(standin, who := debtor(standin))
    source.identity()
    list(source.owing_invoices())
    source.invoice(one)
    source.customer(who)
    source.payment_page(one)
    source.invoice("in_none")
    asked = standin.log.entries()
    assert {(entry.method, entry.key) for entry in asked} == {("GET", "rk")}
    paths = ["account", "invoices", "invoices", f"invoices/{one}", f"customers/{who}", f"invoices/{one}", "invoices/in_none"]
    assert [entry.path for entry in asked] == [f"/v1/{path}" for path in paths]


def test_a_write_ends_before_the_wire(standin: Standin) -> None:
    """With a key that could write: the refusal is ours."""
    one = bill(standin, debtor(standin))
    with httpx.Client() as client:
        sdk = stripe.StripeClient("sk_test_standin", base_addresses={"api": standin.url}, http_client=Wire(client))
        for write in (
            lambda: sdk.v1.invoices.void_invoice(one),
            lambda: sdk.v1.invoices.pay(one, {"paid_out_of_band": True}),
            lambda: sdk.v1.customers.create({"name": "x"}),
            lambda: sdk.v1.customers.delete("cus_1"),
            lambda: sdk.v2.core.event_destinations.create(
                {"name": "x", "type": "webhook_endpoint", "event_payload": "thin", "enabled_events": []}
            ),
        ):
            with pytest.raises(WriteRefused, match=r"refused to send (POST|DELETE)"):
                write()
        for method in ("post", "PUT", "patch", "delete", "HEAD", "options"):
            with pytest.raises(WriteRefused):
                Wire(client).request(method, standin.url, {})
        with pytest.raises(WriteRefused):
            Wire(client).request("get", standin.url, {}, "a=body")
    assert standin.log.entries() == []


def test_every_request_pins_the_version_and_carries_no_telemetry(
    standin: Standin, passing: Between, watched: StripeBooks
) -> None:
    one = bill(standin, who := debtor(standin))
    for _ in range(2):  # the SDK's telemetry is about the request before
        watched.identity()
        list(watched.owing_invoices())
        watched.invoice(one)
        watched.customer(who)
    assert len(passing.heads) == 10
    for head in passing.heads:
        assert head["Stripe-Version"] == API_VERSION == "2026-10-28.endive"
        assert head["Authorization"] == f"Bearer {READ_KEY}"
        assert "X-Stripe-Client-Telemetry" not in head
        assert set(json.loads(head["X-Stripe-Client-User-Agent"])) == {"bindings_version", "lang", "httplib", "lang_version"}


def test_the_pinned_version_is_that_of_the_sdk() -> None:
    """A newer SDK may shape requests for a newer version: raise both together, and read the changelog."""
    assert stripe.api_version == API_VERSION


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        ({"kind": "unauthorized"}, r"refuses the key \(401\); put a valid one into stripe.api_key"),
        ({"kind": "forbidden"}, r"may not read this \(403\); give it the read permissions of docs/stripe.md"),
        ({"kind": "error", "times": 3}, r"a fault of its own \(500\)"),
        ({"kind": "html"}, r"not Stripe's API \(200\); check that address"),
        ({"kind": "reset", "times": 3}, r"cannot be reached \(RemoteProtocolError\); check the network, stripe.api_base"),
    ],
    ids=lambda value: value["kind"] + str(value.get("should_retry", "")) if isinstance(value, dict) else "",
)
@pytest.mark.usefixtures("hasty")
def test_every_failure_of_every_question_says_what_to_do(
    standin: Standin, source: StripeBooks, fault: dict[str, Any], advice: str
) -> None:
    for question in QUESTIONS.values():
        standin.log.clear()
        standin.faults.add(Fault(**fault))
        with pytest.raises(SourceUnavailable, match=advice) as failure:
            question(source)
        assert READ_KEY not in str(failure.value)
        assert len(standin.log.entries()) == fault.get("times", 1)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "fault", [{"kind": "error", "times": 2}, {"kind": "rate_limited", "should_retry": True}, {"kind": "reset"}]
)
def test_what_passes_at_the_second_or_third_try_is_no_failure(
    standin: Standin, source: StripeBooks, fault: dict[str, Any]
) -> None:
    standin.faults.add(Fault(**fault))
    assert source.identity() == Identity(account="acct_standin", livemode=False)


@pytest.mark.usefixtures("hasty")
def test_a_slow_answer_is_given_up(standin: Standin, clock: MovableClock) -> None:
    standin.faults.add(Fault(kind="slow", seconds=0.6, times=3))
    with reading_from(standin.url, clock, timeout=0.1) as source:
        assert "cannot be reached (ReadTimeout)" in told(source)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("host", "why"), [("127.0.0.1", "ConnectError"), ("stripe.invalid", "ConnectError")])
def test_nobody_there_is_no_answer(clock: MovableClock, host: str, why: str) -> None:
    with reading_from(f"http://{host}:{free_port()}", clock) as source:
        for question in QUESTIONS:
            assert f"cannot be reached ({why})" in told(source, question)


@contextmanager
def dripping(answer: bytes) -> Iterator[str]:
    """A server that sends this and closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(3):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"", b"\x00\x01\x02\r\n\r\n"])
def test_an_answer_that_breaks_off_is_none(clock: MovableClock, answer: bytes) -> None:
    with dripping(answer) as url, reading_from(url, clock) as source:
        assert "cannot be reached" in told(source)


ODD_BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"5",
    b'"text"',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"data": 1}',
    b'{"id": 5}',
    b"<html>",
    b'{"object": "list"}',
]


def test_a_body_that_is_not_what_was_asked_for_is_no_answer(passing: Between, watched: StripeBooks) -> None:
    for body in ODD_BODIES:
        passing.answer(Answer(200, body))
        for question in QUESTIONS:
            assert told(watched, question)


ODD_ERRORS = [b'{"error": 5}', b'{"error": null}', b"[]", b'{"error": {"type": []}}', b'{"error": "invalid_grant"}', b"{}"]


def test_an_odd_error_is_no_answer_either(passing: Between, canary: StripeBooks) -> None:
    for status in (300, 302, 400, 402, 404, 418):
        for body in ODD_ERRORS:
            passing.answer(Answer(status, body))
            for question in QUESTIONS:
                assert told(canary, question)


def test_the_key_is_told_to_nobody(canary: StripeBooks) -> None:
    assert "refuses the key (401)" in told(canary)


def test_the_permission_that_is_lacking_is_named(passing: Between, canary: StripeBooks) -> None:
    message = (
        f"The provided key '{SECRET}' lacks it. Having the 'rak_invoice_read' permission would allow this request to continue."
    )
    passing.answer(Answer(403, json.dumps({"error": {"type": "invalid_request_error", "message": message}}).encode()))
    with pytest.raises(SourceUnavailable, match="give it the permission rak_invoice_read") as failure:
        canary.identity()
    assert SECRET not in str(failure.value)


def test_an_invoice_that_there_is_not_is_none(source: StripeBooks) -> None:
    assert (source.invoice("in_none"), source.customer("cus_none"), source.payment_page("in_none")) == (None, None, None)


@pytest.mark.parametrize("question", ["an invoice", "a customer", "a payment page"])
def test_an_address_that_stripe_does_not_know_is_no_missing_invoice(
    standin: Standin, clock: MovableClock, question: str
) -> None:
    """A wrong `stripe.api_base` answers 404 to everything."""
    with reading_from(f"{standin.url}/v2", clock) as source:
        assert "refuses the question (404); check stripe.api_base" in told(source, question)


def test_another_object_than_the_one_that_was_asked_for_is_no_answer(
    standin: Standin, passing: Between, watched: StripeBooks
) -> None:
    """An id comes out of an event: one like `../customers/cus_1` must lead nowhere else, nor may a cache mix things up."""
    one = bill(standin, who := debtor(standin))
    for odd in (f"../customers/{who}", f"{one}/lines", f"{one}?expand[]=x", f"{one}#", "..", "", "%2e%2e"):
        for ask in (watched.invoice, watched.customer, watched.payment_page):
            with contextlib.suppress(SourceUnavailable):
                assert ask(odd) is None
    passing.document(lambda document: document | {"id": "in_other"})
    for question in (lambda: watched.invoice(one), lambda: watched.customer(who), lambda: watched.payment_page(one)):
        with pytest.raises(Unreadable, match="another one was asked for"):
            question()


def test_the_404_of_somebody_else_is_no_missing_invoice(passing: Between, watched: StripeBooks) -> None:
    other = b'{"error": {"code": "url_invalid", "type": "invalid_request_error"}}'
    for body in (b"<html>not found</html>", b"", b"{}", other):
        passing.answer(Answer(404, body))
        assert "stripe.api_base" in told(watched, "an invoice")


def test_objects_of_the_other_mode_are_not_believed(standin: Standin, clock: MovableClock) -> None:
    one = bill(standin, who := debtor(standin))
    standin.books.livemode = True
    with reading_from(standin.url, clock) as source:
        assert source.identity().livemode is False
        for ask in (
            lambda: list(source.owing_invoices()),
            lambda: source.invoice(one),
            lambda: source.customer(who),
            lambda: source.payment_page(one),
        ):
            with pytest.raises(SourceUnavailable, match="of the other mode"):
                ask()


@pytest.mark.parametrize("key", ["rk_live_standin", "sk_live_standin"])
def test_a_live_key_reads_live_objects(clock: MovableClock, key: str) -> None:
    with Standin(clock, keys=[key], livemode=True) as standin, reading_from(standin.url, clock, key=key) as source:
        one = bill(standin, debtor(standin))
        assert source.identity() == Identity(account="acct_standin", livemode=True)
        assert source.invoice(one) is not None
        standin.books.livemode = False
        with pytest.raises(SourceUnavailable, match="of the other mode"):
            source.invoice(one)


def test_an_invoice_of_a_customer_of_accounts_v2_is_passed_over(
    standin: Standin, passing: Between, watched: StripeBooks
) -> None:
    one = bill(standin, debtor(standin))
    passing.document(lambda document: document | {"customer": None, "customer_account": "acct_v2"})
    assert watched.invoice(one) is None
    passing.document(lambda document: document | {"customer": None})
    with pytest.raises(Unreadable, match="customer: "):
        watched.invoice(one)
    passing.document(lambda document: document.pop("customer") and None)
    with pytest.raises(Unreadable, match="customer: Field required"):
        watched.invoice(one)


def test_payments_that_an_invoice_does_not_show_are_asked_for(standin: Standin, passing: Between, watched: StripeBooks) -> None:
    one = bill(standin, debtor(standin))
    standin.books.start_processing(one)

    def hiding(path: str, answer: Answer) -> Answer:
        hidden = {"payments": {"object": "list", "data": [], "has_more": True, "url": ""}}
        return answer if path.startswith("/v1/invoice_payments") else answer.altered(lambda document: document | hidden)

    passing.alter = hiding
    reading = watched.invoice(one)
    assert reading is not None
    assert reading.invoice.processing_since_at is not None
    assert len(passing.paths) == 2


def test_there_is_a_payment_page_for_what_can_still_be_paid(standin: Standin, source: StripeBooks) -> None:
    who = debtor(standin)
    owed, paid, void, lost, credited = (bill(standin, who) for _ in range(5))
    standin.books.pay(paid)
    standin.books.void(void)
    standin.books.mark_uncollectible(lost)
    standin.books.credit(credited, 1000)
    draft = standin.books.create_invoice(who).id
    pages = {one: source.payment_page(one) for one in (owed, paid, void, lost, credited, draft)}
    assert {one for one, page in pages.items() if page} == {owed, lost}
    assert str(pages[owed]).startswith(f"{standin.url}/i/")
    assert httpx.get(str(pages[owed]), trust_env=False).status_code == 200
    assert source.payment_page(owed) != pages[owed]  # it expires: never the same twice, never kept
    pdfs = {one: source.pdf(one) for one in (owed, paid, void, draft, "in_none")}
    assert {one: bool(pdf) for one, pdf in pdfs.items()} == {owed: True, paid: True, void: True, draft: False, "in_none": False}
