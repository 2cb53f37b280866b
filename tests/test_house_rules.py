"""The rules that a reviewer would otherwise have to remember: sizes, imports, the clock, reasons, names that may not leak."""

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import gatekeeper

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = [contract["name"] for contract in PYPROJECT["tool"]["importlinter"]["contracts"]]

LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 60
# A migration is written once, by a tool, as one list of statements
READ_BY_PEOPLE = ("gatekeeper/*.py", ":!gatekeeper/ledger/migrations/versions")

# For each contract a room and an import that it must not contain
PLANTED = {
    "Rooms import downwards only": ("model", "gatekeeper.worker"),
    "The policy and the model touch nothing outside the house": ("policy", "os"),
    "The gate stands apart: it knows the words of the model and nothing else of ours": ("gate", "gatekeeper.ledger"),
    "Pages read; they do not send, sync or decide": ("pages", "gatekeeper.sync"),
    "What-if only reads: it asks nobody outside and writes nothing": ("whatif", "gatekeeper.billing"),
    "Only billing knows Stripe": ("sync", "stripe"),
    "Only the ledger knows SQL": ("review", "sqlalchemy"),
    "Only the worker's metronome knows schedule": ("worker", "schedule"),
}

CLOCK_READS = """
import time
from datetime import date, datetime
datetime.now()
datetime.utcnow()
datetime.today()
date.today()
time.time()
time.time_ns()
time.monotonic()
time.perf_counter()
time.sleep(1)
"""

# Written so that this file does not match itself
REGISTRY_HOSTS = rb"py[p]i\.org|python[h]osted\.org|registry\.np[m]js|deb\.de[b]ian\.org|dock[e]r\.io|gh[c]r\.io|qu[a]y\.io"
MACHINE_PATHS = rb"/wor[k]/|/roo[t]/|/far[m]/|/opt/whe[e]ls|/opt/py[p]i|/tmp/[w]/"

REASONED = {
    "noqa": re.compile(r"#\s*noqa:\s*[A-Z]+\d+(,\s*[A-Z]+\d+)*\s+[-#]+\s*\w.{2}"),
    "type: ignore": re.compile(r"#\s*type:\s*ignore\[[a-z-]+(,\s*[a-z-]+)*\]\s*#\s*\w.{2}"),
    "pragma": re.compile(r"#\s*pragma:\s*no (cover|branch)\s*[-#]+\s*\w.{2}"),
}
SWITCH = re.compile(r"#\s*(noqa|type:\s*ignore|pragma)\b")
SWITCH_FOR_A_FILE = re.compile(r"#\s*(ruff|flake8):\s*noqa|#\s*mypy:")


def our_files(*patterns: str) -> list[Path]:
    """The files that are, or would be, in a commit."""
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        check=True, cwd=ROOT, capture_output=True,
    )  # fmt: skip
    paths = {ROOT / os.fsdecode(name) for name in listing.stdout.split(b"\0") if name}
    return sorted(path for path in paths if path.is_file())


def comments(path: Path) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def at(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def assert_none(faults: list[str], advice: str = "") -> None:
    assert not faults, "\n".join([advice, *faults])


def lint_imports(house: Path) -> str:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"]
    environment = {**os.environ, "PYTHONPATH": str(house), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(command, check=False, cwd=house, env=environment, capture_output=True, text=True).stdout


def ruff(*arguments: str, source: str | None = None) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=json", *arguments]
    run = subprocess.run(command, check=False, cwd=ROOT, input=source, capture_output=True, text=True)
    assert run.stdout, run.stderr
    return json.loads(run.stdout)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to plant faults in."""
    shutil.copytree(ROOT / "gatekeeper", tmp_path / "gatekeeper", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def plant(house: Path, room: str, line: str) -> None:
    module = house / "gatekeeper" / f"{room}.py"
    with (module if module.exists() else module.with_suffix("") / "__init__.py").open("a") as file:
        file.write(f"\n{line}\n")


def test_no_file_is_longer_than_a_reader_holds_in_mind() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in our_files(*READ_BY_PEOPLE)}

    assert lengths
    assert_none([at(path, length) for path, length in lengths.items() if length > LINES_OF_A_FILE])


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{at(path, node.lineno)} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path in our_files(*READ_BY_PEOPLE)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None
        if node.end_lineno - node.lineno >= LINES_OF_A_FUNCTION
    ]

    assert_none(long)


def test_the_contracts_of_the_house_are_kept(house: Path) -> None:
    report = lint_imports(house)

    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in report, report


def test_every_contract_has_a_planted_import_that_breaks_it() -> None:
    assert sorted(PLANTED) == sorted(CONTRACTS)


@pytest.mark.parametrize("contract", PLANTED)
def test_a_forbidden_import_breaks_its_contract(house: Path, contract: str) -> None:
    room, forbidden = PLANTED[contract]
    plant(house, room, f"import {forbidden}")

    report = lint_imports(house)

    assert f"{contract} BROKEN" in report, report


def test_a_module_without_a_place_in_the_house_breaks_the_layers(house: Path) -> None:
    (house / "gatekeeper" / "helpers.py").touch()

    report = lint_imports(house)

    assert f"{CONTRACTS[0]} BROKEN" in report, report
    assert "gatekeeper.helpers" in report


def test_a_read_of_the_clock_is_refused_in_every_spelling() -> None:
    found = ruff("--select=TID251", "--stdin-filename=gatekeeper/planted.py", "-", source=CLOCK_READS)

    lines = {fault["location"]["row"] for fault in found}
    reads = {number for number, line in enumerate(CLOCK_READS.splitlines(), 1) if "(" in line}
    assert lines == reads


def test_only_the_clock_of_the_wiring_reads_the_clock() -> None:
    silenced = ruff("--select=TID251", "--ignore-noqa", "gatekeeper")

    assert_none([f"{fault['filename']}: {fault['message']}" for fault in silenced])


def test_every_check_that_is_switched_off_says_which_and_why() -> None:
    unreasoned = [
        f"{at(path, line)} {comment}"
        for path in our_files("*.py")
        for line, comment in comments(path)
        if (SWITCH.search(comment) and not any(form.search(comment) for form in REASONED.values()))
        or SWITCH_FOR_A_FILE.search(comment)
    ]

    assert_none(unreasoned, "write `# noqa: S603 - the reason`, `# type: ignore[arg-type]  # the reason`")


@pytest.mark.parametrize("kind", [REGISTRY_HOSTS, MACHINE_PATHS], ids=["registry hosts", "paths of a machine"])
def test_no_file_names_what_only_some_machines_have(kind: bytes) -> None:
    named = [
        f"{at(path, number)} {line.strip()[:100]!r}"
        for path in our_files()
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if re.search(kind, line)
    ]

    assert_none(named)


def test_every_dependency_has_its_reason_written_down() -> None:
    record = next((ROOT / "docs" / "decisions").glob("0003-*.md")).read_text()
    wanted = PYPROJECT["project"]["dependencies"] + PYPROJECT["dependency-groups"]["dev"]
    wanted += PYPROJECT["dependency-groups"].get("world", []) + PYPROJECT["build-system"]["requires"]
    names = {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in wanted}

    listed = set(re.findall(r"^\| `([\w-]+)` \|", record, re.MULTILINE))
    assert_none(sorted(names - listed), "dependencies without a line in the record")
    assert_none(sorted(listed - names), "lines of the record about what is no dependency")


def test_the_changelog_knows_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"\b\d+\.\d+\.\d+\b", changelog[changelog.index("\n## [") :])

    assert newest is not None
    assert newest[0] == gatekeeper.__version__
