"""A real nginx, run from the configuration that we ship, between a visitor, a product, the gate and the web part."""

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.gates import gate_process, publish, staff_pass, token
from tests.kit.origin import Request, Response, origin
from tests.kit.ports import free_port
from tests.kit.street import BROWSER, PAGE, SHIPPED, Street, built_street

pytestmark = pytest.mark.peer("nginx")


@pytest.fixture(scope="module")
def _shared_street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with built_street(tmp_path_factory.mktemp("street")) as built:
        yield built


@pytest.fixture
def street(_shared_street: Street) -> Street:
    """One street for the tests that leave it as it was."""
    _shared_street.product.requests.clear()
    _shared_street.web.requests.clear()
    return _shared_street


@pytest.fixture
def own_street(tmp_path: Path) -> Iterator[Street]:
    """A street for a test that breaks something in it."""
    with built_street(tmp_path) as built:
        yield built


def test_an_account_in_good_standing_reaches_the_product_which_is_told_who_it_is(street: Street) -> None:
    reply = street.visit("good", "/projects/1?view=week", X_Other="kept", Cookie="a=b")
    assert (reply.status_code, reply.text) == (200, "the product")
    assert "x-gatekeeper-decision" not in reply.headers
    (seen,) = street.product.requests
    assert (seen.method, seen.target) == ("GET", "/projects/1?view=week")
    assert seen.header("X-Account-Id") == seen.header("X-Gatekeeper-Account") == ["good"]
    assert seen.header("X-Gatekeeper-Standing") == ["current"]
    assert seen.header("X-Gatekeeper-Revision") == ["5"]
    assert (seen.header("X-Other"), seen.header("Cookie"), seen.header("Host")) == (["kept"], ["a=b"], ["good.app.example"])


def test_standings_that_close_nothing_come_through(street: Street) -> None:
    assert street.visit("slow").status_code == 200
    assert street.visit("half").status_code == 200
    assert [seen.header("X-Gatekeeper-Standing") for seen in street.product.requests] == [["past_due"], ["restricted"]]
    assert street.visit("half", method="POST", body=b"x").status_code == 402


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "INVENTED"])
def test_a_browser_of_a_suspended_account_gets_the_page_at_the_address_that_it_asked_for(street: Street, method: str) -> None:
    reply = street.visit("late", "/projects/1?x=y", method=method, body=b"a form" if method == "POST" else None, **BROWSER)
    assert (reply.status_code, reply.content) == (402, PAGE)
    assert not reply.history
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert (reply.headers["cache-control"], reply.headers["content-language"]) == ("no-store", "de")
    assert reply.headers["x-gatekeeper-standing"] == "suspended"
    assert street.product.requests == []
    assert street.web.requests[0].header("Accept-Language") == ["de"]


def test_head_gets_402_without_a_body(street: Street) -> None:
    reply = street.visit("late", method="HEAD", **BROWSER)
    assert (reply.status_code, reply.content) == (402, b"")


@pytest.mark.parametrize("headers", [{}, {"Accept": "application/json"}, BROWSER | {"Sec-Fetch-Mode": "cors"}])
def test_a_program_of_a_suspended_account_gets_a_problem_document(street: Street, headers: dict[str, str]) -> None:
    reply = street.visit("late", "/api/things", method="POST", body=b"{}", **headers)
    assert (reply.status_code, reply.headers["content-type"]) == (402, "application/problem+json")
    assert json.loads(reply.content)["type"] == "urn:gatekeeper:problem:payment-overdue"
    assert street.web.requests == []


def test_a_restored_account_is_let_in_at_its_next_request(own_street: Street) -> None:
    assert own_street.visit("late").status_code == 402
    publish(own_street.settings.snapshot_path, 6)
    end = time.monotonic() + 10
    while own_street.visit("late").status_code != 200:
        assert time.monotonic() < end
    assert own_street.product.requests[-1].header("X-Gatekeeper-Revision") == ["6"]


def test_what_a_visitor_says_of_himself_reaches_neither_gate_nor_product(street: Street) -> None:
    forged = (
        """
        X-Account-Id: good|x-account-id: other|X_Account_Id: good|X.Account.Id: good|X-Gatekeeper-Account: good
        X-Gatekeeper-Standing: current|X-Gatekeeper-Revision: 99|X-Gatekeeper-Decision: allow|X-Gatekeeper-Edge: x
        X-Gatekeeper-Page: token-of-good|X_Gatekeeper_Standing: current|X-Original-URI: /login|X-Original-Method: GET
        X-Forwarded-Uri: /login|X-HTTP-Method-Override: GET|Connection: close, X-Account-Id, X-Gatekeeper-Account
    """.strip()
        .replace("\n", "|")
        .split("|")
    )

    def visit(account: str) -> bytes:
        lines = "\r\n".join(["GET / HTTP/1.1", f"Host: {account}.app.example", *map(str.strip, forged)])
        return street.raw(f"{lines}\r\n\r\n".encode())

    assert visit("late").startswith(b"HTTP/1.1 402 ")
    assert street.product.requests == []
    assert visit("friend").startswith(b"HTTP/1.1 200 ")
    (seen,) = street.product.requests
    ours = {name: value for name, value in seen.headers if re.match("x.(account|gatekeeper)", name, re.IGNORECASE)}
    assert ours == {
        "X-Account-Id": "friend",
        "X-Gatekeeper-Account": "friend",
        "X-Gatekeeper-Standing": "current",
        "X-Gatekeeper-Revision": "5",
    }


@pytest.mark.parametrize("host", ["LATE.app.example", "late.app.example.", "Late.App.Example:8080", "late.localhost"])
def test_the_sub_domain_is_the_account_however_it_is_written(street: Street, host: str) -> None:
    assert street.visit("any", Host=host).status_code == 402


@pytest.mark.parametrize(
    "host", ["app.example", "www.app.example", "late.app.example.evil.test", "a.late.app.example", "lateapp.example"]
)
def test_other_names_are_nobodys(street: Street, host: str) -> None:
    assert street.visit("any", Host=host).status_code == 200
    assert street.product.requests[0].header("X-Account-Id") == []
    assert street.product.requests[0].header("X-Gatekeeper-Standing") == ["current"]


@pytest.mark.parametrize(
    "target",
    [
        b"/login/../admin", b"/login/%2e%2e/admin", b"//login", b"/%6cogin", b"/login%2f", b"/login;/admin", b"/admin?/login",
        b"/login\\", b"/login/\xff", b"/a%00", b"/%", b"/%zz", b"/\x01", b"*",
        b"/" + b"a%2f" * 1500, b"http://other.app.example/login/..",
    ],
)  # fmt: skip
def test_no_target_lets_a_suspended_account_in_or_makes_nginx_say_that_the_gate_failed(street: Street, target: bytes) -> None:
    reply = street.raw(b"GET %s HTTP/1.1\r\nHost: late.app.example\r\nConnection: close\r\n\r\n" % target)
    if not target.startswith(b"http://"):
        assert reply.split(b" ")[1] in {b"400", b"402", b"414"}
        assert street.product.requests == []
    assert b"fail-open" not in reply


@pytest.mark.parametrize("name", [b"Accept", b"Accept-Language", b"Sec-Fetch-Mode", b"X-Anything"])
@pytest.mark.parametrize("value", [b"\x01", b"\xff\xfe", b"x" * 7000, b"a,b;q=x", b"\t"])
def test_no_header_lets_a_suspended_account_in(street: Street, name: bytes, value: bytes) -> None:
    reply = street.raw(b"GET / HTTP/1.1\r\nHost: late.app.example\r\nConnection: close\r\n%s: %s\r\n\r\n" % (name, value))
    assert reply.split(b" ")[1] in {b"400", b"402", b"403"}
    assert street.product.requests == []


def test_odd_headers_do_not_reach_the_gate_which_would_refuse_them(street: Street) -> None:
    head = b"GET / HTTP/1.1\r\nHost: good.app.example\r\nConnection: close\r\n"
    reply = street.raw(head + b"X-Odd: \x01\r\nCookie: %s\r\n\r\n" % (b"x" * 7000))
    assert reply.startswith(b"HTTP/1.1 200 ")


def test_an_open_path_and_the_way_to_pay_stay_open_to_a_suspended_account(own_street: Street) -> None:
    assert own_street.visit("late", "/login").text == "the product"
    for path in ("/pay/token", "/webhooks/stripe", "/overdue", "/overdue/nudge"):
        assert own_street.visit("late", path, method="POST", body=b"x", X_Account_Id="forged").text == "the web part"
        assert own_street.web.requests[-1].target == path
        assert own_street.web.requests[-1].header("X-Account-Id") == ["late"]
    for path in ("/payx", "/overduex", "/pay/../admin", "/webhooks"):
        assert own_street.visit("late", path).status_code == 402
    assert "/pay/" not in own_street.front.log()


def test_staff_come_in_to_a_suspended_account_with_a_pass_in_a_cookie(street: Street) -> None:
    """Case 106. The header is the gate's and nginx's own affair: a visitor's goes nowhere."""
    shown = staff_pass(street.settings)
    for method in ("GET", "POST"):
        reply = street.visit("late", "/own", method=method, Cookie=f"session=x; gatekeeper_staff={shown}", **BROWSER)
        assert (reply.status_code, reply.text) == (200, "the product")
        seen = street.product.requests[-1]
        assert (seen.header("X-Account-Id"), seen.header("X-Gatekeeper-Standing")) == (["late"], ["suspended"])
    for cookie in ("gatekeeper_staff=", "gatekeeper_staff=x", f"gatekeeper_staff={staff_pass(street.settings, minutes=-1)}"):
        assert street.visit("late", Cookie=cookie, **BROWSER).status_code == 402
    assert street.visit("late", X_Gatekeeper_Staff=shown).status_code == 402
    assert street.visit("good", X_Gatekeeper_Staff=shown).status_code == 200
    assert street.product.requests[-1].header("X-Gatekeeper-Staff") == []


def test_the_products_own_refusals_and_faults_pass_untouched(street: Street) -> None:
    refused = street.visit("good", "/own-403", **BROWSER)
    assert (refused.status_code, refused.text) == (403, "the product says no")
    failed = street.visit("good", "/own-500")
    assert (failed.status_code, failed.text) == (500, "the product has a fault")
    assert "x-gatekeeper-decision" not in failed.headers
    assert len(street.product.requests) == 2


def test_a_large_upload_passes_whole(street: Street) -> None:
    body = bytes(range(256)) * 80_000
    assert street.visit("good", "/upload", method="POST", body=body).status_code == 200
    assert street.product.requests[0].body == body


def test_a_websocket_passes_and_a_suspended_account_opens_none(street: Street) -> None:
    def upgrade(account: str) -> bytes:
        lines = f"GET /ws HTTP/1.1\r\nHost: {account}.app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        return f"{lines}Sec-WebSocket-Version: 13\r\n\r\n".encode()

    with socket.create_connection(("127.0.0.1", street.port), timeout=10) as wire:
        wire.sendall(upgrade("good"))
        assert wire.recv(4096).startswith(b"HTTP/1.1 101 ")
        wire.sendall(b"hello")
        assert wire.recv(4096) == b"hello"
    with socket.create_connection(("127.0.0.1", street.port), timeout=10) as wire:
        wire.sendall(upgrade("late"))
        assert wire.recv(4096).startswith(b"HTTP/1.1 402 ")


def _assert_fails_open(street: Street) -> None:
    begun = time.monotonic()
    for method, body in (("GET", None), ("POST", b"a form")):
        reply = street.visit("late", "/own?x", method=method, body=body, X_Account_Id="forged", **BROWSER)
        assert (reply.status_code, reply.text) == (200, "the product")
        assert reply.headers["x-gatekeeper-decision"] == "fail-open"
        seen = street.product.requests[-1]
        assert (seen.method, seen.target, seen.body) == (method, "/own?x", body or b"")
        assert seen.header("X-Account-Id") == ["late"]
        assert seen.header("X-Gatekeeper-Standing") == seen.header("X-Gatekeeper-Decision") == []
    assert time.monotonic() - begun < 10
    assert street.visit("good", "/own-403").status_code == 403
    assert 'decision="fail-open"' in street.front.log()


def test_with_the_gate_dead_everybody_is_let_in_and_it_shows(own_street: Street) -> None:
    own_street.gate.kill()
    own_street.gate.wait()
    _assert_fails_open(own_street)


def test_with_the_gate_hanging_everybody_is_let_in_within_a_second(own_street: Street) -> None:
    assert own_street.visit("late").status_code == 402
    own_street.gate.send_signal(signal.SIGSTOP)
    try:
        _assert_fails_open(own_street)
    finally:
        own_street.gate.send_signal(signal.SIGCONT)
    end = time.monotonic() + 5
    while own_street.visit("late").status_code != 402:
        assert time.monotonic() < end


def test_with_the_web_part_dead_the_page_is_the_gates_own(tmp_path: Path) -> None:
    with built_street(tmp_path, page_url=f"http://127.0.0.1:{free_port()}/overdue") as street:
        reply = street.visit("late", **BROWSER)
        assert (reply.status_code, reply.text) == (402, "<h1>The page in the file</h1>")


def test_where_strangers_come_the_page_is_told_so(tmp_path: Path) -> None:
    config = SHIPPED.replace(
        'map $host $gatekeeper_viewer {\n        default   "";', 'map $host $gatekeeper_viewer {\n        default   "-";'
    )
    with built_street(tmp_path, config) as street:
        assert street.visit("late", **BROWSER).status_code == 402
        assert street.web.requests[-1].header("X-Gatekeeper-Page") == [token("late", "-", "/")]


def test_a_gate_that_dies_between_refusal_and_page_costs_nobody_an_error(own_street: Street) -> None:
    own_street.gate.kill()
    own_street.gate.wait()

    def refuse_and_die(request: Request) -> Response:
        if request.target != "/gate/nginx":
            raise ConnectionAbortedError
        return Response(403)

    with origin(refuse_and_die, port=own_street.settings.port):
        reply = own_street.visit("late", **BROWSER)
    assert (reply.status_code, reply.headers["x-gatekeeper-decision"]) == (200, "fail-open")


def test_a_gate_that_restarts_costs_nobody_an_error(own_street: Street) -> None:
    assert own_street.visit("late").status_code == 402
    own_street.gate.terminate()
    own_street.gate.wait()
    assert own_street.visit("late").headers["x-gatekeeper-decision"] == "fail-open"
    with gate_process(own_street.settings):
        assert own_street.visit("late").status_code == 402
        assert own_street.visit("good").status_code == 200
