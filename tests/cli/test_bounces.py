"""`bounces` as a mail server runs it: what comes over a pipe, and which exit code it is told (sysexits.h)."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from gatekeeper.cli import cli
from gatekeeper.cli.opening import opened
from gatekeeper.model import NoticeState, Outcome, Standing, Verdict
from gatekeeper.returns.box import BoxUnavailable
from gatekeeper.wiring.web import web_of
from tests.kit import ledger as kit
from tests.kit.builders import invoice
from tests.kit.running import Installation
from tests.pages.serving import serving
from tests.returns import samples
from tests.returns.samples import block, report

TRY_LATER = 75
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    made = Installation(tmp_path, "http://127.0.0.1:9", f"file:{tmp_path}/mail", NOW)
    made.extra = {"mail": {"bounce_address": "bounces@acme.example", "bounces_url": f"maildir:{tmp_path}/box"}}
    made.write_config()
    with kit.opened(f"sqlite:///{tmp_path}/gatekeeper.db"):  # and migrated
        return made


def run(place: Installation, *arguments: str, message: bytes = b"") -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["--config", str(place.config), *arguments], input=message)
    return done.exit_code, done.output


def pipe(place: Installation, message: bytes) -> tuple[int, str]:
    return run(place, "bounces", message=message)


def a_letter(place: Installation) -> tuple[str, str]:
    """Message-ID and recipient of a letter that a mail server took."""
    with kit.opened(f"sqlite:///{place.folder}/gatekeeper.db") as ledger:
        ledger.read(invoice())
        ledger.judge(Verdict(standing=Standing.PAST_DUE, reasons=(), notices=(kit.planned(),)), NOW)
        notice = ledger.writer.outbox.claim(NOW)
        assert notice is not None
        ledger.writer.outbox.settle(notice, Outcome(state=NoticeState.ACCEPTED, detail="250 ok"), NOW)
        return notice.message_id, notice.address


def test_a_mail_server_can_pipe_it_in(place: Installation) -> None:
    """As a process, of which nothing but the exit code comes back to whoever sent the message."""
    message_id, address = a_letter(place)
    bounce = report(block("failed", "5.1.1", to=address), id=message_id)
    done = subprocess.run(place._call("bounces"), input=bounce, capture_output=True, timeout=120, check=True)
    assert done.stdout == b"noted of account acme\n"


def test_a_bounce_is_taken_in_and_shown(place: Installation) -> None:
    message_id, address = a_letter(place)
    bounce = report(block("failed", "5.1.1", to=address), id=message_id)
    assert pipe(place, bounce) == (0, "noted of account acme\n")
    assert pipe(place, bounce) == (0, "nothing in it is for us, or it is known already\n")
    assert "bounced" in run(place, "accounts", "show", "acme")[1]


def test_a_complaint_is_shown_to_whoever_looks_at_the_account(place: Installation) -> None:
    message_id, _ = a_letter(place)
    assert pipe(place, samples.COMPLAINT.replace(samples.MESSAGE_ID.encode(), message_id.encode()))[0] == 0
    assert "! A letter of ours was called spam, last on 2026-03-10 12:00." in run(place, "accounts", "show", "acme")[1]
    assert json.loads(run(place, "accounts", "show", "acme", "--json")[1])["complaints"] == [NOW.isoformat()]


@pytest.mark.parametrize("message", [b"", b"\0" * 2_000_000, samples.HOLIDAY, samples.POSTFIX])
def test_what_is_not_for_us_is_taken_and_not_sent_back(place: Installation, message: bytes) -> None:
    assert pipe(place, message) == (0, "nothing in it is for us, or it is known already\n")


def test_whatever_is_wrong_here_the_mail_server_keeps_the_message(place: Installation) -> None:
    ledger = place.folder / "gatekeeper.db"
    kept = ledger.read_bytes()
    ledger.write_bytes(b"")  # not migrated
    assert pipe(place, samples.POSTFIX)[0] == TRY_LATER
    ledger.write_bytes(b"no database at all" * 1000)
    code, said = pipe(place, samples.POSTFIX)
    assert code == TRY_LATER
    assert "customer.example" not in said
    ledger.write_bytes(kept)
    place.extra["mail"]["from"] = "nobody"
    place.write_config()
    assert pipe(place, samples.POSTFIX)[0] == TRY_LATER
    place.config.unlink()
    assert pipe(place, samples.POSTFIX)[0] == TRY_LATER


def test_the_mailbox_is_emptied_by_the_house_and_one_that_is_away_is_said(place: Installation) -> None:
    message_id, address = a_letter(place)
    box = place.folder / "box"
    with opened(place.config) as house:
        with pytest.raises(BoxUnavailable):
            house.collect_returned()
        for name in ("new", "cur", "tmp"):
            (box / name).mkdir(parents=True)
        (box / "new" / "1").write_bytes(report(block("failed", "5.1.1", to=address), id=message_id))
        house.collect_returned()
        assert [notice.state for notice in house.reader.notices_of("acme")] == [NoticeState.BOUNCED]
    assert list((box / "new").iterdir()) == []


def test_the_web_part_takes_what_the_providers_of_the_settings_tell(place: Installation) -> None:
    message_id, address = a_letter(place)
    place.extra["mail"]["webhook_secrets"] = ["postmark:hook:secret"]
    place.write_config()
    told = {"RecordType": "Bounce", "Type": "HardBounce", "Email": address, "Metadata": {"gatekeeper-notice": message_id}}
    with opened(place.config) as house, serving(web_of(house)) as url, httpx.Client(trust_env=False, timeout=60) as client:
        answers = [
            client.post(f"{url}/webhooks/mail/{provider}", json=told, auth=("hook", secret)).status_code
            for provider, secret in (("ses", "secret"), ("postmark", "guess"), ("postmark", "secret"))
        ]
        assert answers == [404, 401, 200]
        assert [notice.state for notice in house.reader.notices_of("acme")] == [NoticeState.BOUNCED]
