"""What people ask for on the lockout page, written down; also when they all press at once."""

from datetime import timedelta
from typing import Any

import pytest

from gatekeeper.ledger.wish_reader import WishReader
from gatekeeper.model import Audience, PlannedNotice, Standing, Step, Verdict, WishKind
from tests.kit.builders import ACCOUNTANT, day, invoice, on
from tests.kit.ledger import Ledger, at_once

VIEWER = "ana@acme.example"
NOW = on(20)
STAFF = "support@acme.example"


@pytest.fixture
def acme(ledger: Ledger) -> Ledger:
    """`acme` is suspended, in case 1."""
    ledger.read(invoice())
    ledger.judge(Verdict(standing=Standing.SUSPENDED, reasons=()), on(19))
    assert ledger.facts().case_id == 1
    return ledger


def letter(name: str = "2026-03-22") -> PlannedNotice:
    return PlannedNotice(Step.NUDGE, 1, (Audience.ACCOUNTANT,), ACCOUNTANT, (), name=name)


def write(ledger: Ledger, **changes: Any) -> bool:
    asked: dict[str, Any] = {"account_id": "acme", "case_id": 1, "letters": [letter()], "at": NOW, "now": NOW}
    return ledger.writer.wishes.write(viewer=VIEWER, kind=WishKind.NUDGE, **(asked | changes))


def tell(ledger: Ledger, kind: WishKind = WishKind.TRANSFER, **said: Any) -> bool:
    told: dict[str, Any] = {"on": day(19), "reference": "RE-1"} if kind is WishKind.TRANSFER else {"words": "No."}
    return ledger.writer.wishes.tell_staff("acme", VIEWER, kind, 1, staff=STAFF, said=told, at=NOW, now=NOW, **said)


def test_of_many_who_press_at_once_one_has_the_biller_asked(acme: Ledger) -> None:
    ids = at_once(*[lambda: acme.writer.wishes.begin_check("acme", VIEWER, NOW)] * 6)
    assert len([one for one in ids if one is not None]) == 1


def test_of_many_who_press_at_once_one_has_them_written_to(acme: Ledger) -> None:
    at_once(*[lambda: write(acme)] * 6)
    (row,) = acme.rows("notices")
    assert (row["step"], row["address"], row["state"], row["next_try_at"]) == ("nudge", ACCOUNTANT, "planned", NOW)


def test_of_many_promises_at_once_one_is_taken(acme: Ledger) -> None:
    wishes = acme.writer.wishes
    taken = at_once(*[lambda: wishes.promise("acme", VIEWER, 1, due_on=day(25), by=VIEWER, now=NOW)] * 6)
    assert sorted(taken) == [False] * 5 + [True]
    assert [(row["due_on"], row["by"]) for row in acme.rows("promises")] == [(day(25), VIEWER)]
    (noted,) = acme.rows("audit", kind="promise")
    assert noted["actor"] == "lockout page"
    assert acme.touched() == {"acme"}


def test_what_came_of_it_is_read_back_by_whoever_asked(acme: Ledger) -> None:
    reader = WishReader(acme.engine)
    wish_id = acme.writer.wishes.begin_check("acme", VIEWER, NOW)
    assert wish_id is not None
    assert reader.last("acme", VIEWER, NOW) is None, "nothing has come of it yet"
    acme.writer.wishes.end_check(wish_id, "unpaid", ["A-1", "A-2"])
    found = reader.last("acme", "somebody else", NOW)
    assert found == reader.wish(wish_id)
    assert found is not None
    assert (found.kind, found.outcome, found.numbers, found.case_id) == (WishKind.CHECK, "unpaid", ("A-1", "A-2"), 1)
    write(acme)
    assert reader.last("acme", "somebody else", NOW) == found
    last = reader.last("acme", VIEWER, NOW)
    assert last is not None
    assert last.outcome == "written"
    assert reader.last("acme", VIEWER, NOW + timedelta(seconds=1)) is None
    assert reader.last("other", VIEWER, NOW) is None


def test_what_was_said_to_the_staff_is_kept_with_its_letter(acme: Ledger) -> None:
    assert tell(acme)
    (row,) = acme.rows("notices")
    wish = WishReader(acme.engine).wish(int(row["name"]))
    assert wish is not None
    assert (row["step"], row["address"], row["audiences"]) == ("transfer", STAFF, [])
    assert (wish.on, wish.reference, wish.viewer) == (day(19), "RE-1", VIEWER)


def test_transfers_and_reviews_are_bounded_within_a_case(acme: Ledger) -> None:
    assert [tell(acme) for _ in range(4)] == [True, True, True, False]
    assert [tell(acme, WishKind.REVIEW, hold_until=day(23)) for _ in range(2)] == [True, False]
    (hold,) = acme.rows("exemptions")
    assert (hold["staff_hold"], hold["until_on"], hold["author"]) == (True, day(23), "lockout page")
    assert len(acme.rows("notices")) == 4


def test_nothing_is_asked_for_in_a_case_that_is_over_or_of_nobody(acme: Ledger) -> None:
    assert not write(acme, case_id=2)
    assert not write(acme, account_id="nobody")
    assert acme.writer.wishes.begin_check("nobody", VIEWER, NOW) is None
    assert not acme.writer.wishes.promise("acme", VIEWER, 2, due_on=day(25), by=VIEWER, now=NOW)
    assert acme.rows("wishes") == []


def test_checks_are_forgotten_after_a_day(acme: Ledger) -> None:
    acme.writer.wishes.begin_check("acme", VIEWER, NOW)
    write(acme)
    acme.writer.wishes.begin_check("acme", VIEWER, NOW + timedelta(hours=25))
    assert [row["kind"] for row in acme.rows("wishes")] == ["nudge", "check"]


def test_who_is_let_in_is_found_among_those_who_wait(acme: Ledger) -> None:
    reader = WishReader(acme.engine)
    before = reader.revision()
    assert reader.open_among({"acme", "unknown"}) == {"unknown"}
    acme.judge(Verdict(standing=Standing.PAST_DUE, reasons=()), NOW)
    assert reader.open_among({"acme"}) == {"acme"}
    assert reader.revision() > before
