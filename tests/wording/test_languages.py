import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.model import Reason, Step
from gatekeeper.wording import Wording
from gatekeeper.wording.languages import catalogues
from tests.wording.samples import (
    LETTERS,
    LOCKOUT,
    LOCKOUTS,
    PAGES,
    POT,
    PRODUCT,
    ROOT,
    TEMPLATES,
    WARNING,
    Document,
    pseudo_catalogue,
)

SHIPPED = Wording(PRODUCT)

# What the samples contain, and may therefore stand on a page in no language at all
VALUES = (
    "Acme Cloud Lda, Rua do Porto 12, 4050-000 Porto",
    "a•••@blue-door.example",
    "b•••@blue-door.example",
    "support@acme.example",
    "https://app.acme.example",
    "https://bill.acme.example/pay/tok_newer?a=1&b=2",
    "https://bill.acme.example/pay/tok_older",
    "https://bill.acme.example/pay/tok_soon",
    "Acme Cloud",
    "Blue Door Ltd",
    "ACME-0042",
    "ACME-0047",
    "ACME-0051",
    "PT 509 123 456",
    "/data/export",
    "/reports",
    "CLP",
    "Ana",
)
BANNED = re.compile(
    r"\b(legal|lawyers?|court|collect(or|ion)s?|debt(or)?s?|final|immediate(ly)?|fail(ed|ure)|must|shame|penalt(y|ies)|seriously"
    r"|cancel\w*|block\w*|ban(ned)?|delinquent|terminat\w*)\b",
    re.IGNORECASE,
)


def extracted(path: Path) -> set[str | tuple[str, ...]]:
    options = {"extensions": "jinja2.ext.i18n", "trimmed": "true", "silent": "false"}
    return {message for _, message, _, _ in extract_from_file("jinja2", path, options=options)}


def messages(path: Path) -> dict[object, tuple[object, ...]]:
    with path.open("rb") as file:
        return {
            message.id: (message.context, sorted(name for name, _ in message.locations), message.auto_comments)
            for message in read_po(file)
            if message.id
        }


def test_the_template_catalogue_holds_what_the_sources_say(tmp_path: Path) -> None:
    fresh = tmp_path / "gatekeeper.pot"
    command = [sys.executable, "-m", "babel.messages.frontend", "-q", "extract", "-F", "babel.toml", "-c", "NOTE:"]
    subprocess.run([*command, "--add-location", "file", "-o", fresh, "."], cwd=ROOT, check=True, capture_output=True)
    assert messages(POT) == messages(fresh), "write templates/locale/gatekeeper.pot anew: the command is in babel.toml"


@pytest.mark.parametrize("name", ["base", "parts"])
def test_both_parts_of_a_letter_are_made_of_the_same_sentences(name: str) -> None:
    """What is between them is written once, in the `words.html.j2` of each letter."""
    text, html = (extracted(TEMPLATES / "mail" / f"{name}.{kind}.j2") for kind in ("txt", "html"))
    assert text == html


def test_no_text_threatens_or_shames_or_uses_words_that_are_not_ours() -> None:
    ours = set().union(*(extracted(path) for path in TEMPLATES.rglob("*.j2")))
    assert ours
    assert [text for text in ours if BANNED.search(str(text))] == []


def every_text(wording: Wording, locale: str) -> Iterator[tuple[str, str]]:
    for name in PAGES:
        for kind, view in LOCKOUTS.items() if name == "overdue" else [("", None)]:
            yield f"page {name} {kind}", Document(wording.page(name, view, locale)).visible
    for (name, (step, view)), count in itertools.product(LETTERS.items(), (1, 2)):
        written = wording.letter(step, replace(view, locale=locale, owed=view.owed[:count]))
        yield f"{name} subject", written.subject
        yield f"{name} text", written.text
        yield f"{name} HTML", Document(written.html).visible


def test_no_text_escapes_translation(tmp_path: Path) -> None:
    """Arabic carries the pseudo-language: its months have no Latin letter, so each one that is left was not translated."""
    wording = Wording(PRODUCT, pseudo_catalogue(tmp_path, "ar"))
    for name, text in every_text(wording, "ar"):
        left = text
        for value in VALUES:
            left = left.replace(value, "")
        assert "⟦" in left, name
        assert not re.search(r"[A-Za-z]", re.sub(r"⟦[^⟦⟧]*⟧", "", left)), f"{name}: {text}"


def test_pages_and_letters_run_in_the_direction_of_their_language(tmp_path: Path) -> None:
    wording = Wording(PRODUCT, pseudo_catalogue(tmp_path, "ar"))
    for locale, direction in (("ar-EG", "rtl"), ("en-GB", "ltr")):
        written = wording.letter(Step.WARNING, replace(WARNING, locale=locale))
        for html in (wording.page("overdue", LOCKOUT, locale), written.html):
            assert f'<html lang="{locale}" dir="{direction}">' in html
        assert written.language == locale
        # Gmail drops the attributes of html and body, so each table says it too
        boxes = re.findall(r"<(?:html|body|table)\b[^>]*>", written.html)
        assert len(boxes) > 4
        assert all(f' dir="{direction}"' in box for box in boxes)


def test_page_styles_are_logical_so_that_they_mirror() -> None:
    style = (TEMPLATES / "pages" / "page.css").read_text()
    physical = r"\b(?:margin|padding|border)-(?:left|right)|:\s*(?:left|right)\b|(?<![-\w])(?:left|right|width|height)\s*:"
    assert re.findall(physical, style) == []


@pytest.mark.parametrize(
    ("accept_language", "preferred", "chosen"),
    [
        (None, None, "en_GB"),
        ("", "", "en_GB"),
        ("*", None, "en_GB"),
        ("en-US,en;q=0.9", None, "en_US"),
        ("de-CH, ar-EG;q=0.8, en;q=0.9", None, "en"),
        ("en;q=0.5, ar;q=0.9", None, "ar"),
        ("ar;q=0, en-IN", None, "en_IN"),
        ("ar;q=junk, en-IN", None, "en_IN"),
        ("en-US", "ar_EG", "ar_EG"),
        ("en-US", "fr", "en_US"),
        ("en-US", "../../etc/passwd", "en_US"),
        ("xx-YY, \x00, ;;;, en--GB, 1", None, "en_GB"),
        (",".join(["de"] * 100_000), None, "en_GB"),
    ],
)
def test_the_reader_gets_a_language_that_has_a_catalogue(
    tmp_path: Path, accept_language: str | None, preferred: str | None, chosen: str
) -> None:
    wording = Wording(PRODUCT, pseudo_catalogue(tmp_path, "ar"))
    assert wording.choose_locale(accept_language, preferred) == chosen


@given(st.text(), st.text())
def test_no_wish_for_a_language_breaks_anything(accept_language: str, preferred: str) -> None:
    assert SHIPPED.choose_locale(accept_language, preferred).split("_")[0] == "en"


def test_a_product_in_a_language_without_a_catalogue_writes_english() -> None:
    assert Wording(replace(PRODUCT, locale="xx")).choose_locale(None, None) == "en"


def test_a_reason_is_a_sentence_in_the_language_of_its_reader(tmp_path: Path) -> None:
    wording = Wording(PRODUCT, pseudo_catalogue(tmp_path, "ar"))
    reason = Reason(code="suspension_due", params=(("on", date(2026, 12, 19)),))
    assert wording.sentence(reason, "en-GB") == "Access will be suspended on 19 December 2026."
    assert wording.sentence(reason, "ar") == "⟦Áççéss wíll bé súspéñdéd óñ 19 ديسمبر 2026.⟧"
    assert wording.sentence(reason, "xx") == "Access will be suspended on 19 December 2026."


def test_a_catalogue_of_the_product_goes_before_ours_and_ours_fills_its_gaps(tmp_path: Path) -> None:
    ours, theirs = pseudo_catalogue(tmp_path / "ours", "ar"), tmp_path / "theirs"
    path = theirs / "locale" / "ar" / "LC_MESSAGES" / "gatekeeper.po"
    path.parent.mkdir(parents=True)
    path.write_text('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\nmsgid "Pay now"\nmsgstr "Pay us"\n')
    texts = catalogues([theirs, ours])["ar"]
    assert (texts.gettext("Pay now"), texts.gettext("Questions?")) == ("Pay us", "⟦Qúéstíóñs?⟧")
