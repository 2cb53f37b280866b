"""What each letter says to whom, and what it leaves unsaid."""

import re
from dataclasses import replace

import pytest

from gatekeeper.model import Audience, Step
from gatekeeper.wording import LetterIncomplete, Owed, Wording
from tests.wording.samples import CLOSED, COURTESY, FURTHER, LETTERS, OLDER, OWED, PRODUCT, RESTORED, TO_BOTH, WARNING, Document

WORDING = Wording(PRODUCT)

_READ = ("Please read: your access to Acme Cloud",) * 2
_NOTED = ("Thank you: what we have noted about your invoices from Acme Cloud",) * 2
_BACK = ("Full access to Acme Cloud is back",) * 2


def _about(opening: str) -> tuple[str, str]:
    return f"{opening} an invoice from Acme Cloud", f"{opening} invoices from Acme Cloud"


def _before(day: str) -> dict[str, tuple[str, str]]:
    return {
        "": (f"Please read before {day}: an invoice from Acme Cloud", f"Please read before {day}: invoices from Acme Cloud"),
        "-to-user": (f"Please read before {day}: your access to Acme Cloud",) * 2,
    }


def _both(subjects: tuple[str, str]) -> dict[str, tuple[str, str]]:
    return {"": subjects, "-to-user": subjects}


# Each for one invoice and for two
SUBJECTS = {
    f"{name}{ending}": subjects
    for name, both in {
        "courtesy": {
            "": ("An invoice from Acme Cloud falls due soon", "Some invoices from Acme Cloud fall due soon"),
            "-to-user": (
                "For your accountant: a coming invoice from Acme Cloud",
                "For your accountant: coming invoices from Acme Cloud",
            ),
        },
        "reminder": {"": _about("A reminder about"), "-to-user": _about("For your accountant: a reminder about")},
        "further-reminder": {
            "": _about("Another reminder about"),
            "-to-user": _about("For your accountant: another reminder about"),
        },
        **dict.fromkeys(("warning", "warning-reading-stays", "warning-paths-stay"), _before("Saturday, 19 December 2026")),
        **dict.fromkeys(("broken", "broken-in-part"), _before("Tuesday, 29 December 2026")),
        **dict.fromkeys(("restrict-reading-stays", "restrict-paths-stay", "suspend"), _both(_READ)),
        **dict.fromkeys(("restored", "restored-owing"), _both(_BACK)),
        **dict.fromkeys(("promised", "promised-in-part"), _both(_NOTED)),
    }.items()
    for ending, subjects in both.items()
} | {
    "suspend-to-both": _READ,
    **dict.fromkeys(
        ("unreachable-accountant", "unreachable-no-accountant"),
        ("Please help us to reach your accountant: a message from Acme Cloud",) * 2,
    ),
    **dict.fromkeys(
        ("unreachable-user", "unreachable-no-user"), ("Please help us to reach the people who use Acme Cloud",) * 2
    ),
}


@pytest.mark.parametrize("name", LETTERS)
def test_subjects_can_be_seen_by_anybody_who_looks_over_a_shoulder(name: str) -> None:
    step, view = LETTERS[name]
    subjects = tuple(WORDING.letter(step, replace(view, owed=owed)).subject for owed in ((OLDER,), OWED))
    assert subjects == SUBJECTS[name]
    for subject in subjects:
        assert not re.search(r"ACME-|€|CLP|Blue Door|Ana|suspen|overdue|owe|restrict", subject, re.IGNORECASE)


def parts(name: str) -> list[str]:
    """What is read of a letter: its subject and text, and its HTML."""
    written = WORDING.letter(*LETTERS[name])
    return [f"{written.subject}\n{written.text}", Document(written.html).visible]


USERS = [name for name, (_, view) in LETTERS.items() if view.audiences == (Audience.USER,)]
PAYERS = [name for name, (_, view) in LETTERS.items() if Audience.ACCOUNTANT in view.audiences]


@pytest.mark.parametrize("name", [name for name in USERS if LETTERS[name][1].owed])
def test_a_user_is_asked_to_tell_the_accountant_and_pays_nothing_alone(name: str) -> None:
    for part in parts(name):
        assert re.search("Please tell your accountant|let your accountant know", part)
        assert part.index("For your accountant", len("For your accountant: ")) < part.index("Amount due")
        if "promised" not in name and "restored" not in name:
            assert "forward this message to your accountant" in part


@pytest.mark.parametrize("name", PAYERS)
def test_an_accountant_is_not_sent_to_an_accountant(name: str) -> None:
    for part in parts(name):
        assert "accountant" not in part


@pytest.mark.parametrize("name", [name for name in PAYERS if LETTERS[name][1].owed and "unreachable" not in name])
def test_an_accountant_learns_what_to_do_when_something_is_wrong(name: str) -> None:
    for part in parts(name):
        assert re.search("not right|something is wrong|not what was agreed|still open:", part)
        assert "downloaded as a PDF file" in part


def test_who_is_both_gets_the_accountants_letter() -> None:
    for step, view in ((Step.COURTESY, COURTESY), (Step.SUSPEND, CLOSED), (Step.WARNING, WARNING)):
        both = WORDING.letter(step, replace(view, audiences=TO_BOTH))
        assert both == WORDING.letter(step, replace(view, audiences=(Audience.ACCOUNTANT,)))
    assert "Access is back within seconds after the payment arrives." in both.text or "it opens again" in both.text


def test_a_courtesy_speaks_of_nothing_but_the_day_on_which_it_falls_due() -> None:
    for name in ("courtesy", "courtesy-to-user"):
        for part in parts(name):
            assert not re.search(r"suspen|access|clos|restrict|overdue|past|late|remind|still|ago\b", part, re.IGNORECASE), part
            assert re.search("falls? due in a few days", part)
    for part in parts("courtesy"):
        assert "We wanted to be sure that you have them" in part


@pytest.mark.parametrize("owed", [(), (replace(OLDER, due_on=None),)])
def test_a_courtesy_without_a_due_date_is_not_written(owed: tuple[Owed, ...]) -> None:
    with pytest.raises(LetterIncomplete, match="set owed, and due_on of each"):
        WORDING.letter(Step.COURTESY, replace(COURTESY, owed=owed))


def test_a_reminder_threatens_with_nothing() -> None:
    for name in LETTERS:
        if "reminder" in name:
            for part in parts(name):
                assert not re.search("suspen|access|close|restrict", part, re.IGNORECASE)
                assert "Nothing changes for now" in part


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
        assert "some parts of Acme Cloud will be closed for everybody at Blue Door Ltd from Saturday, 19 December 2026" in part
        assert "Reading stays possible everywhere in Acme Cloud" in part
        assert not re.search("suspen|stay open", part, re.IGNORECASE)
    for part in parts("warning-paths-stay"):
        assert "some parts of Acme Cloud will be closed" in part
        assert "These parts of Acme Cloud stay open: /reports and /data/export." in part
        assert not re.search("suspen|reading", part, re.IGNORECASE)
    for part in parts("warning"):
        assert "access to Acme Cloud will be suspended for everybody at Blue Door Ltd on Saturday, 19 December 2026" in part
        assert not re.search("parts of|stay open|reading", part, re.IGNORECASE)


def test_a_warning_after_a_promise_says_what_was_promised_and_names_the_new_day() -> None:
    for ending in ("", "-to-user"):
        for part in parts(f"broken{ending}"):
            assert "the open invoices would be paid by Wednesday, 23 December 2026. The payment has not reached us yet." in part
            assert "access to Acme Cloud will be suspended for everybody at Blue Door Ltd on Tuesday, 29 December 2026" in part
        for part in parts(f"broken-in-part{ending}"):
            assert "We had noted that €50.25 would be paid by Wednesday, 23 December 2026. It has not reached us yet." in part
    for part in parts("warning"):
        assert "We had noted" not in part


@pytest.mark.parametrize("ending", ["", "-to-user"])
def test_the_word_of_a_closing_says_since_when_why_and_where_the_messages_may_be(ending: str) -> None:
    for name in ("suspend", "restrict-reading-stays", "restrict-paths-stay"):
        for part in parts(f"{name}{ending}"):
            assert "since Saturday, 19 December 2026" in part
            assert "Please look into your spam folder" in part
            assert "14 December 2026, to a•••@blue-door.example and b•••@blue-door.example" in part
            assert ("suspended" in part) == (name == "suspend")
            assert ("These parts of Acme Cloud stay open: /reports and /data/export." in part) == (
                name == "restrict-paths-stay"
            )
    dateless = WORDING.letter(Step.SUSPEND, replace(CLOSED, closed_on=None, told=(), first_written_on=None)).text
    assert "is suspended for everybody at Blue Door Ltd for now" in dateless
    assert "spam" not in dateless


def test_the_word_that_access_is_back_asks_for_nothing_unless_something_is_open() -> None:
    assert "accountant" not in WORDING.letter(Step.RESTORED, replace(RESTORED, audiences=(Audience.USER,))).text
    for part in parts("restored-owing-to-user"):
        assert "These invoices are still open. Please tell your accountant." in part


def test_a_promise_is_confirmed_with_its_amount_its_day_and_what_follows() -> None:
    for ending in ("", "-to-user"):
        for part in parts(f"promised{ending}"):
            assert "everything that is due now will be paid by Wednesday, 23 December 2026." in part
            assert "Until the end of that day we take no further step." in part
            assert "we will write again and name a new day" in part
        for part in parts(f"promised-in-part{ending}"):
            assert "€50.25 will be paid by Wednesday, 23 December 2026." in part


def test_who_can_be_reached_is_asked_for_the_address_of_who_cannot() -> None:
    for part in parts("unreachable-accountant"):
        assert "do not arrive. We wrote to b•••@blue-door.example." in part
    for part in parts("unreachable-no-accountant"):
        assert "We have no address of an accountant" in part
    for part in parts("unreachable-user"):
        assert "to the people who use Acme Cloud at Blue Door Ltd do not arrive. We wrote to a•••@blue-door.example." in part
    for part in parts("unreachable-no-user"):
        assert "We have no address of anybody who uses Acme Cloud at Blue Door Ltd." in part
    for name in ("accountant", "no-accountant", "user", "no-user"):
        for part in parts(f"unreachable-{name}"):
            assert "the right address" in part
