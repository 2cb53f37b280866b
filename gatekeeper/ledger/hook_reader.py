"""Questions about hooks: the latest of them, and how the telling goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, exists, func, select

from gatekeeper.ledger.engine import for_reading
from gatekeeper.ledger.hook_table import hooks
from gatekeeper.ledger.rows import reasons_in
from gatekeeper.ledger.tables import audit, state
from gatekeeper.model import Hook, HookState, Standing

_WHOLE: Final = select(hooks, audit.c.before, audit.c.after, audit.c.reasons, audit.c.at).join(
    audit, audit.c.id == hooks.c.audit_id
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How the telling goes: hooks that wait, since when the oldest of them, and the accounts whose last hook was given up.

    `gone`: the address has answered that it wants none any more.
    """

    waiting: int
    waiting_since_at: datetime | None
    given_up: int
    gone: bool


class HookReader:
    def __init__(self, engine: Engine) -> None:
        self._engine = for_reading(engine)

    def latest(self, account_id: str | None = None, limit: int = 200) -> list[Hook]:
        """The latest hooks, of one account or of all, newest first."""
        asked = _WHOLE.order_by(hooks.c.id.desc()).limit(limit)
        if account_id is not None:
            asked = asked.where(hooks.c.account_id == account_id)
        with self._engine.connect() as connection:
            return [_hook(row) for row in connection.execute(asked)]

    def telling(self) -> Telling:
        """From indexes that hold only what waits or was given up."""
        later = hooks.alias()
        overtaken = exists().where(later.c.account_id == hooks.c.account_id, later.c.id > hooks.c.id)
        given_up = select(func.count()).select_from(hooks).where(hooks.c.state == HookState.GIVEN_UP.value, ~overtaken)
        waiting = select(func.count(), func.min(audit.c.at)).select_from(hooks).join(audit, audit.c.id == hooks.c.audit_id)
        with self._engine.connect() as connection:
            count, since_at = connection.execute(waiting.where(hooks.c.next_try_at.is_not(None))).one()
            return Telling(
                waiting=count,
                waiting_since_at=since_at,
                given_up=connection.execute(given_up).scalar_one(),
                gone=bool(connection.execute(select(state.c.hooks_gone)).scalar_one_or_none()),
            )


def hooks_of(connection: Connection, hook_ids: Sequence[int]) -> list[Hook]:
    found = {row.id: _hook(row) for row in connection.execute(_WHOLE.where(hooks.c.id.in_(hook_ids)))}
    return [found[hook_id] for hook_id in hook_ids]


def _hook(row: Row[Any]) -> Hook:
    return Hook(
        id=row.id,
        message_id=row.message_id,
        account_id=row.account_id,
        before=Standing(row.before),
        after=Standing(row.after),
        reasons=reasons_in(row.reasons),
        leaves_open=tuple(row.leaves_open),
        revision=row.revision,
        changed_at=row.at,
        state=HookState(row.state),
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        taken_at=row.taken_at,
        detail=row.detail,
    )
