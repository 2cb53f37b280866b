"""A changed policy is put in force by itself when it changes little, and by a person when it would change much (case 125)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.kit.billers import Biller, subscribe
from tests.kit.running import Installation
from tests.kit.smtp import MailServer

PROMISE = Path("config/policies/default.toml")
ACCOUNTS = 4


@pytest.fixture
def installation(biller: Biller, tmp_path: Path) -> Iterator[Installation]:
    """Four accounts whose invoices fall due in five days; no more than two suspensions a day."""
    (tmp_path / "policy.toml").write_text(PROMISE.read_text())
    extra = {"policy": {"file": str(tmp_path / "policy.toml")}, "safety": {"mode": "armed", "suspensions_per_day": 2}}
    with MailServer() as post:
        made = Installation(tmp_path / "state", biller.url, post.url, biller.now, extra=extra)
        for number in range(ACCOUNTS):
            subscribe(biller, f"account{number}", days_until_due=5)
        made.command("tick")
        yield made


def change(installation: Installation, courtesy: str) -> None:
    file = installation.folder.parent / "policy.toml"
    file.write_text(
        PROMISE.read_text().replace("[[steps]]", f'[[steps]]\nkind = "courtesy"\nbefore = "{courtesy}"\n\n[[steps]]', 1)
    )


def test_a_change_that_writes_to_nobody_at_once_is_in_force_with_the_next_round(installation: Installation) -> None:
    change(installation, "1 day")

    assert "sound" in installation.command("check-config")
    installation.command("tick")


def test_a_change_that_writes_to_more_than_the_cap_waits_for_a_person(installation: Installation, biller: Biller) -> None:
    change(installation, "3 days")
    biller.move_clock_to(biller.now + timedelta(days=2, hours=1))
    installation.move_clock_to(biller.now)

    said = installation.command("check-config", code=78)
    installation.command("tick")

    assert f"write to {ACCOUNTS} accounts and close 0" in said
    assert "account0" in said
    assert installation.notices() == []

    installation.command("check-config", "--accept", "--reason", "they asked for it")
    installation.command("tick")

    assert {step for step, _, _ in installation.notices()} == {"courtesy"}
    assert "sound" in installation.command("check-config")
