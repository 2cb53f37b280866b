"""A crowd of suspended accounts for the ledger of a measurement, put there without a story."""

from typing import Final

from sqlalchemy import insert, update

from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.tables import accounts, state

SUSPENDED: Final = 100_000


def crowd(url: str, many: int = SUSPENDED) -> None:
    """So `many` accounts are suspended, in a revision of their own."""
    engine = open_engine(url)
    with engine.begin() as connection:
        revision = connection.execute(
            update(state).values(revision=state.c.revision + 1).returning(state.c.revision)
        ).scalar_one()
        row = {"standing": "suspended", "touched": False, "reasons": [], "changed_in": revision}
        connection.execute(insert(accounts), [{"id": f"crowd_{number:08d}"} | row for number in range(many)])
    engine.dispose()
