"""The WSGI middleware in front of a plain app and the standard library's server (cases 83, 93, 94, 98 and 108)."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from gatekeeper.gate.wsgi import gated
from tests.kit.gates import HTML
from tests.kit.inside import Inside, inside
from tests.kit.serving import served_wsgi


def product(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
    """Tells its standing, and whatever came under our names."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    # wsgiref hands on the environment of the process too, where CI has names of ours
    forged = sorted(name for name in environ if "GATEKEEPER" in name and name not in os.environ)
    return [f"{environ.get('gatekeeper.standing')} {forged}".encode()]


def user_of(environ: Any) -> str | None:
    return environ.get("HTTP_X_USER")


@pytest.fixture
def within(tmp_path: Path) -> Iterator[Inside]:
    with inside(tmp_path) as found:
        yield found


@pytest.fixture
def client(within: Inside) -> Iterator[httpx.Client]:
    with served_wsgi(gated(product, within.door, user_of)) as found:
        yield found


@pytest.mark.parametrize(
    ("user", "standing"), [("good", "current"), ("slow", "past_due"), ("half", "restricted"), ("", "None")]
)
def test_who_is_let_in_is_told_the_product_with_his_standing(client: httpx.Client, user: str, standing: str | None) -> None:
    answer = client.get("/projects", headers={"X-User": user} if user else {})
    assert (answer.status_code, answer.text) == (200, f"{standing} []")


@pytest.mark.parametrize(
    ("method", "path", "user", "status"),
    [
        ("GET", "/projects", "late", 402),
        ("POST", "/projects", "half", 402),
        ("GET", "/projects", "part", 402),
        ("POST", "/reports/7", "part", 200),
        ("POST", "/login", "late", 200),
        ("POST", "/login/", "late", 200),
        ("GET", "/loginx", "late", 402),
        ("GET", "/login%2f..%2fprojects", "late", 402),
        ("GET", "/login%3f/projects", "late", 402),
        ("GET", "/login//x", "late", 402),
        ("GET", "/%6cogin", "late", 200),
        ("GET", "/l%c3%b6gin", "late", 402),
        ("GET", "/login%ff", "late", 402),
    ],
)
def test_the_rules_are_those_of_the_gate(client: httpx.Client, method: str, path: str, user: str, status: int) -> None:
    assert client.request(method, path, headers={"X-User": user}).status_code == status


def test_people_get_the_page_programs_a_problem_document_and_nobody_may_keep_either(client: httpx.Client) -> None:
    page, problem = (client.get("/", headers={"X-User": "late", "Accept": accept}) for accept in (HTML, "*/*"))
    assert page.headers["Content-Type"].startswith("text/html")
    assert problem.json()["standing"] == "suspended"
    for answer in (page, problem):
        assert (answer.status_code, answer.headers["Cache-Control"]) == (402, "no-store")
        assert answer.headers["X-Gatekeeper-Account"] == "late"
    head = client.head("/", headers={"X-User": "late", "Accept": HTML})
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (402, b"", page.headers["Content-Length"])
    preflight = {"X-User": "late", "Origin": "https://acme.example", "Access-Control-Request-Method": "PUT"}
    assert client.options("/", headers=preflight).status_code == 200


def test_what_a_client_says_of_itself_does_not_reach_the_product(client: httpx.Client) -> None:
    forged = {"X-Gatekeeper-Standing": "current", "X_Gatekeeper_Account": "good", "X-Gatekeeper-Revision": "9"}
    assert client.get("/", headers=forged | {"X-User": "slow"}).text == "past_due []"


def test_a_restoration_counts_from_the_next_request_on(client: httpx.Client, within: Inside) -> None:
    assert client.get("/", headers={"X-User": "late"}).status_code == 402
    within.publish(late="current")
    assert client.get("/", headers={"X-User": "late"}).text == "current []"


def test_whatever_fails_in_us_is_counted_and_said_once_and_the_request_goes_on(within: Inside) -> None:
    guarded = gated(product, within.door, lambda environ: environ["jane@acme.example"])
    with structlog.testing.capture_logs() as log, served_wsgi(guarded) as client:
        assert [client.get("/").status_code for _ in range(3)] == [200] * 3
    assert (within.door.failures.count, len(log)) == (3, 1)
    assert "jane" not in repr(log)


def test_a_fault_of_the_product_stays_the_products_and_it_is_asked_once(within: Inside) -> None:
    calls = []

    def broken(*_: Any) -> Any:
        calls.append(1)
        raise LookupError

    guarded = gated(broken, within.door, user_of)
    with pytest.raises(LookupError):
        guarded({"HTTP_X_USER": "slow", "REQUEST_METHOD": "GET", "PATH_INFO": "/"}, lambda *_: None)
    assert (calls, within.door.failures.count) == ([1], 0)


def test_an_app_that_is_mounted_below_a_path_is_asked_for_by_its_whole_path(within: Inside) -> None:
    guarded = gated(product, within.door, user_of)
    told: list[str] = []
    for mounted, rest in (("/login", "/x"), ("/x", "/login")):
        environ = {"HTTP_X_USER": "late", "REQUEST_METHOD": "GET", "SCRIPT_NAME": mounted, "PATH_INFO": rest}
        guarded(environ, lambda status, _: told.append(status))
    assert told == ["200 OK", "402 Payment Required"]
