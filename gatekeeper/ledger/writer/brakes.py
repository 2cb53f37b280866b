"""Engages and releases the brake. What decides stands in the transaction that writes, behind one turn that all of them take.

Two workers, or a worker and a person, can therefore not both act on what they saw before (rule 7). The turn is taken after the
accounts and before the row of `state`, as touch.py asks.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, insert, or_, select, update

from gatekeeper.ledger.batches import batches
from gatekeeper.ledger.brake_reader import (
    RELEASED,
    Level,
    day_of,
    engaged_in,
    level_in,
    past_due_in,
    usage_in,
)
from gatekeeper.ledger.engine import insert_new, take_turn
from gatekeeper.ledger.indexes import BRAKE_SET
from gatekeeper.ledger.rows import reasons_out
from gatekeeper.ledger.tables import accounts, audit, brakes, days, state
from gatekeeper.ledger.writer.touch import release
from gatekeeper.model import Reason, Standing
from gatekeeper.policy.brake import Caps, Cause, Engaged, Limits, too_many, unusual

_TURN: Final = 8402_0003
_ACTOR: Final = "gatekeeper"


def may_close(connection: Connection, caps: Caps, now: datetime) -> bool:
    """Whether this transaction, which has taken its accounts, may commit one more closing.

    To be asked for each closing, before its audit row is written. It takes the turn: whoever else wants to close waits until
    this transaction has ended, and then counts what it wrote.
    """
    take_turn(connection, _TURN)
    return not engaged_in(connection) and usage_in(connection, now).room(caps) > 0


class Brakes:
    def __init__(self, engine: Engine, limits: Limits) -> None:
        self._engine = engine
        self._limits = limits

    def ask(self, wanting: Mapping[str, Standing], now: datetime) -> list[Engaged]:
        """What holds a batch of closings, which is thereby engaged; nothing: it may begin.

        `wanting`: the accounts and where each stood when it was judged. One that another worker has closed since is counted
        as closed, and no longer as one that wants to be.
        """
        with self._engine.begin() as connection:
            take_turn(connection, _TURN)
            used = usage_in(connection, now)
            why = too_many(len(wanting), used, self._limits.caps)
            if why is not None:
                why = too_many(len(wanting) - _moved(connection, wanting), used, self._limits.caps)
            _engage(connection, Cause.CAP, why, now)
            self._compare(connection, now)
            return engaged_in(connection)

    def engage(self, cause: Cause, why: Reason, now: datetime) -> None:
        """Hold every closing from now on; a brake that holds already stays as it is."""
        with self._engine.begin() as connection:
            take_turn(connection, _TURN)
            _engage(connection, cause, why, now)

    def keep_day(self, now: datetime) -> None:
        """Once a day: add it to the baseline, after it has been compared with those before."""
        with self._engine.begin() as connection:
            take_turn(connection, _TURN)
            total = int(connection.execute(select(func.count()).select_from(accounts)).scalar_one())
            past_due = self._compare(connection, now).past_due
            insert_new(connection, days, on=day_of(now), accounts=total, past_due=past_due)

    def live_through(self, now: datetime) -> None:
        """Raise the mark of the latest instant that a worker has lived through."""
        with self._engine.begin() as connection:
            behind = or_(state.c.seen_at.is_(None), state.c.seen_at < now)
            connection.execute(update(state).where(behind).values(seen_at=now))

    def release(self, causes: Collection[Cause], *, reason: str, author: str, now: datetime) -> list[Engaged]:
        """Let go of these brakes; those that held. What they held back is looked at with the next round.

        A cap lets through as many as were wanted when it engaged, beyond the caps and for a day; an anomaly takes the number of
        accounts past due for right; a clock counts from `now`.
        """
        with self._engine.begin() as connection:
            if not _held(connection, causes):
                return []
            release(connection)
            take_turn(connection, _TURN)
            released = _held(connection, causes)
            for one in released:
                _release(connection, one, reason, author, now)
            if any(one.cause is Cause.CLOCK for one in released):
                connection.execute(update(state).values(seen_at=now))
            return released

    def _compare(self, connection: Connection, now: datetime) -> Level:
        level = level_in(connection, now)
        why = unusual(level.past_due, level.baseline, few=self._limits.few, accepted=level.accepted)
        _engage(connection, Cause.ANOMALY, why, now)
        return level


def _moved(connection: Connection, seen: Mapping[str, Standing]) -> int:
    """How many of these accounts no longer stand where they were seen."""
    moved = 0
    for ids in batches(seen):
        found = connection.execute(select(accounts.c.id, accounts.c.standing).where(accounts.c.id.in_(ids)))
        moved += sum(standing != seen[account_id] for account_id, standing in found)
    return moved


def _held(connection: Connection, causes: Collection[Cause]) -> list[Engaged]:
    return [one for one in engaged_in(connection) if one.cause in causes]


def _engage(connection: Connection, cause: Cause, why: Reason | None, now: datetime) -> None:
    if why is None or _held(connection, [cause]):
        return
    (said,) = reasons_out((why,))
    connection.execute(insert(brakes).values(cause=cause.value, params=said["params"], set_at=now))
    _note(connection, "", cause.value, _ACTOR, now, said)


def _release(connection: Connection, one: Engaged, reason: str, author: str, now: datetime) -> None:
    params = reasons_out((one.why,))[0]["params"]
    said: dict[str, object] = {"cause": one.cause.value, "reason": reason}
    if one.cause is Cause.CAP:
        said["allows"] = params["wanted"]
    if one.cause is Cause.ANOMALY:
        params["accepted"] = past_due_in(connection)
    ended = {"released_at": now, "author": author, "reason": reason, "params": params}
    connection.execute(update(brakes).where(BRAKE_SET, brakes.c.cause == one.cause.value).values(**ended))
    _note(connection, one.cause, RELEASED, author, now, {"code": "brake_released", "params": said})


def _note(connection: Connection, before: str, after: str, actor: str, now: datetime, why: dict[str, Any]) -> None:
    row = {"at": now, "kind": "brake", "before": before, "after": after, "actor": actor, "reasons": [why]}
    connection.execute(insert(audit).values(**row))
