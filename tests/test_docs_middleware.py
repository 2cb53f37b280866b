"""The examples of docs/middleware.md, run as they stand: Starlette, FastAPI, Django (WSGI and ASGI) and Flask."""

import base64
import json
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import httpx
import itsdangerous
import pytest
from django.conf import settings
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import clear_url_caches, path

from gatekeeper.gate.local import Door
from tests.kit.inside import Inside, inside
from tests.kit.serving import served, served_wsgi

PAGE = (Path(__file__).parents[1] / "docs/middleware.md").read_text()


def examples(heading: str) -> list[str]:
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def within(tmp_path: Path) -> Iterator[Inside]:
    with inside(tmp_path) as found:
        yield found


def run(code: str, **known: Any) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "example", **known}
    exec(compile(code, "docs/middleware.md", "exec"), names)
    return names


def check(client: httpx.Client, signed_in: Any) -> None:
    """`signed_in` gives the cookies of an account."""

    def ask(account: str, method: str = "GET", accept: str = "*/*") -> httpx.Response:
        cookies = "; ".join(f"{name}={value}" for name, value in signed_in(account).items()) if account else ""
        return client.request(method, "/", headers={"Cookie": cookies, "Accept": accept})

    assert (ask("").status_code, ask("good").status_code, ask("slow").status_code) == (200, 200, 200)
    assert "overdue" not in ask("good").text
    assert "overdue" in ask("slow").text
    late = ask("late")
    assert (late.status_code, late.headers["Content-Type"]) == (402, "application/problem+json")
    assert late.headers["Cache-Control"] == "no-store"
    assert "support@acme.example" in ask("late", accept="text/html").text
    assert (ask("half").status_code, ask("half", "POST").status_code) == (200, 402)


def starlette_session(account: str) -> dict[str, str]:
    data = base64.b64encode(json.dumps({"account_id": account}).encode())
    return {"session": itsdangerous.TimestampSigner("SECRET").sign(data).decode()}


@pytest.mark.parametrize("number", [0, 1], ids=["Starlette", "FastAPI"])
def test_starlette_and_fastapi(within: Inside, number: int) -> None:
    app = run(examples("Starlette and FastAPI")[number], door=within.door)["app"]
    with served(app) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        check(client, starlette_session)


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_django(within: Inside, interface: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def home(request: Any) -> HttpResponse:
        return HttpResponse("Your last invoice is overdue. " if request.past_due else "Welcome")

    product = types.ModuleType("acme_product")
    monkeypatch.setitem(sys.modules, "acme_product", product)
    vars(product).update(run(examples("Django")[0], door=within.door), urlpatterns=[path("", home)])
    if not settings.configured:
        settings.configure(
            SECRET_KEY="SECRET", ROOT_URLCONF="acme_product", ALLOWED_HOSTS=["*"], DEBUG=True,
            SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
            MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "acme_product.PaymentGate"],
        )  # fmt: skip
        django.setup()
    clear_url_caches()

    def session(account: str) -> dict[str, str]:
        store = SessionStore()
        store["account_id"] = account
        store.save()
        return {"sessionid": str(store.session_key)}

    if interface == "wsgi":
        with served_wsgi(get_wsgi_application()) as client:
            check(client, session)
    else:
        with served(get_asgi_application()) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
            check(client, session)


def test_flask(within: Inside) -> None:
    code, wrapped = examples("Flask")
    app = run(code, door=within.door)["app"]

    def session(account: str) -> dict[str, str]:
        return {"session": app.session_interface.get_signing_serializer(app).dumps({"account_id": account})}

    with served_wsgi(app) as client:
        check(client, session)
    run(wrapped, app=app, door=within.door)
    with served_wsgi(app) as client:
        assert client.get("/", headers={"X-Account-Id": "late"}).status_code == 402
        assert client.get("/", headers={"X-Account-Id": "good"}).status_code == 200


def test_standings_and_door_are_made_as_the_page_says(tmp_path: Path) -> None:
    feed, file, door = examples("Where the standings come from")
    for code in (
        feed.replace("https://gatekeeper.internal", "http://127.0.0.1:9").replace("/var/lib/acme", str(tmp_path)),
        file.replace("/var/lib/gatekeeper", str(tmp_path)),
    ):
        names = run(code)
        try:
            assert isinstance(run(door, **names)["door"], Door)
            assert names["standings"].troubles()
        finally:
            names["standings"].close()
