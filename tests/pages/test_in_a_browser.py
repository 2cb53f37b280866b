"""The lockout page as people meet it: in a real Chromium."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from gatekeeper.pages.answers import Answers
from gatekeeper.wording import Wording
from tests.kit.browser import overflow, violations
from tests.pages.serving import serving
from tests.wording.samples import LOCKOUT, LOCKOUTS, OLDER, PAGES, PRODUCT, pseudo_catalogue

pytestmark = pytest.mark.peer("chromium")

STATUS = {
    "overdue": 402,
    "settled": 200,
    "unavailable": 503,
    "by_hand": 200,
    "gone": 404,
    "fallback": 402,
    "closed": 402,
    "back": 200,
}
LONG = "x" * 200


class House:
    """Serves each page as the real answers do, and behind `/app` a product that is locked until `door` says otherwise."""

    def __init__(self, wording: Wording) -> None:
        self.wording = wording
        self.answers = Answers(wording)
        self.view = LOCKOUT
        self.door: Callable[[], Response] | None = None
        self.asked: list[float] = []

    def page(self, request: Request) -> Response:
        name = request.path_params["name"]
        return self.answers.page(request, STATUS[name], name, self.view if name == "overdue" else None)

    def app(self, request: Request) -> Response:
        if request.method == "HEAD":
            self.asked.append(time.monotonic())
        return self.door() if self.door else self.answers.page(request, HTTPStatus.PAYMENT_REQUIRED, "overdue", self.view)


@pytest.fixture
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(Wording(PRODUCT, pseudo_catalogue(tmp_path_factory.mktemp("overrides"), "ar")))


@pytest.fixture
def origin(house: House) -> Iterator[str]:
    app = Starlette(
        routes=[
            Route("/page/{name}", house.page),
            Route("/app", house.app),
            Route("/login", lambda _: HTMLResponse("<h1>Sign in</h1>")),
        ]
    )
    with serving(app) as address:
        yield address


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a window of its own; what the browser complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def open_window(url: str, width: int = 1100, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(url)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert [one for one in complaints if "Failed to load resource" not in one] == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(origin: str, opened: Callable[..., Page], name: str, scheme: str) -> None:
    page = opened(f"{origin}/page/{name}", color_scheme=scheme)
    for width in (1100, 375):
        page.set_viewport_size({"width": width, "height": 800})
        assert violations(page) == []
        assert overflow(page) == 0


def test_axe_would_find_a_fault(origin: str, opened: Callable[..., Page]) -> None:
    page = opened(f"{origin}/page/gone")
    page.evaluate("document.documentElement.removeAttribute('lang')")
    assert "html-has-lang" in violations(page)[0]


@pytest.mark.parametrize("locale", ["en-GB", "ar-EG"])
@pytest.mark.parametrize("kind", LOCKOUTS)
def test_nothing_sticks_out_of_a_small_phone(
    house: House, origin: str, opened: Callable[..., Page], locale: str, kind: str
) -> None:
    """320 px is 1280 px at 400 %: WCAG 2.2, 1.4.10."""
    view = LOCKOUTS[kind]
    left = (f"/{LONG}", *view.leaves_open) if view.leaves_open else ()
    owed = (replace(OLDER, number=LONG), *LOCKOUT.owed)
    house.view = replace(view, account_name=LONG, owed=owed, leaves_open=left)
    page = opened(f"{origin}/page/overdue", 320, locale=locale)
    expect(page.locator("html")).to_have_attribute("dir", "rtl" if locale == "ar-EG" else "ltr")
    assert overflow(page) == 0
    assert violations(page) == []


def test_targets_are_large_enough_for_a_finger(origin: str, opened: Callable[..., Page]) -> None:
    """24 px: WCAG 2.2, 2.5.8."""
    links = opened(f"{origin}/page/overdue", 375).get_by_role("link").all()
    boxes = [link.bounding_box() for link in links]
    assert len(boxes) == 5
    assert all(box and box["width"] >= 24 and box["height"] >= 24 for box in boxes)


def test_the_oldest_invoice_is_paid_with_at_most_five_tabs(origin: str, opened: Callable[..., Page]) -> None:
    page = opened(f"{origin}/page/overdue")
    for _ in range(5):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.href") == OLDER.pay_url:
            break
    expect(page.locator(":focus")).to_have_accessible_name("Pay now Invoice ACME-0042")
    expect(page.locator(":focus")).to_have_class("button primary")


def test_without_javascript_the_page_says_what_to_do(origin: str, opened: Callable[..., Page]) -> None:
    page = opened(f"{origin}/page/overdue", 375, java_script_enabled=False)
    expect(page.get_by_role("status")).to_have_text("When you have paid, load this page again.")
    expect(page.get_by_role("link", name="Pay now Invoice ACME-0042")).to_have_attribute("href", OLDER.pay_url)


@pytest.mark.parametrize(("landing", "fragment"), [("app", ""), ("app", "#/invoices"), ("login", "")])
def test_the_page_lets_its_reader_in_when_access_is_back(
    house: House, origin: str, opened: Callable[..., Page], landing: str, fragment: str
) -> None:
    page = opened(f"{origin}/app{fragment}")
    expect(page.get_by_role("status")).to_have_text("Leave this page open: it lets you in as soon as access is back.")
    house.door = lambda: HTMLResponse("<h1>Welcome</h1>") if landing == "app" else RedirectResponse("/login", 302)
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome" if landing == "app" else "Sign in", timeout=20_000)
    assert page.url == f"{origin}/{landing}{fragment}"


def test_a_server_in_trouble_is_not_taken_for_access(house: House, origin: str, opened: Callable[..., Page]) -> None:
    page = opened(f"{origin}/app")
    house.door = lambda: Response(status_code=HTTPStatus.BAD_GATEWAY)
    before, patience = len(house.asked), 100
    while len(house.asked) < before + 2 and patience:
        page.wait_for_timeout(200)
        patience -= 1
    assert patience, "it has not asked again"
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment overdue")
    house.door = lambda: HTMLResponse("<h1>Welcome</h1>")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome", timeout=6000)


def test_the_page_asks_less_often_after_a_while_and_not_at_all_when_hidden(
    house: House, origin: str, opened: Callable[..., Page]
) -> None:
    page = opened("about:blank")
    page.clock.install()
    page.goto(f"{origin}/app")

    def asked_in(seconds: int) -> int:
        before = len(house.asked)
        for _ in range(seconds):
            page.clock.run_for(1000)
            page.wait_for_timeout(15)
        return len(house.asked) - before

    assert 12 <= asked_in(30) <= 15
    page.clock.fast_forward("04:00")
    assert 4 <= asked_in(30) <= 7
    page.clock.fast_forward("10:00")
    assert 1 <= asked_in(30) <= 3
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert asked_in(60) == 0
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert 10 <= asked_in(30) <= 16


def test_on_paper_the_addresses_to_pay_can_be_read(origin: str, opened: Callable[..., Page]) -> None:
    page = opened(f"{origin}/page/overdue")
    page.emulate_media(media="print")
    shown = page.evaluate("getComputedStyle(document.querySelector('.button'), '::after').content")
    assert OLDER.pay_url in shown
    assert page.locator("#watch").is_hidden()
