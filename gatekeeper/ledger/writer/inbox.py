"""Webhook events: stored before they are answered, looked at later. An event only says which object to look at (rule 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Engine, delete, select, update

from gatekeeper.ledger.engine import Line, insert_all_new
from gatekeeper.ledger.reader import Event
from gatekeeper.ledger.tables import inbox

_LONGEST_PAUSE: Final = timedelta(hours=1)
# Stripe repeats an event for three days, and people can have it repeated for thirty
_KEPT_FOR: Final = timedelta(days=30)
_PRUNED_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event as it has come in. One that is not `wanted` is kept and never looked at."""

    event_id: str
    kind: str
    object_id: str
    body: bytes
    received_at: datetime
    wanted: bool

    def row(self) -> dict[str, Any]:
        return {
            "event_id": self.event_id,
            "type": self.kind,
            "object_id": self.object_id,
            "body": self.body,
            "received_at": self.received_at,
            "next_try_at": self.received_at if self.wanted else None,
        }


class Inbox:
    def __init__(self, engine: Engine, line: Line) -> None:
        self._engine = engine
        self._line = line

    def store(self, *, event_id: str, kind: str, object_id: str, body: bytes, now: datetime, wanted: bool) -> bool:
        """Keep an event; False if it is already here (case 2). One that is not `wanted` is kept and never looked at."""
        come = Arrival(event_id=event_id, kind=kind, object_id=object_id, body=body, received_at=now, wanted=wanted)
        return self.store_many([come]) == 1

    def store_many(self, come: Sequence[Arrival]) -> int:
        """Keep events as `store` does, with one commit for all; how many are new. If it raises, none counts as kept."""
        # In one order everywhere: else two transactions with the same events could wait for one another
        rows = [arrival.row() for arrival in sorted(come, key=attrgetter("event_id"))]
        return self._line.run(lambda connection: insert_all_new(connection, inbox, rows))

    def done(self, event: Event) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(inbox).where(inbox.c.id == event.id).values(next_try_at=None))

    def later(self, event: Event, now: datetime) -> None:
        """What the event points at could not be read; try again after a growing pause."""
        pause = min(timedelta(seconds=2) * 2 ** min(event.attempts, 12), _LONGEST_PAUSE)
        with self._engine.begin() as connection:
            values = {"next_try_at": now + pause, "attempts": event.attempts + 1}
            connection.execute(update(inbox).where(inbox.c.id == event.id).values(**values))

    def prune(self, now: datetime) -> int:
        """Forget events that nobody waits for and that are older than thirty days, of the oldest thousand; how many."""
        oldest = select(inbox.c.id, inbox.c.received_at, inbox.c.next_try_at).order_by(inbox.c.id).limit(_PRUNED_AT_ONCE)
        with self._engine.begin() as connection:
            rows = connection.execute(oldest).all()
            old = [row.id for row in rows if row.next_try_at is None and row.received_at < now - _KEPT_FOR]
            if old:
                connection.execute(delete(inbox).where(inbox.c.id.in_(old)))
            return len(old)
