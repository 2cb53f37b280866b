"""HTTP/1.1 on the wire: order, bodies, bounds, and whatever is no HTTP (cases 85, 86 and 95)."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatekeeper.gate import connection as connection_module
from gatekeeper.gate.settings import GateSettings
from tests.kit.gates import ask, gate_in_thread, get, publish, read_all, replies, settings_in
from tests.kit.origin import Origin, Request, Response, origin

GOOD = get("/gate/nginx", X_Account_Id="good")
LATE = get("/gate/nginx", X_Account_Id="late")
PAGE = get("/gate", X_Account_Id="late", Accept="text/html")


def _slow_page(request: Request) -> Response:
    time.sleep(0.15)
    return Response(402, {"Content-Type": "text/html"}, request.header("Accept-Language")[0].encode())


@pytest.fixture
def web() -> Iterator[Origin]:
    with origin(_slow_page) as server:
        yield server


@pytest.fixture
def gate(tmp_path: Path, web: Origin) -> Iterator[GateSettings]:
    settings = settings_in(tmp_path, page_url=web.url)
    publish(settings.snapshot_path, 1, late="suspended")
    with gate_in_thread(settings):
        yield settings


def test_requests_sent_in_one_go_are_answered_in_order(gate: GateSettings) -> None:
    found = ask(gate, GOOD + LATE + get("/livez") + GOOD * 500 + LATE)
    assert [reply.status for reply in found] == [200, 403, 200] + [200] * 500 + [403]


def test_a_page_holds_back_the_answers_behind_it_and_nothing_is_lost(gate: GateSettings) -> None:
    first, second = (PAGE.replace(b"Accept:", b"Accept-Language: %s\r\nAccept:" % each) for each in (b"one", b"two"))
    found = ask(gate, GOOD + first + LATE + second + GOOD, GOOD + first)
    assert [reply.status for reply in found] == [200, 402, 403, 402, 200, 200, 402]
    assert [reply.body for reply in found if reply.status == 402] == [b"one", b"two", b"one"]


def test_rubbish_behind_a_page_is_answered_after_it(gate: GateSettings) -> None:
    found = ask(gate, PAGE.replace(b"Accept:", b"Accept-Language: x\r\nAccept:") + b"rubbish\r\n\r\n" + GOOD)
    assert [reply.status for reply in found] == [402, 400]


def test_a_request_in_single_bytes_is_understood(gate: GateSettings) -> None:
    found = ask(gate, *(bytes([byte]) for byte in LATE + GOOD))
    assert [reply.status for reply in found] == [403, 200]


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /gate/nginx HTTP/1.1\r\nX-Account-Id: late\r\nContent-Length: 11\r\n\r\nhello=world" + GOOD,
        b"POST /gate/nginx HTTP/1.1\r\nX-Account-Id: late\r\nContent-Length: 100000\r\n\r\n",
        b"POST /gate/nginx HTTP/1.1\r\nX-Account-Id: late\r\nTransfer-Encoding: chunked\r\n\r\n" + GOOD,
        b"GET /gate/nginx HTTP/1.1\r\nX-Account-Id: late\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + GOOD,
        b"GET /gate/nginx HTTP/1.1\r\nX-Account-Id: late\r\nConnection: close\r\n\r\n" + GOOD,
        b"GET /gate/nginx HTTP/1.0\r\nX-Account-Id: late\r\n\r\n" + GOOD,
        b"POST /gate/nginx HTTP/1.1\r\nX-Account-Id: late\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    ],
)
def test_what_may_be_followed_by_other_bytes_than_a_request_is_answered_and_the_connection_closed(
    gate: GateSettings, request_bytes: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as wire:
        wire.sendall(request_bytes)
        (reply,) = replies(read_all(wire))
    assert (reply.status, reply.headers["connection"]) == (403, "close")


def test_the_request_for_a_tunnel_is_answered_and_the_connection_closed(gate: GateSettings) -> None:
    with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as wire:
        wire.sendall(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n" + GOOD)
        assert [reply.status for reply in replies(read_all(wire))] == [404]


@pytest.mark.parametrize("endless", [b"x" * 40_000, b"x: y\r\n" * 8000, b"x" * 5_000_000])
def test_a_head_that_never_ends_is_refused_when_it_is_too_long(gate: GateSettings, endless: bytes) -> None:
    with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as wire:
        wire.sendall(b"GET /gate/nginx HTTP/1.1\r\nX-Endless: " + endless)
        assert [reply.status for reply in replies(read_all(wire))] == [403]


def test_a_large_body_on_its_way_does_not_cost_the_answer(gate: GateSettings) -> None:
    with socket.create_connection(("127.0.0.1", gate.port), timeout=10) as wire:
        wire.sendall(b"POST /gate/nginx HTTP/1.1\r\nX-Account-Id: late\r\nContent-Length: 9000000\r\n\r\n")
        for _ in range(30):
            wire.sendall(b"x" * 100_000)
        (reply,) = replies(read_all(wire))
    assert reply.status == 403


def test_a_connection_is_kept_with_content_length_0_and_for_http_1_0_when_it_asks(gate: GateSettings) -> None:
    for each in (
        b"POST /gate/nginx HTTP/1.1\r\nX-Account-Id: -\r\nContent-Length: 0\r\n\r\n",
        b"GET /gate/nginx HTTP/1.0\r\nX-Account-Id: -\r\nConnection: keep-alive\r\n\r\n",
    ):
        found = ask(gate, each + each)
        assert [(reply.status, reply.headers["connection"]) for reply in found] == [(200, "keep-alive")] * 2


def test_a_visitor_who_wants_the_identity_header_stripped_is_still_judged_by_it(gate: GateSettings) -> None:
    found = ask(gate, get("/gate/nginx", X_Account_Id="late", Connection="X-Account-Id"))
    assert [reply.status for reply in found] == [403]


MALFORMED = [
    b"Host: a\x00b",
    b"Host: a\x01b",
    b"X-Account-Id: late\x00",
    b"X-Account-Id : late",
    b"X-Account-Id\x00: late",
    b" folded: line",
    b"no colon",
    b": no name",
    b"Content-Length: x",
    b"Content-Length: -1",
    b"Content-Length: 1\r\nContent-Length: 2",
    b"Content-Length: 1\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked, identity",
    b"A: " + b"x" * 50_000,
    b"A" * 50_000 + b": x",
    b"\r\n".join(b"A-%d: x" % number for number in range(101)),
    b"\r\n".join(b"A-%d: %s" % (number, b"x" * 1000) for number in range(50)),
]


@pytest.mark.parametrize("header", MALFORMED)
def test_malformed_headers_at_the_address_of_an_edge_are_a_refusal_and_elsewhere_400(gate: GateSettings, header: bytes) -> None:
    for target, status in ((b"/gate/nginx", 403), (b"/gate?x", 403), (b"/gate/nginx/page", 403), (b"/livez", 400)):
        found = ask(gate, b"GET %s HTTP/1.1\r\n%s\r\nX-Last: 1\r\n\r\n" % (target, header) + GOOD)
        assert [(reply.status, reply.body) for reply in found] == [(status, b"")]
        assert found[0].headers["connection"] == "close"
        assert found[0].headers["x-gatekeeper-account"] == ""


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\x01",
        b"\xff" * 100,
        b"GET",
        b"GET /gate/nginx HTTP/9.9",
        b"\x16\x03\x01\x02\x00",
        b"PRI * HTTP/2.0",
        b"G\xc3\x89T / HTTP/1.1",
    ],
)
def test_no_request_at_all_gets_400_or_nothing(gate: GateSettings, line: bytes) -> None:
    assert {reply.status for reply in ask(gate, line + b"\r\n\r\n")} <= {400, 403, 404}


def test_a_target_that_is_too_long_is_refused_and_one_of_4_kb_is_read(gate: GateSettings) -> None:
    assert [reply.status for reply in ask(gate, get("/gate/nginx?" + "x" * 4000, X_Account_Id="late"))] == [403]
    assert [reply.status for reply in ask(gate, get("/gate/nginx?" + "x" * 70_000, X_Account_Id="good"))] in ([400], [403])
    long = get("/gate/nginx", X_Account_Id="late", X_Original_URI="/" + "x" * 8000)
    assert [reply.status for reply in ask(gate, long)] == [403]


def test_a_hundred_headers_are_read_and_no_more(gate: GateSettings) -> None:
    for count, connection in ((98, "keep-alive"), (99, "close")):
        (reply,) = ask(gate, get("/gate/nginx", X_Account_Id="late", **{f"A_{number}": "x" for number in range(count)}))
        assert (reply.status, reply.headers["connection"]) == (403, connection)


def test_a_fault_of_our_own_is_a_refusal_and_not_a_5xx(gate: GateSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the gate")

    monkeypatch.setattr("gatekeeper.gate.answering.Gate.let_in_at_once", fail)
    monkeypatch.setattr("gatekeeper.gate.readers.is_account", fail)
    assert [reply.status for reply in ask(gate, GOOD)] == [403]
    monkeypatch.undo()
    assert [reply.status for reply in ask(gate, GOOD)] == [200]


def test_connections_beyond_the_bound_are_dropped_and_those_within_it_served(
    gate: GateSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "MAX_CONNECTIONS", 2)
    with (
        socket.create_connection(("127.0.0.1", gate.port), timeout=10) as one,
        socket.create_connection(("127.0.0.1", gate.port), timeout=10) as two,
    ):
        for wire in (one, two):
            wire.sendall(GOOD)
            assert wire.recv(65536).startswith(b"HTTP/1.1 200")
        assert not _served(gate)
        one.sendall(GOOD)
        assert one.recv(65536).startswith(b"HTTP/1.1 200")
    assert any(_served(gate) for _ in range(100))


def _served(gate: GateSettings) -> bool:
    try:
        return [reply.status for reply in ask(gate, GOOD)] == [200]
    except OSError:
        return False


def test_a_connection_without_a_request_is_closed_and_a_busy_one_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatekeeper.gate.server._SWEEP_SECONDS", 0.05)
    settings = settings_in(tmp_path)
    with (
        gate_in_thread(settings),
        socket.create_connection(("127.0.0.1", settings.port), timeout=10) as idle,
        socket.create_connection(("127.0.0.1", settings.port), timeout=10) as busy,
    ):
        idle.sendall(b"GET /gate/nginx HTTP/1.1\r\nX-Slow: ")
        for _ in range(30):
            busy.sendall(GOOD)
            assert busy.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(0.02)
        assert _ended(idle)


def _ended(wire: socket.socket) -> bool:
    try:
        return wire.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_reader_that_does_not_read_fills_no_memory(gate: GateSettings) -> None:
    with socket.create_connection(("127.0.0.1", gate.port), timeout=0.3) as wire:
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 100_000_000:
                sent += wire.send(LATE * 500)
        assert sent < 50_000_000
        wire.settimeout(10)
        wire.shutdown(socket.SHUT_WR)
        assert read_all(wire).count(b"HTTP/1.1 403") == sent // len(LATE)
