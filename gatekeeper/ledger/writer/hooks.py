"""Hooks to the product: written with the change of standing that they tell of, claimed one by one, settled.

In order per account: of each account only the oldest hook that is still open may be claimed. Once access was given back, what
is still open from before is overtaken: told late, it would close in the product an account that has paid, and it may stand in
the way for days. A claim is a compare-and-set with a lease, so that two workers never deliver one hook at the same moment; if
its worker dies, the hook is claimed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5
from zlib import crc32

from sqlalchemy import Connection, Engine, Row, Select, and_, exists, func, insert, select, update

from gatekeeper.ledger.hook_reader import hooks_of
from gatekeeper.ledger.hook_table import hooks
from gatekeeper.ledger.tables import state
from gatekeeper.ledger.writer.touch import lock
from gatekeeper.model import Answered, Hook, HookOutcome, HookState

# An attempt may take 20 seconds (`perform.messenger`)
LEASE: Final = timedelta(minutes=1)
# Standard Webhooks, "Deliverability and reliability": exponential, over days. No pause is longer than an hour, so that a
# product which has been away knows an hour after its return who has paid
_PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800))
LONGEST_PAUSE: Final = timedelta(hours=1)
_ATTEMPTS: Final = len(_PAUSES) + 73
_OVERTAKEN: Final[dict[str, Any]] = {"state": HookState.OVERTAKEN.value, "next_try_at": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of standing that was just written, as `audit_id`. `opens`: it gives access back, or some of it."""

    audit_id: int
    account_id: str
    before: str
    after: str
    opens: bool
    leaves_open: list[str]


class ResendRefused(ValueError):
    """Why a hook must not be sent again."""


class Hooks:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, now: datetime, address: str, at_most: int, *, only_openings: bool = False) -> list[Hook]:
        """Take hooks whose time has come, of as many accounts; none, if this address (its fingerprint) wants none any more.

        What gives access back goes first, then what was never tried. `only_openings`: nothing else.
        """
        due = _due(now, at_most, only_openings=only_openings).with_for_update(skip_locked=True)
        with self._engine.begin() as connection:
            if connection.execute(select(state.c.hooks_gone)).scalar_one() == address:
                return []
            taken = [row.id for row in connection.execute(due).all() if not _lost_and_overtaken(connection, row)]
            if not taken:
                return []
            sending = {"state": HookState.SENDING.value, "next_try_at": now + LEASE, "attempts": hooks.c.attempts + 1}
            connection.execute(update(hooks).where(hooks.c.id.in_(taken)).values(**sending))
            return hooks_of(connection, taken)

    def settle(self, hook: Hook, outcome: HookOutcome, now: datetime, address: str) -> HookState | None:
        """Write down how an attempt ended; None: it came back after its lease, and changes nothing any more."""
        of_this_attempt = and_(hooks.c.attempts == hook.attempts, hooks.c.state == HookState.SENDING.value)
        with self._engine.begin() as connection:
            lock(connection, [hook.account_id])  # it is not opened meanwhile
            if outcome.answered is Answered.GONE:
                connection.execute(update(state).values(hooks_gone=address))
            ends = _end(hook, outcome, now, overtaken=_is_overtaken(connection, hook.account_id, hook.id))
            said = update(hooks).where(hooks.c.id == hook.id, of_this_attempt).values(**ends, detail=outcome.detail)
            return HookState(ends["state"]) if connection.execute(said).rowcount == 1 else None

    def resend(self, hook_id: int, now: datetime) -> Hook:
        """Deliver the last hook of an account once more, from the beginning; an address that was gone counts as there again.

        Raises:
            ResendRefused: there is none, or the product may already know of a later change, which this one would undo there.
        """
        with self._engine.begin() as connection:
            account_id = connection.execute(select(hooks.c.account_id).where(hooks.c.id == hook_id)).scalar()
            if account_id is None:
                raise ResendRefused(f"there is no hook {hook_id}; `gatekeeper hooks list` shows the latest")
            lock(connection, [account_id])  # it gets no later one meanwhile
            last = connection.execute(select(func.max(hooks.c.id)).where(hooks.c.account_id == account_id)).scalar_one()
            if last != hook_id:
                raise ResendRefused(
                    f"hook {hook_id} is not the last of {account_id}: the product would take an old standing for the present "
                    f"one. The last is {last}: `gatekeeper hooks resend {last}`"
                )
            connection.execute(update(state).values(hooks_gone=""))
            again = {"state": HookState.WAITING.value, "next_try_at": now, "attempts": 0, "taken_at": None}
            resting = and_(hooks.c.id == hook_id, hooks.c.state != HookState.SENDING.value)
            connection.execute(update(hooks).where(resting).values(**again))
            (hook,) = hooks_of(connection, [hook_id])
            return hook


def announce(connection: Connection, ledger_id: UUID, changes: Sequence[Change], revision: int, now: datetime) -> None:
    """Write the hooks of these changes, due at once; `revision`: of the ledger, which they have raised.

    The row of `state` has been taken: whoever needs both takes it before any hook.
    """
    reopened = [one.account_id for one in changes if one.opens]
    if reopened:
        waiting = and_(hooks.c.account_id.in_(reopened), hooks.c.state == HookState.WAITING.value)
        connection.execute(update(hooks).where(waiting).values(**_OVERTAKEN))
    connection.execute(insert(hooks), [_row(one, ledger_id, revision, now) for one in changes])


def _row(change: Change, ledger_id: UUID, revision: int, now: datetime) -> dict[str, Any]:
    # With the instant: after an old backup was restored, numbers of the audit come a second time
    told = f"hook:{change.audit_id}:{change.account_id}:{change.before}:{change.after}:{now.isoformat()}"
    return {
        "audit_id": change.audit_id,
        "account_id": change.account_id,
        "message_id": f"msg_{uuid5(ledger_id, told).hex}",
        "opens": change.opens,
        "leaves_open": change.leaves_open,
        "revision": revision,
        "state": HookState.WAITING.value,
        "next_try_at": now,
    }


def _end(hook: Hook, outcome: HookOutcome, now: datetime, *, overtaken: bool) -> dict[str, Any]:
    match outcome.answered:
        case Answered.TAKEN:
            return {"state": HookState.TAKEN.value, "next_try_at": None, "taken_at": now}
        case _ if overtaken:
            return _OVERTAKEN
        case Answered.GONE:
            return {"state": HookState.WAITING.value, "next_try_at": now}
        case _ if hook.attempts >= _ATTEMPTS:
            return {"state": HookState.GIVEN_UP.value, "next_try_at": None}
        case _:
            return {"state": HookState.WAITING.value, "next_try_at": now + _pause(hook, outcome)}


def _pause(hook: Hook, outcome: HookOutcome) -> timedelta:
    """By the schedule, another for each hook (jitter), and no shorter than the product asks for, up to an hour."""
    pause = _PAUSES[hook.attempts - 1] if hook.attempts <= len(_PAUSES) else LONGEST_PAUSE
    pause += pause / 3 * (crc32(f"{hook.message_id} {hook.attempts}".encode()) / 2**32)
    return max(pause, min(timedelta(seconds=outcome.retry_after_seconds), LONGEST_PAUSE))


def _due(now: datetime, at_most: int, *, only_openings: bool) -> Select[Any]:
    """The hooks to be claimed next: of an account the oldest that is open."""
    before = hooks.alias()
    in_the_way = exists().where(
        before.c.account_id == hooks.c.account_id, before.c.id < hooks.c.id, before.c.next_try_at.is_not(None)
    )
    due = select(hooks.c.id, hooks.c.account_id, hooks.c.state).where(hooks.c.next_try_at <= now, ~in_the_way)
    if only_openings:
        due = due.where(hooks.c.opens)
    return due.order_by(hooks.c.opens.desc(), hooks.c.attempts > 0, hooks.c.id).limit(at_most)


def _lost_and_overtaken(connection: Connection, row: Row[Any]) -> bool:
    """Whether its worker died, and access was given back since; then it is not sent any more."""
    if row.state != HookState.SENDING.value or not _is_overtaken(connection, row.account_id, row.id):
        return False
    connection.execute(update(hooks).where(hooks.c.id == row.id).values(**_OVERTAKEN))
    return True


def _is_overtaken(connection: Connection, account_id: str, hook_id: int) -> bool:
    later = select(hooks.c.id).where(hooks.c.account_id == account_id, hooks.c.id > hook_id, hooks.c.opens)
    return connection.execute(later.limit(1)).first() is not None
