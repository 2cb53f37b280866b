"""The house, the world around it, and what both have done: all that a torture moves and its judge looks at."""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

from sqlalchemy import Integer, Table, delete, func, insert, select, text

from gatekeeper.ledger.policy_book import PolicyBook
from gatekeeper.ledger.tables import metadata
from gatekeeper.ledger.writer import Writer, open_writer
from gatekeeper.model import Exemption, Facts, Promise, Standing
from gatekeeper.perform.mail.letter import Letter
from gatekeeper.policy.brake import Caps, Limits
from gatekeeper.policy.rules import Rules
from tests.kit.ledger import DOMAIN, Ledger
from tests.torture.books import Weathered
from tests.torture.clock import Clock
from tests.torture.failpoints import Points
from tests.torture.post import MoodyPost

RECONCILE_EVERY: Final = timedelta(minutes=10)


class Violation(BaseException):
    """A rule was broken. No `except Exception` of the product may see it."""


@dataclass(slots=True)
class Memory:
    """What staff did, as the ledger was told; a ledger that is restored from a backup takes it back too.

    `closings`, `allowances`: when access was taken from somebody, and how many more a release allowed. `resent`: how often
    staff had a Message-ID sent once more. `audited`: the last audit row that was judged. `standings` as the audit tells them.
    """

    exemptions: dict[str, tuple[Exemption, ...]] = field(default_factory=dict)
    promises: dict[str, tuple[Promise, ...]] = field(default_factory=dict)
    reopened: dict[str, datetime] = field(default_factory=dict)
    closings: list[datetime] = field(default_factory=list)
    allowances: list[tuple[datetime, int]] = field(default_factory=list)
    audited: int = 0
    standings: dict[str, Standing] = field(default_factory=dict)
    disarmed: bool = False
    paid_by_event: set[str] = field(default_factory=set)


class Stage:
    """`policies`: the versions that there are; new cases begin with the one in force."""

    def __init__(self, ledger: Ledger, folder: Path, points: Points, policies: list[Rules], accounts: int) -> None:
        ledger.forget()
        self.ledger, self.points = ledger, points
        self.clock = Clock()
        self.dice = Random(0)
        self.books = Weathered(self.clock, points)
        self.post = MoodyPost(self.clock, points, self._about_to_send)
        self.snapshot_path = folder / "snapshot"
        for left in folder.glob("*snapshot*"):
            left.unlink()
        self.limits = Limits(
            caps=Caps(per_hour=2, per_day=3), few=accounts - 1, blind_after=timedelta(days=1 if accounts == 3 else 100)
        )
        self.policy_book = PolicyBook(ledger.engine)
        self.writer: Writer = open_writer(ledger.engine, message_domain=DOMAIN, limits=self.limits)
        self.policies = {f"policy {number}": replace(rules, policy=f"policy {number}") for number, rules in enumerate(policies)}
        self.in_force = "policy 0"
        self.halted = False
        self.memory = Memory()
        self.resent: Counter[str] = Counter()
        self.restores: list[datetime] = []
        self.backup: tuple[dict[str, list[dict[str, Any]]], Memory] | None = None
        self.events: list[tuple[str, str, dict[str, object]]] = []
        self.names = [f"a{number}" for number in range(accounts)]
        self.diary: list[str] = []
        self.judge: Any = None
        self.books.times["clock_1"] = self.clock()
        for account in self.names:
            self.books.owe(account, created_at=self.clock() - timedelta(days=14))

    def rules_of(self, facts: Facts) -> Rules:
        """A running case keeps the version that it began with."""
        return self.policies.get(facts.policy, self.policies[self.in_force])

    def committed(self, writer: str) -> None:
        self.judge.committed(writer)

    def _about_to_send(self, letter: Letter, numbers: tuple[str, ...]) -> None:
        self.judge.letter(letter, numbers)

    def note(self, what: str) -> None:
        self.diary.append(f"{self.clock():%m-%d %H:%M:%S} {what}")

    # Backups

    def back_up(self) -> None:
        self.backup = self.ledger.dump(), deepcopy(self.memory)

    def restore(self) -> None:
        """The rows of the ledger are what they were; what is beside it, the snapshot and the halt flag, stays as it is."""
        if self.backup is None:
            return
        rows, memory = self.backup
        with self.ledger.engine.begin() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))
            for table in metadata.sorted_tables:
                if rows[table.name]:
                    connection.execute(insert(table), rows[table.name])
                if connection.dialect.name == "postgresql" and _is_counted(table):
                    highest = connection.execute(select(func.max(table.c.id))).scalar() or 0
                    said = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :next, false)")
                    connection.execute(said, {"name": table.name, "next": highest + 1})
        self.memory = deepcopy(memory)
        self.restores.append(self.clock())


def _is_counted(table: Table) -> bool:
    return table.name != "state" and "id" in table.c and isinstance(table.c.id.type, Integer)
