"""What the lockout page asks of the wishes, and which of the accounts that it watches are open."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, select

from gatekeeper.ledger.engine import for_reading
from gatekeeper.ledger.tables import accounts, state
from gatekeeper.ledger.wish_table import wishes
from gatekeeper.model import Standing, Wish, WishKind

_CLOSED = [Standing.RESTRICTED.value, Standing.SUSPENDED.value]


class WishReader:
    def __init__(self, engine: Engine) -> None:
        self._engine = for_reading(engine)

    def last(self, account_id: str, viewer: str, since: datetime) -> Wish | None:
        """The last wish of this viewer since then, or of anybody who had us look for a payment, of which something came."""
        whose = (wishes.c.viewer == viewer) | (wishes.c.kind == WishKind.CHECK.value)
        theirs = (wishes.c.account_id == account_id) & whose & (wishes.c.at >= since) & (wishes.c.outcome != "")
        with self._engine.connect() as connection:
            row = connection.execute(select(wishes).where(theirs).order_by(wishes.c.id.desc()).limit(1)).first()
        return None if row is None else _wish(row)

    def wish(self, wish_id: int) -> Wish | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(wishes).where(wishes.c.id == wish_id)).first()
        return None if row is None else _wish(row)

    def revision(self) -> int:
        """The number of the last change of anybody's standing."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(state.c.revision)).scalar_one())

    def open_among(self, account_ids: Collection[str]) -> set[str]:
        """Those of these accounts that are neither restricted nor suspended; one that there is not is open."""
        asked = select(accounts.c.id).where(accounts.c.id.in_(account_ids), accounts.c.standing.in_(_CLOSED))
        with self._engine.connect() as connection:
            return set(account_ids) - set(connection.execute(asked).scalars())


def _wish(row: Row[Any]) -> Wish:
    return Wish(
        id=row.id,
        account_id=row.account_id,
        case_id=row.case_id,
        kind=WishKind(row.kind),
        viewer=row.viewer,
        at=row.at,
        outcome=row.outcome,
        numbers=tuple(row.numbers),
        on=row.on,
        reference=row.reference,
        words=row.words,
    )
