"""The policy page says what the program does: its examples load, its numbers are those of the rules and of the floors."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from gatekeeper.config import SettingsInvalid, load
from gatekeeper.model import Step
from gatekeeper.policy import reading, terms
from gatekeeper.policy.ladders import FLOORS
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.segments import Policy
from gatekeeper.wiring.policy import load_policy_file
from tests.policy.documents import LADDER, faults_of, places_of, read

ROOT = Path(__file__).parents[2]
POLICIES = sorted((ROOT / "config" / "policies").glob("*.toml"))
PAGE = (ROOT / "docs" / "policy.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
RULES = Rules()
MUST = {
    "GATEKEEPER__PRODUCT__NAME": "Acme Cloud",
    "GATEKEEPER__PRODUCT__URL": "https://app.acme.example/",
    "GATEKEEPER__PRODUCT__SUPPORT_EMAIL": "support@acme.example",
    "GATEKEEPER__STRIPE__API_KEY": "rk_test_1",
    "GATEKEEPER__MAIL__FROM": "billing@acme.example",
}


def loaded(file: Path, folder: Path) -> Policy:
    (folder / "gatekeeper.toml").write_text("")
    return load_policy_file(str(file), load(folder / "gatekeeper.toml", MUST))


def cells(table_key: str) -> list[str]:
    """The row of a table that begins with this cell."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {table_key} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def days(number: int) -> str:
    return f'`"{number} day{"" if number == 1 else "s"}"`'


def test_the_first_example_is_the_default_file() -> None:
    assert EXAMPLES[0] == (ROOT / "config" / "policies" / "default.toml").read_text()


@pytest.mark.parametrize("example", EXAMPLES[1:])
def test_each_further_example_is_part_of_a_policy(example: str, tmp_path: Path) -> None:
    steps = "".join(f'\n[[steps]]\nkind = "{step["kind"]}"\nafter = "{step["after"]}"' for step in LADDER)
    (tmp_path / "policy.toml").write_text(example + steps)

    policy = loaded(tmp_path / "policy.toml", tmp_path)

    assert policy.segments or policy.week.contact


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.stem)
def test_each_shipped_policy_loads_and_is_on_the_page(file: Path, tmp_path: Path) -> None:
    assert loaded(file, tmp_path).rules.steps[-1].kind is Step.SUSPEND
    assert f"`config/policies/{file.name}`" in PAGE


def test_the_steps_are_those_of_the_default_rules() -> None:
    after = {step.kind: step.after.days for step in RULES.steps}
    assert cells("warning")[1].startswith(f"{after[Step.WARNING]} days after")
    assert cells("suspension")[1].startswith(f"{after[Step.SUSPEND]} days after")
    assert cells("charged automatically, a charge has failed")[1].startswith(f"{RULES.automatic_grace.days} days after")
    assert f"{RULES.processing_hold.days} days have passed" in PAGE
    assert f"older than {RULES.first_run_age_limit.days} days" in PAGE


def test_the_terms_of_holds_are_those_that_are_checked() -> None:
    assert f"at most {terms.LONGEST_EXEMPTION.days} days" in cells("exemption (the whitelist, `gatekeeper exempt`)")[1]
    assert f"at most {terms.LONGEST_HOLD.days} days" in cells("staff hold (`gatekeeper hold`): somebody looks into it")[1]
    promised = cells("promise to pay (`gatekeeper promise`)")[1]
    assert f"at most {terms.LONGEST_PROMISE.days} days away, {terms.MOST_PROMISES} times a case" in promised


def test_every_key_of_a_policy_is_on_the_page_with_its_default() -> None:
    for key in {*reading._KEYS, *reading._SEGMENT_KEYS, *reading._WHEN, *reading._WEEK} - {"calendar"}:
        assert re.search(rf"`(calendar\.)?{key}(\.CURRENCY)?`", PAGE), key
    assert cells("`automatic_grace`")[2] == days(RULES.automatic_grace.days)
    assert cells("`processing_hold`")[2] == days(RULES.processing_hold.days)
    assert cells("`statement_fresh_for`")[2] == days(RULES.statement_fresh_for.days)
    assert cells("`uncollectible`")[2] == ('`"forgive"`' if RULES.forgive_uncollectible else '`"keep"`')
    assert cells("`thresholds_minor.CURRENCY`")[2:] == [f"`{RULES.threshold_minor}`", "`0`"]
    assert cells("`audiences`")[2] == "both"


AGAIN = {"kind": "reminder", "name": "again"}
COURTESY = {"kind": "courtesy"}
LEAST: dict[str, tuple[str, list[dict[str, Any]], str]] = {
    "`before` of `courtesy`": ("before", [COURTESY, *LADDER], "steps.1.before"),
    "`after` of the first `reminder`": ("after", LADDER, "steps.1.after"),
    "`after` of a further letter": ("after", [LADDER[0], AGAIN, *LADDER[1:]], "steps.2.after"),
    "`after` of the first `warning`": ("after", LADDER, "steps.2.after"),
    "`after` of `restrict`": ("after", [*LADDER[:2], {"kind": "restrict"}], "steps.3.after"),
    "`after` of `suspend`": ("after", LADDER, "steps.3.after"),
}


@pytest.mark.parametrize("key", LEAST)
def test_the_least_span_of_a_step_is_the_one_on_the_page(key: str) -> None:
    name, steps, place = LEAST[key]
    at = int(place.split(".")[1]) - 1
    least = int(re.findall(r"\d+", cells(key)[3])[0])

    def document(number: int) -> dict[str, Any]:
        return {"steps": [step | ({name: f"{number} days"} if number_of == at else {}) for number_of, step in enumerate(steps)]}

    read(document(least))
    assert cells(key)[3] == days(least)
    if least:
        assert place in places_of(document(least - 1))


def test_the_least_spans_of_the_numbers_are_those_on_the_page() -> None:
    for key in ("automatic_grace", "processing_hold", "statement_fresh_for"):
        least = int(re.findall(r"\d+", cells(f"`{key}`")[3])[0])
        read({"steps": LADDER, key: f"{least} days"})
        if least:
            assert faults_of({"steps": LADDER, key: f"{least - 1} days"})
    assert set(FLOORS) == {Step.WARNING, Step.RESTRICT, Step.SUSPEND}


def test_what_the_page_calls_the_default_of_a_missing_key_is_what_is_taken() -> None:
    assert read({"steps": LADDER}).rules == RULES


def test_a_policy_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        loaded(tmp_path / "nowhere.toml", tmp_path)


def test_the_default_policy_knows_no_calendar() -> None:
    assert "calendar" not in tomllib.loads(EXAMPLES[0])
