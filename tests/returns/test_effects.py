"""What came back, and what it does to the ledger: on both databases, in any order, as often as it comes (cases 48-50)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.model import NoticeState, Outcome, Report, Returned, ReturnKind
from tests.kit.builders import DUE_AT
from tests.kit.rig import ACCEPTED, Rig, rigged

ACCOUNTANT = "accountant@acme.example"
BOUNCED, DELAYED, COMPLAINED = ReturnKind.BOUNCED, ReturnKind.DELAYED, ReturnKind.COMPLAINED


@pytest.fixture
def rig(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rigged(database_url, tmp_path_factory.mktemp("rig")) as made:
        made.books.owe("acme")
        made.look()
        yield made


def letter(rig: Rig) -> dict[str, object]:
    """The accountant's reminder."""
    (row,) = [row for row in rig.ledger.rows("notices") if row["audiences"] == ["accountant"]]
    return row


def about(rig: Rig, *reports: Report) -> Returned:
    return Returned(message_ids=(str(letter(rig)["message_id"]),), reports=reports or (Report(BOUNCED, "550 unknown"),))


def take(rig: Rig, returned: Returned) -> str:
    return rig.ledger.writer.returns.take(returned, source="mail", now=rig.clock())


def audit(rig: Rig) -> list[dict[str, object]]:
    return [row for row in rig.ledger.rows("audit") if row["kind"] in set(ReturnKind)]


def test_a_bounce_takes_back_what_was_accepted_with_one_audit_row_and_has_the_account_looked_at(rig: Rig) -> None:
    rig.post()
    rig.ledger.settle_all()
    assert take(rig, about(rig)) == "acme"
    assert letter(rig)["state"] == "bounced"
    assert letter(rig)["detail"] == "250 taken | bounced: 550 unknown"
    assert rig.ledger.touched() == {"acme"}
    (row,) = audit(rig)
    assert (row["kind"], row["before"], row["after"], row["actor"]) == ("bounced", "accepted", "bounced", "mail")
    assert row["reasons"] == [
        {"code": "bounced", "params": {"notice": letter(rig)["id"], "step": "reminder", "what": "550 unknown"}}
    ]


@pytest.mark.parametrize("kind", list(ReturnKind))
def test_case_49_the_46th_time_changes_as_little_as_the_second(rig: Rig, kind: ReturnKind) -> None:
    rig.post()
    assert take(rig, about(rig, Report(kind, "words"))) == "acme"
    before = rig.ledger.dump()
    for _ in range(45):
        assert take(rig, about(rig, Report(kind, "words"))) == ""
    assert rig.ledger.dump() == before


def test_case_49_what_names_no_letter_of_ours_changes_nothing(rig: Rig) -> None:
    rig.post()
    before = rig.ledger.dump()
    for message_id in ("<gk-0@gatekeeper.example>", "<>", "", "x" * 1000):
        assert take(rig, replace(about(rig), message_ids=(message_id,))) == ""
    assert take(rig, replace(about(rig), message_ids=())) == ""
    assert take(rig, replace(about(rig), reports=())) == ""
    assert rig.ledger.dump() == before


def test_a_letter_that_was_never_sent_cannot_come_back(rig: Rig) -> None:
    assert take(rig, about(rig)) == ""
    assert letter(rig)["state"] == "planned"


def test_a_bounce_that_overtakes_the_servers_answer_is_not_undone_by_it(rig: Rig) -> None:
    outbox = rig.ledger.writer.outbox
    claimed = []
    while notice := outbox.claim(rig.clock()):
        claimed.append(notice)
    assert take(rig, about(rig)) == "acme"
    for notice in claimed:
        outbox.settle(notice, ACCEPTED, rig.clock())
    assert letter(rig)["state"] == "bounced"


@pytest.mark.parametrize("state", [NoticeState.UNCERTAIN, NoticeState.DEFERRED])
def test_what_bounced_is_not_sent_again_whatever_was_known_of_it(rig: Rig, state: NoticeState) -> None:
    rig.post(Outcome(state=state, detail="?"))
    assert take(rig, about(rig)) == "acme"
    assert letter(rig)["state"] == "bounced"
    assert letter(rig)["next_try_at"] is None
    rig.clock.move(days=1)
    assert str(letter(rig)["message_id"]) not in [notice.message_id for notice in rig.post()]


def test_a_delay_is_noted_and_nothing_else(rig: Rig) -> None:
    rig.post()
    assert take(rig, about(rig, Report(DELAYED, "4.4.1"))) == "acme"
    assert (letter(rig)["state"], letter(rig)["detail"]) == ("accepted", "250 taken | delayed: 4.4.1")
    assert take(rig, about(rig, Report(DELAYED, "4.4.2"))) == "acme"
    assert letter(rig)["detail"] == "250 taken | delayed: 4.4.2"
    assert take(rig, about(rig)) == "acme"
    assert take(rig, about(rig, Report(DELAYED, "4.4.3"))) == ""


def test_case_50_a_complaint_calls_a_person_and_takes_no_evidence_away(rig: Rig) -> None:
    rig.post()
    assert take(rig, about(rig, Report(COMPLAINED, "abuse"))) == "acme"
    assert (letter(rig)["state"], letter(rig)["accepted_at"]) == ("accepted", DUE_AT)
    assert rig.ledger.reader.complaints_of("acme") == [DUE_AT]
    assert take(rig, about(rig, Report(DELAYED, "late"))) == ""
    assert letter(rig)["detail"] == "250 taken | complained: abuse"
    assert rig.ledger.reader.complaints_of("nobody") == []


@pytest.mark.parametrize(
    ("reports", "state"),
    [
        ((Report(DELAYED, "", ACCOUNTANT), Report(BOUNCED, "", "else@b.example")), "accepted"),
        ((Report(BOUNCED, "", ACCOUNTANT), Report(DELAYED, "", "else@b.example")), "bounced"),
        ((Report(DELAYED, "", "a@b.example"), Report(BOUNCED, "", "c@b.example")), "bounced"),
        ((Report(DELAYED), Report(BOUNCED)), "bounced"),
    ],
)
def test_what_is_said_of_the_very_address_goes_before_what_is_said_of_others(
    rig: Rig, reports: tuple[Report, ...], state: str
) -> None:
    rig.post()
    take(rig, about(rig, *reports))
    assert letter(rig)["state"] == state


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(ReturnKind), st.sampled_from(["", "a", "b"])), max_size=6))
def test_whatever_comes_back_in_whatever_order_never_makes_anything_of_a_letter_that_it_was_not(
    tmp_path_factory: pytest.TempPathFactory, came: list[tuple[ReturnKind, str]]
) -> None:
    """It bounced or it did not, each change has its row, and no standing changes before a review."""
    folder = tmp_path_factory.mktemp("rig")
    with rigged(f"sqlite:///{folder / 'ledger.db'}", folder) as rig:
        rig.books.owe("acme")
        rig.look()
        rig.post()
        standings = rig.standings()
        changes = sum(bool(take(rig, about(rig, Report(kind, said)))) for kind, said in came)
        assert letter(rig)["state"] == ("bounced" if BOUNCED in [kind for kind, _ in came] else "accepted")
        assert len(audit(rig)) == changes
        assert rig.standings() == standings
