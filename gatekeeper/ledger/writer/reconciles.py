"""Whose books the ledger is kept for, how far a reading of them all has come, and whether they can be believed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, select, update

from gatekeeper.ledger.tables import inbox, state
from gatekeeper.ledger.writer.touch import release
from gatekeeper.model import Identity

_RESUMED_WITHIN: Final = timedelta(hours=1)
_SILENCE: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """One reading of the whole books: its number, when it began, and behind which cursor of the list it goes on."""

    number: int
    began_at: datetime
    cursor: str = ""


class Reconciles:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, now: datetime) -> Reconcile:
        """The reconcile that begins now, or the one that broke off less than an hour after its beginning."""
        with self._engine.begin() as connection:
            row = connection.execute(select(state)).one()
            began_at = row.reconcile_began_at
            if began_at is not None and timedelta(0) <= now - began_at < _RESUMED_WITHIN:
                return Reconcile(number=row.reconcile_number, began_at=began_at, cursor=row.reconcile_cursor)
            number = state.c.reconcile_number + 1
            begun = update(state).values(reconcile_number=number, reconcile_began_at=now, reconcile_cursor="")
            return Reconcile(number=connection.execute(begun.returning(state.c.reconcile_number)).scalar_one(), began_at=now)

    def advance(self, number: int, cursor: str) -> None:
        """A page of the list and everything that it points out have been written: the reconcile goes on behind it."""
        with self._engine.begin() as connection:
            advance(connection, number, cursor)

    def finish(self, reconcile: Reconcile, *, changed: bool = False, distrust: str = "") -> bool:
        """The books have been read whole, as of its beginning: what was held back for want of that is looked at again.

        `changed`: it found changes. `distrust`: what besides the invoices could not be read. Returns whether it shows for the
        first time that no event of these changes comes here any more (case 132). One that another worker's newer
        reconcile has overtaken changes nothing.
        """
        with self._engine.begin() as connection:
            row = connection.execute(select(state)).one()
            if row.reconcile_number != reconcile.number:
                return False
            if not distrust and (row.distrust or row.watched_since_at is None):
                release(connection)
            unheard_since_at = _unheard_since(connection, row, reconcile, changed=changed)
            connection.execute(
                update(state).values(
                    watched_since_at=row.watched_since_at or reconcile.began_at,
                    reconciled_at=reconcile.began_at,
                    distrust=distrust,
                    reconcile_began_at=None,
                    reconcile_cursor="",
                    unheard_since_at=unheard_since_at,
                )
            )
            return unheard_since_at is not None and row.unheard_since_at is None

    def distrust(self, why: str) -> None:
        """The billing system cannot be believed until a reconcile succeeds: nothing climbs (cases 5-7)."""
        with self._engine.begin() as connection:
            connection.execute(update(state).where(state.c.distrust != why).values(distrust=why))

    def pin(self, identity: Identity) -> None:
        """Tie this ledger to one Stripe account and mode, for good: a ledger that is tied stays so."""
        with self._engine.begin() as connection:
            untied = state.c.stripe_account == ""
            connection.execute(update(state).where(untied).values(stripe_account=identity.account, livemode=identity.livemode))


def advance(connection: Connection, number: int, cursor: str) -> None:
    """Have this reconcile, if it is still the latest, go on behind `cursor`."""
    running = (state.c.reconcile_number == number) & state.c.reconcile_began_at.is_not(None)
    connection.execute(update(state).where(running).values(reconcile_cursor=cursor))


def _unheard_since(connection: Connection, row: Row[Any], reconcile: Reconcile, *, changed: bool) -> datetime | None:
    """Since when changes are found of which no event told; None while events come in, or nothing happens."""
    newest = select(inbox.c.received_at).order_by(inbox.c.id.desc()).limit(1)
    heard_at = connection.execute(newest).scalar() or row.watched_since_at
    if heard_at is None or reconcile.began_at - heard_at < _SILENCE:
        return None
    already: datetime | None = row.unheard_since_at
    return already or (reconcile.began_at if changed else None)
