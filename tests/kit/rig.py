"""The verbs of the worker on a real ledger, a billing system in memory, and a clock that stands until it is moved."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from gatekeeper.braking import Brake
from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.writer import open_writer
from gatekeeper.model import (
    Notice,
    NoticeState,
    Outcome,
    Reason,
    Standing,
)
from gatekeeper.perform.notices import Postman
from gatekeeper.policy.brake import DEFAULT_LIMITS, Caps, Limits
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.versions import RulesOf
from gatekeeper.publish import Publisher
from gatekeeper.review import Looked, People, Review
from gatekeeper.snapshot import Snapshot
from gatekeeper.sync import Sync
from gatekeeper.worker import Parts, Worker
from tests.kit.builders import DUE_AT
from tests.kit.ledger import DOMAIN, Ledger, opened
from tests.kit.memory_books import Books
from tests.kit.published import published
from tests.kit.standin import MovableClock

ACCEPTED = Outcome(state=NoticeState.ACCEPTED, detail="250 taken")


class Rig:
    """`why`: what withholds every climb and letter at the moment."""

    def __init__(self, ledger: Ledger, folder: Path, *, rules: Rules | None = None, caps: Caps | None = None) -> None:
        self.ledger = ledger
        self.clock = MovableClock(DUE_AT)
        self.books = Books(self.clock)
        self.why: Reason | None = None
        self.sync = Sync(self.books, ledger.reader, ledger.writer, self.clock)
        self.review = self.another_review(rules=rules, caps=caps)
        self.publisher = Publisher(folder / "snapshot", ledger.reader, ledger.writer.verdicts.raise_revision, time.monotonic)
        self.snapshot_path = folder / "snapshot"

    def another_brake(self, ledger: Ledger | None = None, *, caps: Caps | None = None) -> Brake:
        """A brake that lets time be moved."""
        ledger, limits = ledger or self.ledger, Limits(caps=caps or DEFAULT_LIMITS.caps)
        brakes = open_writer(ledger.engine, message_domain=DOMAIN, limits=limits).brakes
        reader = BrakeReader(ledger.engine)
        return Brake(reader=reader, brakes=brakes, limits=limits, clock=self.clock, steady_seconds=lambda: 0, by_hand=True)

    def another_review(
        self,
        ledger: Ledger | None = None,
        *,
        rules: Rules | None = None,
        caps: Caps | None = None,
        sync: Sync | None = None,
        brake: Brake | None = None,
        rules_of: RulesOf | None = None,
        people: People | None = None,
    ) -> Review:
        """A review of these books, on this ledger or on another connection to it."""
        ledger, chosen = ledger or self.ledger, rules or Rules()
        return Review(
            reader=ledger.reader,
            verdicts=ledger.writer.verdicts,
            rules_of=rules_of or (lambda _facts: chosen),
            people=people,
            brake=brake or self.another_brake(ledger, caps=caps),
            read_again=(sync or self.sync).invoice,
            withheld=lambda: self.why,
            clock=self.clock,
        )

    def worker(self, **changes: Any) -> Worker:
        """A worker on all of this, whose post takes every letter at once."""
        parts: dict[str, Any] = {
            "reader": self.ledger.reader,
            "inbox": self.ledger.writer.inbox,
            "sync": self.sync,
            "review": self.review,
            "publisher": self.publisher,
            "postman": cast("Postman", Post(self)),
            "brake": self.another_brake(),
            "withheld": lambda: self.why,
            "release": self.ledger.writer.desk.release,
            "clock": self.clock,
            "reconcile_every": timedelta(minutes=10),
        }
        return Worker(Parts(**(parts | changes)))

    def event(self, object_id: str, kind: str = "invoice.updated", *, body: bytes | None = None, **shows: object) -> None:
        """A webhook has been kept; it points at this object, and shows it with these fields."""
        number = len(self.ledger.rows("inbox"))
        document = {"id": f"evt_{number}", "type": kind, "data": {"object": {"id": object_id} | shows}}
        self.ledger.writer.inbox.store(
            event_id=f"evt_{number}",
            kind=kind,
            object_id=object_id,
            body=json.dumps(document).encode() if body is None else body,
            now=self.clock(),
            wanted=True,
        )

    def waiting(self) -> list[str]:
        """What the events point at that have not been looked at yet."""
        return [row["object_id"] for row in self.ledger.rows("inbox") if row["next_try_at"] is not None]

    def look(self) -> Looked:
        """A reconcile and a review, without the post."""
        self.sync.reconcile()
        return self.review.run(self.clock())

    def post(self, outcome: Outcome = ACCEPTED) -> list[Notice]:
        """Every notice that is due goes out, and ends like this."""
        sent = []
        while notice := self.ledger.writer.outbox.claim(self.clock()):
            self.ledger.writer.outbox.settle(notice, outcome, self.clock())
            sent.append(notice)
        return sent

    def climb(self) -> None:
        """Everybody is reminded and warned; what comes next is the suspension, which is due now."""
        for days in (14, 5):
            self.look()
            self.post()
            self.review.run(self.clock())
            self.clock.move(days=days)
        self.sync.reconcile()

    def standings(self) -> dict[str, Standing]:
        return {account.id: account.standing for account in self.ledger.reader.accounts()}

    def codes(self, account: str) -> list[str]:
        """The codes of the reasons that the last look left."""
        row = self.ledger.reader.account(account)
        assert row is not None
        return [reason.code for reason in row.reasons]

    def snapshot(self) -> Snapshot:
        return published(self.snapshot_path)


class Post:
    """Takes every letter at once; stands where a `Postman` stands."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.sent: list[Notice] = []

    def send_one(self) -> bool:
        sent = self._rig.post()
        self.sent += sent
        return bool(sent)


@contextmanager
def rigged(url: str, folder: Path, *, rules: Rules | None = None, caps: Caps | None = None) -> Iterator[Rig]:
    with opened(url) as ledger:
        yield Rig(ledger, folder, rules=rules, caps=caps)


@contextmanager
def running(made: Worker) -> Iterator[Worker]:
    stop = threading.Event()
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        made.wake()
        thread.join(10)
        assert not thread.is_alive()
