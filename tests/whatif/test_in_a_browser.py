"""The HTML report as people open it: one file, in a real Chromium, on a phone, on paper, in the dark and from right to left."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from gatekeeper.model import Standing
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.segments import Policy
from gatekeeper.whatif.course import Closing, Course, Spell
from gatekeeper.whatif.picture import view_of
from gatekeeper.whatif.report import Note, Report
from gatekeeper.whatif.survey import Question
from gatekeeper.whatif.tally import STEPS, Strip, Tally
from gatekeeper.wording import Wording
from tests.kit.browser import overflow, violations
from tests.kit.builders import day, on
from tests.whatif.test_survey import UTC
from tests.wording.samples import PRODUCT, pseudo_catalogue

pytestmark = pytest.mark.peer("chromium")

HOSTILE = '</title><script>document.title = "owned"</script><img src=x onerror=alert(1)>' + "x" * 200


def a_report(*, looks_back: bool = True, differing: int = 3) -> Report:
    policy = Policy(rules=Rules())
    since, until = (on(0), on(200)) if looks_back else (None, on(60))
    question = Question(today=policy, other=policy, zone=UTC, now=on(200) if looks_back else on(0), until=until, since=since)
    tally = Tally(judged=40, differing=differing)
    for number in range(differing):
        spells = (
            Spell(Standing.RESTRICTED, day(10 + number), day(15 + number)),
            Spell(Standing.SUSPENDED, day(15 + number), day(40 + number)),
        )
        seen = Course(steps=frozenset(STEPS), spells=spells, closings=(Closing(on(10), 3), Closing(on(60), None)))
        tally.other.add(seen, range(15 + number, 41 + number))
        tally.compare(f"acct_{number}", Course(steps=frozenset(), spells=(), closings=()), seen)
        tally.strips.append(Strip(account_id=f"acct_{number}", differs_by=26, today=(), other=spells))
    notes = (Note("fresh"), Note("watched", (("day", date(2026, 3, 2)),)), Note("unknown_ends", (("count", 1234),)))
    names = {"acct_0": HOSTILE, "acct_1": "شركة الباب الأزرق"}
    return Report(question=question, tally=tally, names=names, labels=("default.toml", "<b>strict</b>.toml"), notes=notes)


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens a report from its file. Whatever the browser complains of, or asks for besides, fails the test."""
    contexts, complaints = [], []
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    def open_report(report: Report, width: int = 1100, *, locale: str = "en-GB", **options: object) -> Page:
        wording = Wording(PRODUCT, pseudo_catalogue(tmp_path, "ar"))
        path = tmp_path / "report.html"
        path.write_text(wording.report(view_of(report), locale), encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", note)
        page.goto(path.as_uri())
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert complaints == []
    assert all(url.startswith("file:") for url in asked)
    assert len(asked) == len(contexts), "a report is one file"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("looks_back", [True, False])
def test_axe_finds_nothing_wrong(opened: Callable[..., Page], scheme: str, looks_back: bool) -> None:
    page = opened(a_report(looks_back=looks_back), color_scheme=scheme, java_script_enabled=True)
    for width in (1100, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert violations(page) == []
        assert overflow(page) == 0


@pytest.mark.parametrize("locale", ["en-GB", "ar-EG"])
def test_nothing_sticks_out_of_a_small_phone(opened: Callable[..., Page], locale: str) -> None:
    page = opened(a_report(), 320, locale=locale)
    assert overflow(page) == 0
    assert page.evaluate("document.documentElement.dir") == ("rtl" if locale.startswith("ar") else "ltr")
    assert page.evaluate("document.documentElement.lang") == locale


def test_hostile_names_are_only_names(opened: Callable[..., Page]) -> None:
    page = opened(a_report())
    assert page.title() == "Two policies compared · Acme Cloud"
    assert page.locator("script, img").count() == 0
    expect(page.get_by_role("heading", name="</title><script>")).to_be_visible()
    expect(page.get_by_text("<b>strict</b>.toml").first).to_be_visible()


def test_the_picture_has_a_name_a_line_for_each_side_and_the_numbers_below(opened: Callable[..., Page]) -> None:
    page = opened(a_report())
    expect(page.get_by_role("img", name="Suspended accounts, day by day")).to_be_visible()
    assert page.locator("polyline").count() == 3
    assert page.locator(".strips rect.restricted").count() == 3
    expect(page.get_by_text("restricted from 12 March 2026 to 17 March 2026; suspended from 17 March 2026")).to_be_visible()
    expect(page.get_by_text("open all the time").first).to_be_visible()
    cells = page.locator("table").nth(1).locator("tbody tr").nth(1).locator("td").all_inner_texts()
    assert cells == ["6", "0", "0", "3", "3", "3", "3", "3", "3"]


def test_it_prints_without_its_boxes(opened: Callable[..., Page]) -> None:
    page = opened(a_report(), color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('section')).borderTopWidth") == "0px"


def test_two_hundred_strips_at_most_are_shown_and_all_are_counted() -> None:
    tally = Tally()
    for number in range(300):
        tally.keep(Strip(account_id=f"a{number:03}", differs_by=number, today=(), other=()))
    assert (len(tally.strips), tally.differing) == (200, 300)
    assert min(strip.differs_by for strip in tally.strips) == 100
    other = Tally()
    other.keep(Strip(account_id="more", differs_by=1000, today=(), other=()))
    tally.merge(other)
    assert (len(tally.strips), tally.differing, tally.strips[0].account_id) == (200, 301, "more")
