"""`gatekeeper brake`: what it says of a brake that holds, and how a person lets go."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from gatekeeper.ledger.tables import accounts, audit, days
from gatekeeper.model import Reason
from gatekeeper.policy.brake import Cause
from tests.kit.builders import wanting
from tests.kit.ledger import Ledger, opened
from tests.kit.running import Installation

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CLOCK = Reason(code="brake_clock", params=(("minutes", 90),))


class Desk:
    """An installation whose worker does not run, and its ledger."""

    def __init__(self, installation: Installation, ledger: Ledger) -> None:
        self.installation, self.ledger = installation, ledger

    def show(self) -> str:
        return self.installation.command("brake", "show")

    def release(self, *options: str, code: int = 0) -> str:
        return self.installation.command("brake", "release", "--reason", "all of them owe", *options, code=code)


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    made = Installation(tmp_path / "state", "http://127.0.0.1:9", f"file:{tmp_path / 'mail'}", NOW, database_url=database_url)
    with opened(database_url) as ledger:
        yield Desk(made, ledger)


def test_a_brake_that_does_not_hold_says_so_and_what_would_engage_it(desk: Desk) -> None:
    assert desk.show().splitlines() == [
        "The brake does not hold.",
        "",
        "                            NOW  LIMIT",
        "closings in the last hour   0    10",
        "closings in the last day    0    30",
        "still allowed beyond these  0",
        "accounts past due           0    too few days to compare with",
    ]
    assert desk.installation.json("brake", "show") == {
        "engaged": [],
        "waiting": 0,
        "last_hour": {"used": 0, "cap": 10},
        "last_day": {"used": 0, "cap": 30},
        "allowance": 0,
        "past_due": {"now": 0, "baseline": [], "limit": None},
    }


def test_one_that_holds_says_why_since_when_who_waits_and_what_to_do(desk: Desk) -> None:
    held = [{"code": "brake", "params": {"wanted": 11, "allowed": 9}}]
    closed = {"kind": "standing", "before": "past_due", "after": "restricted", "actor": "gatekeeper", "reasons": []}
    with desk.ledger.engine.begin() as connection:
        connection.execute(insert(accounts).values(id="acme", standing="past_due", withheld=True, reasons=held))
        connection.execute(insert(audit).values(at=NOW - timedelta(minutes=5), **closed))
        for back in range(1, 4):
            connection.execute(insert(days).values(on=NOW.date() - timedelta(days=back), accounts=90, past_due=6))
    desk.ledger.writer.brakes.ask(wanting(11), NOW - timedelta(hours=2))
    desk.ledger.writer.brakes.engage(Cause.CLOCK, CLOCK, NOW)
    assert desk.show().splitlines() == [
        "The brake holds: 11 accounts were to be closed at once, and at most 9 may begin now.",
        "  since 2026-11-22 08:00 UTC",
        "  > See with `gatekeeper accounts list` who waits. If each of them is right, release the brake.",
        "",
        "The brake holds: the clock was 90 minutes away from the time that it should have shown.",
        "  since 2026-11-22 10:00 UTC",
        "  > Set the clock of this machine right, and see that it stays so. Then release the brake.",
        "",
        "1 account waits. To let them go on: gatekeeper brake release --reason TEXT",
        "",
        "                            NOW  LIMIT",
        "closings in the last hour   1    10",
        "closings in the last day    1    30",
        "still allowed beyond these  0",
        "accounts past due           1    12",
    ]
    told = desk.installation.json("brake", "show")
    assert (told["waiting"], told["past_due"]) == (1, {"now": 1, "baseline": [6, 6, 6], "limit": 12})
    assert told["engaged"][0] == {
        "cause": "cap",
        "since_at": "2026-11-22T08:00:00+00:00",
        "why": "The brake holds: 11 accounts were to be closed at once, and at most 9 may begin now.",
        "what_to_do": "See with `gatekeeper accounts list` who waits. If each of them is right, release the brake.",
        "params": {"wanted": 11, "allowed": 9},
    }


def test_a_release_says_what_it_let_go_and_a_second_one_that_there_is_nothing(desk: Desk) -> None:
    desk.ledger.writer.brakes.ask(wanting(11), NOW)
    desk.ledger.writer.brakes.engage(Cause.CLOCK, CLOCK, NOW)
    assert desk.release("--cause", "blind", code=1) == "Nothing to release: the brake does not hold for the cause blind.\n"
    assert desk.release("--cause", "clock") == "Released: clock.\n"
    assert desk.release() == "Released: cap. Within 24 hours 11 closings may pass beyond the caps.\n"
    assert desk.release(code=1) == "Nothing to release: the brake does not hold.\n"
    assert "still allowed beyond these  11" in desk.show()
    (row, *_) = desk.ledger.rows("brakes")
    assert (row["reason"], row["released_at"]) == ("all of them owe", NOW)
    assert row["author"]


@pytest.mark.parametrize("options", [[], ["--reason", " "], ["--reason", "x", "--cause", "weather"]])
def test_a_release_without_a_reason_or_of_an_unknown_cause_is_wrong_usage(desk: Desk, options: list[str]) -> None:
    desk.ledger.writer.brakes.ask(wanting(11), NOW)
    desk.installation.command("brake", "release", *options, code=2)
    assert len(desk.ledger.writer.brakes.ask(wanting(1), NOW)) == 1
