"""What the letter of each step says, and what it leaves unsaid."""

import re
from dataclasses import replace

import pytest

from gatekeeper.model import Audience, Step
from gatekeeper.wording import LetterIncomplete, Owed, Wording
from tests.wording.samples import COURTESY, FURTHER, LETTERS, OLDER, OWED, PRODUCT, Document

WORDING = Wording(PRODUCT)

_COURTESY = ("An invoice from Acme Cloud falls due on 1 December 2026", "2 invoices from Acme Cloud fall due soon")
_REMINDER = (
    "eminder: an invoice from Acme Cloud is past its due date",
    "eminder: 2 invoices from Acme Cloud are past their due dates",
)
SUBJECTS = {
    "courtesy": _COURTESY,
    "courtesy-to-user": _COURTESY,
    "reminder": tuple(f"R{subject}" for subject in _REMINDER),
    "further-reminder": tuple(f"Another r{subject}" for subject in _REMINDER),
    "warning": ("Access to Acme Cloud ends on 19 December 2026",) * 2,
    "warning-reading-stays": ("Some parts of Acme Cloud close on 19 December 2026",) * 2,
    "warning-paths-stay": ("Some parts of Acme Cloud close on 19 December 2026",) * 2,
    "restored": ("Full access to Acme Cloud is back",) * 2,
}


@pytest.mark.parametrize("name", LETTERS)
def test_subjects_name_neither_the_account_nor_an_amount(name: str) -> None:
    step, view = LETTERS[name]
    assert tuple(WORDING.letter(step, replace(view, owed=owed)).subject for owed in ((OLDER,), OWED)) == SUBJECTS[name]


def parts(name: str) -> list[str]:
    """What is read of a letter: its subject and text, and its HTML."""
    written = WORDING.letter(*LETTERS[name])
    return [f"{written.subject}\n{written.text}", Document(written.html).visible]


def test_a_courtesy_speaks_of_nothing_but_the_day_on_which_it_falls_due() -> None:
    for name in ("courtesy", "courtesy-to-user"):
        for part in parts(name):
            assert not re.search(r"suspen|access|clos|restrict|overdue|past|late|remind|still|ago\b", part, re.IGNORECASE), part
            assert re.search("falls? due in a few days", part)


def test_a_courtesy_asks_the_user_to_tell_the_accountant_and_the_accountant_whether_it_arrived() -> None:
    for part in parts("courtesy-to-user"):
        assert "Please tell your accountant" in part
        assert "be sure that you have" not in part
    both_of_them = WORDING.letter(Step.COURTESY, replace(COURTESY, audiences=(Audience.USER, Audience.ACCOUNTANT))).text
    for part in (*parts("courtesy"), both_of_them):
        assert "We wanted to be sure that you have them" in part
        assert "accountant" not in part


@pytest.mark.parametrize("owed", [(), (replace(OLDER, due_on=None),)])
def test_a_courtesy_without_a_due_date_is_not_written(owed: tuple[Owed, ...]) -> None:
    with pytest.raises(LetterIncomplete, match="set owed, and due_on of each"):
        WORDING.letter(Step.COURTESY, replace(COURTESY, owed=owed))


def test_a_further_reminder_says_that_it_is_one_and_who_was_told() -> None:
    for part in parts("further-reminder"):
        assert re.search("Another (friendly )?reminder", part)
        assert "writing about them once more" in part
        assert "2 December 2026, to a•••@blue-door.example and b•••@blue-door.example" in part
        assert "thought that you would like to know" not in part
    for part in parts("reminder"):
        assert not re.search("nother|once more|told", part)
    untold = WORDING.letter(Step.REMINDER, replace(FURTHER, told=()))
    assert "We first wrote about this on 2 December 2026." in untold.text


def test_a_warning_says_what_closes_and_what_stays_open() -> None:
    for part in parts("warning-reading-stays"):
        assert "some parts of Acme Cloud will be closed for everybody at Blue Door Ltd from 19 December 2026" in part
        assert "Reading stays possible everywhere in Acme Cloud" in part
        assert not re.search("suspen|stay open", part, re.IGNORECASE)
    for part in parts("warning-paths-stay"):
        assert "some parts of Acme Cloud will be closed" in part
        assert "These parts of Acme Cloud stay open: /reports and /data/export." in part
        assert not re.search("suspen|reading", part, re.IGNORECASE)
    for part in parts("warning"):
        assert "access to Acme Cloud will be suspended" in part
        assert not re.search("parts of|stay open|reading", part, re.IGNORECASE)
