"""`plan` and `simulate` as an operator runs them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit import billers
from tests.kit.billers import Biller, later, subscribe
from tests.kit.running import Installation
from tests.kit.smtp import MailServer

FASTER = """
audiences = ["accountant", "user"]
[[steps]]
kind = "reminder"
after = "0 days"
[[steps]]
kind = "warning"
after = "7 days"
[[steps]]
kind = "suspend"
after = "3 days"
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Biller, Installation]]:
    """`late` was suspended a while ago, `fresh` owes something that falls due within a week; then the house was disarmed."""
    with billers.standin() as biller, MailServer() as post:
        made = Installation(tmp_path_factory.mktemp("town") / "state", biller.url, post.url, biller.now)
        subscribe(biller, "late")
        made.command("tick")
        for hours in (7 * 24 + 1, 14 * 24 + 1, 5 * 24 + 1):
            made.move_clock_to(later(biller, hours=hours))
            made.command("tick")
        subscribe(biller, "fresh")
        made.command("tick")
        made.command("disarm")
        (made.folder / "faster.toml").write_text(FASTER)
        yield biller, made


def test_the_plan_shows_days_and_what_holds(town: tuple[Biller, Installation]) -> None:
    _, made = town
    said = made.command("plan", "--days", "40")
    assert said.startswith("! Dry run: nothing is sent and nobody is suspended. Run `gatekeeper arm` when this looks right.\n")
    assert "reminder to accountant and user" in said
    assert ", naming " in said
    assert "late" not in said
    told = made.json("plan", "--days", "40")
    assert [one["what"] for on in told["days"] for one in on["planned"]] == ["past_due", "reminder", "warning", "suspended"]
    assert {one["account"] for on in told["days"] for one in on["planned"]} == {"fresh"}
    assert told["days"][0]["accounts"] == {"past_due": 1, "reminder": 1}
    assert len(told["holds"]) == 1
    assert [told[name] for name in ("brake_would_hold", "given_up", "unreachable")] == [[], [], []]
    assert made.command("plan", "--days", "0").endswith("Nothing will happen.\n")


def test_simulate_compares_the_coming_days(town: tuple[Biller, Installation]) -> None:
    _, made = town
    told = made.json("simulate", "--policy", str(made.folder / "faster.toml"))
    assert told["looks_back"] is False
    assert told["accounts"]["today"]["suspend"] == told["accounts"]["other"]["suspend"] == 1
    assert [one["account"] for one in told["differing"]["accounts"]] == ["fresh"]
    assert "This is what happens if nobody pays" in made.command("simulate", "--policy", str(made.folder / "faster.toml"))


def test_simulate_replays_the_past_and_writes_one_file(town: tuple[Biller, Installation]) -> None:
    biller, made = town
    since = f"{later(biller, days=-40).date()}"
    html = made.folder / "report.html"
    said = made.command("simulate", "--policy", str(made.folder / "faster.toml"), "--since", since, "--html", str(html))
    assert "PAID IN SAME DAY" in said
    assert "The ledger watches since" in said
    assert html.read_text().startswith("<!doctype html>")
    told = made.json("simulate", "--policy", str(made.folder / "faster.toml"), "--since", since)
    assert told["accounts"]["really"] == {"courtesy": 0, "reminder": 1, "warning": 1, "restrict": 0, "suspend": 1}
    assert told["accounts"]["other"]["suspend"] == 1
    assert told["closed"]["other"]["not_paid"] == 1


def test_what_cannot_be_asked_is_said(town: tuple[Biller, Installation], tmp_path: Path) -> None:
    _, made = town
    broken = tmp_path / "broken.toml"
    broken.write_text('steps = "none"\n')
    assert "steps" in made.command("simulate", "--policy", str(broken), code=78)
    assert "does not exist" in made.command("simulate", "--policy", str(tmp_path / "none.toml"), code=2)
    policy = str(made.folder / "faster.toml")
    assert "is not in the past" in made.command("simulate", "--policy", policy, "--since", "2199-01-01", code=2)
    assert "Missing option" in made.command("simulate", code=2)
