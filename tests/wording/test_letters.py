import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gatekeeper.model import Money, Step, sums
from gatekeeper.wording import LetterIncomplete, LetterView, Wording
from tests.wording.samples import (
    LEFT,
    LETTERS,
    LOCKOUT,
    LOCKOUTS,
    NEWER,
    OLDER,
    OWED,
    PRODUCT,
    REMINDER,
    RESTORED,
    WARNING,
    Document,
)

WORDING = Wording(PRODUCT)

FACTS = [
    "ACME-0042", "€120.50", "1 December 2026", "https://bill.acme.example/pay/tok_older",
    "ACME-0047", "CLP\u00a01,250,000", "8 December 2026", "https://bill.acme.example/pay/tok_newer?a=1&b=2",
    "CLP\u00a01,250,000 and €120.50", "18 days", "11 days",
]  # fmt: skip
SENDER = ["Acme Cloud", "support@acme.example", "+351 210 000 000", "Rua do Porto 12", "PT 509 123 456", "Blue Door Ltd", "Ana"]


@pytest.mark.parametrize("name", LETTERS)
def test_both_parts_say_who_writes_and_every_fact_of_every_invoice(name: str) -> None:
    step, view = LETTERS[name]
    view = replace(view, owed=OWED, totals=sums(one.remaining for one in OWED))
    written = WORDING.letter(step, view)
    html = Document(written.html)
    for fact in FACTS + SENDER:
        assert fact in written.text
        assert fact in html.visible or fact in html.links, fact


@pytest.mark.parametrize("name", LETTERS)
def test_both_parts_carry_the_same_figures_and_links(name: str) -> None:
    step, view = LETTERS[name]
    written = WORDING.letter(step, view)
    html = Document(written.html)
    ours = {link for link in html.links if link.startswith("http")}
    named = [one.pay_url for one in (*view.owed, *view.soon)]
    assert set(re.findall(r"https?://\S+", written.text)) == ours == {*named, PRODUCT.url}
    figures = re.compile(r"\d[\d.,]*\d|\d")
    without_links = re.sub(r"https?://\S+", "", written.text)
    assert set(figures.findall(without_links)) == set(figures.findall(html.visible))
    assert "\n\n\n" not in written.text
    assert not re.search("&[a-z#]|[<>]", without_links)


@pytest.mark.parametrize("name", LETTERS)
def test_every_sentence_of_one_part_is_in_the_other(name: str) -> None:
    """But for headline and preheader, which stand for the subject in the HTML part."""
    written = WORDING.letter(*LETTERS[name])
    seen = Document(written.html).visible
    for line in re.sub(r"(: )?https?://\S+", "", written.text).splitlines():
        assert line.lstrip(" -") in seen


@pytest.mark.parametrize("name", [name for name, (_, view) in LETTERS.items() if view.soon])
def test_what_falls_due_soon_is_told_and_added_to_nothing(name: str) -> None:
    step, view = LETTERS[name]
    written = WORDING.letter(step, view)
    for part in (written.text, Document(written.html).visible):
        assert part.index("Together: CLP\u00a01,250,000 and €120.50") < part.index("one more invoice falls due soon")
        for fact in ("ACME-0051", "€99.00", "8 January 2027"):
            assert part.index("falls due soon") < part.index(fact)


def test_an_amount_with_decimals_and_one_without_are_told_apart() -> None:
    owed = (
        replace(OLDER, remaining=Money(minor=1200, currency="jpy")),
        replace(NEWER, remaining=Money(minor=1200, currency="kwd")),
    )
    text = WORDING.letter(Step.REMINDER, replace(REMINDER, owed=owed)).text
    assert "JP¥1,200" in text
    assert "KWD\u00a01.200" in text


def test_a_warning_names_the_day_and_who_was_told() -> None:
    written = WORDING.letter(Step.WARNING, WARNING)
    for part in (written.text, Document(written.html).visible):
        assert part.count("19 December 2026") >= 1
        assert "2 December 2026, to a•••@blue-door.example and b•••@blue-door.example" in part
    assert "We first wrote about this on 2 December 2026." in WORDING.letter(Step.WARNING, replace(WARNING, told=())).text


def test_a_warning_without_a_day_is_not_written() -> None:
    with pytest.raises(LetterIncomplete, match="set suspend_on"):
        WORDING.letter(Step.WARNING, REMINDER)


def test_the_word_that_access_is_back_says_what_is_still_open() -> None:
    assert "Everything that was due is settled" in WORDING.letter(Step.RESTORED, RESTORED).text
    text = WORDING.letter(Step.RESTORED, replace(RESTORED, owed=(OLDER,))).text
    assert "This invoice is still open:" in text
    assert "settled" not in text


def test_what_the_product_does_not_have_leaves_no_trace() -> None:
    bare = replace(PRODUCT, support_phone="", postal_address="", tax_id="")
    view = replace(REMINDER, product=bare, person_name="", owed=(replace(OLDER, due_on=None),), totals=())
    written = Wording(bare).letter(Step.REMINDER, view)
    for part in (written.text, Document(written.html).visible):
        assert not re.search(r"None|call|Tax|Due date|Together", part)
        assert "Hello," in part
    assert "\n\n\n" not in written.text


def test_an_account_without_a_name_is_your_account() -> None:
    for step, view in LETTERS.values():
        written = WORDING.letter(step, replace(view, account_name=""))
        assert "your account" in written.text
        assert "your account" in Document(written.html).visible
    assert "to your account" in Document(WORDING.page("overdue", replace(LOCKOUT, account_name=" \n"), "en")).visible


# Pages: what they say is as much a promise as a letter


def test_the_lockout_page_says_what_is_owed_who_was_told_and_where_to_ask() -> None:
    page = Document(WORDING.page("overdue", LOCKOUT, "en_GB"))
    for fact in [*FACTS, *SENDER[:-1], "a•••@blue-door.example and b•••@blue-door.example", "14 December 2026", "spam filter"]:
        assert fact in page.visible or fact in page.links, fact
    older, newer = (page.links.index(one.pay_url) for one in (OLDER, NEWER))
    assert older < newer


def test_the_page_of_a_restricted_account_says_what_still_works_and_never_that_it_is_suspended() -> None:
    for name in ("reading", "paths"):
        page = Document(WORDING.page("overdue", LOCKOUTS[name], "en_GB"))
        for fact in [*FACTS, *SENDER[:-1], "some parts are closed for now", "2 December 2026, to a•••@blue-door.example"]:
            assert fact in page.visible or fact in page.links, fact
        assert not re.search("suspen", page.visible, re.IGNORECASE)
        assert ("You can still read everything" in page.visible) == (name == "reading")
        assert ("These parts still work: /reports /data/export" in page.visible) == (name == "paths")
        assert [link for link in page.links if link in LEFT] == (list(LEFT) if name == "paths" else [])
    assert not re.search("still|some parts", Document(WORDING.page("overdue", LOCKOUT, "en_GB")).visible)


def test_the_page_of_a_dead_web_part_speaks_of_no_standing() -> None:
    assert not re.search(r"suspen|restrict|\bread\b", Document(WORDING.page("fallback", None, "en")).visible, re.IGNORECASE)


def test_the_page_of_a_dead_web_part_holds_nothing_of_any_account() -> None:
    visible = Document(WORDING.page("fallback", None, "en")).visible
    assert "Payment overdue" in visible
    assert "support@acme.example" in visible
    assert not re.search(r"Blue Door|ACME-|€|CLP", visible)


# Names come from customers

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></title><h1>",
    "{{ 7*7 }}{% raw %}",
    "%(amount)s %s %% &amp;",
    "a\r\nBcc: x@evil.example",
    "=?UTF-8?Q?=0A?=Bcc: x",
    "\u202ecod.exe\u2066",
    "x" * 10_000,
]


def hostile(view: LetterView, name: str) -> LetterView:
    return replace(view, account_name=f"A{name}", person_name=f"P{name}", owed=(replace(OLDER, number=f"N{name}"[:60]), NEWER))


@given(name=st.one_of(st.text(max_size=80), st.sampled_from(HOSTILE)), letter=st.sampled_from(list(LETTERS)))
@example(name=HOSTILE[0], letter="warning")
@example(name=HOSTILE[1], letter="warning")
@settings(max_examples=60)
def test_no_name_changes_the_shape_of_a_letter(name: str, letter: str) -> None:
    step, view = LETTERS[letter]
    usual, odd = (WORDING.letter(step, hostile(view, one)) for one in ("", name))
    assert Document(odd.html).shape == Document(usual.html).shape
    assert Document(odd.html).links == Document(usual.html).links
    assert odd.text.count("\n") == usual.text.count("\n")
    assert len(odd.text.splitlines()) == len(usual.text.splitlines())
    assert odd.subject == usual.subject


@given(name=st.one_of(st.text(max_size=80), st.sampled_from(HOSTILE)))
@settings(max_examples=40)
def test_no_name_changes_the_shape_of_the_lockout_page(name: str) -> None:
    odd = replace(LOCKOUT, account_name=f"A{name}", owed=(replace(OLDER, number=f"N{name}"), NEWER))
    shape = Document(WORDING.page("overdue", LOCKOUT, "en")).shape
    assert Document(WORDING.page("overdue", odd, "en")).shape == shape


def test_only_the_origin_of_the_logo_may_serve_an_image() -> None:
    assert "img-src 'none'" in WORDING.content_security_policy
    logo = replace(PRODUCT, logo_url="https://cdn.acme.example:8443/logo.svg?v=2")
    wording = Wording(logo)
    assert "img-src https://cdn.acme.example:8443;" in wording.content_security_policy
    assert '<img src="https://cdn.acme.example:8443/logo.svg?v=2" alt="Acme Cloud">' in wording.page("gone", None, "en")


def test_days_before_the_due_date_are_not_counted_as_overdue() -> None:
    owed = replace(OLDER, days_overdue=0, due_on=date(2026, 12, 20))
    assert "ago" not in WORDING.letter(Step.REMINDER, replace(REMINDER, owed=(owed,))).text
