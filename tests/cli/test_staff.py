"""`gatekeeper staff-pass`: a pass for staff, an audit row of it, and a gate that believes it (case 106)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from gatekeeper.wiring.clock import system_clock
from gatekeeper.wiring.passes import holder
from gatekeeper.wiring.places import StateFolder
from tests.kit.gates import publish
from tests.kit.ledger import Ledger, opened
from tests.kit.running import Installation

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def office(tmp_path: Path, database_url: str) -> Iterator[tuple[Installation, Ledger]]:
    made = Installation(tmp_path / "state", "http://127.0.0.1:9", f"file:{tmp_path / 'mail'}", NOW, database_url=database_url)
    with opened(database_url) as ledger:
        yield made, ledger


def test_a_pass_is_given_and_written_down(office: tuple[Installation, Ledger]) -> None:
    made, ledger = office
    before = system_clock()
    said = made.json("staff-pass", " Jo Roe ", "--minutes", "30")
    until = datetime.fromisoformat(said["until_at"])
    assert before + timedelta(minutes=29, seconds=59) <= until <= system_clock() + timedelta(minutes=30)

    signer = StateFolder(made.folder).staff_signer()
    assert holder(signer, system_clock)(said["pass"].encode()) == "Jo Roe"
    assert holder(signer, lambda: until)(said["pass"].encode()) is None

    (row,) = ledger.rows("audit")
    assert (row["kind"], row["account_id"], row["at"]) == ("staff_pass", None, NOW)
    assert row["actor"]
    assert row["reasons"][0]["params"] == {"what": f"to Jo Roe until {until:%Y-%m-%d %H:%M} UTC"}
    assert said["pass"] not in repr(row)


def test_a_gate_believes_it(office: tuple[Installation, Ledger]) -> None:
    made, _ = office
    publish(made.folder / "snapshot", 7, late="suspended")
    shown = made.command("staff-pass", "Jo").strip()
    with made.running("gate"):
        asked = {"X-Account-Id": "late", "X-Original-Method": "GET", "X-Original-URI": "/x"}
        for headers, status in (({}, 403), ({"X-Gatekeeper-Staff": shown}, 200)):
            reply = httpx.get(f"{made.gate}/gate/nginx", headers=asked | headers, trust_env=False)
            assert reply.status_code == status
    line = next(line for line in made.log().splitlines() if "staff let in" in line)
    assert "Jo" in line
    assert "late" in line
    assert shown not in made.log()


@pytest.mark.parametrize("arguments", [["Jo", "--minutes", "0"], ["Jo", "--minutes", "481"], ["  "], ["x" * 65], ["a\nb"], []])
def test_a_pass_for_nobody_or_for_longer_than_a_working_day_is_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    made = Installation(tmp_path / "state", "http://127.0.0.1:9", f"file:{tmp_path / 'mail'}", NOW)
    made.command("staff-pass", *arguments, code=2)


def test_without_a_ledger_that_takes_the_audit_row_there_is_no_pass(tmp_path: Path) -> None:
    made = Installation(tmp_path / "state", "http://127.0.0.1:9", f"file:{tmp_path / 'mail'}", NOW)
    assert "gatekeeper migrate" in made.command("staff-pass", "Jo", code=1)
