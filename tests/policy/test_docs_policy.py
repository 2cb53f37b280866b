"""The policy page says what the program does: its example is the default file, its numbers are those of the rules."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from gatekeeper.model import Step
from gatekeeper.policy.rules import FLOORS, Rules, rules_from

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "policy.md").read_text()
RULES = Rules()


def cells(table_key: str) -> list[str]:
    """The row of a table that begins with this cell."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {table_key} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def days(span: timedelta) -> str:
    return f'`"{span.days} days"`'


def test_the_example_is_the_default_file() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)

    assert example == (ROOT / "config" / "policies" / "default.toml").read_text()


def test_the_steps_are_those_of_the_default_rules() -> None:
    assert cells("warning")[1].startswith(f"{RULES.warning_after.days} days after")
    assert cells("suspension")[1].startswith(f"{RULES.suspension_after.days} days after")
    assert cells("charged automatically, a charge has failed")[1].startswith(f"{RULES.automatic_grace.days} days after")
    assert f"{RULES.processing_hold.days} days have passed" in PAGE
    assert f"older than {RULES.first_run_age_limit.days} days" in PAGE


def test_every_key_of_a_policy_is_on_the_page_with_its_default_and_its_floor() -> None:
    assert cells("`automatic_grace`")[2:] == [days(RULES.automatic_grace), '`"0 days"`']
    assert cells("`processing_hold`")[2:] == [days(RULES.processing_hold), '`"7 days"`']
    assert cells("`thresholds_minor.CURRENCY`")[2:] == [f"`{RULES.threshold_minor}`", "`0`"]
    assert cells("`audiences`")[2] == "both"
    for step, name in ((Step.REMINDER, "reminder"), (Step.WARNING, "warning"), (Step.SUSPEND, "suspend")):
        assert cells(f"`after` of `{name}`")[3] == days(FLOORS[step])


def test_what_the_page_calls_the_default_of_a_missing_key_is_what_is_taken() -> None:
    steps = [{"kind": kind, "after": "14 days"} for kind in ("reminder", "warning", "suspend")]

    read = rules_from({"steps": steps}, time_zone=RULES.time_zone, first_run_age_limit=RULES.first_run_age_limit)

    fortnight = timedelta(days=14)
    assert read == replace(RULES, reminder_after=fortnight, warning_after=fortnight, suspension_after=fortnight)
