"""docs/contacts.md, docs/api.md and docs/import.md say what the code takes: fields, examples, problems."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatekeeper.api.documents import AccountDocument
from gatekeeper.api.openapi import openapi
from gatekeeper.billing.statements import COLUMNS, MOST_ROWS, read_file
from gatekeeper.documents import Described, Statement

ROOT = Path(__file__).parents[1]
CONTACTS, API, IMPORT = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("contacts.md", "api.md", "import.md"))


def section(page: str, title: str) -> str:
    return page.partition(f"## {title}\n")[2].partition("\n## ")[0]


def listed(text: str) -> set[str]:
    """The names in the first column of the tables."""
    rows = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def examples(text: str) -> list[str]:
    return re.findall(r"-d '(.*?)'", text, re.DOTALL)


def test_the_tables_name_every_field_that_is_taken_and_no_other() -> None:
    assert listed(section(API, "Accounts")) == set(AccountDocument.model_fields)
    assert listed(section(API, "Invoices that are billed elsewhere")) == set(Statement.model_fields)
    assert listed(section(CONTACTS, "The directory")) == set(Described.model_fields)
    assert listed(section(IMPORT, "The file")) == set(COLUMNS)
    assert f"{MOST_ROWS:,} invoices" in " ".join(IMPORT.split())


def test_the_examples_are_taken() -> None:
    (account, invoice) = examples(API)
    assert AccountDocument.model_validate_json(account).contacts
    assert Statement.model_validate_json(invoice).status == "open"
    (directory,) = re.findall(r"```json\n(.*?)```", CONTACTS, re.DOTALL)
    assert set(json.loads(directory)) == set(Described.model_fields)
    assert len(Described.model_validate_json(directory).contacts) == 2
    (file,) = re.findall(r"```csv\n(.*?)```", IMPORT, re.DOTALL)
    rows = read_file(file.encode(), read_at=datetime(2026, 3, 1, tzinfo=UTC), zone=UTC)
    assert [(row.invoice.remaining_minor, row.invoice.currency) for row in rows] == [(12000, "eur"), (0, "clp")]


def test_every_problem_of_the_api_is_explained_and_no_other() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "gatekeeper/api").glob("*.py")))
    raised = set(re.findall(r'problem\(\s*(?:\d{3}|status), "([a-z-]+)"', source)) | {"not-authorized", "scope-missing"}
    told = set(re.findall(r"`([a-z-]+)`", "\n".join(re.findall(r"^\| \d{3}.*", section(API, "Errors"), re.MULTILINE))))
    assert told == raised - {"fault"}


@pytest.mark.parametrize("path", [path for path in openapi()["paths"] if "{id}" in path])
def test_the_addresses_are_told(path: str) -> None:
    resource = path.removeprefix("/api/v1/").removesuffix("/{id}")
    assert f"/api/v1/{resource}/" in API
