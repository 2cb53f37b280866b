"""Every language that is promised is complete. `LANGUAGES` says which; a folder without a promise is no fault here."""

import shutil
import subprocess
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from gatekeeper.wording.languages import FILES, LANGUAGES, SOURCE, faults, missing, opened
from tests.wording.samples import POT, TEMPLATES, pseudo_catalogue

PLURALS = {"es": 2, "pt_BR": 2, "pl": 3, "ro": 3, "ar": 6, "fa": 1}  # gettext's manual, "Plural forms"
PERSIAN = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\nPlural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'
HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
TEXTS = HEAD + 'msgid "%(n)s day"\nmsgid_plural "%(n)s days"\nmsgstr[0] ""\nmsgstr[1] ""\n\nmsgid "Pay now"\nmsgstr ""\n'


def of(language: str) -> Path:
    return TEMPLATES / FILES.replace("*", language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_promised_language_translates_every_text(language: str) -> None:
    with POT.open("rb") as file:
        assert missing(of(language), read_po(file)) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.skipif(not shutil.which("msgfmt"), reason="needs gettext (Debian: gettext)")
def test_gettext_finds_nothing_wrong_with_a_promised_language(language: str) -> None:
    subprocess.run(["msgfmt", "--check", "--check-format", "-o", "/dev/null", of(language)], check=True, capture_output=True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_promised_language_has_its_plural_forms(language: str) -> None:
    assert opened(of(language)).num_plurals == PLURALS[language]


def test_no_translation_would_break_a_letter() -> None:
    assert list(faults(TEMPLATES)) == []


def test_what_is_there_is_what_is_promised() -> None:
    assert sorted(path.parts[-3] for path in TEMPLATES.glob(FILES)) == sorted(LANGUAGES)
    assert SOURCE not in LANGUAGES


def catalogue(folder: Path, language: str, source: str) -> Path:
    path = folder / FILES.replace("*", language)
    path.parent.mkdir(parents=True)
    path.write_text(source)
    return path


@pytest.mark.parametrize(
    ("language", "entry", "fault"),
    [
        ("es", 'msgid "Pay now"\nmsgstr "Pagar"', None),
        ("es", 'msgid "Pay now"\nmsgstr ""', None),
        ("es", 'msgid "Pay now"\nmsgstr " Pagar"', "white space"),
        ("es", 'msgid "Pay now"\nmsgstr "Pagar <b>"', "must not have"),
        ("es", 'msgid "Pay now"\nmsgstr "Pagar \\"ya\\""', "must not have"),
        ("es", 'msgid "Pay now"\nmsgstr "Pagar 50 %"', "per cent"),
        ("es", 'msgid "Pay now"\nmsgstr "Pagar 50 %%"', None),
        ("es", 'msgid "Pay %(n)s"\nmsgstr "Pagar"', "must name n"),
        ("es", 'msgid "Pay %(n)s"\nmsgstr "Pagar %(m)s"', "must name n"),
        ("es", 'msgid "Pay %(n)s"\nmsgstr "Pagar %(n)d"', "must name n"),
        ("pl", 'msgid "%(n)s day"\nmsgid_plural "%(n)s days"\nmsgstr[0] "%(n)s"\nmsgstr[1] "%(n)s"', "must have 3 forms"),
        ("ar", 'msgid "one day"\nmsgid_plural "%(n)s days"\n' + "\n".join(f'msgstr[{i}] "%(n)s"' for i in range(6)), None),
        ("fa", 'msgid "one day"\nmsgid_plural "%(n)s days"\nmsgstr[0] "روز"\nmsgstr[1] "%(n)s روز"', None),
        ("fa", 'msgid "%(n)s day"\nmsgid_plural "%(n)s days"\nmsgstr[0] "روز"\nmsgstr[1] "%(n)s روز"', "must name n"),
    ],
)
def test_a_translation_is_judged(tmp_path: Path, language: str, entry: str, fault: str | None) -> None:
    catalogue(tmp_path, language, (PERSIAN if language == "fa" else HEAD) + entry + "\n")
    found = list(faults(tmp_path))
    assert (fault is None and not found) or (fault and len(found) == 1 and fault in found[0]), found


def test_what_is_missing_or_fuzzy_is_counted(tmp_path: Path) -> None:
    (tmp_path / "texts.pot").write_text(TEXTS)
    with (tmp_path / "texts.pot").open("rb") as file:
        wanted = read_po(file)
    day = 'msgid "%(n)s day"\nmsgid_plural "%(n)s days"\n'
    path = catalogue(tmp_path, "es", HEAD + '#, fuzzy\nmsgid "Pay now"\nmsgstr "Pagar"\n\n' + day + 'msgstr[0] "%(n)s"\n')
    assert missing(path, wanted) == ["%(n)s day", "Pay now"]
    path.write_text(HEAD + 'msgid "Pay now"\nmsgstr "Pagar"\n\n' + day + 'msgstr[0] "%(n)s día"\nmsgstr[1] "%(n)s días"\n')
    assert missing(path, wanted) == []


def test_a_catalogue_that_translates_everything_passes(tmp_path: Path) -> None:
    folder = pseudo_catalogue(tmp_path, "pl")
    with POT.open("rb") as file:
        assert missing(folder / FILES.replace("*", "pl"), read_po(file)) == []
    assert list(faults(folder)) == []
