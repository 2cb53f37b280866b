"""Webhook events: stored before they are answered, looked at later. An event only says which object to look at (rule 3)."""

from datetime import datetime, timedelta

from sqlalchemy import Engine, update

from gatekeeper.ledger.engine import insert_new
from gatekeeper.ledger.reader import Event
from gatekeeper.ledger.tables import inbox

_LONGEST_PAUSE = timedelta(hours=1)


class Inbox:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def store(self, *, event_id: str, kind: str, object_id: str, body: bytes, now: datetime, wanted: bool) -> bool:
        """Keep an event; False if it is already here (case 2). One that is not `wanted` is kept and never looked at."""
        row = {"event_id": event_id, "type": kind, "object_id": object_id, "body": body, "received_at": now}
        with self._engine.begin() as connection:
            return insert_new(connection, inbox, **row, next_try_at=now if wanted else None)

    def done(self, event: Event) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(inbox).where(inbox.c.id == event.id).values(next_try_at=None))

    def later(self, event: Event, now: datetime) -> None:
        """What the event points at could not be read; try again after a growing pause."""
        pause = min(timedelta(seconds=2) * 2 ** min(event.attempts, 12), _LONGEST_PAUSE)
        with self._engine.begin() as connection:
            values = {"next_try_at": now + pause, "attempts": event.attempts + 1}
            connection.execute(update(inbox).where(inbox.c.id == event.id).values(**values))
