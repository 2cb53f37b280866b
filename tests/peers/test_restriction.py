"""A restricted account in a real browser behind a real nginx: what it is left works, and the rest says so (P3)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gatekeeper.wording import Wording
from tests.kit.browser import violations
from tests.kit.gates import publish
from tests.kit.origin import Origin, Request, Response, origin
from tests.kit.street import BROWSER, Street, built_street
from tests.wording.samples import LOCKOUTS, PRODUCT

pytestmark = [pytest.mark.peer("nginx"), pytest.mark.peer("chromium")]

_FORM = (
    b'<!doctype html><title>The work</title><h1>The work</h1><form method="post" action="/save"><button>Save</button></form>'
)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    yield context.new_page()
    context.close()


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    """The product shows a form at every address, and thanks whoever sends it; the web part shows our own page."""
    wording = Wording(PRODUCT)

    def web(request: Request) -> Response:
        (token,) = request.header("X-Gatekeeper-Page")
        view = LOCKOUTS["paths" if token.startswith("token-of-part|") else "reading"]
        headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": wording.content_security_policy}
        return Response(402, headers, wording.page("overdue", view, "en_GB").encode())

    with origin(web) as pages, built_street(tmp_path, page_url=f"{pages.url}/overdue") as built:
        built.product.answer = lambda request: Response(
            200, {"Content-Type": "text/html"}, b"<h1>Saved</h1>" if request.method == "POST" else _FORM
        )
        yield built


def seen(product: Origin) -> list[tuple[str, str]]:
    return [(request.method, request.target) for request in product.requests if "favicon" not in request.target]


@contextmanager
def answered(page: Page, method: str, status: int) -> Iterator[None]:
    """The block makes the page ask with this method, and hear this status."""
    with page.expect_response(lambda response: response.request.method == method) as caught:
        yield
    assert caught.value.status == status


def test_who_may_read_reads_and_is_told_why_nothing_can_be_saved(street: Street, page: Page) -> None:
    address = f"http://half.localhost:{street.port}"
    with answered(page, "GET", 200):
        page.goto(f"{address}/work")
    expect(page.get_by_role("heading", level=1)).to_have_text("The work")
    # The page asks whether its address is closed, and hears that it is open: to look at. That must not pass for access
    with answered(page, "HEAD", 200), answered(page, "POST", 402):
        page.get_by_role("button", name="Save").click()
    assert page.url == f"{address}/save"
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment overdue")
    expect(page.locator("main")).to_contain_text("You can still read everything.")
    expect(page.locator("main")).not_to_contain_text("suspended")
    with answered(page, "HEAD", 200):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("status")).to_have_text("When you have paid, go back and try once more.")
    assert violations(page) == []
    assert ("POST", "/save") not in seen(street.product)

    publish(street.settings.snapshot_path, 6)
    page.go_back()
    _saves_in_the_end(page)


def _saves_in_the_end(page: Page) -> None:
    for _ in range(20):
        page.get_by_role("button", name="Save").click()
        if page.get_by_role("heading", level=1).inner_text() == "Saved":
            return
        page.go_back()
    pytest.fail("never let in again")


def test_who_is_left_some_parts_uses_them_and_finds_them_from_the_page(street: Street, page: Page) -> None:
    address = f"http://part.localhost:{street.port}"
    with answered(page, "GET", 402):
        page.goto(f"{address}/work")
    expect(page.locator("main")).to_contain_text("These parts still work:")
    expect(page.get_by_role("status")).to_have_text("Leave this page open: it lets you in as soon as access is back.")
    page.get_by_role("link", name="/reports").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The work")
    assert page.url == f"{address}/reports"
    assert set(seen(street.product)) == {("GET", "/reports")}
    with answered(page, "POST", 402):
        page.get_by_role("button", name="Save").click()
    assert page.url == f"{address}/save"
    publish(street.settings.snapshot_path, 6)
    expect(page.get_by_role("heading", level=1)).to_have_text("The work", timeout=20_000)


@pytest.mark.parametrize(
    ("account", "method", "path", "status"),
    [
        ("half", "GET", "/work", 200),
        ("half", "HEAD", "/work", 200),
        ("half", "POST", "/work", 402),
        ("half", "DELETE", "/reports", 402),
        ("half", "POST", "/login", 200),
        ("part", "GET", "/work", 402),
        ("part", "GET", "/reports?page=2", 200),
        ("part", "POST", "/reports/1", 200),
        ("part", "GET", "/reports/%2e%2e/work", 402),
        ("part", "GET", "//reports", 402),
        ("part", "GET", "/login", 200),
    ],
)
def test_what_a_restriction_leaves(street: Street, account: str, method: str, path: str, status: int) -> None:
    reply = street.visit(account, path, method=method)
    assert reply.status_code == status
    assert (len(street.product.requests) == 1) == (status == 200)
    if status == 402:
        problem = reply.json()
        assert (problem["standing"], problem["leaves_open"]) == ("restricted", ["/reports"] if account == "part" else [])
        page = street.visit(account, path, method=method, **BROWSER)
        assert (page.status_code, page.headers["x-gatekeeper-standing"]) == (402, "restricted")
    else:
        assert street.product.requests[0].header("X-Gatekeeper-Standing") == ["restricted"]
