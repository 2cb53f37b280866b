import inspect
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
import structlog
from babel import Locale

from gatekeeper.model import Step
from gatekeeper.wording import LetterIncomplete, Wording
from gatekeeper.wording.child import Child, TemplateFault
from gatekeeper.wording.examples import letters, pages
from gatekeeper.wording.facts import _facts, check
from gatekeeper.wording.views import LetterView, LockoutView, Owed, Product, Promised, Told
from tests.wording.samples import LETTERS, LOCKOUT, PRODUCT, REMINDER, TEMPLATES, WARNING, pseudo_catalogue

OURS = Wording(PRODUCT)
SUBJECT = "mail/reminder/subject.txt.j2"
BODY = "mail/reminder/body.txt.j2"


def put(folder: Path, name: str, source: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return folder


def overridden(folder: Path, name: str, source: str) -> Wording:
    return Wording(PRODUCT, put(folder, name, source))


def because(wording: Wording, *, step: Step = Step.REMINDER, view: LetterView = REMINDER) -> list[str]:
    """What the log says while a letter is written, which is ours nevertheless."""
    with structlog.testing.capture_logs() as logged:
        assert wording.letter(step, view) == OURS.letter(step, view)
    return [line["because"] for line in logged]


def test_one_file_of_the_product_stands_in_for_one_of_ours(tmp_path: Path) -> None:
    wording = overridden(tmp_path, SUBJECT, "Psst,\n {{ product.name }}!\n")
    ours = OURS.letter(Step.REMINDER, REMINDER)
    assert wording.letter(Step.REMINDER, REMINDER) == replace(ours, subject="Psst, Acme Cloud!")
    assert wording.try_out() == ()
    assert wording.letter(*LETTERS["restored"]) == OURS.letter(*LETTERS["restored"])


@pytest.mark.parametrize("name", LETTERS)
def test_a_letter_is_the_same_when_another_process_writes_it(tmp_path: Path, name: str) -> None:
    parts = "mail/parts.txt.j2"
    wording = overridden(tmp_path, parts, (TEMPLATES / parts).read_text())
    wording = overridden(tmp_path, "mail/letter.css", (TEMPLATES / "mail/letter.css").read_text())
    with structlog.testing.capture_logs() as logged:
        assert wording.letter(*LETTERS[name]) == OURS.letter(*LETTERS[name])
    assert logged == []
    assert wording._child
    assert wording._child._process


def test_a_page_is_the_same_when_another_process_writes_it(tmp_path: Path) -> None:
    wording = overridden(tmp_path, "pages/parts.html.j2", (TEMPLATES / "pages/parts.html.j2").read_text())
    with structlog.testing.capture_logs() as logged:
        assert wording.page("overdue", LOCKOUT, "en_GB") == OURS.page("overdue", LOCKOUT, "en_GB")
    assert logged == []
    assert wording._child
    assert wording._child._process


def test_a_file_in_the_folder_of_a_language_is_for_that_language_alone(tmp_path: Path) -> None:
    pseudo_catalogue(tmp_path, "es")
    put(tmp_path, SUBJECT, "Reminder!")
    put(tmp_path, f"es/{SUBJECT}", "¡Recordatorio! {{ product.name }}")
    wording = Wording(PRODUCT, tmp_path)
    told = {locale: wording.letter(Step.REMINDER, replace(REMINDER, locale=locale)).subject for locale in ("en", "es", "es-MX")}
    assert told == {"en": "Reminder!", "es": "¡Recordatorio! Acme Cloud", "es-MX": "¡Recordatorio! Acme Cloud"}
    assert wording.try_out() == ()


def test_a_folder_of_a_language_that_nobody_is_written_to_in_is_named(tmp_path: Path) -> None:
    (fault,) = overridden(tmp_path, f"sw/{SUBJECT}", "Hujambo").try_out()
    assert fault.startswith("sw: nobody reads it")
    assert Wording(PRODUCT, tmp_path / "nowhere").try_out() == ("there is no such folder",)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("\n{% if %}", f"{SUBJECT}, line 2: Expected an expression, got 'end of statement block'"),
        ("Dear\n{{ view.nickname }}", f"{SUBJECT}, line 2: 'gatekeeper.wording.views.LetterView object' has no attribute"),
        ("{{ cfg.secret }}", f"{SUBJECT}, line 1: 'cfg' is undefined"),
        ("{{ 1 // 0 }}", f"{SUBJECT}, line 1: ZeroDivisionError"),
        ("{{ view.person_name|int('x') / 2 }}", f"{SUBJECT}, line 1: TypeError"),
        ("{% include 'mail/nowhere.j2' %}", f"{SUBJECT}, line 1: 'mail/nowhere.j2' not found"),
        ("{{ 'a' * 10**9 }}", f"{SUBJECT}, line 1: it took more than 64 MB"),
        ("{{ '%1000000000s' % 'a' }}", f"{SUBJECT}, line 1: it took more than 64 MB"),
        (
            "\n{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            f"{SUBJECT}, line 2: it took more",
        ),
        ("{{ 9 ** (9 ** 9) }}", f"{SUBJECT}, mail/reminder/body.txt.j2, mail/reminder/body.html.j2: it took more than 2 s"),
    ],
)
def test_whatever_a_template_does_ours_goes_out_and_the_log_says_where(tmp_path: Path, source: str, fault: str) -> None:
    wording = overridden(tmp_path, SUBJECT, source)
    (said,) = because(wording)
    assert said.startswith(fault)
    (tried,) = wording.try_out()
    assert tried.startswith(fault)
    assert because(wording) == []  # it is not tried again
    assert wording.letter(*LETTERS["warning"]) == OURS.letter(*LETTERS["warning"])


def test_the_process_that_died_is_started_anew_for_the_next_letter(tmp_path: Path) -> None:
    put(tmp_path, "mail/restored/subject.txt.j2", "Back!")
    wording = overridden(tmp_path, SUBJECT, "{{ 9 ** (9 ** 9) }}")
    assert len(because(wording)) == 1
    assert wording.letter(*LETTERS["restored"]).subject == "Back!"
    child = wording._child
    assert child
    assert child._process
    child._process.kill()
    child._process.wait()
    assert len(because(wording)) == 0
    with pytest.raises(TemplateFault):
        child.render(["mail/restored/subject.txt.j2"], "en", "en", {})


@pytest.mark.parametrize(
    "source",
    [
        "{{ view.__class__.__mro__ }}",
        "{{ view['__class__'] }}",
        "{{ view|attr('__init__') }}",
        "{{ ''.__class__ }}",
        "{{ '{0.__class__}'.format(view) }}",
        "{{ '{0.english_name}'.format(locale) }}",
        "{{ locale.english_name }}",
        "{{ locale.parse('de') }}",
        "{{ _.__globals__ }}",
        "{{ self._TemplateReference__context }}",
        "{{ view.owed[0].due_on.today() }}",
        "{{ view.owed[0].remaining.spelled }}",
        "{{ view.told.append }}",
        "{% set _ = {}.update({'a': 1}) %}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ namespace.__init__ }}",
        "{{ range(10**9) }}",
        "{{ environment }}",
    ],
)
def test_a_template_reaches_nothing_but_plain_values(tmp_path: Path, source: str) -> None:
    assert len(because(overridden(tmp_path, SUBJECT, source))) == 1


def test_views_have_fields_and_nothing_to_call() -> None:
    for view in (LetterView, LockoutView, Owed, Product, Promised, Told):
        ours = {name for name, _ in inspect.getmembers(view) if not name.startswith("_")}
        assert ours == {field.name for field in fields(view)}


def test_the_process_has_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEKEEPER__STRIPE__API_KEY", "rk_test_planted")
    child = Child(put(tmp_path, "a.txt.j2", "{{ 1 + 1 }}"))
    assert child.render(["a.txt.j2"], "en", "en", {}) == ["2"]
    assert child._process
    theirs = Path(f"/proc/{child._process.pid}/environ").read_bytes()
    assert b"planted" not in theirs
    assert {pair.partition(b"=")[0] for pair in theirs.split(b"\0") if pair} <= {
        b"PYTHONPATH",
        b"PYTHONUTF8",
        b"LC_ALL",
        b"LC_CTYPE",
    }


def test_only_views_go_to_the_process(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="no template may see a Wording"):
        Child(tmp_path).render([SUBJECT], "en", "en", {"view": OURS})


# What a letter must say (case 55)


def every_fact() -> Iterator[tuple[str, str]]:
    for name, (step, view) in LETTERS.items():
        yield from ((name, label) for label in dict.fromkeys(label for label, _ in _facts(step, view, Locale("en", "GB"))))


@pytest.mark.parametrize(("name", "label"), list(every_fact()))
def test_a_letter_that_leaves_out_a_fact_in_either_part_is_not_written(name: str, label: str) -> None:
    step, view = LETTERS[name]
    written, locale = OURS.letter(step, view), Locale("en", "GB")
    fact = next(fact for found, fact in _facts(step, view, locale) if found == label)
    check(written, step, view, locale)
    lost = (
        replace(written, text=written.text.replace(fact, "")),
        replace(written, html=written.html.replace(fact.replace("&", "&amp;"), "")),
    )
    for part, without in zip(("text", "HTML"), lost, strict=True):
        with pytest.raises(LetterIncomplete, match=f"the {part} part must say"):
            check(without, step, view, locale)


def test_what_each_step_must_name() -> None:
    named: dict[Step, set[str]] = {}
    for step, view in letters(PRODUCT):
        named.setdefault(step, set()).update(name.partition(".")[2] for name, _ in _facts(step, view, Locale("en")))
    invoice = {"number", "remaining", "pay_url", "due_on"}
    assert named == {
        Step.COURTESY: {"support_email", *invoice},
        Step.REMINDER: {"support_email", *invoice},
        Step.WARNING: {"support_email", "suspend_on", "promise.due_on", "leaves_open", *invoice},
        Step.RESTRICT: {"support_email", "closed_on", "leaves_open", *invoice},
        Step.SUSPEND: {"support_email", "closed_on", *invoice},
        Step.RESTORED: {"support_email", *invoice},
        Step.PROMISED: {"support_email", "promise.due_on"},
        Step.UNREACHABLE: {"support_email"},
        Step.NUDGE: {"support_email", *invoice},
        Step.AGAIN: {"support_email", *invoice},
        Step.TRANSFER: {"asked.account_id", "asked.on", "asked.reference"},
        Step.REVIEW: {"asked.account_id", "asked.words"},
    }


def test_a_letter_of_the_operators_without_a_fact_is_replaced_by_ours(tmp_path: Path) -> None:
    source = '{% extends "mail/base.txt.j2" %}{% block message %}{{ view.suspend_on|day }}{% endblock %}'
    wording = overridden(tmp_path, "mail/warning/body.txt.j2", source)
    fault = "mail/warning: the text part must say owed.number: add it to the template"
    assert because(wording, step=Step.WARNING, view=WARNING) == [fault]
    assert wording.try_out() == (fault,)


def test_our_own_letters_and_pages_of_the_examples_can_be_written() -> None:
    for step, view in letters(PRODUCT):
        assert OURS.letter(step, view)
    for name, page in pages(PRODUCT):
        assert OURS.page(name, page, "en")


# Looks and sentences


def test_the_policy_follows_the_style_and_script_of_the_product(tmp_path: Path) -> None:
    wording = overridden(tmp_path, "pages/page.css", "h1 { color: red }")
    assert wording.content_security_policy != OURS.content_security_policy
    assert "<style>h1 { color: red }</style>" in wording.page("gone", None, "en")


@pytest.mark.parametrize(
    ("translation", "fault"),
    [
        ("Pagar %(numero)s", "it must name number"),
        ("Pagar %(number)1000000000s", "it must name number"),
        ("Pagar", "it must name number"),
        ("Pagar 100% %(number)s", "a per cent sign"),
        ("<b>Pagar</b> %(number)s", "it must not have a <"),
        ("Pagar %(number)s ", "it must begin and end"),
    ],
)
def test_a_sentence_that_would_break_a_letter_is_named_and_not_used(tmp_path: Path, translation: str, fault: str) -> None:
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    entry = f'msgid "Invoice %(number)s"\nmsgstr "{translation}"\n'
    put(tmp_path, "locale/gl/LC_MESSAGES/gatekeeper.po", head + entry)  # no language that we have
    wording = Wording(PRODUCT, tmp_path)
    (said,) = wording.try_out()
    assert said.startswith(f"locale/gl/LC_MESSAGES/gatekeeper.po, line 4: {fault}")
    assert "Invoice ACME-0042" in wording.letter(Step.REMINDER, replace(REMINDER, locale="gl")).text


def test_a_catalogue_that_cannot_be_read_is_named_by_its_line(tmp_path: Path) -> None:
    put(tmp_path, "locale/es/LC_MESSAGES/gatekeeper.po", 'msgid ""\nmsgstr ""\nnonsense\n')
    (fault,) = Wording(PRODUCT, tmp_path).try_out()
    assert fault.startswith("locale/es/LC_MESSAGES/gatekeeper.po, line ")
