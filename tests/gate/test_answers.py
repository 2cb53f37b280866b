"""What the gate says at each address, over a real socket."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gatekeeper.gate.settings import GateSettings
from tests.kit.gates import HTML, ask, gate_in_thread, get, one, publish, settings_in, token
from tests.kit.origin import Origin

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"


@pytest.mark.parametrize(
    ("account", "standing", "status"),
    [("good", "current", 200), ("slow", "past_due", 200), ("half", "restricted", 200), ("late", "suspended", 403)],
)
def test_nginx_is_told_200_or_an_empty_403_and_which_account_was_judged(
    gate: GateSettings, account: str, standing: str, status: int
) -> None:
    reply = one(gate, "/gate/nginx", X_Account_Id=account, X_Original_Method="GET", X_Original_URI="/x")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (status, b"", "0")
    assert reply.headers["x-gatekeeper-account"] == account
    assert reply.headers["x-gatekeeper-standing"] == standing


def test_nginx_must_name_the_method_for_a_restricted_account(gate: GateSettings) -> None:
    assert one(gate, "/gate/nginx", X_Account_Id="half").status == 403
    assert one(gate, "/gate/nginx", X_Account_Id="half", X_Original_Method="POST").status == 403
    assert one(gate, "/gate/nginx", X_Account_Id="half", X_Original_Method="HEAD").status == 200
    overridden = {"X_HTTP_Method_Override": "GET", "X_Original_Method": "DELETE"}
    assert one(gate, "/gate/nginx", X_Account_Id="half", **overridden).status == 403


def test_nginx_must_name_the_path_for_an_account_that_is_left_some_paths(gate: GateSettings) -> None:
    for method, path in (("GET", "/reports"), ("POST", "/export/all?x"), ("DELETE", "/login")):
        reply = one(gate, "/gate/nginx", X_Account_Id="part", X_Original_Method=method, X_Original_URI=path)
        assert (reply.status, reply.headers["x-gatekeeper-standing"]) == (200, "restricted")
    for path in ("/", "/reportsx", "/reports/../admin", "/reports%2fx", "/admin?/reports"):
        assert one(gate, "/gate/nginx", X_Account_Id="part", X_Original_Method="GET", X_Original_URI=path).status == 403
    assert one(gate, "/gate/nginx", X_Account_Id="part", X_Original_Method="GET").status == 403
    assert one(gate, "/gate/nginx", X_Account_Id="late", X_Original_Method="GET", X_Original_URI="/reports").status == 403


def test_an_open_path_is_open_to_a_suspended_account_but_only_if_the_edge_names_it(gate: GateSettings) -> None:
    for path in ("/login", "/login/x?y"):
        reply = one(gate, "/gate/nginx", X_Account_Id="late", X_Original_URI=path)
        assert (reply.status, reply.headers["x-gatekeeper-standing"]) == (200, "suspended")
    for spoof in ("X_Forwarded_Uri", "X_Forwarded_Prefix", "X_Original_URL", "X_Rewrite_URL", "Forwarded", "Referer"):
        assert one(gate, "/gate/nginx", X_Account_Id="late", X_Original_URI="/admin", **{spoof: "/login"}).status == 403
    assert one(gate, "/gate/nginx?/login", X_Account_Id="late").status == 403
    twice = b"GET /gate/nginx HTTP/1.1\r\nX-Account-Id: late\r\nX-Original-URI: /login\r\nX-Original-URI: /admin\r\n\r\n"
    assert [reply.status for reply in ask(gate, twice)] == [403]


def test_without_a_secret_in_the_settings_none_is_looked_at(gate: GateSettings) -> None:
    assert one(gate, "/gate/nginx", X_Account_Id="good", X_Gatekeeper_Edge="whatever").status == 200


def test_nobody_is_let_in_as_current_with_an_empty_account(gate: GateSettings) -> None:
    reply = one(gate, "/gate/nginx", X_Account_Id="-")
    assert (reply.status, reply.headers["x-gatekeeper-standing"], reply.headers["x-gatekeeper-account"]) == (200, "current", "")


def test_nobody_is_refused_neutrally_where_the_settings_say_so(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, anonymous="deny", always_allow=("/login",))
    publish(settings.snapshot_path, 7)
    with gate_in_thread(settings):
        assert one(settings, "/gate/nginx", X_Account_Id="-").status == 403
        assert one(settings, "/gate", X_Account_Id="").status == 403
        assert one(settings, "/gate/nginx", X_Account_Id="-", X_Original_URI="/login").status == 200
        assert one(settings, "/gate/nginx", X_Account_Id="anyone").status == 200


@pytest.mark.parametrize("headers", [{}, {"X_Account_Id": "good,late"}, {"X_Account_Id": "a b"}, {"X.Account.Id": "good"}])
def test_an_identity_that_is_missing_or_ambiguous_is_refused_and_no_account_spoken_of(
    gate: GateSettings, headers: dict[str, str]
) -> None:
    bare = one(gate, "/gate/nginx", **headers)
    assert (bare.status, bare.body) == (403, b"")
    for target in ("/gate", "/gate/nginx/page"):
        reply = one(gate, target, **headers)
        assert (reply.status, json.loads(reply.body)["status"]) == (403, 403)
        assert reply.headers["content-type"] == "application/problem+json"
        page = one(gate, target, Accept=HTML, **headers)
        assert (page.status, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
        for each in (bare, reply, page):
            assert b"overdue" not in each.body
            assert each.headers["x-gatekeeper-account"] == each.headers["x-gatekeeper-standing"] == ""


@pytest.mark.parametrize("target", ["/gate", "/gate/nginx/page"])
def test_a_program_gets_a_problem_document(gate: GateSettings, target: str) -> None:
    reply = one(gate, target, X_Account_Id="late", Accept="application/json")
    assert (reply.status, reply.headers["content-type"]) == (402, "application/problem+json")
    problem = json.loads(reply.body)
    assert problem["type"] == "urn:gatekeeper:problem:payment-overdue"
    assert (problem["title"], problem["status"]) == ("Payment overdue", 402)
    assert problem["standing"] == "suspended"
    assert "leaves_open" not in problem
    assert problem["detail"].endswith(".")
    assert "Accept" in reply.headers["vary"]


@pytest.mark.parametrize(("account", "left"), [("half", []), ("part", ["/reports", "/export"])])
@pytest.mark.parametrize("target", ["/gate", "/gate/nginx/page"])
def test_a_program_of_a_restricted_account_is_told_what_it_is_left(
    gate: GateSettings, target: str, account: str, left: list[str]
) -> None:
    reply = one(gate, target, X_Account_Id=account, X_Original_Method="POST", X_Original_URI="/x", Accept="application/json")
    problem = json.loads(reply.body)
    assert (reply.status, problem["type"]) == (402, "urn:gatekeeper:problem:payment-overdue")
    assert (problem["standing"], problem["leaves_open"]) == ("restricted", left)
    assert ("may read" in problem["detail"]) == (account == "half")
    assert "suspend" not in reply.body.decode()


@pytest.mark.parametrize("target", ["/gate", "/gate/nginx/page", "/gate?x=1"])
def test_a_browser_gets_the_page_of_the_web_part_in_its_language(gate: GateSettings, web: Origin, target: str) -> None:
    reply = one(gate, target, X_Account_Id="late", Accept=HTML, Accept_Language="es-MX,es;q=0.9", Cookie="session=1")
    assert (reply.status, reply.body) == (402, b"<h1>Pago pendiente</h1>")
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["content-security-policy"] == "default-src 'self'"
    assert reply.headers["content-language"] == "es"
    assert reply.headers["referrer-policy"] == "same-origin"
    assert reply.headers["x-gatekeeper-standing"] == "suspended"
    assert "set-cookie" not in reply.headers
    (asked,) = web.requests
    assert (asked.method, asked.target, asked.header("X-Gatekeeper-Page")) == ("GET", "/overdue", [token("late")])
    assert asked.header("Accept-Language") == ["es-MX,es;q=0.9"]
    assert asked.header("Cookie") == []


def test_who_is_let_in_by_now_is_asked_to_load_the_address_again(gate: GateSettings, web: Origin) -> None:
    page = one(gate, "/gate/nginx/page", X_Account_Id="good", Accept=HTML)
    assert page.status == 402
    assert b'http-equiv="refresh"' in page.body
    problem = one(gate, "/gate/nginx/page", X_Account_Id="good", Accept="*/*")
    assert (problem.status, json.loads(problem.body)["type"]) == (402, "urn:gatekeeper:problem:access-restored")
    assert web.requests == []


def test_the_plain_address_takes_the_method_of_the_question_itself(gate: GateSettings) -> None:
    def status(method: bytes, more: bytes = b"") -> int:
        (reply,) = ask(gate, method + b" /gate HTTP/1.1\r\nX-Account-Id: half\r\nConnection: close\r\n" + more + b"\r\n")
        return reply.status

    assert status(b"GET") == status(b"OPTIONS") == 200
    assert status(b"POST") == status(b"DELETE") == 402
    assert status(b"GET", b"X-Original-Method: POST\r\n") == 402
    assert status(b"POST", b"X-Original-Method: GET\r\n") == 200


def test_head_gets_headers_only_and_costs_no_page(gate: GateSettings, web: Origin) -> None:
    request = b"HEAD /gate HTTP/1.1\r\nX-Account-Id: late\r\nAccept: text/html\r\n\r\n"
    (reply,) = ask(gate, request, heads_only=True)
    assert (reply.status, reply.headers["content-type"]) == (402, "text/html; charset=utf-8")
    (reply,) = ask(gate, request.replace(b"text/html", b"*/*"), heads_only=True)
    assert (reply.status, reply.headers["content-type"]) == (402, "application/problem+json")
    assert web.requests == []


def test_any_other_address_is_unknown(gate: GateSettings) -> None:
    for target in (
        "/",
        "/gate/",
        "/gate/nginx/",
        "/gate/envoyx",
        "/gate/traefik/x",
        "/Gate",
        "//gate",
        "/gate%2fnginx",
        "/livez/",
        "http://h/gate",
    ):
        assert one(gate, target, X_Account_Id="late").status == 404
    assert one(gate, "/livez").body == b"ok\n"
    assert json.loads(one(gate, "/readyz?x").body) == {"ready": True, "revision": 7}


def test_what_was_answered_is_counted_and_no_account_named(gate: GateSettings) -> None:
    for account in ("good", "late", "late", "a,b"):
        one(gate, "/gate/nginx", X_Account_Id=account)
    one(gate, "/gate/nginx")
    ask(gate, b"GET /gate/nginx nonsense\r\n\r\n")
    metrics = one(gate, "/metrics").body.decode()
    counts = {"let_in": 1, "overdue": 2, "identity_ambiguous": 1, "identity_missing": 1, "stranger": 0, "malformed": 1}
    for outcome, count in counts.items():
        assert f'gatekeeper_gate_requests_total{{outcome="{outcome}"}} {count}\n' in metrics
    assert "gatekeeper_gate_snapshot_revision 7\n" in metrics
    assert "gatekeeper_gate_accounts_listed 4\n" in metrics
    assert "late" not in metrics


def test_each_number_has_its_help_and_its_type_once_and_is_documented(gate: GateSettings, tmp_path: Path) -> None:
    answer = one(gate, "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    settings = settings_in(tmp_path, list_folder=str(tmp_path / "list"))
    publish(settings.snapshot_path, 1)
    with gate_in_thread(settings) as listing:
        more = one(listing, "/metrics").body.decode()
    for text in (answer.body.decode(), more):
        names = list(dict.fromkeys(re.findall(r"^(gatekeeper_[a-z_]+)", text, re.MULTILINE)))
        assert re.findall(r"^# HELP (\S+) \S.+$", text, re.MULTILINE) == names
        types = dict(re.findall(r"^# TYPE (\S+) (gauge|counter)$", text, re.MULTILINE))
        assert types == {name: "counter" if name.endswith("_total") else "gauge" for name in names}
    documented = re.findall(r"^\| `(gatekeeper_gate_[a-z_]+)", OPERATIONS.read_text(), re.MULTILINE)
    assert set(documented) == {*re.findall(r"^# HELP (\S+)", answer.body.decode() + more, re.MULTILINE)}


def test_everybody_is_let_in_before_the_first_snapshot_and_the_gate_is_not_ready(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with gate_in_thread(settings):
        (decision, ready) = ask(settings, get("/gate/nginx", X_Account_Id="late"), get("/readyz"))
        assert (decision.status, ready.status) == (200, 503)
        assert json.loads(ready.body)["revision"] == 0
        assert "every account is let in" in json.loads(ready.body)["reason"]
        publish(settings.snapshot_path, 1, late="suspended")
        _until(lambda: ask(settings, get("/readyz"))[0].status == 200)
        assert ask(settings, get("/gate/nginx", X_Account_Id="late"))[0].status == 403


def test_a_new_snapshot_is_in_force_at_once_and_a_spoilt_or_older_one_never(gate: GateSettings) -> None:
    def status() -> int:
        return ask(gate, get("/gate/nginx", X_Account_Id="late"))[0].status

    assert status() == 403
    for spoilt in (b"", b"gatekeeper-snapshot 1 00\n{}", gate.snapshot_path.read_bytes()[:-1]):
        gate.snapshot_path.write_bytes(spoilt)
        time.sleep(0.1)
        assert status() == 403
    publish(gate.snapshot_path, 6)
    time.sleep(0.1)
    assert status() == 403
    gate.snapshot_path.unlink()
    time.sleep(0.1)
    assert status() == 403
    publish(gate.snapshot_path, 8)
    _until(lambda: status() == 200)


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end, "not within 5 s"
        time.sleep(0.01)
