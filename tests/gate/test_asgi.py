"""The ASGI middleware in front of a Starlette app, behind a real uvicorn (cases 83, 85, 93, 94, 95, 98 and 108)."""

import asyncio
import gc
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from gatekeeper.gate.asgi import App, gated
from tests.kit.gates import HTML, gate_in_thread, one, publish, settings_in
from tests.kit.inside import LEFT_OPEN, STANDINGS, Inside, Product, inside, user_of
from tests.kit.serving import Served, served

# Where what a request does is noted, while one is watched; an audit hook cannot be taken away again
_WATCHED: list[list[str]] = []


def _note(event: str, _: object) -> None:
    if _WATCHED and event.partition(".")[0] in {"open", "os", "socket", "subprocess"}:
        _WATCHED[-1].append(event)


sys.addaudithook(_note)


@pytest.fixture
def within(tmp_path: Path) -> Iterator[Inside]:
    with inside(tmp_path) as found:
        yield found


@pytest.fixture
def product() -> Product:
    return Product()


@pytest.fixture
def guarded(within: Inside, product: Product) -> App:
    return gated(product.app, within.door, user_of)


@pytest.fixture
def server(guarded: App) -> Iterator[Served]:
    with served(guarded, ws="websockets-sansio") as running:
        yield running


@pytest.fixture
def log() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as events:
        yield events


def ask(server: Served, path: str, user: str = "", method: str = "GET", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()} | ({"X-User": user} if user else {})
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        return client.request(method, path, headers=named)


def dial(server: Served, path: str, user: str) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}{path}", additional_headers={"X-User": user}, proxy=None)


# Requests


@pytest.mark.parametrize(("user", "standing"), [("good", "current"), ("slow", "past_due"), ("", None)])
def test_who_is_let_in_is_told_the_product_with_his_standing(server: Served, user: str, standing: str | None) -> None:
    answer = ask(server, "/projects", user)
    assert (answer.status_code, answer.json()) == (200, {"standing": standing, "forged": {}})


def test_a_browser_gets_the_page_and_a_program_a_problem_document_and_nobody_may_keep_either(
    server: Served, product: Product
) -> None:
    page, problem = ask(server, "/projects", "late", Accept=HTML), ask(server, "/projects", "late", Accept="*/*")
    for answer in (page, problem):
        assert answer.status_code == 402
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Sec-Fetch-Mode" in answer.headers["Vary"]
        assert answer.headers["X-Gatekeeper-Standing"] == "suspended"
        assert answer.headers["X-Gatekeeper-Account"] == "late"
        assert answer.headers["X-Gatekeeper-Revision"] == "1"
        assert len(answer.content) == int(answer.headers["Content-Length"])
    assert page.headers["Content-Type"].startswith("text/html")
    assert "support@acme.example" in page.text
    assert problem.headers["Content-Type"] == "application/problem+json"
    assert problem.json()["standing"] == "suspended"
    assert ask(server, "/projects", "part").json()["leaves_open"] == list(LEFT_OPEN)
    assert product.asked == 0


def test_a_head_is_answered_without_its_body_and_a_preflight_passes(server: Served, product: Product) -> None:
    head = ask(server, "/projects", "late", "HEAD", Accept=HTML)
    assert (head.status_code, head.content) == (402, b"")
    assert int(head.headers["Content-Length"]) > 100
    preflight = {"Origin": "https://app.acme.example", "Access_Control_Request_Method": "PUT"}
    assert ask(server, "/projects", "late", "OPTIONS", **preflight).status_code == 200
    assert product.asked == 1


def test_the_products_own_page_is_shown_where_there_is_one(within: Inside, product: Product, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<h1>Factura pendiente</h1>")
    door = type(within.door)(within.standings, page=tmp_path / "page.html")
    with served(gated(product.app, door, user_of)) as server:
        answer = ask(server, "/", "late", Accept=HTML)
    assert (answer.status_code, answer.text) == (402, "<h1>Factura pendiente</h1>")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_gate_and_the_middleware_say_the_same_of_every_account_method_and_path(server: Served, tmp_path: Path) -> None:
    settings = settings_in(tmp_path, snapshot_path=tmp_path / "other", always_allow=("/login", "/support"))
    publish(settings.snapshot_path, 1, leaves_open={"part": LEFT_OPEN}, **STANDINGS)
    paths = [
        "/",
        "/login",
        "/login/",
        "/login/x",
        "/loginx",
        "/LOGIN",
        "/a/login",
        "/reports/1",
        "/reports?x=/login",
        "/?/login",
    ]
    with gate_in_thread(settings):
        for user in ("good", *STANDINGS):
            for method in ("GET", "HEAD", "POST", "PUT"):
                for path in paths:
                    said = one(settings, "/gate", X_Account_Id=user, X_Original_Method=method, X_Original_URI=path).status
                    found = ask(server, path, user, method).status_code
                    assert (found == 402) == (said == 402), (user, method, path)


@pytest.mark.parametrize(
    "path",
    [
        "/login/../x",
        "/login%2f..%2fx",
        "//login",
        "/login//x",
        "/login%3f/x",
        "/login;x",
        "/login%00",
        "/./login",
        "/l%C3%B6gin",
        "/login%5cx",
    ],
)
def test_a_path_that_could_be_read_in_two_ways_opens_nothing(server: Served, path: str) -> None:
    host = f"127.0.0.1:{server.port}"
    answer = asyncio.run(_raw(server.port, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-User: late\r\nConnection: close\r\n\r\n"))
    assert answer.startswith(b"HTTP/1.1 402 ")


async def _raw(port: int, request: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def test_what_a_client_says_of_itself_does_not_reach_the_product(server: Served) -> None:
    forged = {
        "X-Gatekeeper-Standing": "current", "x_gatekeeper_standing": "current", "X-Gatekeeper_Account": "good",
        "X-GATEKEEPER-REVISION": "9", "X-User": "slow",
    }  # fmt: skip
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        assert client.get("/projects", headers=forged).json() == {"standing": "past_due", "forged": {}}


# Lines that stay open


def test_a_websocket_of_a_suspended_account_is_refused_before_it_is_accepted(server: Served, product: Product) -> None:
    with pytest.raises(InvalidStatus) as refused:
        dial(server, "/ws", "late")
    assert refused.value.response.status_code == 402
    assert refused.value.response.headers["X-Gatekeeper-Standing"] == "suspended"
    assert product.asked == 0


def test_where_the_server_cannot_answer_a_handshake_it_is_closed_with_1008(guarded: App) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/ws", "headers": [(b"x-user", b"late")]}
    asyncio.run(_call(guarded, scope, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_a_websocket_is_closed_when_its_account_is_suspended_and_no_others_are(
    server: Served, within: Inside, product: Product
) -> None:
    with (
        dial(server, "/ws", "good") as line,
        dial(server, "/ws", "other") as other,
        dial(server, "/support/ws", "good") as support,
    ):
        for each, user in ((line, "current"), (other, "current"), (support, "current")):
            each.send("hello")
            assert each.recv(10) == f"{user}: hello"
        within.publish(good="suspended")
        with pytest.raises(ConnectionClosed):
            line.recv(10)
        assert (line.close_code, line.close_reason) == (1008, "payment overdue")
        assert product.ended.acquire(timeout=10)
        for each in (other, support):
            each.send("again")
            assert each.recv(10) == "current: again"
    within.publish()
    with dial(server, "/ws", "good") as line:
        line.send("back")
        assert line.recv(10) == "current: back"


def test_a_restriction_closes_the_lines_that_it_does_not_leave_open(server: Served, within: Inside) -> None:
    within.publish(part="current")
    with dial(server, "/ws", "part") as line, dial(server, "/ws", "half") as reading:
        within.publish()
        with pytest.raises(ConnectionClosed):
            line.recv(10)
        reading.send("hello")
        assert reading.recv(10) == "restricted: hello"


def test_an_event_stream_ends_when_its_account_is_suspended_and_is_refused_when_it_comes_back(
    server: Served, within: Inside, product: Product
) -> None:
    wanted = {"X-User": "good", "Accept": "text/event-stream"}
    with httpx.Client(base_url=server.url, trust_env=False, timeout=10) as client:
        with client.stream("GET", "/events", headers=wanted) as answer:
            words = answer.iter_raw()
            assert next(words) == b"data: first\n\n"
            within.publish(good="suspended")
            assert b"".join(words) == b""
        assert product.ended.acquire(timeout=10)
        again = client.get("/events", headers=wanted)
    assert (again.status_code, again.headers["Content-Type"]) == (402, "application/problem+json")


async def _call(app: Any, scope: Any, send: Any) -> None:
    async def receive() -> Any:
        return await asyncio.get_running_loop().create_future()

    await app(scope, receive, send)


def stream_scope() -> dict[str, Any]:
    headers = [(b"x-user", b"good"), (b"accept", b"text/event-stream")]
    return {"type": "http", "method": "GET", "path": "/events", "headers": headers}


@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.parametrize("begun", [False, True])
def test_a_stream_is_ended_as_far_as_it_had_come_and_its_task_goes_on(within: Inside, begun: bool, swallows: bool) -> None:
    sent: list[str] = []
    waiting = asyncio.Event()

    async def send(message: Any) -> None:
        sent.append(f"{message['type']} {message.get('status', '')}".strip())

    async def app(_: Any, __: Any, send: Any) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not swallows:
                raise

    async def story() -> None:
        guarded = gated(app, within.door, user_of)
        task = asyncio.create_task(_call(guarded, stream_scope(), send))
        await waiting.wait()
        await asyncio.to_thread(within.publish, good="suspended")
        await task
        assert task.cancelling() == 0
        ended = weakref.ref(task)
        del task
        # Its thread may be looking at it at this moment
        within.standings.close()
        gc.collect()
        assert ended() is None, "it is kept in mind though it has ended"

    asyncio.run(story())
    assert sent == [f"http.response.start {200 if begun else 402}", "http.response.body"]


def test_a_cancellation_that_is_not_ours_goes_on(within: Inside) -> None:
    async def story() -> None:
        waiting = asyncio.Event()

        async def app(*_: Any) -> None:
            waiting.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(_call(gated(app, within.door, user_of), stream_scope(), None))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())


def test_a_stream_that_ends_by_itself_at_that_moment_leaves_its_task_alone(within: Inside) -> None:
    async def story() -> None:
        async def app(*_: Any) -> None:
            within.publish(good="suspended")
            assert told.wait(5)

        guarded = gated(app, within.door, user_of)
        told = threading.Event()
        # Called after the gate's own, which has then said that this line is to be cut
        within.standings.watch(told.set)
        await _call(guarded, stream_scope(), None)
        for _ in range(3):
            await asyncio.sleep(0)

    asyncio.run(story())


# Our own failures


@pytest.mark.parametrize("fails", [lambda _: {}["missing: jane@acme.example"], lambda _: 7, lambda _: "\ud800"])
def test_whatever_fails_in_us_is_counted_and_said_once_and_the_request_goes_on(
    within: Inside, product: Product, log: list[structlog.typing.EventDict], fails: Any
) -> None:
    guarded = gated(product.app, within.door, fails)
    with served(guarded) as server:
        assert [ask(server, "/projects", "late").status_code for _ in range(3)] == [200] * 3
    assert within.door.failures.count == 3
    assert len(log) == 1
    assert "jane" not in repr(log)


def test_on_a_loop_that_is_not_asyncios_a_stream_is_let_in_and_left_alone(within: Inside) -> None:
    calls = []

    async def app(*_: Any) -> None:
        calls.append(1)

    with pytest.raises(StopIteration):
        gated(app, within.door, user_of)(stream_scope(), None, None).send(None)
    assert (calls, within.door.failures.count) == ([1], 1)


def test_a_fault_of_the_product_stays_the_products_and_it_is_asked_once(within: Inside) -> None:
    calls = []

    def raises_at_once(*_: Any) -> Any:
        calls.append("at once")
        raise LookupError

    async def raises_later(*_: Any) -> None:
        calls.append("later")
        raise LookupError

    for app in (raises_at_once, raises_later):
        for user in (b"good", b"slow"):
            guarded = gated(app, within.door, user_of)
            scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"x-user", user)]}
            with pytest.raises(LookupError):
                asyncio.run(_call(guarded, scope, None))
            assert within.door.failures.count == 0
    assert calls == ["at once"] * 2 + ["later"] * 2


@pytest.mark.parametrize("user", [b"late", b"half", b"slow", b"good"])
def test_a_request_does_no_input_or_output(within: Inside, user: bytes) -> None:
    async def nothing(*_: Any) -> None: ...

    async def story() -> None:
        guarded = gated(nothing, within.door, user_of)
        scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"x-user", user), (b"accept", b"text/html")]}
        within.standings.close()
        _WATCHED.append([])
        try:
            await _call(guarded, scope, nothing)
        finally:
            seen = _WATCHED.pop()
        assert seen == []

    asyncio.run(story())
