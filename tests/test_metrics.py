"""/metrics says in Prometheus' text format what is so in a real ledger, and names nobody."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert, text
from starlette.applications import Starlette

from gatekeeper import metrics
from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.hook_reader import HookReader
from gatekeeper.ledger.hook_table import hooks
from gatekeeper.ledger.tables import accounts, audit, inbox, state
from gatekeeper.model import Reason
from gatekeeper.policy.brake import Caps, Cause
from tests.kit.builders import wanting
from tests.kit.ledger import Ledger, opened
from tests.kit.standin import START, MovableClock
from tests.pages.serving import serving

SAMPLE = re.compile(r'gatekeeper_([a-z_]+)(?:\{([a-z]+)="([a-z_]+)"\})? (-?[0-9.e+]+)')
OPERATIONS = Path(__file__).parents[1] / "docs/operations.md"


class Part:
    """A web part that has nothing but its metrics."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.clock, self.url = ledger, MovableClock(), ""
        self.withheld: Reason | None = None
        self.app = Starlette(
            routes=metrics.routes(
                reader=ledger.reader,
                brake=BrakeReader(ledger.engine),
                hooks=HookReader(ledger.engine),
                caps=Caps(per_hour=10, per_day=30),
                withheld=lambda: self.withheld,
                clock=self.clock,
            )
        )

    def ask(self) -> httpx.Response:
        return httpx.get(f"{self.url}/metrics", trust_env=False, timeout=30)

    def values(self) -> dict[str, float]:
        """Every sample, under its name and the value of its label."""
        found = {}
        for line in self.ask().text.splitlines():
            if not line.startswith("#"):
                sample = SAMPLE.fullmatch(line)
                assert sample is not None, line
                found[" ".join(part for part in (sample[1], sample[3]) if part)] = float(sample[4])
        return found

    def write(self, *statements: object) -> None:
        with self.ledger.engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture
def part(database_url: str) -> Iterator[Part]:
    with opened(database_url) as ledger:
        made = Part(ledger)
        with serving(made.app) as made.url:
            yield made


def test_of_an_empty_ledger_everything_is_nought_and_the_age_is_not_there(part: Part) -> None:
    values = part.values()
    caps = {"closings_cap hour": 10.0, "closings_cap day": 30.0}
    assert values == dict.fromkeys(values, 0.0) | caps
    assert "reconcile_age_seconds" not in values


def test_what_is_so_is_said(part: Part) -> None:
    ledger, minute = part.ledger, timedelta(minutes=1)
    ledger.reconciled(START)
    held = [{"code": "brake", "params": {"wanted": 11, "allowed": 10}}]
    rows = [
        {"id": "a", "standing": "past_due", "withheld": True, "reasons": held, "review_at": START + minute},
        {"id": "b", "standing": "suspended", "withheld": False, "reasons": [], "review_at": START + 10 * minute},
        {"id": "c", "standing": "restricted", "withheld": False, "reasons": [], "review_at": None},
        {"id": "d", "standing": "current", "withheld": False, "reasons": [], "review_at": None},
        {"id": "e", "standing": "current", "withheld": False, "reasons": [], "review_at": None},
    ]
    closed = {"kind": "standing", "before": "past_due", "after": "suspended", "actor": "gatekeeper", "reasons": []}
    event = {"event_id": "evt_1", "type": "invoice.paid", "body": b"{}", "received_at": START, "next_try_at": START}
    hook = {"account_id": "b", "message_id": "msg_1", "opens": False, "leaves_open": [], "revision": 7, "state": "waiting"}
    hook |= {"next_try_at": START}
    given_up = {"account_id": "c", "message_id": "msg_2", "state": "given_up", "next_try_at": None}
    part.write(
        insert(accounts).values(rows),
        insert(audit).values([closed | {"at": START}, closed | {"at": START - 2 * timedelta(hours=1)}]),
        insert(inbox).values(**event),
        insert(hooks).values([hook | {"audit_id": 1}, hook | given_up | {"audit_id": 2}]),
        state.update().values(revision=7, distrust="no answer", hooks_gone="an address"),
    )
    ledger.writer.brakes.ask(wanting(11), START)
    part.withheld = Reason(code="halted")
    part.clock.move(minutes=6)
    assert part.values() == {
        "brake_engaged cap": 1,
        "brake_engaged anomaly": 0,
        "brake_engaged blind": 0,
        "brake_engaged clock": 0,
        "brake_waiting_accounts": 1,
        "brake_allowance": 0,
        "closings hour": 1,
        "closings day": 2,
        "closings_cap hour": 10,
        "closings_cap day": 30,
        "accounts current": 2,
        "accounts past_due": 1,
        "accounts restricted": 1,
        "accounts suspended": 1,
        "reconcile_age_seconds": 360,
        "distrust": 1,
        "withheld": 1,
        "review_lag_seconds": 300,
        "events_waiting": 1,
        "snapshot_revision": 7,
        "hooks_waiting": 1,
        "hooks_lag_seconds": 360,
        "hooks_given_up_accounts": 1,
        "hooks_gone": 1,
    }


def test_after_a_release_the_allowance_is_said(part: Part) -> None:
    part.ledger.writer.brakes.ask(wanting(25), START)
    part.ledger.writer.brakes.release(list(Cause), reason="right", author="Ann", now=START)
    values = part.values()
    assert (values["brake_engaged cap"], values["brake_allowance"]) == (0, 25)


def test_each_name_has_its_help_and_its_type_once_and_is_documented(part: Part) -> None:
    part.ledger.reconciled(START)
    answer = part.ask()
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.text.endswith("\n")
    names = list(dict.fromkeys(re.findall(r"^(gatekeeper_[a-z_]+)", answer.text, re.MULTILINE)))
    assert re.findall(r"^# HELP (\S+) \S.+$", answer.text, re.MULTILINE) == names
    assert re.findall(r"^# TYPE (\S+) gauge$", answer.text, re.MULTILINE) == names
    documented = re.findall(r"^\| `(gatekeeper_(?!gate_)[a-z_]+)", OPERATIONS.read_text(), re.MULTILINE)
    assert documented == names


def test_a_ledger_that_cannot_be_read_gives_no_numbers(part: Part) -> None:
    part.write(text("ALTER TABLE brakes RENAME TO gone"))
    answer = part.ask()
    assert answer.status_code == 503
    assert re.fullmatch(r"the ledger does not answer \(\w+\)\n", answer.text)
