"""`import-invoices` and `accounts show` as an operator runs them; the API and the directory in the whole house."""

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from gatekeeper.cli.opening import opened
from gatekeeper.model import Profile
from tests.kit.directory import product
from tests.kit.running import Installation

HEADER = "account;invoice;currency;amount;remaining;issued_on;due_on;status;pay_url"
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    made = Installation(tmp_path, "http://127.0.0.1:9", f"file:{tmp_path}/mail", NOW)
    made.extra = {
        "product": {"time_zone": "America/Bogota"},
        "api": {"tokens": [{"name": "ops", "token": "a-token", "scopes": ["read", "write"]}]},
    }
    made.write_config()
    made.command("migrate")
    return made


def file(place: Installation, *lines: str) -> str:
    path = place.folder / "invoices.csv"
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8-sig")
    return str(path)


def test_a_file_is_taken_over_again_and_again(place: Installation) -> None:
    lines = [
        "acme;F-1;EUR;120.00;120.00;2026-02-16;2026-03-02;open;https://bank.example/1",
        "acme;F-2;CLP;50000;50000;2026-02-16;2026-03-02;open;",
        "else;F-3;KWD;1.250;1;2026-02-16;2026-03-02;open;",
    ]
    would = place.command("import-invoices", file(place, *lines), "--dry-run")
    assert would.splitlines()[0] == "F-1: new, open, of account acme"
    assert would.splitlines()[-1] == "3 would be new, 0 would be changed, 0 as before"
    assert place.json("accounts", "list") == []

    assert place.command("import-invoices", file(place, *lines)) == "3 new, 0 changed, 0 as before\n"
    assert place.command("import-invoices", file(place, *lines)) == "0 new, 0 changed, 3 as before\n"
    assert [one["account"] for one in place.json("accounts", "list")] == ["acme", "else"]
    owed = place.json("accounts", "show", "else")["invoices"]
    assert [(one["remaining_minor"], one["currency"]) for one in owed] == [(1000, "kwd")]

    lines[0] = "acme;F-1;EUR;120.00;0;2026-02-16;2026-03-02;paid;"
    assert place.command("import-invoices", file(place, lines[0])) == "0 new, 1 changed, 0 as before\n"
    assert [one["id"] for one in place.json("accounts", "show", "acme")["invoices"]] == ["F-2"]

    stale = "acme;F-1;EUR;120.00;120.00;2026-02-16;2026-03-02;open;"
    said = place.command("import-invoices", file(place, stale))
    assert said == "F-1: is paid already, and stays so\n0 new, 0 changed, 1 as before\n"


def test_a_file_with_faults_imports_nothing_and_names_each_with_its_line(place: Installation) -> None:
    lines = [
        "acme;F-1;EUR;120.00;120.00;2026-02-16;2026-03-02;open;",
        "acme;F-2;EUX;120,00;120.00;16.02.2026;2026-03-02;open;",
        "acme;F-1;EUR;120.00;120.01;2026-02-16;2026-03-02;open;",
    ]
    said = place.command("import-invoices", file(place, *lines), code=1)
    assert said.splitlines()[0].endswith("invoices.csv: nothing was imported:")
    assert [line.split(":")[:2] for line in said.splitlines()[1:]] == [
        ["  line 3", " amount"],
        ["  line 3", " currency"],
        ["  line 3", " issued_on"],
        ["  line 4", " more remains to be paid than the total"],
        ["  line 4", " invoice"],
    ]
    told = json.loads(place.command("import-invoices", file(place, *lines), "--json", code=1))
    assert (told["imported"], [fault["line"] for fault in told["faults"]]) == (False, [3, 3, 3, 4, 4])
    assert place.json("accounts", "list") == []


def test_an_invoice_that_belongs_to_another_account_is_a_fault_with_its_line(place: Installation) -> None:
    row = "{};F-1;EUR;120.00;120.00;2026-02-16;2026-03-02;open;"
    place.command("import-invoices", file(place, row.format("acme")))
    said = place.command("import-invoices", file(place, "", row.format("else")), code=1)
    assert said.splitlines()[1] == "  line 3: invoice: belongs to account acme; choose another id, or void it there"


def test_accounts_show_says_where_an_address_comes_from_and_since_when(place: Installation) -> None:
    with place.running("run"):
        answer = httpx.put(
            f"{place.web}/api/v1/accounts/acme",
            headers={"Authorization": "Bearer a-token"},
            json={"contacts": [{"audience": "accountant", "address": "ann@acme.example"}]},
            trust_env=False,
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
    shown = place.command("accounts", "show", "acme")
    assert "accountant  ann@acme.example  api   2026-03-03 12:00" in shown
    assert "! The user cannot be reached" in shown
    (person,) = place.json("accounts", "show", "acme")["contacts"]
    assert (person["origin"], person["set_at"]) == ("api", "2026-03-03T12:00:00+00:00")


def test_the_house_has_a_directory_only_if_the_settings_name_one(place: Installation) -> None:
    with opened(place.config) as house:
        assert house.directory is None
    with product() as shop:
        place.extra["directory"] = {"url": shop.url + "/{account}", "token": "a-secret", "timeout_seconds": 30}
        place.write_config()
        shop.says({"contacts": [{"audience": "user", "address": "cy@acme.example"}]})
        with opened(place.config) as house:
            house.writer.profiles.tell("acme", Profile(), author="ops", now=NOW)
            assert house.directory.refresh("acme", NOW)
            (facts,) = house.reader.facts(["acme"])
    assert [one.address for one in facts.contacts] == ["cy@acme.example"]
    assert shop.asked == [("/acme", "Bearer a-secret")]
