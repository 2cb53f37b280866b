"""Letters on their way through a real mail server: each outcome, and what must be true at the moment of sending."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from babel import Locale

from gatekeeper.model import Audience, Contact, NoticeState, Profile, Standing, Step
from gatekeeper.perform.mail.transport import open_transport
from gatekeeper.perform.notices import Postman, Sender
from gatekeeper.policy.rules import Rules
from gatekeeper.wording import Product, Wording
from gatekeeper.wording.formats import calendar_day
from tests.kit.builders import DUE_AT
from tests.kit.rig import Rig, rigged
from tests.kit.smtp import Delivered, MailServer

ACCEPTED, DEFERRED, REFUSED = NoticeState.ACCEPTED, NoticeState.DEFERRED, NoticeState.REFUSED
UNCERTAIN, WITHDRAWN, PLANNED = NoticeState.UNCERTAIN, NoticeState.WITHDRAWN, NoticeState.PLANNED
PRODUCT = Product(name="Acme Cloud", url="https://app.acme.example", support_email="support@acme.example")
ACCOUNTANT, USER = "accountant@acme.example", "user@acme.example"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as made:
        yield made


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


class Office:
    """A postman and how he is set up."""

    def __init__(self, rig: Rig, server: MailServer, templates: Path | None = None, **sender: Any) -> None:
        self.transport = open_transport(server.url, timeout_seconds=0.5)
        self.postman = Postman(
            reader=rig.ledger.reader,
            outbox=rig.ledger.writer.outbox,
            read_again=rig.sync.invoice,
            rules_of=lambda _facts: Rules(),
            wording=Wording(PRODUCT, templates),
            transport=self.transport,
            sender=Sender(
                address="Acme Billing <billing@acme.example>",
                reply_to="support@acme.example",
                bounce_address="",
                public_url="https://bill.acme.example",
                product=PRODUCT,
                **sender,
            ),
            clock=rig.clock,
        )

    def empty(self) -> int:
        """Send all that is due; how many notices that were."""
        count = 0
        while self.postman.send_one():
            count += 1
        return count


@pytest.fixture
def office(rig: Rig, server: MailServer) -> Iterator[Office]:
    made = Office(rig, server)
    yield made
    made.transport.close()


def states(rig: Rig, step: Step = Step.REMINDER) -> dict[str, NoticeState]:
    return {row["address"]: NoticeState(row["state"]) for row in rig.ledger.rows("notices", step=step.value)}


def parts(letter: Delivered) -> list[str]:
    return [part.get_content() for part in letter.iter_parts()]


def remind(rig: Rig, office: Office) -> None:
    """Both people have had the reminder, and the account stands accordingly."""
    rig.look()
    office.empty()
    rig.review.run(rig.clock())


def warn_after(rig: Rig, days: float = 14) -> None:
    """A warning is planned."""
    rig.clock.move(days=days)
    rig.look()


def test_both_people_get_the_reminder_and_both_parts_name_what_is_overdue_and_what_falls_due_soon(
    rig: Rig, server: MailServer, office: Office
) -> None:
    rig.books.owe("acme")
    rig.books.owe("acme", total_minor=12345, remaining_minor=12345)
    rig.books.owe("acme", due_at=DUE_AT + timedelta(days=1))
    rig.books.owe("acme", due_at=DUE_AT + timedelta(days=31))
    rig.look()
    assert office.empty() == 2
    assert sorted(letter.envelope_to[0] for letter in server.messages) == [ACCOUNTANT, USER]
    for letter in server.messages:
        for text in parts(letter):
            assert "ACME-1" in text
            assert "ACME-2" in text
            assert "ACME-3" in text
            assert "ACME-4" not in text
            assert "50.00" in text
            assert "123.45" in text
    assert states(rig) == {ACCOUNTANT: ACCEPTED, USER: ACCEPTED}
    for row in rig.ledger.rows("notices"):
        assert row["accepted_at"] == rig.clock()
        assert row["named"] == ["in_acme_1", "in_acme_2"]
        assert row["message_id"] in server.transmitted


def test_a_warning_says_the_day_that_the_ledger_holds(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    remind(rig, office)
    warn_after(rig)
    rig.clock.move(days=2)  # the post was late
    server.messages.clear()
    office.empty()
    assert len(server.messages) == 2
    days = {row["suspend_on"] for row in rig.ledger.rows("notices", step="warning")}
    assert days == {(DUE_AT + timedelta(days=14 + 2 + 5)).date()}
    for letter in server.messages:
        for text in parts(letter):
            assert calendar_day(days.copy().pop(), Locale("en")) in text


def test_a_warning_is_shown_beneath_the_first_letter_to_the_same_person(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    remind(rig, office)
    warn_after(rig)
    office.empty()
    first = {letter.envelope_to[0]: letter["Message-ID"] for letter in server.messages[:2]}
    for warning in server.messages[2:]:
        assert warning["References"] == warning["In-Reply-To"] == first[warning.envelope_to[0]]
    assert "References" not in server.messages[0]


def test_one_person_with_both_roles_gets_one_letter(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    same = tuple(
        (audience, address) for audience, address in zip(Audience, ("Ana@acme.example", "ana@ACME.example"), strict=True)
    )
    rig.books.customers["cus_acme"] = replace(rig.books.customers["cus_acme"], addresses=same)
    remind(rig, office)
    warn_after(rig)
    office.empty()
    assert [letter.envelope_to for letter in server.messages] == [["ana@acme.example"]] * 2
    assert {tuple(row["audiences"]) for row in rig.ledger.rows("notices")} == {("accountant", "user")}


# What the server says


def test_a_refused_recipient_is_unreachable_and_is_not_tried_again(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    server.fault("rcpt", "550 5.1.1 no such user", to=USER)
    remind(rig, office)
    assert states(rig) == {ACCOUNTANT: ACCEPTED, USER: REFUSED}
    assert "unreachable" in rig.codes("acme")
    rig.clock.move(days=40)
    rig.look()
    office.empty()
    assert [row["step"] for row in rig.ledger.rows("notices", address=USER)] == ["reminder"]
    assert rig.standings() == {"acme": Standing.PAST_DUE}


def test_a_greylisted_letter_goes_later_and_the_ladder_counts_from_then(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    server.fault("rcpt", "451 4.7.1 try again later", to=USER, times=1)
    remind(rig, office)
    assert states(rig) == {ACCOUNTANT: ACCEPTED, USER: DEFERRED}
    rig.clock.move(minutes=14)
    assert office.empty() == 0
    rig.clock.move(minutes=6)
    remind(rig, office)
    accepted_at = DUE_AT + timedelta(minutes=20)
    (row,) = rig.ledger.rows("notices", address=USER)
    assert (row["state"], row["accepted_at"], row["attempts"]) == ("accepted", accepted_at, 2)
    rig.clock.now = accepted_at + timedelta(days=14, seconds=-1)
    rig.look()
    assert not rig.ledger.rows("notices", step="warning")
    rig.clock.move(seconds=1)
    rig.look()
    assert len(rig.ledger.rows("notices", step="warning")) == 2


def test_a_letter_that_is_put_off_for_three_days_counts_as_refused(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    server.fault("mail", "451 4.3.0 busy")
    rig.look()
    for _ in range(80):
        office.empty()
        rig.clock.move(hours=1)
    assert set(states(rig).values()) == {REFUSED}
    assert server.messages == []


def test_while_no_server_listens_letters_wait(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    rig.look()
    server.down()
    office.empty()
    assert set(states(rig).values()) == {DEFERRED}
    server.up()
    rig.clock.move(minutes=15)
    office.empty()
    assert set(states(rig).values()) == {ACCEPTED}


def test_in_doubt_a_letter_is_repeated_once_with_the_same_id_and_never_again(
    rig: Rig, server: MailServer, office: Office
) -> None:
    rig.books.owe("acme")
    server.fault("dot", "close", to=USER)
    remind(rig, office)
    assert states(rig) == {ACCOUNTANT: ACCEPTED, USER: UNCERTAIN}
    rig.clock.move(minutes=14)
    assert office.empty() == 0
    for hours in (1, 1, 24, 240):
        rig.clock.move(hours=hours)
        rig.look()
        office.empty()
    (row,) = rig.ledger.rows("notices", address=USER)
    assert row["state"] == "uncertain"
    assert server.transmitted.count(row["message_id"]) == 2
    assert len(server.transmitted) == 3


def test_a_repeat_that_is_accepted_counts(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    server.fault("dot", "close", to=USER, times=1)
    remind(rig, office)
    rig.clock.move(minutes=15)
    office.empty()
    assert states(rig) == {ACCOUNTANT: ACCEPTED, USER: ACCEPTED}


def test_a_sender_that_died_leaves_a_letter_in_doubt_which_is_repeated_once(
    rig: Rig, server: MailServer, office: Office
) -> None:
    rig.books.owe("acme")
    rig.look()
    outbox = rig.ledger.writer.outbox
    for _ in range(3):  # it is killed three times between claiming and settling
        outbox.recover(rig.clock())
        while outbox.claim(rig.clock()):
            pass
        rig.clock.move(minutes=31)
    assert office.empty() == 0
    assert set(states(rig).values()) == {UNCERTAIN}
    assert server.transmitted == []


# What must be true


def test_who_has_paid_a_moment_before_gets_no_letter(rig: Rig, server: MailServer, office: Office) -> None:
    owed = rig.books.owe("acme")
    rig.look()
    rig.books.pay(owed)
    rig.clock.move(seconds=3)
    office.empty()
    assert set(states(rig).values()) == {WITHDRAWN}
    assert server.connections == 0


def test_an_invoice_that_was_paid_meanwhile_is_not_named_beside_the_one_that_was_not(
    rig: Rig, server: MailServer, office: Office
) -> None:
    rig.books.owe("acme")
    paid = rig.books.owe("acme", due_at=DUE_AT + timedelta(hours=1))
    rig.look()
    rig.clock.move(hours=2)
    rig.books.pay(paid)  # and no webhook has come
    office.empty()
    for letter in server.messages:
        assert all("ACME-1" in text and "ACME-2" not in text for text in parts(letter))
    assert {tuple(row["named"]) for row in rig.ledger.rows("notices")} == {("in_acme_1",)}


def test_while_the_source_is_down_letters_are_postponed_and_it_does_not_count_as_an_attempt(
    rig: Rig, server: MailServer, office: Office
) -> None:
    rig.books.owe("acme")
    rig.look()
    rig.clock.move(seconds=3)
    rig.books.down = "no answer"
    assert office.empty() == 2
    assert {(row["state"], row["attempts"]) for row in rig.ledger.rows("notices")} == {("planned", 0)}
    assert server.connections == 0
    assert office.empty() == 0
    rig.books.down = ""
    rig.clock.move(minutes=5)
    office.empty()
    assert set(states(rig).values()) == {ACCEPTED}


@pytest.mark.parametrize("broken", ["{{ nothing_of_this_name }}", "{{ 1 // 0 }}", "an empty letter"])
def test_a_template_that_fails_costs_nobody_a_notice(rig: Rig, server: MailServer, tmp_path: Path, broken: str) -> None:
    template = tmp_path / "own" / "mail" / "reminder" / "body.txt.j2"
    template.parent.mkdir(parents=True)
    template.write_text(broken)
    rig.books.owe("acme")
    rig.look()
    office = Office(rig, server, tmp_path / "own")
    with structlog.testing.capture_logs() as logged:
        assert office.empty() == 2
    office.transport.close()
    faults = [line["because"] for line in logged if line["log_level"] == "error"]
    assert len(faults) == 2
    assert all(fault.startswith("mail/reminder") for fault in faults)
    assert set(states(rig).values()) == {ACCEPTED}


def test_a_letter_to_somebody_who_is_no_longer_a_contact_does_not_go(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    rig.look()
    customer = rig.books.customers["cus_acme"]
    successor = ((Audience.ACCOUNTANT, "successor@acme.example"), (Audience.USER, USER))
    rig.books.customers["cus_acme"] = replace(customer, addresses=successor)
    rig.sync.customer("cus_acme")
    remind(rig, office)
    assert states(rig) == {ACCOUNTANT: WITHDRAWN, USER: ACCEPTED, "successor@acme.example": ACCEPTED}
    assert sorted(letter.envelope_to[0] for letter in server.messages) == ["successor@acme.example", USER]


def test_an_attempt_that_took_longer_than_its_lease_sends_nothing(rig: Rig, server: MailServer, office: Office) -> None:
    """Its process stood still, and another one has found the letter in doubt since (case 64)."""
    rig.books.owe("acme")
    rig.look()
    rig.clock.move(seconds=3)

    def stand_still(invoice_id: str) -> None:
        rig.clock.move(minutes=16)
        rig.ledger.writer.outbox.recover(rig.clock())
        rig.sync.invoice(invoice_id)

    office.postman._read_again = stand_still
    office.postman.send_one()
    assert server.connections == 0
    assert sorted(states(rig).values()) == [PLANNED, UNCERTAIN]


def test_outside_production_only_the_allowed_domains_are_written_to(rig: Rig, server: MailServer) -> None:
    rig.books.owe("acme")
    rig.books.owe("bolt")
    rig.look()
    office = Office(rig, server, allowed_domains=("bolt.example",))
    assert office.empty() == 4
    office.transport.close()
    assert sorted(letter.envelope_to[0] for letter in server.messages) == ["accountant@bolt.example", "user@bolt.example"]
    refused = [row for row in rig.ledger.rows("notices") if row["state"] == "refused"]
    assert {row["detail"] for row in refused} == {"its domain is not among mail.allowed_domains"}


def test_an_address_that_is_none_is_refused_and_the_next_letter_goes(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    customer = rig.books.customers["cus_acme"]
    rig.books.customers["cus_acme"] = replace(customer, addresses=((Audience.ACCOUNTANT, "call me"), (Audience.USER, USER)))
    remind(rig, office)
    assert states(rig) == {"call me": REFUSED, USER: ACCEPTED}


def suspended(rig: Rig, office: Office) -> None:
    """Access was closed, and the word of it is planned."""
    remind(rig, office)
    warn_after(rig)
    office.empty()
    rig.review.run(rig.clock())
    rig.clock.move(days=5)
    rig.look()
    assert rig.standings() == {"acme": Standing.SUSPENDED}


def test_both_are_told_that_access_was_closed_since_when_and_for_what(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    suspended(rig, office)
    server.messages.clear()
    office.empty()
    assert states(rig, Step.SUSPEND) == {ACCOUNTANT: ACCEPTED, USER: ACCEPTED}
    for letter in server.messages:
        assert letter["References"]
        assert all("ACME-1" in text for text in parts(letter))
    rig.look()
    assert rig.standings() == {"acme": Standing.SUSPENDED}


def test_who_pays_before_the_word_of_a_closing_goes_only_hears_that_access_is_back(
    rig: Rig, server: MailServer, office: Office
) -> None:
    owed = rig.books.owe("acme")
    suspended(rig, office)
    rig.books.pay(owed)
    rig.look()
    office.empty()
    assert states(rig, Step.SUSPEND) == {ACCOUNTANT: WITHDRAWN, USER: WITHDRAWN}
    assert states(rig, Step.RESTORED) == {ACCOUNTANT: ACCEPTED, USER: ACCEPTED}


def test_a_promise_is_confirmed_to_both_at_once_and_the_warning_after_it_says_that_it_was_not_kept(
    rig: Rig, server: MailServer, office: Office
) -> None:
    rig.books.owe("acme")
    remind(rig, office)
    due_on = (DUE_AT + timedelta(days=10)).date()
    rig.ledger.writer.desk.promise("acme", due_on=due_on, by="Bob", author="Ann", now=rig.clock())
    rig.look()
    server.messages.clear()
    office.empty()
    assert states(rig, Step.PROMISED) == {ACCOUNTANT: ACCEPTED, USER: ACCEPTED}
    rig.look()
    assert office.empty() == 0
    warn_after(rig)
    office.empty()
    promised = calendar_day(due_on, Locale("en"))
    assert len(server.messages) == 4
    assert all(promised in text for letter in server.messages for text in parts(letter))


def test_whoever_can_be_reached_hears_a_day_later_whom_nobody_reaches(rig: Rig, server: MailServer, office: Office) -> None:
    rig.books.owe("acme")
    server.fault("rcpt", "550 5.1.1 no such user", to=USER)
    remind(rig, office)
    office.empty()
    assert states(rig, Step.UNREACHABLE) == {ACCOUNTANT: PLANNED}
    rig.clock.move(days=1)
    rig.look()
    office.empty()
    assert states(rig, Step.UNREACHABLE) == {ACCOUNTANT: ACCEPTED}
    assert all("u•••@acme.example" in text for text in parts(server.messages[-1]))
    assert rig.standings() == {"acme": Standing.PAST_DUE}


def test_a_letter_is_in_the_language_of_the_person_else_of_the_account_and_greets_whom_the_product_named(
    rig: Rig, server: MailServer, office: Office
) -> None:
    rig.books.owe("acme")
    rig.books.customers["cus_acme"] = replace(rig.books.customers["cus_acme"], name="Acme GmbH", locale="en-GB")
    ana = Contact(audience=Audience.USER, address=USER, name="Ana Lima", locale="en-AU")
    rig.look()
    rig.ledger.writer.profiles.tell("acme", Profile(contacts=(ana,)), author="api", now=rig.clock())
    office.empty()
    found = {letter.envelope_to[0]: letter for letter in server.messages}
    assert {address: letter["Content-Language"] for address, letter in found.items()} == {ACCOUNTANT: "en-GB", USER: "en-AU"}
    assert all("Ana Lima" in text for text in parts(found[USER]))
    assert "Acme GmbH," not in parts(found[ACCOUNTANT])[0]


def test_both_are_told_that_access_is_back_and_the_letter_names_no_debt(rig: Rig, server: MailServer, office: Office) -> None:
    owed = rig.books.owe("acme")
    suspended(rig, office)
    rig.books.pay(owed)
    rig.look()
    server.messages.clear()
    office.empty()
    assert sorted(letter.envelope_to[0] for letter in server.messages) == [ACCOUNTANT, USER]
    assert all("ACME-1" not in text for letter in server.messages for text in parts(letter))
    assert states(rig, Step.RESTORED) == {ACCOUNTANT: ACCEPTED, USER: ACCEPTED}
