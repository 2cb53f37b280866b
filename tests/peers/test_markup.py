"""axe and the Nu Html Checker find nothing wrong with any letter, page or sheet, in any language that there is."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from playwright.sync_api import Page

from gatekeeper.wording import Wording
from gatekeeper.wording.languages import SOURCE, catalogues
from tests.kit.browser import chromium, violations
from tests.kit.markup import faults
from tests.wording.samples import LETTERS, LOCKOUTS, PAGES, PRODUCT, TEMPLATES
from tests.wording.sheets import SHEETS

LANGUAGES: Final = sorted({SOURCE, *catalogues([TEMPLATES])})

# Landmarks of a letter are for the mail program around it to set
_NOT_FOR_LETTERS: Final = ("landmark-one-main:", "region:")
# What is no HTML of today, and needed: the layout of Outlook, which knows the HTML of 1999; the preheader that it would show;
# the dark colours of older Apple Mail. And a list without bullets, which Safari does not read out as one unless it is told.
# SVG 2 has the property for the lines of a drawing.
_NEEDED: Final = re.compile(
    r"The “(?:width|cellpadding|cellspacing|border)” attribute on the “table” element is obsolete"
    r"|The “(?:align|valign|width)” attribute on the “td” element is obsolete"
    r"|CSS: “(?:mso-[a-z-]+|supported-color-schemes|vector-effect)”: Property “[a-z-]+” doesn't exist"
    r"|The “list” role is unnecessary for element “ul”"
)


def letters(language: str) -> dict[str, str]:
    wording = Wording(PRODUCT)
    return {name: wording.letter(step, replace(view, locale=language)).html for name, (step, view) in LETTERS.items()}


def pages(language: str) -> dict[str, str]:
    wording = Wording(PRODUCT)
    overdue = {f"overdue, {name}": wording.page("overdue", view, language) for name, view in LOCKOUTS.items()}
    sheets = {f"sheet, {name}": wording.report(view, language, "evidence") for name, view in SHEETS.items()}
    return overdue | sheets | {name: wording.page(name, None, language) for name in PAGES if name != "overdue"}


@pytest.fixture(scope="module")
def window() -> Iterator[Page]:
    with chromium() as browser, browser.new_context(viewport={"width": 600, "height": 800}) as context:
        yield context.new_page()


@pytest.mark.peer("java")
def test_the_html_checker_finds_nothing() -> None:
    documents = {
        f"{language}, {name}": html for language in LANGUAGES for name, html in (letters(language) | pages(language)).items()
    }
    found = faults(documents)
    assert {name: wrong for name, all_ in found.items() if (wrong := [one for one in all_ if not _NEEDED.match(one)])} == {}


@pytest.mark.peer("java")
def test_the_html_checker_would_find_a_fault() -> None:
    good = '<!doctype html><html lang="en"><head><title>Letter</title></head><body><p>Pay</p></body></html>'
    found = faults({"good": good, "bad": good.replace("<p>", "<p><div>")})
    assert found["good"] == []
    assert any("No “p” element in scope" in one for one in found["bad"])


@pytest.mark.peer("chromium")
@pytest.mark.parametrize(("language", "scheme"), [*((language, "light") for language in LANGUAGES), (SOURCE, "dark")])
def test_axe_finds_nothing_in_letters_and_pages(window: Page, language: str, scheme: str) -> None:
    window.emulate_media(color_scheme=scheme)
    found = {name: seen for name, html in pages(language).items() if (seen := _seen(window, html))}
    for name, html in letters(language).items():
        if wrong := [one for one in _seen(window, html) if not one.startswith(_NOT_FOR_LETTERS)]:
            found[f"letter {name}"] = wrong
    assert found == {}


def _seen(window: Page, html: str) -> list[str]:
    window.goto("about:blank")  # else the page that was there before goes on saying which styles may be used
    window.set_content(html)
    return violations(window)
