"""Letters as mail programs show them: in a real Chromium, on phone and desk, by day and by night, in both directions."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page

from gatekeeper.wording import Wording
from tests.kit.browser import chromium, overflow, violations
from tests.wording.samples import LETTERS, OLDER, PRODUCT, SOON, pseudo_catalogue

pytestmark = pytest.mark.peer("chromium")

WIDTHS = (320, 600, 1100)
SCHEMES = ("light", "dark")
LOCALES = {"en-GB": "ltr", "ar-EG": "rtl", "fa": "rtl"}
COLOURS = ("", "#0f766e", "#ffd400", "#000000", "#ffffff", "#767676")
LONG = "x" * 200
# One of each folder of templates/mail; between the rest only words differ
FOLDERS = ["courtesy", "reminder", "warning", "restrict-paths-stay", "suspend", "restored", "promised", "broken"]
FOLDERS = [*FOLDERS, "unreachable-accountant", "suspend-to-user"]

LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="900" height="150"><rect width="900" height="150"/></svg>'

# Each visible text with its contrast (WCAG 2.2) against the nearest background that is not see-through.
CONTRASTS = """() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = colour => parts(colour).slice(0, 3).map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if ((parts(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    const [dark, light] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((a, b) => a - b);
    found.push([walker.currentNode.data.trim(), (light + 0.05) / (dark + 0.05)]);
  }
  return found;
}"""

# Where the first and the last letter of a text stand, from the left.
ENDS = """element => [0, element.firstChild.length - 1].map(place => {
  const range = document.createRange();
  range.setStart(element.firstChild, place);
  range.setEnd(element.firstChild, place + 1);
  return range.getBoundingClientRect().left;
})"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as running:
        context = running.new_context()
        context.route("**/*", lambda route: route.fulfill(body=LOGO, content_type="image/svg+xml"))
        yield context.new_page()
        context.close()


@pytest.fixture(scope="module")
def wording(tmp_path_factory: pytest.TempPathFactory) -> Wording:
    folder = tmp_path_factory.mktemp("overrides")
    for language in ("ar", "fa"):
        pseudo_catalogue(folder, language)
    return Wording(PRODUCT, folder)


def show(page: Page, wording: Wording, name: str, locale: str = "en-GB", **changes: object) -> None:
    step, view = LETTERS[name]
    page.set_content(wording.letter(step, replace(view, locale=locale, **changes)).html)


def faint(page: Page) -> list[tuple[str, float]]:
    found = page.evaluate(CONTRASTS)
    assert len(found) > 8
    return [(text, ratio) for text, ratio in found if ratio < 4.5]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", LETTERS)
def test_a_letter_fits_and_can_be_read_at_every_width_by_day_and_by_night(
    page: Page, wording: Wording, name: str, locale: str
) -> None:
    show(page, wording, name, locale)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert faint(page) == []
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert overflow(page) == 0


def test_a_contrast_that_is_too_low_would_be_found(page: Page, wording: Wording) -> None:
    show(page, wording, "reminder")
    page.emulate_media(color_scheme="light")
    page.evaluate("document.querySelector('.quiet').style.color = '#8a8f98'")
    assert [text for text, _ in faint(page)] == ["Acme Cloud"]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("colour", COLOURS)
def test_buttons_can_be_read_in_every_colour_of_a_product(page: Page, wording: Wording, colour: str, scheme: str) -> None:
    show(page, wording, "warning", product=replace(PRODUCT, colour=colour))
    page.emulate_media(color_scheme=scheme)
    assert faint(page) == []
    shown = page.evaluate("getComputedStyle(document.querySelector('.button')).backgroundColor")
    assert "#{:02x}{:02x}{:02x}".format(*map(int, shown[4:-1].split(","))) == (colour or "#1a56db")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", FOLDERS)
def test_axe_finds_nothing_wrong(page: Page, wording: Wording, name: str, scheme: str) -> None:
    """But for landmarks: those are for the mail program around it to set."""
    show(page, wording, name, product=replace(PRODUCT, logo_url="https://app.acme.example/logo.svg"))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 320, "height": 800})
    assert [one for one in violations(page) if not one.startswith(("landmark-one-main:", "region:"))] == []


def test_no_name_number_or_path_sticks_out_of_a_small_phone(page: Page, wording: Wording) -> None:
    owed = (replace(OLDER, number=LONG, pay_url=f"https://bill.acme.example/pay/{LONG}"),)
    for locale in LOCALES:
        show(
            page,
            wording,
            "warning-paths-stay",
            locale,
            owed=owed,
            leaves_open=(f"/{LONG}",),
            account_name=LONG,
            person_name=LONG,
        )
        page.set_viewport_size({"width": 320, "height": 800})
        assert overflow(page) == 0


@pytest.mark.parametrize("locale", ["ar-EG", "fa"])
def test_a_letter_from_right_to_left_starts_at_the_right(page: Page, wording: Wording, locale: str) -> None:
    show(page, wording, "warning", locale)
    page.set_viewport_size({"width": 600, "height": 800})
    boxes = "[...document.querySelectorAll('body, table, td, p, h1, h2, li')]"
    directions = page.evaluate(f"{boxes}.map(one => getComputedStyle(one).direction)")
    assert set(directions) == {"rtl"}
    middle = page.evaluate("document.querySelector('.cell').getBoundingClientRect()")
    right = middle["x"] + middle["width"]
    for selector in (".brand", ".headline", ".subheading", ".amount", ".button"):
        text = page.evaluate(
            """selector => {
              const range = document.createRange();
              range.selectNodeContents(document.querySelector(selector));
              return range.getBoundingClientRect().right;
            }""",
            selector,
        )
        assert right - text < 90, selector
    bullets = page.evaluate(
        "(list => [list.paddingRight, list.paddingLeft])(getComputedStyle(document.querySelector('.list')))"
    )
    assert bullets == ["20px", "0px"]


@pytest.mark.parametrize("locale", LOCALES)
def test_amounts_numbers_and_addresses_run_from_left_to_right_in_every_language(
    page: Page, wording: Wording, locale: str
) -> None:
    show(page, wording, "warning-paths-stay", locale)
    page.set_viewport_size({"width": 1100, "height": 800})
    apart = page.locator("bdi").all()
    assert len(apart) > 15
    for one in apart:
        first, last = one.evaluate(ENDS)
        assert first < last, one.inner_text()


def test_the_logo_stands_at_the_head_no_larger_than_the_letter(page: Page, wording: Wording) -> None:
    for width in WIDTHS:
        show(page, wording, "reminder", product=replace(PRODUCT, logo_url="https://app.acme.example/logo.svg"))
        page.set_viewport_size({"width": width, "height": 800})
        logo = page.get_by_role("img", name="Acme Cloud")
        logo.evaluate("image => image.decode()")
        box = logo.bounding_box()
        assert box
        assert 20 <= box["height"] <= 48
        assert box["width"] <= 260
        assert overflow(page) == 0


def test_the_preheader_is_for_the_list_of_messages_alone(page: Page, wording: Wording) -> None:
    for name in FOLDERS:
        show(page, wording, name)
        preheader = page.locator(".preheader")
        assert preheader.is_hidden()
        assert preheader.inner_text() or name == "restored-owing"
        assert preheader.evaluate("one => one === document.body.firstElementChild")


def test_only_what_is_due_has_a_button(page: Page, wording: Wording) -> None:
    show(page, wording, "warning")
    buttons = page.locator("a.button").all()
    assert [button.get_attribute("href") for button in buttons] == [one.pay_url for one in reversed(LETTERS["warning"][1].owed)]
    assert page.locator(f"a.link[href='{SOON[0].pay_url}']").count() == 1


def test_every_class_of_a_letter_has_its_style_beside_it(page: Page, wording: Wording) -> None:
    """Many mail programs read no style element."""
    for name in FOLDERS:
        show(page, wording, name)
        page.evaluate("document.querySelectorAll('style').forEach(one => one.remove())")
        page.emulate_media(color_scheme="light")
        assert page.locator("[class]:not([style])").count() == 0
        assert faint(page) == []
        page.set_viewport_size({"width": 600, "height": 800})
        assert overflow(page) == 0


def test_one_style_sheet_of_the_product_changes_the_looks_of_every_letter(tmp_path: Path, page: Page) -> None:
    sheet = (Path(__file__).parents[2] / "templates" / "mail" / "letter.css").read_text()
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "letter.css").write_text(sheet.replace("font-size: 24px", "font-size: 33px"))
    own = Wording(PRODUCT, tmp_path)
    for name in FOLDERS:
        show(page, own, name)
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontSize") == "33px"
