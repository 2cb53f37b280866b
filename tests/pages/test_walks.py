"""People on the lockout page, in a real Chromium: against a real web part, behind a gate that speaks as ours does."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from gatekeeper.model import Standing, Step
from tests.kit.browser import overflow, violations
from tests.kit.lobby import Lobby
from tests.pages.serving import serving
from tests.pages.street import Street, open_street

pytestmark = pytest.mark.peer("chromium")

PAYER, MEMBER = "accountant@acme.example", "user@acme.example"
PHONE = {"width": 375, "height": 812}
# Less than the page waits between two looks while it is told by the web part
AT_ONCE = 10_000


@pytest.fixture
def street(lobby: Lobby) -> Iterator[Street]:
    with open_street(lobby) as made:
        yield made


@pytest.fixture
def visit(browser: Browser, street: Street) -> Iterator[Callable[..., Page]]:
    """Opens the product in a window of its own, for one viewer; what the browser complains of fails the test."""
    complaints: list[str] = []
    contexts = []

    def come(viewer: str = "", path: str = "/work", **options: object) -> Page:
        context = browser.new_context(extra_http_headers={"X-Viewer": viewer}, **({"locale": "en-GB"} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{street.origin}{path}")
        return page

    yield come
    for context in contexts:
        context.close()
    assert [one for one in complaints if "Failed to load resource" not in one] == []


def pay(lobby: Lobby) -> None:
    """A payment that is seen without anybody's pressing a button."""
    lobby.rig.books.pay("in_acme_1")
    lobby.rig.sync.invoice("in_acme_1")
    lobby.rig.review.run(lobby.rig.clock())
    lobby.rig.publisher.run(lobby.rig.clock())


def the_work(page: Page, path: str = "/work") -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("The work", timeout=AT_ONCE)
    assert page.url.endswith(path)


def test_a_member_has_the_accountant_reminded_who_pays_and_the_open_page_lets_itself_in(
    lobby: Lobby, visit: Callable[..., Page]
) -> None:
    page = visit(MEMBER)
    expect(page.get_by_text("€50.00")).to_have_count(0)
    page.get_by_role("button", name="Remind them now").click()
    expect(page.locator(".came-of")).to_contain_text("We are writing to a•••@acme.example.")
    assert [row["address"] for row in lobby.rig.ledger.rows("notices", step=Step.NUDGE.value)] == [PAYER]
    assert violations(page) == []
    pay(lobby)
    the_work(page)


def test_every_open_page_of_an_account_is_told_and_asks_seldom_meanwhile(
    lobby: Lobby, street: Street, visit: Callable[..., Page]
) -> None:
    pages = [visit(PAYER), visit(MEMBER), visit("-"), visit("")]
    for page in pages[:2]:
        expect(page.get_by_role("status")).to_contain_text("Leave this page open")
    before = len(street.asked)
    pages[0].wait_for_timeout(4000)
    assert len(street.asked) - before <= 3, "the stranger's page looks by itself, and the others are told"
    pay(lobby)
    for page in pages:
        the_work(page)


def test_a_promise_opens_access(lobby: Lobby, visit: Callable[..., Page]) -> None:
    page = visit(PAYER)
    page.get_by_text("We will pay on a later day").click()
    page.get_by_label("We will have paid by").fill("2026-03-25")
    assert violations(page) == []
    page.get_by_role("button", name="Promise, and open access").click()
    the_work(page)
    assert lobby.rig.standings()["acme"] is Standing.PAST_DUE


def test_who_has_paid_checks_and_is_in(lobby: Lobby, visit: Callable[..., Page]) -> None:
    page = visit("", "/desk/today")
    page.get_by_role("button", name="We have paid: check now").click()
    expect(page.locator(".came-of")).to_contain_text("invoice ACME-1 is still unpaid")
    lobby.rig.books.pay("in_acme_1")
    lobby.rig.clock.move(seconds=11)
    page.get_by_role("button", name="We have paid: check now").click()
    the_work(page, "/desk/today")


def test_without_javascript_every_button_works(lobby: Lobby, visit: Callable[..., Page]) -> None:
    page = visit("", java_script_enabled=False)
    page.get_by_role("button", name="Remind them now").click()
    expect(page.locator(".came-of")).to_contain_text("We are writing to")
    page.get_by_text("We have paid by bank transfer").click()
    page.get_by_label("Day of the transfer").fill("2026-03-20")
    page.get_by_label("Reference").fill("RE-1")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".came-of")).to_contain_text("your transfer of 20 March 2026")
    page.get_by_text("Something is wrong here").click()
    page.get_by_label("What is wrong?").fill("We have paid twice.")
    page.get_by_role("button", name="Ask a person").click()
    expect(page.get_by_text("A person has been asked to look at this.")).to_be_visible()
    lobby.rig.books.pay("in_acme_1")
    page.get_by_role("button", name="We have paid: check now").click()
    the_work(page)


def test_in_arabic_on_a_phone_it_is_the_same(lobby: Lobby, visit: Callable[..., Page]) -> None:
    page = visit("", viewport=PHONE, locale="ar-EG", is_mobile=True, has_touch=True)
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    for details in page.locator("details").all():
        details.locator("summary").tap()
    assert (violations(page), overflow(page)) == ([], 0)
    page.locator("form[action='/overdue/remind'] button").tap()
    expect(page.locator(".came-of")).to_contain_text("a•••@acme.example")
    assert (violations(page), overflow(page)) == ([], 0)
    page.locator("form[action='/overdue/check'] button").tap()
    expect(page.locator(".came-of")).to_contain_text("ACME-1")
    lobby.rig.books.pay("in_acme_1")
    lobby.rig.clock.move(seconds=11)
    page.locator("form[action='/overdue/check'] button").tap()
    the_work(page)


def test_what_is_to_be_mended_has_the_focus_and_says_what_is_wrong(lobby: Lobby, visit: Callable[..., Page]) -> None:
    page = visit(PAYER)
    page.get_by_text("We will pay on a later day").click()
    page.eval_on_selector_all("form", "forms => forms.forEach(form => { form.noValidate = true; })")
    page.get_by_label("We will have paid by").fill("2026-09-01")
    page.get_by_role("button", name="Promise, and open access").click()
    field = page.get_by_label("We will have paid by")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description("Choose a day from 21 March 2026 to 28 March 2026.")
    expect(field).to_have_value("2026-09-01")
    assert violations(page) == []
    pay(lobby)
    the_work(page)


def test_a_product_that_sends_on_to_a_sign_in_elsewhere_is_reached(
    lobby: Lobby, street: Street, visit: Callable[..., Page]
) -> None:
    sign_in = Starlette(routes=[Route("/", lambda _: HTMLResponse("<h1>Sign in</h1>"))])
    with serving(sign_in) as elsewhere:
        page = visit(PAYER)
        lobby.rig.books.pay("in_acme_1")
        street.sign_in = elsewhere.replace("127.0.0.1", "localhost")
        page.get_by_role("button", name="We have paid: check now").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in", timeout=AT_ONCE)


def test_the_page_that_stands_in_gives_way_when_the_web_part_is_back(street: Street, visit: Callable[..., Page]) -> None:
    street.web_is_dead = True
    page = visit(PAYER)
    expect(page.get_by_text("Our messages about the invoice have a link to pay it.")).to_be_visible()
    street.web_is_dead = False
    expect(page.get_by_text("€50.00")).to_be_visible(timeout=AT_ONCE)


def test_a_page_that_stands_in_for_longer_than_the_web_part_is_dead_is_not_loaded_over_and_over(
    street: Street, visit: Callable[..., Page], browser: Browser
) -> None:
    street.always_stands_in = True
    page = visit(PAYER)
    page.wait_for_timeout(9000)
    loads = [method for method, _ in street.asked if method == "GET"]
    assert len(loads) == 2, "once, and again after a quarter of a minute"


def test_a_stranger_sees_a_neutral_page(visit: Callable[..., Page]) -> None:
    page = visit("-")
    expect(page.get_by_role("heading", level=1)).to_have_text("This workspace is not available at the moment")
    expect(page.locator("form")).to_have_count(0)
    assert violations(page) == []
