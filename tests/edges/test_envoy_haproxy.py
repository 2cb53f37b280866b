"""What is special to Envoy and HAProxy: HTTP/2, the gate's secret, very long questions, and a log that tells no secrets."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatekeeper.gate.sources import HostSource
from tests.kit.edges import CONFIGS, STRANGER, Edge, Scene, each, envoy, haproxy, scene, until
from tests.kit.edges.http2 import is_let_in
from tests.kit.edges.running import replaced
from tests.kit.gates import staff_pass
from tests.kit.ports import free_port
from tests.kit.street import BROWSER

BOTH = each(envoy.EDGE, haproxy.EDGE, haproxy.LISTING)

Change = Callable[[str, dict[str, str]], None]


@pytest.fixture(scope="module", params=BOTH)
def _shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(request.param, tmp_path_factory.mktemp("edge")) as built:
        yield built


@pytest.fixture
def at(_shared: Scene) -> Scene:
    _shared.product.requests.clear()
    return _shared


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    """Replaces text in one of our files, for this test."""
    configs = shutil.copytree(CONFIGS, tmp_path / "configs")
    for kit in (envoy, haproxy):
        monkeypatch.setattr(kit, "CONFIGS", configs)

    def replace(name: str, changes: dict[str, str]) -> None:
        (configs / name).write_text(replaced((configs / name).read_text(), changes))

    return replace


def test_over_http_2_the_same_is_judged(at: Scene) -> None:
    def visit(path: str, account: str) -> bool:
        with at.wire() as wire:
            return is_let_in(wire, path, X_Account_Id=account)

    assert visit("/a?b", "good")
    assert visit("/login", "late")
    assert visit("/reports/1", "part")
    assert [(seen.target, seen.header("X-Account-Id")) for seen in at.product.requests] == [
        ("/a?b", ["good"]), ("/login", ["late"]), ("/reports/1", ["part"])
    ]  # fmt: skip
    at.product.requests.clear()
    for path, account in (("/", "late"), ("/login/../a", "late"), ("/", "part"), ("/reportsx", "part")):
        assert not visit(path, account), (path, account)
    assert at.product.requests == []


def test_the_outer_proxy_knows_whether_the_visitor_has_tls_and_a_visitor_does_not_say(at: Scene) -> None:
    sent = ["GET / HTTP/1.1", "Host: x", "X-Account-Id: good", "X-Forwarded-For: 192.0.2.7"]
    for source, claimed, told in (("127.0.0.1", "https", "https"), ("127.0.0.1", "http", "http"), (STRANGER, "https", "http")):
        at.raw(*sent, f"X-Forwarded-Proto: {claimed}", source=source)
        seen = at.product.requests[-1]
        assert seen.header("X-Forwarded-Proto") == [told]
        assert "".join(seen.header("X-Forwarded-For")).startswith("192.0.2.7")


@pytest.mark.parametrize("length", [8_000, 14_000, 16_000, 30_000, 34_000, 60_000])
@pytest.mark.parametrize("where", ["address", "header"])
def test_however_long_a_request_is_a_suspended_account_does_not_get_in(at: Scene, length: int, where: str) -> None:
    if where == "address":
        answer = at.raw(b"GET /%s HTTP/1.1" % (b"a" * length), "Host: x", "X-Account-Id: late")
    else:
        answer = at.raw("GET / HTTP/1.1", "Host: x", "X-Account-Id: late", b"Accept: " + b"a" * length)
    assert int(answer.split(b" ", 2)[1]) in {400, 402, 403, 414, 431}
    assert at.product.requests == []


@pytest.mark.parametrize("count", [90, 98, 99, 100, 200])
def test_however_many_headers_come_a_suspended_account_does_not_get_in(at: Scene, count: int) -> None:
    answer = at.raw("GET / HTTP/1.1", "Host: x", "X-Account-Id: late", *(f"X-{number}: x" for number in range(count)))
    assert int(answer.split(b" ", 2)[1]) in {400, 402, 431}
    assert at.product.requests == []


@pytest.mark.peer("haproxy")
def test_a_question_that_is_longer_than_the_gate_takes_is_refused(tmp_path: Path, change: Change) -> None:
    """HAProxy has no verdict then, and whoever wants to be let in for want of one could ask such a question."""
    change("haproxy.cfg", {"log stdout": "tune.bufsize 2000000\n    log stdout"})
    with scene(haproxy.EDGE, tmp_path) as own:
        for account in ("late", "good"):
            answer = own.raw(b"GET /%s HTTP/1.1" % (b"a" * 1_000_000), "Host: x", f"X-Account-Id: {account}")
            assert answer.startswith(b"HTTP/1.1 431 ")
        assert own.product.requests == []
        assert own.raw(b"GET /%s HTTP/1.1" % (b"a" * 20_000), "Host: x", "X-Account-Id: late").startswith(b"HTTP/1.1 402 ")


@pytest.mark.parametrize("edge", BOTH)
def test_the_gates_secret_goes_where_the_configurations_say(tmp_path: Path, change: Change, edge: Edge) -> None:
    change("envoy.yaml", {"# With gate.edge_secret: authorization_request": "authorization_request", "the-secret": "s3cret"})
    change("haproxy.cfg", {"# With gate.edge_secret: http-request": "http-request", "the-secret": "s3cret"})
    change("haproxy-spoe.conf", {"x-original-method=method": "x-original-method=method x-gatekeeper-edge=str(s3cret)"})
    with scene(edge, tmp_path, edge_secret="s3cret") as own:
        assert own.visit("late", **BROWSER).status_code == 402
        reply = own.visit("good")
        assert (reply.status_code, reply.headers.get("x-gatekeeper-decision")) == (200, None)
        assert own.product.requests[0].header("X-Gatekeeper-Edge") == []


@pytest.mark.peer("envoy")
@pytest.mark.parametrize(("host", "told"), [("acme.app.example", ["acme"]), ("app.example", [])])
def test_to_envoys_product_the_account_is_the_one_that_was_judged(tmp_path: Path, host: str, told: list[str]) -> None:
    """The gate goes by the host alone: what the outer proxy passes on was not judged."""
    with scene(envoy.EDGE, tmp_path, identity=(HostSource("{account}.app.example"),)) as own:
        assert own.visit("victim", Host=host).status_code == 200
        assert own.visit("good", Host="late.app.example").status_code == 402
        (seen,) = own.product.requests
        assert seen.header("X-Account-Id") == seen.header("X-Gatekeeper-Account") == told


@pytest.mark.peer("haproxy")
def test_haproxys_log_shows_who_was_judged_and_hides_tokens(tmp_path: Path) -> None:
    with scene(haproxy.EDGE, tmp_path) as own:
        own.visit("late", "/projects?secret=1")
        own.visit("good", "/pay/token-of-good")
        own.visit("slow", "/projects")
        log = tmp_path / "haproxy/said"
        until(lambda: 'account="slow"' in log.read_text())
        said = log.read_text()
    assert " GET /projects 402 " in said
    assert 'account="late" standing="suspended" decision=""' in said
    assert 'account="slow" standing="past_due" decision=""' in said
    assert "token-of-good" not in said
    assert "secret" not in said


@pytest.mark.peer("haproxy")
def test_a_gate_that_dies_between_refusal_and_page_makes_the_browser_come_again(tmp_path: Path, change: Change) -> None:
    change("haproxy.cfg", {"127.0.0.1:8403 track gatekeeper_gate/gate": f"127.0.0.1:{free_port()}"})
    with scene(haproxy.EDGE, tmp_path) as own:
        reply = own.visit("late", **BROWSER)
        assert (reply.status_code, reply.headers["retry-after"], reply.headers["cache-control"]) == (503, "1", "no-store")
        assert 'http-equiv="refresh"' in reply.text
        assert own.product.requests == []


@pytest.mark.peer("haproxy")
def test_staff_come_in_with_a_pass_in_a_cookie_at_haproxy(tmp_path: Path) -> None:
    with scene(haproxy.EDGE, tmp_path) as at:
        shown = staff_pass(at.settings)
        assert at.visit("late", "/own", Cookie=f"a=b; gatekeeper_staff={shown}").status_code == 200
        assert at.visit("late", "/own", Cookie="gatekeeper_staff=forged").status_code == 402
