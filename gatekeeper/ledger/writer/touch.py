"""Marks accounts whose facts have changed, so that the next round looks at them and no older decision about them counts."""

from collections.abc import Iterable

from sqlalchemy import Connection, update

from gatekeeper.ledger.tables import accounts

_BATCH = 500


def touch(connection: Connection, account_ids: Iterable[str]) -> None:
    """Mark these accounts. A verdict on facts from before this moment is refused by its version (case 82)."""
    ids = sorted(set(account_ids))  # in one order everywhere: two writers cannot wait for each other
    for start in range(0, len(ids), _BATCH):
        chosen = accounts.c.id.in_(ids[start : start + _BATCH])
        connection.execute(update(accounts).where(chosen).values(touched=True, version=accounts.c.version + 1))
