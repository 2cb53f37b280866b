"""`notices` as staff use it: looking at letters, sending them again, and showing what was said to whom."""

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from gatekeeper.cli import letters
from gatekeeper.cli.letters import KINDS
from gatekeeper.config import load
from gatekeeper.model import Audience
from gatekeeper.perform.mail.letter import compose
from gatekeeper.wiring.house import House
from tests.kit import billers
from tests.kit.billers import Biller, later, pay, subscribe
from tests.kit.ledger import opened
from tests.kit.running import Installation
from tests.kit.smtp import MailServer


def read(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@dataclass
class Town:
    """`locked` is suspended, `early` owes what is not due yet, `paid` was late and has paid.

    The accountant of `late` was reminded once; the reminder to its user waits.
    """

    biller: Biller
    post: MailServer
    installation: Installation

    def tick(self, **span: float) -> None:
        self.installation.move_clock_to(later(self.biller, **span))
        self.installation.command("tick")

    def dump(self) -> dict[str, list[dict[str, object]]]:
        with opened(f"sqlite:///{self.installation.folder}/gatekeeper.db") as ledger:
            return ledger.dump()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with billers.standin() as biller, MailServer() as post:
        made = Town(biller, post, Installation(tmp_path_factory.mktemp("town"), biller.url, post.url, biller.now))
        subscribe(biller, "locked")
        paid = subscribe(biller, "paid")
        made.tick()
        made.tick(hours=7 * 24 + 1)
        made.tick(hours=14 * 24 + 1)
        made.tick(hours=5 * 24 + 1)
        pay(biller, paid)
        subscribe(biller, "late", days_until_due=0)
        post.fault("rcpt", "451 4.7.1 come back", to="user@late.example", times=1)
        subscribe(biller, "early", days_until_due=20)
        made.tick(hours=2)
        assert made.installation.standings() == {
            "locked": "suspended",
            "paid": "current",
            "late": "past_due",
            "early": "current",
        }
        yield made


# Looking at letters


def test_every_step_can_be_looked_at_for_each_audience(town: Town) -> None:
    house = House(load(town.installation.config, {}))
    for kind in KINDS:
        for audience in Audience:
            letter = letters.written(house, kind, letters.invented(house, kind, audience), "en-GB")
            message = read(compose(letters.letter_of(house, letter, "ana@customer.example", f"<{kind}@acme.example>")))
            assert message["Subject"] == letter.subject
            assert message["Reply-To"] == "support@acme.example"
            assert [part.get_content_subtype() for part in message.iter_parts()] == ["plain", "html"]
    house.close()


def test_a_preview_can_be_kept_as_a_message(town: Town, tmp_path: Path) -> None:
    file = tmp_path / "letter.eml"
    said = town.installation.command("notices", "preview", "broken", "--audience", "user", "--out", str(file))
    assert said == f"{file}: {read(file.read_bytes())['Subject']}\n"


def test_a_letter_is_shown_in_a_browser(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, seen = tmp_path / "browser", tmp_path / "seen.html"
    browser.write_text(f'#!/bin/sh\ncp "${{1#file://}}" "{seen}.part" && mv "{seen}.part" "{seen}"\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert town.installation.command("notices", "preview", "warning", "--open") == ""
    assert "INV-0042" in seen.read_text()
    (kept,) = tmp_path.glob("gatekeeper-*.html")
    assert kept.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("account", "kind", "says", "is_due"),
    [
        ("late", "warning", "access to Acme Cloud will be suspended", False),
        ("late", "reminder", "past its due date", True),
        ("early", "courtesy", "in a few days", False),
        ("locked", "suspend", "has been suspended", False),
        ("paid", "restored", "is open again", False),
    ],
)
def test_a_letter_to_a_real_account_says_what_it_would_say_now(
    town: Town, account: str, kind: str, says: str, *, is_due: bool
) -> None:
    house = House(load(town.installation.config, {}))
    view, address, would_go_out = letters.of_account(house, account, kind, Audience.USER)
    owed = [one.number for one in house.reader.facts([account])[0].invoices if one.owed]
    house.close()
    assert says in " ".join(letters.written(house, kind, view, None).text.split())
    assert [one.number for one in view.owed] == owed
    assert address == f"user@{account}.example"
    assert would_go_out is is_due


def test_a_preview_sends_nothing_and_writes_nothing(town: Town) -> None:
    before, sent = town.dump(), len(town.post.messages)
    said = town.installation.command("notices", "preview", "reminder", "--account", "late")
    assert "INV-0042" not in said
    assert town.dump() == before
    assert len(town.post.messages) == sent


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["reminder", "--account", "nobody"], 1, "no account 'nobody'"),
        (["reminder", "--account", "paid"], 1, "paid owes nothing that such a letter could name."),
        (["promised", "--account", "late"], 1, "late has promised nothing (`gatekeeper promise`)."),
        (["reminder", "--out", "letter.pdf"], 2, "--out names a file that ends in .html or .eml."),
        (["reminder", "--locale", "xx"], 2, "there are no texts in 'xx': its readers get 'en'."),
        (["reminder", "--locale", "fi"], 2, "there are no texts in 'fi': its readers get 'en'."),
        (["reproach"], 2, "'reproach' is not one of"),
    ],
)
def test_what_cannot_be_shown_is_said(town: Town, arguments: list[str], code: int, says: str) -> None:
    assert says in town.installation.command("notices", "preview", *arguments, code=code)


# Sending again


def test_only_what_did_not_arrive_is_sent_again_and_else_it_is_said_why_not(town: Town) -> None:
    numbers = {one["state"]: one["id"] for one in town.installation.json("notices", "list", "--account", "late")}
    said = town.installation.command("notices", "resend", str(numbers["accepted"]), code=1)
    assert said.startswith(
        f"Notice {numbers['accepted']} is accepted, neither refused nor in doubt nor bounced: the mail server"
    )
    said = town.installation.command("notices", "resend", str(numbers["deferred"]), code=1)
    assert "it is on its way by itself" in said


def test_a_test_letter_has_a_human_to_answer_to(town: Town) -> None:
    town.installation.command("notices", "send-test", "me@acme.example", "--step", "broken", "--audience", "user")
    message = town.post.messages[-1]
    assert message["Reply-To"] == "support@acme.example"
    assert "List-Unsubscribe" not in message


# The evidence sheet


def test_the_evidence_sheet_says_who_was_told_what_and_why_access_was_closed(town: Town, tmp_path: Path) -> None:
    (case,) = (one for one in town.installation.json("notices", "evidence", "locked")["chapters"] if one["opened_at"])
    told = {(one["step"], one["person"], tuple(one["audiences"])) for one in case["messages"]}
    people = {("a•••@locked.example", ("accountant",)), ("u•••@locked.example", ("user",))}
    assert {(step, *person) for step in ("reminder", "warning") for person in people} <= told
    for one in case["messages"]:
        assert one["state"] == "accepted"
        assert one["attempts"] == 1
        assert one["accepted_at"] >= one["planned_at"]
        assert one["answer"].startswith("250 ")
        assert one["message_id"].startswith("<")
        assert one["invoices"] == [claim["number"] for claim in case["claims"]]
        assert (one["day_named"] is not None) is (one["step"] == "warning")
    standings = [(act["before"], act["after"]) for act in case["acts"] if act["kind"] == "standing"]
    assert standings == [("current", "past_due"), ("past_due", "suspended")]
    assert "Everyone was told, the named day has passed" in " ".join(case["acts"][-1]["why"])
    assert "user@locked.example" in town.installation.command("notices", "evidence", "locked", "--full")

    said = town.installation.command("notices", "evidence", "locked")
    assert "user@locked.example" not in said
    assert "past_due → suspended by " in said
    assert "no account 'nobody'" in town.installation.command("notices", "evidence", "nobody", code=1)
    assert "Nothing was ever said" in town.installation.command("notices", "evidence", "early")

    file = tmp_path / "sheet.html"
    town.installation.command("notices", "evidence", "locked", "--out", str(file))
    html = file.read_text()
    assert "<script" not in html
    assert "user@locked.example" not in html
    assert html.count("accepted by the mail server") == len(case["messages"])


def test_what_staff_did_stands_in_the_case_that_was_running(town: Town) -> None:
    town.installation.command("restore", "locked", "--reason", "they <b>called</b>")
    (case,) = (one for one in town.installation.json("notices", "evidence", "locked")["chapters"] if one["opened_at"])
    assert ("restore", ["they <b>called</b>"]) in [(act["kind"], act["why"]) for act in case["acts"]]
    assert case["acts"][-1]["after"] == "past_due"
