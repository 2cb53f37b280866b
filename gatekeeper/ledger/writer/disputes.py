"""Payments that a bank has called back in question, and the times of the test clocks that accounts live by."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, or_, select, update

from gatekeeper.ledger.engine import take_turn
from gatekeeper.ledger.tables import accounts, customers, disputes
from gatekeeper.ledger.writer.customers import TURN
from gatekeeper.ledger.writer.touch import lock, touch
from gatekeeper.model import Dispute


class Disputes:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, shown: Iterable[tuple[Dispute, str]], read_at: datetime) -> None:
        """Write disputes, each with the id of its customer (empty: unknown), as they were when asked for at `read_at`."""
        read = {dispute.id: (dispute, customer_id) for dispute, customer_id in shown}
        with self._engine.begin() as connection:
            take_turn(connection, TURN)
            held = {row.id: row for row in connection.execute(select(disputes).where(disputes.c.id.in_(read)))}
            news = [(one, held.get(one[0].id)) for one in read.values() if _is_news(*one, held.get(one[0].id), read_at)]
            concerned = {row.customer_id for _, row in news if row is not None} | {customer_id for (_, customer_id), _ in news}
            account_ids = lock(connection, _accounts_of(connection, concerned))
            for (dispute, customer_id), row in news:
                _write(connection, dispute, customer_id, row, read_at)
            touch(connection, account_ids)


class Clocks:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, times: Mapping[str, datetime]) -> None:
        """Have every account whose customer lives by one of these test clocks live in its time.

        Such clocks only go forward. One that is gone has taken its customers with it: the time of their accounts stands still.
        """
        for clock_id, at in times.items():
            behind = (accounts.c.clock_id == clock_id) & or_(accounts.c.clock_at.is_(None), accounts.c.clock_at < at)
            with self._engine.begin() as connection:
                account_ids = lock(connection, connection.execute(select(accounts.c.id).where(behind)).scalars())
                connection.execute(update(accounts).where(accounts.c.id.in_(account_ids)).values(clock_at=at))
                touch(connection, account_ids)


def _is_news(dispute: Dispute, customer_id: str, row: Row[Any] | None, read_at: datetime) -> bool:
    if row is None:
        return True
    said = (dispute.opened_at, dispute.closed_at, customer_id or row.customer_id)
    return bool(row.read_at <= read_at and said != (row.opened_at, row.closed_at, row.customer_id))


def _write(connection: Connection, dispute: Dispute, customer_id: str, row: Row[Any] | None, read_at: datetime) -> None:
    said = {"opened_at": dispute.opened_at, "closed_at": dispute.closed_at, "read_at": read_at}
    if row is None:
        connection.execute(insert(disputes).values(id=dispute.id, customer_id=customer_id, **said))
    else:
        changed = update(disputes).where(disputes.c.id == dispute.id)
        connection.execute(changed.values(customer_id=customer_id or row.customer_id, **said))


def _accounts_of(connection: Connection, customer_ids: Iterable[str]) -> list[str]:
    theirs = select(customers.c.id, customers.c.account_id).where(customers.c.id.in_(set(customer_ids)))
    return [row.account_id or row.id for row in connection.execute(theirs)]
