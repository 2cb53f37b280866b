"""Hooks to the product: written with the change of standing that they tell of, claimed one by one, settled.

In order per account: of each account only the oldest hook that is still open may be claimed. A claim is a compare-and-set with
a lease, so that two workers never deliver one hook at the same moment; if its worker dies, the hook is claimed again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5
from zlib import crc32

from sqlalchemy import Connection, Engine, Select, and_, exists, func, insert, select, update

from gatekeeper.ledger.hook_reader import hook_of
from gatekeeper.ledger.hook_table import hooks
from gatekeeper.ledger.tables import state
from gatekeeper.model import Answered, Hook, HookOutcome, HookState

# An attempt may take 20 seconds (`perform.messenger`)
LEASE: Final = timedelta(minutes=1)
# Standard Webhooks, "Deliverability and reliability": exponential, over days. No pause is longer than an hour, so that a
# product which has been away knows an hour after its return who has paid
_PAUSES: Final = tuple(timedelta(seconds=seconds) for seconds in (5, 60, 300, 1800))
LONGEST_PAUSE: Final = timedelta(hours=1)
_ATTEMPTS: Final = len(_PAUSES) + 73


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

    def claim(self, now: datetime, address: str, *, only_openings: bool = False) -> Hook | None:
        """Take one hook whose time has come; None: there is none, or this address (its fingerprint) wants none any more.

        What gives access back goes first, then what was never tried. `only_openings`: nothing else.
        """
        with self._engine.begin() as connection:
            found = connection.execute(_due(now, only_openings=only_openings).with_for_update(skip_locked=True)).first()
            if found is None or connection.execute(select(state.c.hooks_gone)).scalar_one() == address:
                return None
            taken = {"state": HookState.SENDING.value, "next_try_at": now + LEASE, "attempts": found.attempts + 1}
            connection.execute(update(hooks).where(hooks.c.id == found.id).values(**taken))
            return hook_of(connection, found.id)

    def settle(self, hook: Hook, outcome: HookOutcome, now: datetime, address: str) -> HookState | None:
        """Write down how an attempt ended; None: it came back after its lease, and changes nothing any more."""
        values = _settled(hook, outcome, now)
        of_this_attempt = and_(hooks.c.attempts == hook.attempts, hooks.c.state == HookState.SENDING.value)
        with self._engine.begin() as connection:
            if outcome.answered is Answered.GONE:
                connection.execute(update(state).values(hooks_gone=address))
            said = update(hooks).where(hooks.c.id == hook.id, of_this_attempt).values(**values)
            return HookState(values["state"]) if connection.execute(said).rowcount == 1 else None

    def resend(self, hook_id: int, now: datetime) -> Hook:
        """Deliver the last hook of an account once more, from the beginning; an address that was gone counts as there again.

        Raises:
            ResendRefused: there is none, or the product may already know of a later change, which this one would undo there.
        """
        with self._engine.begin() as connection:
            connection.execute(update(state).values(hooks_gone=""))
            found = connection.execute(select(hooks).where(hooks.c.id == hook_id).with_for_update()).first()
            if found is None:
                raise ResendRefused(f"there is no hook {hook_id}; `gatekeeper hooks list` shows the latest")
            last = connection.execute(_last_of(found.account_id)).scalar_one()
            if last != hook_id:
                raise ResendRefused(
                    f"hook {hook_id} is not the last of {found.account_id}: the product would take an old standing for the "
                    f"present one. The last is {last}: `gatekeeper hooks resend {last}`"
                )
            if found.state != HookState.SENDING.value:
                again = {"state": HookState.WAITING.value, "next_try_at": now, "attempts": 0, "taken_at": None}
                connection.execute(update(hooks).where(hooks.c.id == hook_id).values(**again))
            return hook_of(connection, hook_id)


def announce(connection: Connection, ledger_id: UUID, changes: Sequence[Change], revision: int, now: datetime) -> None:
    """Write the hooks of these changes, and have older ones of the same accounts tried again at once: they stand in the way.

    The row of `state` has been taken before: whoever needs it and hooks takes it first.
    """
    behind = hooks.c.account_id.in_([one.account_id for one in changes])
    waiting = and_(hooks.c.state == HookState.WAITING.value, hooks.c.next_try_at > now)
    connection.execute(update(hooks).where(behind, waiting).values(next_try_at=now))
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


def _settled(hook: Hook, outcome: HookOutcome, now: datetime) -> dict[str, Any]:
    match outcome.answered:
        case Answered.TAKEN:
            ends = {"state": HookState.TAKEN.value, "next_try_at": None, "taken_at": now}
        case Answered.GONE:
            ends = {"state": HookState.WAITING.value, "next_try_at": now}
        case _ if hook.attempts >= _ATTEMPTS:
            ends = {"state": HookState.GIVEN_UP.value, "next_try_at": None}
        case _:
            ends = {"state": HookState.WAITING.value, "next_try_at": now + _pause(hook, outcome)}
    return ends | {"detail": outcome.detail}


def _pause(hook: Hook, outcome: HookOutcome) -> timedelta:
    """By the schedule, another for each hook (jitter), and no shorter than the product asks for, up to an hour."""
    pause = _PAUSES[hook.attempts - 1] if hook.attempts <= len(_PAUSES) else LONGEST_PAUSE
    pause += pause / 3 * (crc32(f"{hook.message_id} {hook.attempts}".encode()) / 2**32)
    return max(pause, min(timedelta(seconds=outcome.retry_after_seconds), LONGEST_PAUSE))


def _due(now: datetime, *, only_openings: bool) -> Select[Any]:
    """The hook to be claimed next."""
    before = hooks.alias()
    in_the_way = exists().where(
        before.c.account_id == hooks.c.account_id, before.c.id < hooks.c.id, before.c.next_try_at.is_not(None)
    )
    due = select(hooks.c.id, hooks.c.attempts).where(hooks.c.next_try_at <= now, ~in_the_way)
    if only_openings:
        due = due.where(hooks.c.opens)
    return due.order_by(hooks.c.opens.desc(), hooks.c.attempts > 0, hooks.c.id).limit(1)


def _last_of(account_id: str) -> Select[Any]:
    return select(func.max(hooks.c.id)).where(hooks.c.account_id == account_id)
