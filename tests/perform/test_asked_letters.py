"""The letters that people on the lockout page ask for, as a real mail server takes them."""

import pytest

from gatekeeper.model import Step
from gatekeeper.perform.mail.transport import open_transport
from gatekeeper.perform.notices import Postman, Sender
from gatekeeper.policy.rules import Rules
from tests.kit.lobby import PRODUCT, STAFF, Lobby, wording
from tests.kit.smtp import Delivered, MailServer

PAYER, MEMBER = "accountant@acme.example", "user@acme.example"


def sent(lobby: Lobby) -> list[Delivered]:
    """All that is due, as it arrives."""
    with MailServer() as server:
        transport = open_transport(server.url, timeout_seconds=5)
        postman = Postman(
            reader=lobby.rig.ledger.reader,
            outbox=lobby.rig.ledger.writer.outbox,
            wish_of=lobby.wishes.wish,
            read_again=lobby.rig.sync.invoice,
            rules_of=lambda _: Rules(),
            wording=wording(),
            transport=transport,
            sender=Sender(
                address="Acme Billing <billing@acme.example>",
                reply_to=STAFF,
                bounce_address="",
                public_url="https://bill.acme.example",
                product=PRODUCT,
            ),
            clock=lobby.rig.clock,
        )
        while postman.send_one():
            pass
        transport.close()
        return server.messages


def text(letter: Delivered) -> str:
    part = letter.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


@pytest.mark.parametrize(("action", "says"), [("remind", "has asked us to remind you"), ("again", "Here it is.")])
def test_an_accountant_is_written_to_with_all_that_is_needed_to_pay(lobby: Lobby, action: str, says: str) -> None:
    lobby.press(action)
    (letter,) = sent(lobby)
    assert (letter.envelope_to, letter["Reply-To"]) == ([PAYER], STAFF)
    for wanted in (says, "ACME-1", "€50.00", "https://bill.acme.example/pay/"):
        assert wanted in text(letter)


def test_who_pays_before_it_goes_out_is_not_written_to(lobby: Lobby) -> None:
    lobby.press("remind")
    lobby.rig.books.pay("in_acme_1")
    assert [one["Subject"] for one in sent(lobby) if "asks" in str(one["Subject"])] == []
    (row,) = lobby.rig.ledger.rows("notices", step=Step.NUDGE.value)
    assert row["state"] == "withdrawn"


def test_staff_can_answer_whoever_asked(lobby: Lobby) -> None:
    lobby.press("review", MEMBER, words="We paid.\r\nBcc: evil@evil.example\r\n\r\n<b>really</b>")
    (letter,) = sent(lobby)
    assert letter.envelope_to == [STAFF]
    assert letter["Reply-To"] == MEMBER
    assert letter["Subject"] == "Acme asks that a person looks at it"
    assert "In their words: We paid. Bcc: evil@evil.example <b>really</b>" in text(letter)
    assert letter["Bcc"] is None
    assert "acme" in text(letter)


@pytest.mark.parametrize("viewer", ["", "42", "no address@", "a@b@c.example\nx"])
def test_where_nobody_can_be_answered_the_answer_goes_to_staff(lobby: Lobby, viewer: str) -> None:
    lobby.press("review", viewer, words="We paid.")
    (letter,) = sent(lobby)
    assert letter["Reply-To"] == STAFF


def test_staff_is_told_whatever_the_biller_says(lobby: Lobby) -> None:
    day = lobby.rig.clock().date().isoformat()
    lobby.press("transfer", PAYER, on=day, reference="RE-1")
    lobby.rig.books.down = "a storm"
    (letter,) = sent(lobby)
    assert "Day of the transfer: 21 March 2026" in text(letter)
    assert "Reference: RE-1" in text(letter)
