"""The demo in a real Chromium: how its pages look to axe, and that the lockout page lets people in by itself."""

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.demo.visiting import Visitor
from tests.kit.browser import overflow, violations

pytestmark = pytest.mark.peer("chromium")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_the_demo_are_accessible_and_fit_a_phone(suspended: Visitor, browser: Browser, scheme: str) -> None:
    letter = re.search(r'href="(/mail/[^"]+)"', suspended.page("/mail"))
    assert letter
    panel, shop = suspended.panel, suspended.shop
    addresses = [f"{panel}/?open=olmo", f"{panel}/mail", panel + letter[1], f"{panel}/webhooks", f"{shop}/login"]
    page = browser.new_page(color_scheme=scheme)
    for address in [*addresses, f"{shop}/login/bright-dhow", f"{shop}/login/olmo"]:
        page.goto(address)
        for width in (1100, 375):
            page.set_viewport_size({"width": width, "height": 800})
            assert violations(page) == [], address
            assert overflow(page) == 0, address
    page.close()


def test_the_lockout_page_lets_its_reader_in_when_the_money_comes(suspended: Visitor, browser: Browser) -> None:
    window = browser.new_context()
    page = window.new_page()
    page.goto(f"{suspended.shop}/login/brzask")
    page.goto(f"{suspended.shop}/planning?week=2")
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment overdue")

    with window.expect_page() as opened:
        page.get_by_role("link", name="Pay now").click()
    payment = opened.value
    payment.get_by_role("button", name="Pay now").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Files of Piekarnia Brzask", timeout=10_000)
    assert page.url == f"{suspended.shop}/planning?week=2"
    window.close()


def test_a_link_of_a_letter_opens_beside_the_mailbox(suspended: Visitor, browser: Browser) -> None:
    found = re.search(r'<a href="(/mail/[^"]+)"><bdi>[^<]*</bdi></a>\s*<span[^>]*>to <bdi>Cl', suspended.page("/mail"))
    assert found
    window = browser.new_context()
    page = window.new_page()
    page.goto(suspended.panel + found[1])

    with window.expect_page() as opened:
        page.frame_locator("iframe").get_by_role("link", name=re.compile("^Pagar la factura")).first.click()

    expect(opened.value.get_by_role("button", name="Pay now")).to_be_visible()
    window.close()
