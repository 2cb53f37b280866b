"""Each edge is answered in its own codes, and reads the visitor's request where that edge alone writes it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatekeeper.gate.settings import GateSettings
from tests.kit.gates import HTML, ask, gate_in_thread, one, publish, settings_in, token
from tests.kit.origin import Request, Response, origin

_FORWARDED = ("/gate/traefik", "/gate/caddy")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[GateSettings]:
    settings = settings_in(tmp_path, always_allow=("/login",), identity_headers=("X-Account-Id", "X-Tenant"))
    publish(settings.snapshot_path, 7, late="suspended", half="restricted")
    with gate_in_thread(settings):
        yield settings


def _forwarded(gate: GateSettings, edge: str, account: str, method: str, uri: str, **headers: str) -> int:
    named = {"X_Account_Id": account, "X_Tenant": account, "X_Forwarded_Method": method, "X_Forwarded_Uri": uri}
    return one(gate, edge, **(named | headers)).status


@pytest.mark.parametrize("edge", _FORWARDED)
def test_traefik_and_caddy_say_what_was_asked_in_x_forwarded_headers(gate: GateSettings, edge: str) -> None:
    assert _forwarded(gate, edge, "good", "POST", "/x") == 200
    assert _forwarded(gate, edge, "late", "GET", "/x") == 402
    assert _forwarded(gate, edge, "late", "POST", "/login") == 200
    assert _forwarded(gate, edge, "half", "GET", "/x") == 200
    assert _forwarded(gate, edge, "half", "POST", "/x") == 402
    # What nginx writes is a client's own word here
    assert _forwarded(gate, edge, "late", "GET", "/x", X_Original_URI="/login") == 402
    assert _forwarded(gate, edge, "half", "POST", "/x", X_Original_Method="GET") == 402


@pytest.mark.parametrize("edge", ["/gate", "/gate/nginx"])
def test_what_traefik_and_caddy_write_is_a_clients_own_word_elsewhere(gate: GateSettings, edge: str) -> None:
    forged = {"X_Forwarded_Uri": "/login", "X_Forwarded_Method": "GET"}
    assert one(gate, edge, X_Account_Id="late", X_Tenant="late", X_Original_URI="/x", **forged).status in {402, 403}


def test_caddy_appends_the_visitors_query_and_no_answer_depends_on_it(gate: GateSettings) -> None:
    assert _forwarded(gate, "/gate/caddy?x=/login&account=good", "late", "GET", "/x?x=/login") == 402
    assert _forwarded(gate, "/gate/caddy?", "good", "GET", "/x") == 200


@pytest.mark.parametrize(
    ("method", "target", "account", "status"),
    [
        ("GET", "/", "good", 200),
        ("PUT", "/x?y=1", "good", 200),
        ("GET", "/", "late", 402),
        ("POST", "/login", "late", 200),
        ("POST", "/login?next=/x", "late", 200),
        ("POST", "//login", "late", 402),
        ("POST", "/login/../x", "late", 402),
        ("POST", "/x", "half", 402),
        ("GET", "/x", "half", 200),
        ("OPTIONS", "/x", "late", 200),
        ("OPTIONS", "*", "late", 200),
        ("GET", "", "late", 402),
        ("GET", "?x", "late", 402),
    ],
)
def test_envoy_asks_with_the_visitors_own_method_and_target(
    gate: GateSettings, method: str, target: str, account: str, status: int
) -> None:
    head = f"{method} /gate/envoy{target} HTTP/1.1\r\nHost: app\r\nX-Account-Id: {account}\r\nX-Tenant: {account}\r\n"
    (reply,) = ask(gate, f"{head}Content-Length: 0\r\nX-Original-URI: /login\r\n\r\n".encode())
    assert reply.status == status


@pytest.mark.parametrize("edge", [*_FORWARDED, "/gate/envoy/"])
@pytest.mark.parametrize(("account", "shown"), [("good", "good"), ("late", "late"), ("-", ""), ("a,b", "")])
def test_an_edge_that_copies_headers_is_given_every_one_by_which_the_product_may_know_the_account(
    gate: GateSettings, edge: str, account: str, shown: str
) -> None:
    reply = one(gate, edge, X_Account_Id=account, X_Tenant=account)
    assert [reply.headers[name] for name in ("x-account-id", "x-tenant", "x-gatekeeper-account")] == [shown] * 3


@pytest.mark.parametrize("edge", [*_FORWARDED, "/gate/envoy/", "/gate"])
def test_head_is_refused_without_fetching_a_page(gate: GateSettings, edge: str) -> None:
    named = {
        "X-Account-Id": "late",
        "X-Tenant": "late",
        "Accept": HTML,
        "X-Forwarded-Method": "HEAD",
        "X-Original-Method": "HEAD",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    (reply,) = ask(gate, f"HEAD {edge} HTTP/1.1\r\n{lines}\r\n".encode(), heads_only=True)
    assert (reply.status, reply.headers["content-type"], reply.body) == (402, "text/html; charset=utf-8", b"")


@pytest.mark.parametrize("edge", [*_FORWARDED, "/gate/envoy/pkg.Service/Method", "/gate/haproxy", "/gate/nginx/page", "/gate"])
def test_a_grpc_client_is_refused_in_its_own_words(gate: GateSettings, edge: str) -> None:
    reply = one(gate, edge, X_Account_Id="late", X_Tenant="late", Content_Type="application/grpc+proto", TE="trailers")
    assert (reply.status, reply.headers["grpc-status"], reply.body) == (403, "7", b"")
    assert reply.headers["content-type"] == "application/grpc"
    assert "overdue" in reply.headers["grpc-message"]
    assert "overdue" not in one(gate, edge, Content_Type="application/grpc").headers["grpc-message"]


@pytest.mark.parametrize("edge", ["/gate/haproxy", "/gate/nginx/page"])
def test_the_page_that_follows_a_refusal_is_402_even_if_access_was_opened_in_between(gate: GateSettings, edge: str) -> None:
    asked = {"X_Original_Method": "GET", "X_Original_URI": "/x"}
    assert one(gate, edge, X_Account_Id="late", X_Tenant="late", **asked).status == 402
    reply = one(gate, edge, X_Account_Id="good", X_Tenant="good", Accept="application/json", **asked)
    assert (reply.status, json.loads(reply.body)["type"]) == (402, "urn:gatekeeper:problem:access-restored")


@pytest.mark.parametrize(
    ("method", "uri", "path"),
    [
        ("GET", "/projects/1?q=x", "/projects/1"),
        ("POST", "/projects", ""),
        ("GET", "//evil.example/", ""),
        ("GET", "/a/%2e%2e/b", ""),
        ("GET", "https://evil.example/x", ""),
        ("GET", "", ""),
    ],
)
def test_the_web_part_is_told_account_person_and_where_one_can_go_again(
    tmp_path: Path, method: str, uri: str, path: str
) -> None:
    def web_part(_: Request) -> Response:
        return Response(402, {"Content-Type": "text/html"}, b"the page")

    with origin(web_part) as web:
        settings = settings_in(tmp_path, page_url=f"{web.url}/overdue", viewer_header="X-Person")
        publish(settings.snapshot_path, 7, late="suspended")
        with gate_in_thread(settings):
            asked = {"X_Account_Id": "late", "X_Original_Method": method, "X_Original_URI": uri, "X_Person": "jo@acme.example"}
            assert one(settings, "/gate", Accept=HTML, **asked).body == b"the page"
        assert web.requests[0].header("X-Gatekeeper-Page") == [token("late", "jo@acme.example", path)]
