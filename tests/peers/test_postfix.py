"""The whole worker before a real Postfix, which takes, puts off, refuses and bounces: what the ledger says of it is true."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from tests.kit.billers import Biller, later, subscribe
from tests.kit.dovecot import dovecot
from tests.kit.ledger import opened
from tests.kit.postfix import Postfix, cutting, postfix
from tests.kit.running import Installation, until
from tests.kit.smtp import trusted_certificate

pytestmark = [pytest.mark.peer("postfix"), pytest.mark.peer("openssl")]

# Each is the user's address of an account, whose accountant is written to without trouble
REFUSED, GREYLISTED = "user@half.example", "user@grey.example"
# By the way in which it comes back to us, which names the account too
LATE = {way: f"user@{way}.example" for way in ("maildir", "imap", "pipe", "ladder")}
BOUNCES = "bounces@acme.example"


@pytest.fixture(scope="module")
def certified() -> Iterator[Path]:
    with trusted_certificate() as file:
        yield file


@pytest.fixture(scope="module")
def server(certified: Path) -> Iterator[Postfix]:
    with postfix(certified, refuses=REFUSED, greylists=GREYLISTED, bounces=LATE.values()) as running:
        yield running


@contextmanager
def reminding(biller: Biller, mail_url: str, folder: Path, *accounts: str, **mail: str) -> Iterator[Installation]:
    """A worker that has tried to remind both people of each of these accounts once."""
    for account in accounts:
        subscribe(biller, account)
    now = later(biller, days=7, hours=1)
    installation = Installation(folder, biller.url, mail_url, now, extra={"mail": {"bounce_address": BOUNCES} | mail})
    with installation.running():
        until(lambda: len(installation.notices()) >= 2 * len(accounts), what="all notices are planned")
        come_to_rest(installation)
        yield installation


def come_to_rest(installation: Installation) -> None:
    """Wait until nothing is being sent, or is due to be."""

    def busy() -> bool:
        return any(row["next_try_at"] and row["next_try_at"] <= installation.now for row in rows(installation)) or any(
            row["state"] == "sending" for row in rows(installation)
        )

    until(lambda: not busy(), what="every notice has been tried")


def rows(installation: Installation, address: str | None = None) -> list[dict[str, Any]]:
    with opened(f"sqlite:///{installation.folder}/gatekeeper.db") as ledger:
        return ledger.rows("notices", step="reminder", **({"address": address} if address else {}))


def row(installation: Installation, address: str) -> dict[str, Any]:
    (found,) = rows(installation, address)
    return found


def test_what_it_takes_refuses_and_puts_off_is_what_the_ledger_says(biller: Biller, server: Postfix, tmp_path: Path) -> None:
    encrypted = f"{server.url}?starttls=required"
    with reminding(biller, encrypted, tmp_path / "state", "half", "grey") as installation:
        refused, put_off = row(installation, REFUSED), row(installation, GREYLISTED)
        assert (refused["state"], refused["next_try_at"]) == ("refused", None)
        assert refused["detail"].startswith("550 5.1.1 (address)")
        assert put_off["state"] == "deferred"
        assert put_off["detail"].startswith("450 4.7.1 (address)")
        assert timedelta(minutes=15) <= put_off["next_try_at"] - installation.now <= timedelta(minutes=60)
        installation.move_clock_to(later(biller, seconds=(put_off["next_try_at"] - installation.now).total_seconds()))
        until(lambda: row(installation, GREYLISTED)["state"] == "accepted", what="the greylisted letter goes")
        taken = row(installation, GREYLISTED)
        assert (taken["attempts"], taken["accepted_at"]) == (2, installation.now)
    for address in ("accounts@half.example", "accounts@grey.example", GREYLISTED):
        assert row(installation, address)["state"] == "accepted"
        (message,) = server.wait_for(address)
        assert message["Message-ID"] == row(installation, address)["message_id"]
        assert "ESMTPS" in message["Received"], "it came over TLS"
    server.settle()
    assert server.inbox(REFUSED) == []


@pytest.mark.parametrize("way", ["maildir", pytest.param("imap", marks=pytest.mark.peer("dovecot")), "pipe"])
def test_a_letter_that_comes_back_after_it_was_taken_is_bounced(
    biller: Biller, server: Postfix, certified: Path, tmp_path: Path, way: str
) -> None:
    with ExitStack() as until_the_end:
        url = {"maildir": f"maildir:{server.returned}", "pipe": ""}.get(way)
        if url is None:
            url = until_the_end.enter_context(dovecot(certified, server.returned)).url
        with reminding(biller, server.url, tmp_path / "state", way, bounces_url=url) as installation:
            assert row(installation, LATE[way])["detail"].startswith("250 2.0.0"), "the server took it"
            report = report_on(server, row(installation, LATE[way]))
            assert report.get_content_type() == "multipart/report"
        if way == "pipe":
            assert installation.command("bounces", given=report.as_string()) == f"noted of account {way}\n"
        installation.command("tick")
    assert row(installation, f"accounts@{way}.example")["state"] == "accepted"
    taken_away = row(installation, LATE[way])
    assert taken_away["state"] == "bounced"
    assert re.fullmatch(r"250 2\.0\.0 .+ \| bounced: 5\.1\.1 .+", taken_away["detail"])


def test_whom_no_letter_has_reached_is_never_locked_out(biller: Biller, server: Postfix, tmp_path: Path) -> None:
    bounced, url = LATE["ladder"], f"maildir:{server.returned}"
    with reminding(biller, server.url, tmp_path / "state", "ladder", bounces_url=url) as installation:
        report_on(server, row(installation, bounced))
    for days in (0, 14, 7, 14):
        installation.move_clock_to(later(biller, days=days))
        installation.command("tick")
    assert installation.standings() == {"ladder": "past_due"}
    assert [(step, state) for step, address, state in installation.notices() if address == bounced] == [("reminder", "bounced")]


def report_on(server: Postfix, notice: dict[str, Any]) -> EmailMessage:
    """The DSN that Postfix wrote when it could not deliver the letter of this notice."""

    def reports() -> list[EmailMessage]:
        return [each for each in server.inbox(BOUNCES) if notice["message_id"] in each.as_string()]

    (report,) = until(reports, what=f"a report on {notice['message_id']}\n{server.log()}")
    return report


@pytest.mark.parametrize(("cuts", "state"), [(1, "accepted"), (2, "uncertain")])
def test_when_the_line_drops_after_the_dot_it_is_in_doubt_and_one_more_copy_goes_at_most(
    biller: Biller, server: Postfix, tmp_path: Path, cuts: int, state: str
) -> None:
    with cutting(server.port) as wire:
        account = f"torn{cuts}"
        wire.cuts = 1
        with reminding(biller, f"smtp://127.0.0.1:{wire.port}", tmp_path / "state", account) as installation:
            (torn,) = [one for one in rows(installation) if one["state"] == "uncertain"]
            assert torn["accepted_at"] is None
            wire.cuts = cuts - 1
            for _ in range(4):
                installation.move_clock_to(later(biller, minutes=16))
                come_to_rest(installation)
            again = row(installation, torn["address"])
            assert (again["state"], again["doubts"], again["next_try_at"]) == (state, cuts, None)
            assert wire.cuts == 0
    server.settle()
    assert [message["Message-ID"] for message in server.inbox(torn["address"])] == [torn["message_id"]] * 2
    (other,) = {f"accounts@{account}.example", f"user@{account}.example"} - {torn["address"]}
    assert len(server.inbox(other)) == 1
