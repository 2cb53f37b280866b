"""The lockout page end to end on real parts: Stripe over HTTP, a mail server, the gate, nginx as we ship it, a browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.kit.billers import Biller, later, pay, subscribe
from tests.kit.browser import overflow, violations
from tests.kit.running import SECRET, Installation, until
from tests.kit.smtp import MailServer
from tests.stories.test_main_job import addresses, edge, letters, reloaded

pytestmark = [pytest.mark.peer("nginx"), pytest.mark.peer("chromium")]


@pytest.fixture
def invoice(biller: Biller) -> str:
    return subscribe(biller, "acme")


@pytest.fixture
def place(biller: Biller, post: MailServer, invoice: str, tmp_path: Path) -> Iterator[Installation]:
    """`acme` is suspended, and everything runs; no webhook ever comes."""
    made = Installation(tmp_path / "state", biller.url, post.url, biller.now)
    for hours in (0, 7 * 24 + 1, 14 * 24 + 1, 5 * 24 + 1):
        made.move_clock_to(later(biller, hours=hours))
        made.command("tick")
    assert made.standings() == {"acme": "suspended"}
    with made.running():
        yield made


@pytest.fixture
def site(place: Installation, tmp_path: Path) -> Iterator[str]:
    with edge(place, tmp_path / "nginx") as opened:
        yield opened


def locked_out(browser: Browser, site: str, **options: object) -> Page:
    page = browser.new_context(**({"locale": "en-GB"} | options)).new_page()
    page.goto(f"{site}/work")
    # On a busy machine the page may come too late at first: the one that stands in for it has no buttons
    until(lambda: page.locator("form").count() or (page.reload() and False), what="the page with its buttons")
    return page


def the_work(page: Page, site: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("The work", timeout=30_000)
    assert page.url == f"{site}/work"


def test_a_member_reminds_the_accountant_who_pays_and_the_open_page_lets_itself_in(
    biller: Biller, post: MailServer, browser: Browser, place: Installation, site: str, invoice: str
) -> None:
    biller.deliver_to(place.webhook, SECRET)
    page = locked_out(browser, site)
    with page.expect_response("**/overdue/watch") as told:
        page.get_by_role("button", name="Remind them now").click()
    assert (told.value.status, told.value.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    expect(page.locator(".came-of")).to_contain_text("a•••@acme.example")
    until(lambda: letters(post, "A colleague asks"), what="the letter arrives")
    assert addresses(letters(post, "A colleague asks")) == ["accounts@acme.example"]
    until(lambda: "We have written to" in reloaded(page), what="the page says so")
    (letter,) = (one for one in post.messages if "A colleague asks" in str(one["Subject"]))
    assert re.search(rf"{re.escape(place.web)}/pay/[\w-]+", letter.get_body(("plain",)).get_content())
    pay(biller, invoice)
    the_work(page, site)


def test_without_any_webhook_check_now_opens_at_once(
    biller: Biller, browser: Browser, place: Installation, site: str, invoice: str
) -> None:
    page = locked_out(browser, site, java_script_enabled=False)
    page.get_by_role("button", name="We have paid: check now").click()
    expect(page.locator(".came-of")).to_contain_text("is still unpaid")
    pay(biller, invoice)
    place.move_clock_to(later(biller, seconds=11))
    page.get_by_role("button", name="We have paid: check now").click()
    the_work(page, site)


def test_a_promise_opens_and_both_are_told(post: MailServer, browser: Browser, place: Installation, site: str) -> None:
    page = locked_out(browser, site)
    page.get_by_text("We will pay on a later day").click()
    page.get_by_label("We will have paid by").fill((place.now.date()).isoformat())
    page.get_by_role("button", name="Promise, and open access").click()
    the_work(page, site)
    until(lambda: len(letters(post, "what we have noted")) == 2, what="both are told of the promise")


def test_a_transfer_reaches_the_staff_and_in_arabic_on_a_phone_the_page_is_sound(
    post: MailServer, browser: Browser, place: Installation, site: str
) -> None:
    page = locked_out(browser, site)
    page.get_by_text("We have paid by bank transfer").click()
    page.get_by_label("Day of the transfer").fill(place.now.date().isoformat())
    page.get_by_label("Reference").fill("<b>RE-1</b>")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".came-of")).to_contain_text("A person will look for your transfer")
    until(lambda: letters(post, "paid by bank transfer"), what="the staff hears of it")
    assert addresses(letters(post, "paid by bank transfer")) == ["support@acme.example"]
    (letter,) = (one for one in post.messages if "paid by bank transfer" in str(one["Subject"]))
    assert "<b>RE-1</b>" in letter.get_body(("plain",)).get_content()
    assert "&lt;b&gt;RE-1&lt;/b&gt;" in letter.get_body(("html",)).get_content()
    assert place.standings() == {"acme": "suspended"}
    assert "not available at the moment" in (place.folder / "closed.html").read_text(), (
        "for strangers while the web part is dead"
    )
    in_arabic_on_a_phone(browser, site)


def in_arabic_on_a_phone(browser: Browser, site: str) -> None:
    """The same page, and axe finds nothing."""
    page = locked_out(browser, site, locale="ar-EG", viewport={"width": 375, "height": 812})
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    for details in page.locator("details").all():
        details.locator("summary").click()
    assert (violations(page), overflow(page)) == ([], 0)
    page.locator("form[action='/overdue/remind'] button").click()
    expect(page.locator(".came-of")).to_contain_text("a•••@acme.example")
    assert (violations(page), overflow(page)) == ([], 0)
