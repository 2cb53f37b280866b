"""One scenario for every edge that we ship: the real proxy, with its shipped configuration, from the visitor to the product.

What must hold everywhere: a suspended account gets in by a failure of the gate and by nothing else; a failure costs nobody an
error, and shows; the product is told the account that was judged, and never what a client says.
"""

import json
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatekeeper.gate.paths import OpenPaths
from tests.kit.edges import STRANGER, Edge, Scene, caddy, each, envoy, haproxy, nginx, owned, scene, traefik, until, warm
from tests.kit.gates import gate_process, publish
from tests.kit.origin import Request, Response, origin
from tests.kit.street import BROWSER, PAGE

EDGES = each(
    caddy.EDGE, caddy.LISTING, envoy.EDGE, envoy.LISTING, haproxy.EDGE, haproxy.LISTING, nginx.EDGE, nginx.LISTING, traefik.EDGE
)


@pytest.fixture(scope="module", params=EDGES)
def edge(request: pytest.FixtureRequest) -> Edge:
    return request.param


@pytest.fixture(scope="module")
def _shared(edge: Edge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(edge, tmp_path_factory.mktemp(edge.peer)) as built:
        yield warm(built)


@pytest.fixture
def at(_shared: Scene) -> Scene:
    """One scene for the tests that leave it as it was."""
    _shared.product.requests.clear()
    _shared.web.requests.clear()
    return _shared


@pytest.fixture
def own(edge: Edge, tmp_path: Path) -> Iterator[Scene]:
    """A scene for a test that breaks something in it."""
    with scene(edge, tmp_path) as built:
        yield warm(built)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# ---- Who comes in ------------------------------------------------------------------------------------------------------------


def test_an_account_in_good_standing_reaches_the_product_which_is_told_who_it_is(at: Scene) -> None:
    reply = at.visit("good", "/projects/1?view=week", X_Other="kept", Cookie="a=b")
    assert (reply.status_code, reply.text) == (200, "the product")
    assert "x-gatekeeper-decision" not in reply.headers
    (seen,) = at.product.requests
    assert (seen.method, seen.target) == ("GET", "/projects/1?view=week")
    assert at.heard(seen) == at.told("good")
    assert (seen.header("X-Other"), seen.header("Cookie")) == (["kept"], ["a=b"])


def test_the_product_hears_the_host_that_was_asked_for(at: Scene) -> None:
    assert at.visit("good", Host="app.example").status_code == 200
    assert at.product.requests[0].header("Host") == ["app.example"]


def test_an_account_that_is_past_due_comes_in_and_the_product_can_say_so(at: Scene) -> None:
    assert at.visit("slow").status_code == 200
    assert at.heard(at.product.requests[0]) == at.told("slow", "past_due")


def test_a_restricted_account_reads_and_changes_nothing(at: Scene) -> None:
    assert at.visit("half").status_code == 200
    assert at.visit("half", method="HEAD").status_code == 200
    assert at.visit("half", method="POST", body=b"x").status_code == 402
    assert at.visit("half", method="DELETE").status_code == 402
    assert [(seen.method, at.heard(seen)) for seen in at.product.requests] == [
        ("GET", at.told("half", "restricted")),
        ("HEAD", at.told("half", "restricted")),
    ]


def test_an_account_that_is_restricted_to_paths_uses_these_and_no_others(at: Scene) -> None:
    assert at.visit("part", "/reports/1?x=/", method="POST", body=b"x").status_code == 200
    assert at.visit("part").status_code == 402
    assert at.visit("part", "/reportsx").status_code == 402
    assert [seen.target for seen in at.product.requests] == ["/reports/1?x=/"]


def test_nobody_comes_in_and_is_nobody_to_the_product(at: Scene) -> None:
    assert at.visit("-").status_code == 200
    assert "x-account-id" not in owned(at.product.requests[0])


def test_a_request_of_which_the_outer_proxy_says_nothing_is_refused_but_where_everybody_may_go(at: Scene) -> None:
    assert status(at.raw("GET / HTTP/1.1", "Host: x")) == 403
    assert at.product.requests == []
    assert status(at.raw("GET /login HTTP/1.1", "Host: x")) == 200
    assert "x-account-id" not in owned(at.product.requests[0])


@pytest.mark.parametrize("claimed", ["good", "late", "-"])
def test_who_is_no_outer_proxy_is_nobody_whatever_he_says(at: Scene, claimed: str) -> None:
    sent = ["GET / HTTP/1.1", "Host: x", f"X-Account-Id: {claimed}", "X-Viewer-Email: boss@acme.example"]
    assert status(at.raw(*sent, source=STRANGER)) == 200
    seen = owned(at.product.requests[0])
    assert "x-account-id" not in seen
    assert "x-viewer-email" not in seen
    assert status(at.raw("GET /overdue HTTP/1.1", *sent[1:], source=STRANGER)) == 200
    for name in ("X-Account-Id", "X-Viewer-Email"):
        assert at.web.requests[0].header(name) in ([], [""], ["-"])


def test_a_suspended_account_can_sign_in_and_pay(at: Scene) -> None:
    assert at.visit("late", "/login").text == "the product"
    for path in ("/pay/token", "/webhooks/stripe", "/overdue", "/overdue/nudge?x=y"):
        assert at.visit("late", path, method="POST", body=b"x").text == "the web part"
        assert (at.web.requests[-1].target, at.web.requests[-1].body) == (path, b"x")
        assert at.web.requests[-1].header("X-Account-Id") == ["late"]
    for path in ("/payx", "/overduex", "/webhooks"):
        assert at.visit("late", path).status_code == 402
    assert len(at.product.requests) == 1


def test_a_restored_account_is_let_in_at_its_next_request(own: Scene) -> None:
    assert own.visit("late").status_code == 402
    publish(own.settings.snapshot_path, 6)
    until(lambda: own.visit("late").status_code == 200)
    assert own.heard(own.product.requests[-1]) == own.told("late", revision=6)


# ---- How it is refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_browser_of_a_suspended_account_gets_the_page_at_the_address_that_it_asked_for(at: Scene, method: str) -> None:
    for _ in range(5):  # Envoy leaves 150 ms for the page, which may be short on a machine with much else to do
        at.web.requests.clear()
        reply = at.visit("late", "/projects/1?x=y", method=method, body=None if method == "GET" else b"a form", **BROWSER)
        if reply.content == PAGE:
            break
    assert (reply.status_code, reply.content) == (402, PAGE)
    assert not reply.history
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert (reply.headers["cache-control"], reply.headers["content-language"]) == ("no-store", "de")
    assert "Accept" in reply.headers["vary"]
    assert reply.headers["x-gatekeeper-standing"] == "suspended"
    assert at.product.requests == []
    assert at.web.requests[0].header("Accept-Language") == ["de"]


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}, BROWSER | {"Sec-Fetch-Mode": "cors"}])
def test_a_program_of_a_suspended_account_gets_a_problem_document(at: Scene, headers: dict[str, str]) -> None:
    reply = at.visit("late", "/api/things", method="POST", body=b"{}", **headers)
    assert (reply.status_code, reply.headers["content-type"]) == (402, "application/problem+json")
    assert json.loads(reply.content)["type"] == "urn:gatekeeper:problem:payment-overdue"
    assert reply.headers["cache-control"] == "no-store"
    assert (at.web.requests, at.product.requests) == ([], [])


def test_a_refusal_for_want_of_a_name_says_nothing_of_money(at: Scene) -> None:
    reply = at.visit("good, late", **BROWSER)
    assert reply.status_code == 403
    assert "overdue" not in reply.text.lower()


def test_head_gets_402_without_a_body(at: Scene) -> None:
    for headers in ({}, BROWSER):
        reply = at.visit("late", method="HEAD", **headers)
        assert (reply.status_code, reply.content) == (402, b"")
    assert at.product.requests == []


def test_a_web_part_that_is_slow_delays_the_page_and_opens_nothing(own: Scene) -> None:
    goes_on = threading.Event()

    def slow(_: Request) -> Response:
        goes_on.wait(10)
        return Response(500)

    own.web.answer = slow
    try:
        reply = own.visit("late", **BROWSER)
    finally:
        goes_on.set()
    assert (reply.status_code, reply.text) == (402, "<h1>The page in the file</h1>")
    assert own.product.requests == []


# ---- When the gate fails -----------------------------------------------------------------------------------------------------


def assert_everybody_is_let_in_and_it_shows(own: Scene) -> None:
    before = own.failed_open()
    for method, body in (("GET", None), ("POST", b"a form" * 10_000)):
        reply = own.visit("late", "/own?x", method=method, body=body, X_Gatekeeper_Standing="current", **BROWSER)
        assert (reply.status_code, reply.text) == (200, "the product")
        assert reply.headers.get_list("x-gatekeeper-decision") == ["fail-open"]
        seen = own.product.requests[-1]
        assert (seen.method, seen.target, seen.body) == (method, "/own?x", body or b"")
        # What the outer proxy says is true, if not judged
        assert owned(seen) == {"x-account-id": ["late"]}
    assert own.visit("-").status_code == 200
    assert owned(own.product.requests[-1]) == {}
    assert own.visit("late", "/own-403").status_code == 403
    until(lambda: own.failed_open() == before + 4)


def test_with_the_gate_dead_everybody_is_let_in_and_it_shows(own: Scene) -> None:
    own.gate.kill()
    own.gate.wait()
    assert_everybody_is_let_in_and_it_shows(own)


def test_with_the_gate_hanging_everybody_is_let_in_and_it_shows(own: Scene) -> None:
    assert own.visit("late").status_code == 402
    own.gate.send_signal(signal.SIGSTOP)
    try:
        assert_everybody_is_let_in_and_it_shows(own)
    finally:
        own.gate.send_signal(signal.SIGCONT)
    until(lambda: own.visit("late").status_code == 402)


def test_a_gate_that_hangs_hinders_nobody_else_than_for_a_moment(own: Scene) -> None:
    own.gate.send_signal(signal.SIGSTOP)
    try:
        replies: list[int] = []
        visitors = [threading.Thread(target=lambda: replies.append(own.visit("good").status_code)) for _ in range(20)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join(9)
        assert replies == [200] * 20
    finally:
        own.gate.send_signal(signal.SIGCONT)


def test_a_gate_that_restarts_costs_nobody_an_error(own: Scene) -> None:
    assert own.visit("late").status_code == 402
    own.gate.terminate()
    own.gate.wait()
    assert own.visit("late").headers["x-gatekeeper-decision"] == "fail-open"
    with gate_process(own.settings):
        until(lambda: own.visit("late").status_code == 402)
        reply = own.visit("good")
        assert (reply.status_code, reply.headers.get("x-gatekeeper-decision")) == (200, None)


def test_nothing_that_a_gate_answers_lets_in_but_200_and_a_fault_of_its_own(own: Scene) -> None:
    """The stand-in is no gate of ours, which gives none of these: the edge was given somebody else's address."""
    own.gate.kill()
    own.gate.wait()
    headers = {"Location": "/", "Connection": "close"}
    for answered in (204, 302, 402, 404, 429, 500, 502, 503):
        own.product.requests.clear()
        with origin(lambda _, answered=answered: Response(answered, headers), port=own.settings.port):
            reply = own.visit("late", **BROWSER)
        expected = own.expected(f"the gate answers {answered}", 200 if answered >= 500 else answered)
        assert (reply.status_code, bool(own.product.requests)) == (expected, expected == 200), answered
        # To some, 204 is a yes like 200
        assert (reply.headers.get("x-gatekeeper-decision") == "fail-open") == (expected == 200) or answered == 204, answered


def test_the_products_own_refusals_and_faults_pass_untouched(at: Scene) -> None:
    refused = at.visit("good", "/own-403", **BROWSER)
    assert (refused.status_code, refused.text) == (403, "the product says no")
    failed = at.visit("good", "/own-500")
    assert (failed.status_code, failed.text) == (500, "the product has a fault")
    assert "x-gatekeeper-decision" not in failed.headers
    assert len(at.product.requests) == 2


def test_a_product_that_fails_is_no_failure_of_the_gate(own: Scene) -> None:
    def gone(_: Request) -> Response:
        raise ConnectionAbortedError

    before = own.failed_open()
    own.product.answer = gone
    reply = own.visit("good", method="POST", body=b"a form")
    assert reply.status_code in {502, 503, 504, 500}
    assert "x-gatekeeper-decision" not in reply.headers
    assert len(own.product.requests) == 1
    assert own.failed_open() == before


# ---- Who is asking -----------------------------------------------------------------------------------------------------------

# What the outer proxy sends beside `GET / HTTP/1.1`, and the usual answer
IDENTITIES: dict[str, tuple[list[bytes], int]] = {
    "dropped by Connection": ([b"X-Account-Id: late", b"Connection: X-Account-Id"], 402),
    "dropped by Connection, kept alive": ([b"Connection: keep-alive, x-account-id", b"X-Account-Id: late"], 402),
    "doubled, the suspended last": ([b"X-Account-Id: good", b"X-Account-Id: late"], 403),
    "doubled, the suspended first": ([b"X-Account-Id: late", b"X-Account-Id: good"], 403),
    "doubled, in another case": ([b"X-Account-Id: late", b"x-ACCOUNT-id: good"], 403),
    "aliased by underscores": ([b"X-Account-Id: late", b"X_Account_Id: good"], 402),
    "aliased by dots": ([b"X-Account-Id: late", b"X.Account.Id: good"], 402),
    "aliased by one underscore": ([b"X-Account_Id: good", b"X-Account-Id: late"], 402),
    "aliased by tildes": ([b"X-Account-Id: late", b"X~Account~Id: good"], 402),
    "an alias alone": ([b"X_Account_Id: good"], 403),
    "empty": ([b"X-Account-Id:"], 200),
    "only space": ([b"X-Account-Id:  "], 200),
    "over-long": ([b"X-Account-Id: " + b"a" * 129], 403),
    "very long": ([b"X-Account-Id: " + b"a" * 5000], 403),
    "a list": ([b"X-Account-Id: good, late"], 403),
    "a list without spaces": ([b"X-Account-Id: good,late"], 403),
    "a space within": ([b"X-Account-Id: late good"], 403),
    "quoted": ([b'X-Account-Id: "late"'], 403),
    "nobody, and somebody": ([b"X-Account-Id: -", b"X-Account-Id: late"], 403),
    "beyond ASCII": ([b"X-Account-Id: l\xe4te"], 403),
    "a tab within": ([b"X-Account-Id: late\tgood"], 403),
    "NUL": ([b"X-Account-Id: late\x00"], 400),
    "a carriage return": ([b"X-Account-Id: good\rX-Account-Id: late"], 400),
    "folded": ([b"X-Account-Id: late", b" good"], 400),
    "a space before the colon": ([b"X-Account-Id : good", b"X-Account-Id: late"], 400),
}


@pytest.mark.parametrize("case", IDENTITIES)
def test_an_account_that_is_not_named_in_one_way_only_does_not_come_in(at: Scene, case: str) -> None:
    sent, usually = IDENTITIES[case]
    answer = at.raw("GET / HTTP/1.1", "Host: x", *sent)
    assert status(answer) == at.expected(case, usually)
    assert b"fail-open" not in answer
    for seen in at.product.requests:
        assert owned(seen).get("x-account-id", []) == owned(seen).get("x-gatekeeper-account", []) == at.edge.tells.get(case, [])


FORGED = """
    X-Gatekeeper-Account: good|X-Gatekeeper-Standing: current|X-Gatekeeper-Revision: 99|X-Gatekeeper-Decision: allow
    X-Gatekeeper-Edge: x|X-Gatekeeper-Page: token-of-good
    X_Gatekeeper_Standing: current|X~Gatekeeper~Standing: current|x.gatekeeper.account: good
    X-Gatekeeper_Account: good
    X-Viewer-Email: boss@acme.example|Connection: X-Gatekeeper-Account, X-Gatekeeper-Standing
    X-Original-URI: /login|X-Original-URL: /login|X-Rewrite-URL: /login|X-Original-Method: GET|X-Forwarded-Uri: /login
    X-Forwarded-Method: GET|X-Forwarded-Host: other.example|X-Forwarded-Prefix: /login|X-Forwarded-For: 192.0.2.1
    Forwarded: for=192.0.2.1;host=other.example|X-HTTP-Method-Override: GET|X-HTTP-Method: GET|X-Method-Override: GET
    X-Envoy-Original-Path: /login|X-Envoy-Auth-Failure-Mode-Allowed: true|Front-End-Https: on
""".strip().replace("\n", "|")


def test_what_a_client_says_of_itself_opens_nothing_and_does_not_reach_the_product(at: Scene) -> None:
    forged = [line.strip() for line in FORGED.split("|")]
    for method, account in (("GET", "late"), ("POST", "half"), ("POST", "part")):
        sent = [f"{method} / HTTP/1.1", "Host: x", f"X-Account-Id: {account}", "Content-Length: 0"]
        assert status(at.raw(*sent, *forged)) == 402
    assert at.product.requests == []
    assert status(at.raw("GET / HTTP/1.1", "Host: x", "X-Account-Id: friend", *forged)) == 200
    assert at.heard(at.product.requests[0]) == at.told("friend")


# ---- Addresses ---------------------------------------------------------------------------------------------------------------

TARGETS = [
    b"//login", b"/./login", b"/.//login", b"/login/../admin", b"/admin/../login", b"/login/..", b"/login/.", b"/login/./x",
    b"/login/%2e%2e/admin", b"/login/.%2e/admin", b"/login%2f..%2fadmin", b"/login/..%2fadmin", b"/%6cogin", b"/login%2f",
    b"/login%00", b"/login%00/admin", b"/login;/admin", b"/login;x=1/../admin", b"/login/..;/admin", b"/admin?/login",
    b"/login\\..\\admin", b"/login\\", b"/login%5c..%5cadmin", b"/login/%252e%252e/admin", b"/login%252f..%252fadmin",
    b"/login/\xff", b"/login/%ff", b"/login/%c0%ae%c0%ae/admin", b"/a%00", b"/%", b"/%zz", b"/LOGIN", b"/login%20",
    b"/login%09x", b"/\x01", b"*", b"", b"login", b"?/login", b"/admin#/login", b"/" + b"a%2f" * 1500,
    b"/login/" + b"../" * 20 + b"admin",
    b"/pay/../admin", b"/pay/%2e%2e/admin", b"/pay/..%2fadmin", b"/pay/x/../../admin", b"/overdue/../admin", b"//pay/../admin",
    b"/overdue;/admin", b"/overdue%2f..%2fadmin", b"/webhooks/..\\admin", b"/pay%2f../admin",
    b"http://x/login/../admin", b"http://x//login", b"http://login/admin", b"http://x/admin#/login", b"http://x@login/admin",
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS)
def test_no_address_lets_a_suspended_account_in_but_those_that_the_product_reads_as_open(at: Scene, target: bytes) -> None:
    answer = at.raw(b"GET %s HTTP/1.1" % target, "Host: x", "X-Account-Id: late")
    assert b"fail-open" not in answer
    assert status(answer) < 500
    open_paths = OpenPaths(["/login"])
    assert [seen.target for seen in at.product.requests if not open_paths.cover(seen.target.encode("latin-1"))] == []


@pytest.mark.parametrize("hosts", [["x", "login"], [""], [], ["x/login"], ["x@login"], ["X.example."], ["127.0.0.1:8403"]])
def test_no_host_lets_a_suspended_account_in(at: Scene, hosts: list[str]) -> None:
    answer = at.raw("GET / HTTP/1.1", *(f"Host: {host}" for host in hosts), "X-Account-Id: late")
    assert status(answer) in {400, 402, 403, 404, 421}
    assert at.product.requests == []


@pytest.mark.parametrize("name", [b"Accept", b"Accept-Language", b"Sec-Fetch-Mode", b"Content-Type", b"X-Anything"])
@pytest.mark.parametrize("value", [b"\x01", b"\xff\xfe", b"x" * 7000, b"a,b;q=x", b"\t"])
def test_no_header_lets_a_suspended_account_in(at: Scene, name: bytes, value: bytes) -> None:
    answer = at.raw("GET / HTTP/1.1", "Host: x", "X-Account-Id: late", name + b": " + value)
    assert status(answer) in {400, 402, 403, 431}
    assert at.product.requests == []


def test_large_headers_of_an_account_in_good_standing_pass(at: Scene) -> None:
    cookie = "session=" + "x" * 7000
    assert at.visit("good", Cookie=cookie).status_code == 200
    assert at.product.requests[0].header("Cookie") == [cookie]


# ---- What is sent ------------------------------------------------------------------------------------------------------------


def test_a_large_upload_passes_whole(at: Scene) -> None:
    body = bytes(range(256)) * 40_000
    assert at.visit("good", "/upload", method="POST", body=body).status_code == 200
    assert at.product.requests[0].body == body


def test_a_body_in_chunks_passes_whole_and_that_of_a_suspended_account_not_at_all(at: Scene) -> None:
    def send(account: str) -> bytes:
        with at.wire() as wire:
            head = f"POST /form HTTP/1.1\r\nHost: x\r\nX-Account-Id: {account}\r\nTransfer-Encoding: chunked\r\n\r\n"
            wire.sendall(f"{head}5\r\nhello\r\n".encode())
            wire.sendall(b"7\r\n, world\r\n0\r\n\r\n")
            return receive(wire, b"\r\n\r\n")

    assert status(send("good")) == 200
    assert at.product.requests[0].body == b"hello, world"
    assert status(send("late")) == 402
    assert len(at.product.requests) == 1


def test_a_client_that_waits_for_100_continue_is_told_to_go_on_or_is_refused(at: Scene) -> None:
    def send(account: str) -> int:
        with at.wire() as wire, wire.makefile("rb") as answer:
            head = f"POST /form HTTP/1.1\r\nHost: x\r\nX-Account-Id: {account}\r\nContent-Length: 5\r\n"
            wire.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
            found = status(answer.readline())
            if found == 100:
                wire.sendall(b"hello")
            while found == 100:
                while answer.readline() != b"\r\n":
                    pass
                found = status(answer.readline())
            return found

    assert send("good") == 200
    assert at.product.requests[0].body == b"hello"
    assert send("late") == 402
    assert len(at.product.requests) == 1


def test_a_preflight_passes_when_nobody_is_named_as_in_a_preflight_nobody_is(at: Scene) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}
    assert at.visit("-", "/api", method="OPTIONS", **asked).status_code == 200
    assert at.product.requests[0].method == "OPTIONS"
    assert at.product.requests[0].header("Access-Control-Request-Method") == ["PUT"]


def test_a_range_passes_and_so_does_its_part(at: Scene) -> None:
    reply = at.visit("good", "/file", Range="bytes=2-3")
    assert (reply.status_code, reply.headers["content-range"], reply.content) == (206, "bytes 2-3/11", b"cd")


def receive(wire: socket.socket, end: bytes) -> bytes:
    """What comes, up to and with this."""
    received = b""
    while end not in received:
        part = wire.recv(4096)
        assert part, received
        received += part
    return received


def _upgrade(account: str) -> bytes:
    lines = ["GET /ws HTTP/1.1", "Host: x", f"X-Account-Id: {account}", "Connection: keep-alive, Upgrade", "Upgrade: websocket"]
    return "\r\n".join([*lines, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", "", ""]).encode()


def test_a_websocket_passes_and_a_suspended_account_opens_none(at: Scene) -> None:
    with at.wire() as wire:
        wire.sendall(_upgrade("good"))
        assert status(receive(wire, b"\r\n\r\n")) == 101
        wire.sendall(b"hello")
        assert receive(wire, b"hello") == b"hello"
    assert at.heard(at.product.requests[0]) == at.told("good")
    with at.wire() as wire:
        wire.sendall(_upgrade("late"))
        assert status(receive(wire, b"\r\n\r\n")) == 402
    assert len(at.product.requests) == 1


def test_a_websocket_opens_with_the_gate_dead(own: Scene) -> None:
    own.gate.kill()
    own.gate.wait()
    with own.wire() as wire:
        wire.sendall(_upgrade("late"))
        head = receive(wire, b"\r\n\r\n")
        assert status(head) == 101
        assert b"fail-open" in head
        wire.sendall(b"hello")
        assert receive(wire, b"hello") == b"hello"


def test_events_that_a_product_sends_arrive_one_by_one(own: Scene) -> None:
    arrived = threading.Event()

    def events() -> Iterator[bytes]:
        yield b"data: 1\n\n"
        assert arrived.wait(10)
        yield b"data: 2\n\n"

    # nginx collects what an application sends, unless told so
    headers = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
    own.product.answer = lambda _: Response(200, headers, parts=events())
    with own.wire() as wire:
        wire.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\nX-Account-Id: good\r\nAccept: text/event-stream\r\n\r\n")
        receive(wire, b"data: 1\n\n")
        arrived.set()
        receive(wire, b"data: 2\n\n")
