"""Where the buttons lead back to: nobody can bend it (case 99). First as it is written, then as a real browser reads it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route

from tests.kit.browser import chromium
from tests.kit.lobby import HOST, SIGNERS, Lobby
from tests.kit.rig import rigged
from tests.kit.vectors import AIMS_ELSEWHERE, PLAIN
from tests.pages.serving import serving


@pytest.fixture(scope="module")
def lobby(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lobby]:
    folder: Path = tmp_path_factory.mktemp("lobby")
    with rigged(f"sqlite:///{folder / 'ledger.db'}", folder) as rig:
        made = Lobby(rig)
        made.suspend()
        yield made


def test_there_are_more_than_sixty_ways_to_try() -> None:
    assert len(set(AIMS_ELSEWHERE)) > 60


@pytest.mark.parametrize("path", AIMS_ELSEWHERE, ids=ascii)
def test_case_99_what_could_lead_elsewhere_leads_to_the_root(lobby: Lobby, path: str) -> None:
    closed = lobby.press("remind", path=path)
    assert (closed.status_code, closed.headers["location"]) == (303, "/")
    mended = lobby.press("review", words="", path=path)
    assert (mended.status_code, 'data-home="/"' in mended.text) == (422, True)
    let_in = lobby.press("check", account="nobody", path=path)
    assert (let_in.status_code, let_in.headers["refresh"]) == (200, "1; url=/")
    for answer in (closed, mended, let_in):
        assert "evil" not in str(answer.headers)
        assert "evil.example" not in answer.text


@pytest.mark.parametrize("path", PLAIN)
def test_a_plain_path_is_led_back_to(lobby: Lobby, path: str) -> None:
    location = lobby.press("remind", path=path).headers["location"]
    assert location == path
    assert urlsplit(urljoin(f"https://{HOST}/overdue/remind", location)).netloc == HOST
    assert lobby.press("check", account="nobody", path=path).headers["refresh"] == f"1; url={path}"


@pytest.mark.peer("chromium")
def test_case_99_no_address_takes_a_real_browser_elsewhere(lobby: Lobby) -> None:
    def anything(_: Request) -> HTMLResponse:
        return HTMLResponse("<title>the product</title>")

    app = Starlette(routes=[Mount("/", Starlette(routes=[*lobby.app.routes, Route("/{rest:path}", anything)]))])
    with serving(app) as origin, chromium() as browser:
        assert walked_to(browser, origin, "acme", (*AIMS_ELSEWHERE, *PLAIN)) == {origin}
        assert walked_to(browser, origin, "nobody", PLAIN) == {origin}


def walked_to(browser: Browser, origin: str, account: str, paths: Iterable[str]) -> set[str]:
    """The origins of all that a browser asks for that presses a button with each of the addresses."""
    context = browser.new_context()
    page = context.new_page()
    asked: set[str] = set()
    page.on("request", lambda request: asked.add("{0.scheme}://{0.netloc}".format(urlsplit(request.url))))
    for path in paths:
        token = str(SIGNERS.action.dumps({"account": account, "viewer": "", "path": path}))
        page.goto(f"{origin}/somewhere")
        page.evaluate(
            """token => {
                document.body.innerHTML = '<form method="post" action="/overdue/remind"><input name="token"></form>';
                document.querySelector("input").value = token;
                document.querySelector("form").submit();
            }""",
            token,
        )
        page.wait_for_url(lambda url: not url.endswith(("/somewhere", "/overdue/remind")), wait_until="commit", timeout=10_000)
    context.close()
    return asked
