"""Takes accounts, and marks those whose facts have changed.

Every writer takes all the accounts that it may change, in one order, before it writes anything, and the row of `state` last.
So no two writers can wait for each other. SQLite has one writer at a time and needs none of this.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Connection, Select, TextClause, select, update

from gatekeeper.ledger.batches import batches
from gatekeeper.ledger.indexes import WITHHELD
from gatekeeper.ledger.tables import accounts


def lock(connection: Connection, account_ids: Iterable[str]) -> set[str]:
    """Take these accounts until the transaction ends; those that there are."""
    return set(connection.execute(_chosen(accounts.c.id.in_(set(account_ids)))).scalars())


def touch(connection: Connection, account_ids: Iterable[str]) -> None:
    """Have the next round look at these accounts. A verdict on facts from before this moment is refused (case 82)."""
    for batch in batches(set(account_ids)):
        connection.execute(
            update(accounts).where(accounts.c.id.in_(batch)).values(touched=True, version=accounts.c.version + 1)
        )


def release(connection: Connection) -> None:
    """Look again at every account that something held back which has ended."""
    # They may be all there are: their ids stay in the database
    chosen = _chosen(WITHHELD).scalar_subquery()
    connection.execute(update(accounts).where(accounts.c.id.in_(chosen)).values(touched=True, version=accounts.c.version + 1))


def _chosen(which: ColumnElement[bool] | TextClause) -> Select[str]:
    return select(accounts.c.id).where(which).order_by(accounts.c.id).with_for_update()
