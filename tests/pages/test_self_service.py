"""What people can do on the lockout page by themselves, on a real ledger (practice P2, P4; cases 103, 139, 141)."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from gatekeeper.model import NoticeState, Origin, Outcome, Standing, Step
from tests.kit.lobby import SIGNERS, STAFF, Lobby, buttons, text_of
from tests.kit.published import published
from tests.kit.rig import rigged

PAYER, MEMBER = "accountant@acme.example", "somebody.else@acme.example"
REFUSED = Outcome(state=NoticeState.REFUSED, detail="550 nobody here")


def letters(lobby: Lobby, step: Step) -> list[tuple[str, str]]:
    return [(row["address"], row["state"]) for row in lobby.rig.ledger.rows("notices", step=step.value)]


def standing(lobby: Lobby) -> Standing:
    return lobby.rig.standings()["acme"]


def is_let_in(lobby: Lobby) -> bool:
    """Whether the gates have been told so."""
    return "acme" not in published(lobby.rig.snapshot_path).standings or standing(lobby) is Standing.PAST_DUE


# Who sees what


def test_a_payer_sees_what_is_owed_and_how_to_pay_it(lobby: Lobby) -> None:
    page = lobby.see(PAYER.upper())
    text = text_of(page)
    assert page.status_code == 402
    assert "€50.00" in text
    assert "ACME-1" in text
    assert re.search(r'href="https://bill.acme.example/pay/[\w-]+"', page.text)
    assert re.search(r'href="https://bill.acme.example/pay/[\w-]+/pdf"', page.text)
    assert buttons(page) == {"check", "again", "transfer", "promise", "review"}


def test_a_member_sees_who_pays_and_no_amount(lobby: Lobby) -> None:
    page = lobby.see(MEMBER)
    text = text_of(page)
    assert "a•••@acme.example" in text
    assert "50" not in text
    assert "/pay/" not in page.text
    assert PAYER not in page.text
    assert buttons(page) == {"check", "remind", "review"}


def test_whom_the_edge_does_not_name_sees_what_both_see(lobby: Lobby) -> None:
    page = lobby.see("")
    assert "€50.00" in text_of(page)
    assert "a•••@acme.example" in text_of(page)
    assert buttons(page) == {"check", "remind", "again", "transfer", "promise", "review"}


def test_a_token_that_names_the_account_alone_goes_on_working(lobby: Lobby) -> None:
    token = str(SIGNERS.page.dumps("acme"))
    assert "€50.00" in lobby.ask("GET", f"/overdue?token={token}").text


@pytest.mark.parametrize("account", ["acme", "of nobody"])
def test_case_103_a_stranger_learns_of_no_debt_and_no_name(lobby: Lobby, account: str) -> None:
    page = lobby.see("-", account=account)
    text = text_of(page).lower()
    assert page.status_code == 402
    assert "not available at the moment" in text
    assert STAFF in text
    for told in ("acme-1", "acme ltd", "50", "overdue", "paid", "pay", "invoice", "suspended", "access", "a•••"):
        assert told not in text.replace("acme cloud", ""), told
    assert buttons(page) == set()


def test_a_stranger_can_do_nothing(lobby: Lobby) -> None:
    for action in ("check", "remind", "again", "promise", "transfer", "review"):
        assert lobby.press(action, "-", on="2026-03-25", reference="1", words="1").status_code == 403
    assert lobby.rig.ledger.rows("wishes") == []


@pytest.mark.parametrize(
    ("action", "viewer"), [("remind", PAYER), ("again", MEMBER), ("promise", MEMBER), ("transfer", MEMBER)]
)
def test_what_is_not_on_somebodys_page_cannot_be_pressed(lobby: Lobby, action: str, viewer: str) -> None:
    today = lobby.rig.clock().date().isoformat()
    assert lobby.press(action, viewer, on=today, reference="1").status_code == 303
    assert lobby.rig.ledger.rows("wishes") == []
    assert standing(lobby) is Standing.SUSPENDED


# Check now


def test_who_has_paid_is_let_in_by_the_press_of_a_button(lobby: Lobby) -> None:
    lobby.rig.books.pay("in_acme_1")
    answer = lobby.press("check", MEMBER, path="/work")
    assert (answer.status_code, answer.headers["refresh"]) == (200, "1; url=/work")
    assert "Access is back" in answer.text
    assert standing(lobby) is Standing.CURRENT
    assert is_let_in(lobby)
    assert lobby.woken


def test_who_has_not_paid_is_told_what_is_still_seen(lobby: Lobby) -> None:
    answer = lobby.press("check", PAYER, path="/work")
    assert (answer.status_code, answer.headers["location"]) == (303, "/work")
    assert "We looked at 10:00 (UTC): invoice ACME-1 is still unpaid." in text_of(lobby.see(PAYER))


def test_what_came_of_it_is_shown_for_some_minutes(lobby: Lobby) -> None:
    lobby.press("check")
    lobby.rig.clock.move(minutes=11)
    assert "We looked" not in text_of(lobby.see())


def test_a_biller_who_does_not_answer_is_not_taken_for_a_debt_that_is_still_there(lobby: Lobby) -> None:
    lobby.rig.books.down = "a storm"
    lobby.press("check")
    text = text_of(lobby.see())
    assert "our payment provider does not answer" in text
    assert "still unpaid" not in text


def test_what_is_billed_elsewhere_is_for_a_person_to_book(tmp_path: Path) -> None:
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as rig:
        lobby = Lobby(rig)
        lobby.suspend()
        with rig.ledger.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE invoices SET origin = '{Origin.STATEMENT}'")
        asked = len(rig.books.asked)
        lobby.press("check")
        assert "a person books it" in text_of(lobby.see())
        assert len(rig.books.asked) == asked


def test_a_check_within_ten_seconds_shows_the_last_one(lobby: Lobby) -> None:
    lobby.press("check", MEMBER)
    asked = len(lobby.rig.books.asked)
    lobby.rig.clock.move(seconds=9)
    lobby.press("check", PAYER)
    assert len(lobby.rig.books.asked) == asked
    assert "We looked at 10:00 (UTC)" in text_of(lobby.see(PAYER))
    lobby.rig.clock.move(seconds=1)
    lobby.press("check", PAYER)
    assert len(lobby.rig.books.asked) > asked


def test_an_account_is_looked_for_twenty_times_an_hour(lobby: Lobby) -> None:
    for _ in range(25):
        lobby.press("check")
        lobby.rig.clock.move(minutes=1)
    assert len(lobby.rig.ledger.rows("wishes")) == 20
    lobby.rig.clock.move(hours=1)
    lobby.press("check")
    assert len(lobby.rig.ledger.rows("wishes")) == 21


def test_a_check_never_closes_anything(tmp_path: Path) -> None:
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as rig:
        lobby = Lobby(rig)
        rig.books.owe("acme")
        rig.look()
        assert lobby.press("check").headers["refresh"] == "1; url=/"
        assert standing(lobby) is Standing.PAST_DUE


# Letters to those who pay


def test_a_member_has_the_accountant_reminded(lobby: Lobby) -> None:
    assert lobby.press("remind", MEMBER, path="/work").headers["location"] == "/work"
    assert letters(lobby, Step.NUDGE) == [(PAYER, "planned")]
    assert "We are writing to a•••@acme.example." in text_of(lobby.see(MEMBER))
    lobby.rig.post()
    text = text_of(lobby.see(MEMBER))
    assert "We have written to a•••@acme.example." in text
    assert "We have reminded them today" in text
    assert "remind" not in buttons(lobby.see(MEMBER))


def test_what_came_of_it_is_shown_to_whoever_asked(lobby: Lobby) -> None:
    lobby.press("remind", MEMBER)
    assert "We are writing" not in text_of(lobby.see(PAYER))
    assert "We are writing" not in text_of(lobby.see("a.third@acme.example"))


def test_an_accountant_has_the_invoice_sent_again(lobby: Lobby) -> None:
    lobby.press("again", PAYER)
    assert letters(lobby, Step.AGAIN) == [(PAYER, "planned")]
    assert "The invoice was sent again today." in text_of(lobby.see(PAYER))


@pytest.mark.parametrize(("action", "step"), [("remind", Step.NUDGE), ("again", Step.AGAIN)])
def test_they_are_written_to_once_a_day_whoever_asks(lobby: Lobby, action: str, step: Step) -> None:
    for _ in range(3):
        lobby.press(action)
        lobby.rig.post()
    assert len(letters(lobby, step)) == 1
    lobby.rig.clock.move(days=1)
    lobby.press(action)
    assert len(letters(lobby, step)) == 2


def test_nobody_is_written_to_whom_letters_do_not_reach(lobby: Lobby) -> None:
    lobby.press("remind")
    lobby.rig.post(REFUSED)
    assert "We could not reach whoever pays by e-mail." in text_of(lobby.see())
    lobby.rig.clock.move(days=1)
    assert "We know nobody whom we could write to about invoices" in text_of(lobby.see())
    lobby.press("remind", MEMBER)
    assert len(letters(lobby, Step.NUDGE)) == 1
    assert "We could not reach whoever pays by e-mail." in text_of(lobby.see(MEMBER))


def test_a_letter_that_was_asked_for_is_no_evidence_and_opens_and_closes_nothing(lobby: Lobby) -> None:
    before = lobby.rig.ledger.facts()
    lobby.press("remind")
    lobby.press("again")
    lobby.rig.post()
    lobby.rig.review.run(lobby.rig.clock(), ["acme"])
    assert lobby.rig.ledger.facts().standing_since_at == before.standing_since_at
    lobby.rig.books.pay("in_acme_1")
    lobby.press("check")
    assert standing(lobby) is Standing.CURRENT


# A promise


def test_a_promise_opens_at_once_and_both_people_are_told(lobby: Lobby) -> None:
    day = lobby.rig.clock().date() + timedelta(days=7)
    answer = lobby.press("promise", PAYER, path="/work", on=day.isoformat())
    assert answer.headers["refresh"] == "1; url=/work"
    assert standing(lobby) is Standing.PAST_DUE
    assert is_let_in(lobby)
    assert {address for address, _ in letters(lobby, Step.PROMISED)} == {PAYER, "user@acme.example"}
    (promise,) = lobby.rig.ledger.rows("promises")
    assert (promise["due_on"], promise["by"]) == (day, PAYER)


def test_a_promise_is_taken_once_in_a_case(lobby: Lobby) -> None:
    day = lobby.rig.clock().date() + timedelta(days=1)
    lobby.press("promise", on=day.isoformat())
    lobby.rig.clock.move(days=30)
    lobby.rig.climb()
    lobby.rig.review.run(lobby.rig.clock())
    assert standing(lobby) is Standing.SUSPENDED
    assert "promise" not in buttons(lobby.see())
    later = lobby.rig.clock().date() + timedelta(days=1)
    assert lobby.press("promise", on=later.isoformat()).status_code == 422
    assert len(lobby.rig.ledger.rows("promises")) == 1


@pytest.mark.parametrize("days", [-1, 8])
def test_a_day_that_may_not_be_promised_is_named_beside_its_field(lobby: Lobby, days: int) -> None:
    day = lobby.rig.clock().date() + timedelta(days=days)
    answer = lobby.press("promise", on=day.isoformat(), path="/work")
    assert answer.status_code == 422
    assert "Choose a day from 21 March 2026 to 28 March 2026." in text_of(answer)
    assert 'data-home="/work"' in answer.text
    assert lobby.rig.ledger.rows("promises") == []


@pytest.mark.parametrize("text", ["", "soon", "2026-02-30", "20260325T00", "9" * 5000, "٢٠٢٦-٠٣-٢٥"])
def test_what_is_no_day_is_asked_for_again(lobby: Lobby, text: str) -> None:
    assert lobby.press("promise", on=text).status_code == 422


def test_an_operator_who_takes_no_promises_offers_none(tmp_path: Path) -> None:
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as rig:
        lobby = Lobby(rig, promise_days=0)
        lobby.suspend()
        assert "promise" not in buttons(lobby.see())
        assert lobby.press("promise", on=rig.clock().date().isoformat()).status_code == 422


def test_who_calls_money_back_does_not_open_the_door_by_a_promise(lobby: Lobby) -> None:
    lobby.rig.books.dispute_payment("acme")
    lobby.rig.sync.reconcile()
    assert "promise" not in buttons(lobby.see())


# Word to the staff


def test_a_transfer_reaches_the_staff(lobby: Lobby) -> None:
    day = lobby.rig.clock().date().isoformat()
    assert lobby.press("transfer", PAYER, on=day, reference=" RE-1\r\nBcc: x@evil.example ").status_code == 303
    (wish,) = lobby.rig.ledger.rows("wishes")
    assert (wish["on"].isoformat(), wish["reference"]) == (day, "RE-1 Bcc: x@evil.example")
    assert letters(lobby, Step.TRANSFER) == [(STAFF, "planned")]
    assert "A person will look for your transfer of 21 March 2026." in text_of(lobby.see(PAYER))
    assert standing(lobby) is Standing.SUSPENDED


@pytest.mark.parametrize(
    ("days", "reference", "faulty"),
    [(1, "RE-1", ["transfer-on"]), (0, "  ", ["transfer-reference"]), (5, "x" * 141, ["transfer-on", "transfer-reference"])],
)
def test_what_is_wrong_with_a_transfer_stands_beside_its_field(
    lobby: Lobby, days: int, reference: str, faulty: list[str]
) -> None:
    day = lobby.rig.clock().date() + timedelta(days=days)
    answer = lobby.press("transfer", on=day.isoformat(), reference=reference)
    assert answer.status_code == 422
    assert [name for name in ("transfer-on", "transfer-reference") if f'id="{name}-fault"' in answer.text] == faulty
    assert f'value="{day.isoformat()}"' in answer.text, "what was entered is still there"


def test_three_transfers_are_taken_in_a_case(lobby: Lobby) -> None:
    for number in range(5):
        lobby.press("transfer", on=lobby.rig.clock().date().isoformat(), reference=str(number))
    assert len(letters(lobby, Step.TRANSFER)) == 3


def test_case_141_a_person_is_asked_to_look_once_in_a_case(lobby: Lobby) -> None:
    for _ in range(2):
        lobby.press("review", MEMBER, words="We <b>have</b> paid.")
    assert letters(lobby, Step.REVIEW) == [(STAFF, "planned")]
    assert "A person has been asked to look at this." in text_of(lobby.see(MEMBER))
    assert standing(lobby) is Standing.SUSPENDED, "a pause would open the door"


def test_case_141_a_review_pauses_the_ladder_where_access_is_still_open(tmp_path: Path) -> None:
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as rig:
        lobby = Lobby(rig)
        rig.books.owe("acme")
        rig.look()
        rig.post()
        rig.review.run(rig.clock())
        lobby.press("review", words="This is not ours.")
        (hold,) = rig.ledger.rows("exemptions")
        assert (hold["staff_hold"], hold["until_on"]) == (True, rig.clock().date() + timedelta(days=3))


@pytest.mark.parametrize("words", ["", " \n ", "x" * 1001])
def test_who_asks_for_a_person_says_why(lobby: Lobby, words: str) -> None:
    answer = lobby.press("review", words=words)
    assert answer.status_code == 422
    assert "Say what is wrong, in at most 1,000 characters." in text_of(answer)


def test_an_account_has_sixty_wishes_an_hour(lobby: Lobby) -> None:
    lobby.press("remind")
    lobby.rig.post(REFUSED)
    lobby.rig.clock.move(days=1)
    for _ in range(70):
        lobby.press("remind", MEMBER)
    assert len(lobby.rig.ledger.rows("wishes", viewer=MEMBER)) == 60


def test_nothing_is_done_for_an_account_that_there_is_not(lobby: Lobby) -> None:
    for action in ("check", "remind", "again", "promise", "transfer", "review"):
        assert lobby.press(action, account="nobody", on="2026-03-21", reference="1", words="1").status_code == 200
    assert lobby.rig.ledger.rows("wishes") == []
