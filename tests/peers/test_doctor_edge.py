"""`gatekeeper doctor --edge` asks through a real nginx, wired as we ship it and wired wrongly (case 93)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from gatekeeper.config import load
from gatekeeper.perform.mail.sender_dns import Finding, Sign
from gatekeeper.wiring.edge import address, examine_edge, header
from gatekeeper.wiring.gate import gate_settings
from tests.kit.dns import NameServer
from tests.kit.origin import Request, Response, origin
from tests.kit.ports import free_port
from tests.kit.running import Installation
from tests.kit.street import SHIPPED, Street, built_street

LATE = [("Host", "late.app.example")]
OPEN = ("/login", "/logout")
WEB = ["/pay/x", "/overdue", "/webhooks/stripe"]
NAME = "X-Account-Id"
FORGED = [f"Connection: {NAME}", f"{NAME} of another", f"{NAME} twice", f"{NAME} as X_Account_Id", f"{NAME} as X.Account.Id"]
ALL = ["a browser", *WEB, "a program", "HEAD", "a preflight", *OPEN, *FORGED]
SECRET = "Cookie: session=s3cr3t"

Build = Callable[..., AbstractContextManager[Street]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with a real web part that runs."""
    folder = tmp_path_factory.mktemp("house")
    made = Installation(folder / "state", "http://127.0.0.1:9", f"file:{folder / 'mail'}", datetime(2026, 3, 2, tzinfo=UTC))
    made.command("migrate")
    with made.running("web"):
        yield made


@pytest.fixture
def street_by(house: Installation, tmp_path: Path) -> Build:
    """Builds a street by a configuration of nginx, with the real web part at its end."""

    def ask_the_web_part(request: Request) -> Response:
        headers = [(name, value) for name, value in request.headers if name != "Connection"]
        reply = httpx.request(
            request.method, f"{house.web}{request.target}", headers=headers, content=request.body, trust_env=False
        )
        return Response(reply.status_code, dict(reply.headers), reply.content)

    @contextmanager
    def build(config: str = SHIPPED) -> Iterator[Street]:
        with built_street(tmp_path, config, always_allow=OPEN) as street:
            street.web.answer = ask_the_web_part
            yield street

    return build


def _examine(house: Installation, street: Street, known_by: list[tuple[str, str]] | None = None) -> dict[str, Finding]:
    settings = gate_settings(load(house.config, {}))
    url = address(f"http://127.0.0.1:{street.port}/projects?page=1")
    found = examine_edge(url, LATE if known_by is None else known_by, settings)
    return {finding.about: finding for finding in found}


def _wrong(found: dict[str, Finding]) -> list[str]:
    return [about for about, finding in found.items() if finding.sign is Sign.MISSING]


@pytest.mark.peer("nginx")
def test_nothing_is_wrong_with_what_we_ship(house: Installation, street_by: Build) -> None:
    with street_by() as street:
        found = _examine(house, street)
    assert list(found) == ALL
    assert {finding.sign for finding in found.values()} == {Sign.FOUND}, found


@pytest.mark.peer("nginx")
def test_a_proxy_in_front_may_be_stood_in_for(house: Installation, street_by: Build) -> None:
    """Where the account comes in the very header that a visitor may not send."""
    config = SHIPPED.replace("X-Account-Id $gatekeeper_account;", "X-Account-Id $http_x_account_id;")
    with street_by(config) as street:
        found = _examine(house, street, [(NAME, "late")])
    assert _wrong(found) == [], found


def _edited(*edits: tuple[str, str]) -> str:
    config = SHIPPED
    for old, new in edits:
        assert old in config
        config = config.replace(old, new)
    return config


MISWIRED = {
    "it does not ask": ([("auth_request /gatekeeper-decision;", "")], ["a browser"], "does not ask the gate"),
    "it asks at the address of another edge": ([("/gate/nginx;", "/gate;")], ["a browser"], "docs/identity.md"),
    "it has no answer to a refusal": ([("error_page 403 = @overdue;", "")], ["a browser"], "docs/identity.md"),
    "it does not say which account": (
        [("proxy_set_header X-Account-Id $gatekeeper_account;", "")],
        ["a browser"],
        "names no account to the gate",
    ),
    "it believes the visitor": (
        [("$host $gatekeeper_account {", '$http_x_account_id$host $gatekeeper_account {\n"~^gatekeeper-doctor" someone;')],
        [f"{NAME} of another", f"{NAME} twice"],
        "overwrite X-Account-Id",
    ),
    "it believes an alias": (
        [
            ("$host $gatekeeper_account {", '$http_x_account_id$host $gatekeeper_account {\n"~^gatekeeper-doctor" someone;'),
            ("underscores_in_headers off;", "underscores_in_headers on;"),
        ],
        [f"{NAME} of another", f"{NAME} twice", f"{NAME} as X_Account_Id"],
        "drop what reads like it",
    ),
    "it gates the way to pay": (
        [(r"location ~ ^/(?:pay/|webhooks/|overdue(?:/|$))", "location /elsewhere")],
        WEB,
        "is gated",
    ),
    "it gives the webhooks to the product": (
        [(r"webhooks/|", "")],
        ["/webhooks/stripe"],
        "is gated",
    ),
    "it lets the page be stored": (
        [("rewrite ^ /gate/nginx/page? break;", "rewrite ^ /gate/nginx/page? break; proxy_hide_header Cache-Control;")],
        ["a browser", "a program"],
        "no-store",
    ),
    "it hides the standing": (
        [("rewrite ^ /gate/nginx/page? break;", "rewrite ^ /gate/nginx/page? break; proxy_hide_header X-Gatekeeper-Standing;")],
        ["a browser"],
        "X-Gatekeeper-Standing",
    ),
    "it does not say what is accepted": (
        [("proxy_set_header Accept $http_accept;", ""), ("proxy_set_header Sec-Fetch-Mode $http_sec_fetch_mode;", "")],
        ["a browser"],
        "pass Accept",
    ),
    "it does not say the method": (
        [("proxy_set_header X-Original-Method $request_method;", "")],
        ["a preflight"],
        "X-Original-Method",
    ),
    "it does not say the address": (
        [("proxy_set_header X-Original-URI $request_uri;", "")],
        list(OPEN),
        "X-Original-URI",
    ),
}


@pytest.mark.peer("nginx")
@pytest.mark.parametrize("case", MISWIRED)
def test_what_is_wired_wrongly_is_named_with_what_to_do(house: Installation, street_by: Build, case: str) -> None:
    edits, wrong, advice = MISWIRED[case]
    with street_by(_edited(*edits)) as street:
        found = _examine(house, street)
    assert _wrong(found) == wrong, found
    assert advice in found[wrong[0]].what
    judged = "refused" if "the rest" not in found else "let in"
    assert list(found) == (ALL if judged == "refused" else ["a browser", *WEB, "the rest"])


@pytest.mark.peer("nginx")
def test_a_dead_gate_is_told_from_one_that_is_not_asked(house: Installation, street_by: Build) -> None:
    with street_by() as street:
        street.gate.kill()
        street.gate.wait()
        found = _examine(house, street)
    assert _wrong(found) == ["a browser"]
    assert "Start `gatekeeper gate`" in found["a browser"].what


@pytest.mark.peer("nginx")
@pytest.mark.parametrize("account", ["good", "half"])
def test_an_account_that_is_not_suspended_is_no_test(house: Installation, street_by: Build, account: str) -> None:
    with street_by() as street:
        found = _examine(house, street, [("Host", f"{account}.app.example")])
    assert _wrong(found) == ["a browser"]
    assert "suspended" in found["a browser"].what
    assert found["the rest"].sign is Sign.UNKNOWN


@pytest.mark.peer("nginx")
def test_the_command_says_it_line_by_line_and_never_by_what_the_account_is_known(house: Installation, street_by: Build) -> None:
    records = {"acme.example": ["v=spf1 mx -all"], "_dmarc.acme.example": ["v=DMARC1; p=reject"]}
    with street_by() as street, NameServer(records) as dns:
        asking = ["doctor", "--dns", f"127.0.0.1:{dns.address[1]}", "--edge", f"http://127.0.0.1:{street.port}"]
        said = house.command(*asking, "--as", "Host: late.app.example", "--as", SECRET)
        # Those that reach the product: of all requests the three that should
        assert [request.target for request in street.product.requests] == ["/", *OPEN]
        assert {tuple(request.header("Cookie")) for request in street.product.requests} == {("session=s3cr3t",)}
        lines = [" ".join(line.split()) for line in said.splitlines()]
        assert "a browser found gets 402 with the lockout page, which nothing may store" in lines
        assert len(lines) == len(["ABOUT", "SPF", "DKIM", "DMARC"]) + len(ALL)
        assert {line["sign"] for line in house.json(*asking, "--as", "Host: late.app.example")[-len(ALL) :]} == {"found"}
        wrong = house.command(*asking, "--as", "Host: good.app.example", "--as", SECRET, code=1)
        assert "a browser missing gets 200 and not 402" in " ".join(wrong.split())
    assert "s3cr3t" not in said + wrong


def test_of_an_edge_that_is_not_there_one_line_is_said(house: Installation) -> None:
    url = address(f"http://127.0.0.1:{free_port()}")
    browser, rest = examine_edge(url, LATE, gate_settings(load(house.config, {})))
    assert (browser.sign, rest.sign) == (Sign.MISSING, Sign.UNKNOWN)
    assert "gets no answer (ConnectError)" in browser.what


def test_no_redirect_is_followed_no_proxy_asked_and_a_page_without_end_not_read(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sign_in(_: Request) -> Response:
        return Response(302, {"Location": "/sign-in", "Content-Length": "1000000"}, b"x")

    with origin(sign_in) as product, origin(sign_in) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        found = examine_edge(address(product.url), [], gate_settings(load(house.config, {})))
    assert "gets 302 and not 402" in found[0].what
    assert [request.target for request in product.requests] == ["/", *WEB]
    assert proxy.requests == []


@pytest.mark.parametrize(
    "options",
    [
        ["--as", SECRET],
        ["--edge", "app.example", "--as", SECRET],
        ["--edge", "ftp://app.example"],
        ["--edge", "https://jo:s3cr3t@app.example"],
        ["--edge", "http://[::1"],
        ["--edge", "http://127.0.0.1:9", "--as", "s3cr3t"],
        ["--edge", "http://127.0.0.1:9", "--as", "Cookie: s3cr3t\r\nX: y"],
        ["--edge", "http://127.0.0.1:9", "--as", "Co okie: s3cr3t"],
    ],
)
def test_what_cannot_be_asked_is_wrong_usage_and_not_repeated(house: Installation, options: list[str]) -> None:
    said = house.command("doctor", *options, code=2)
    assert "s3cr3t" not in said
    assert "Traceback" not in said


def test_a_header_is_a_name_and_a_value() -> None:
    assert header("Cookie: session=a b") == ("Cookie", "session=a b")
    assert header("X-User:jo ") == ("X-User", "jo")
    for wrong in ("", "Cookie", "Cookie:", "Cookie: ", ": x", "a b: c", "a: \u00e9", "a: b\n"):
        with pytest.raises(ValueError, match="Name: value"):
            header(wrong)
