"""What the product says of its accounts and their people, over the API or in its directory."""

from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update

from gatekeeper.ledger.engine import insert_new, take_turn
from gatekeeper.ledger.profiles import told_out
from gatekeeper.ledger.tables import accounts, audit
from gatekeeper.ledger.writer.customers import TURN, describe, replace_contacts
from gatekeeper.ledger.writer.touch import lock, touch
from gatekeeper.model import Origin, Profile


class Profiles:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def tell(self, account_id: str, profile: Profile, *, author: str, now: datetime) -> list[str]:
        """Keep what the product said over the API, in place of what it said before; what has changed (`contacts`, fields).

        An account that there is not yet is made. Nothing that changes nothing is noted or looked at.
        """
        with self._engine.begin() as connection:
            take_turn(connection, TURN)
            new = insert_new(connection, accounts, id=account_id)
            lock(connection, [account_id])
            changed = _write(connection, account_id, Origin.API, profile, now)
            if changed or new:
                told = [{"code": "told", "params": {"what": ", ".join(changed)}}]
                row = {"at": now, "account_id": account_id, "kind": "told", "actor": author, "reasons": told}
                connection.execute(insert(audit).values(**row))
                touch(connection, [account_id])
            return changed

    def look_up(self, account_id: str, profile: Profile, now: datetime) -> list[str]:
        """Keep what the product's directory answered at `now`, as above; it makes no account."""
        with self._engine.begin() as connection:
            if not lock(connection, [account_id]):
                return []
            changed = _write(connection, account_id, Origin.DIRECTORY, profile, now)
            connection.execute(update(accounts).where(accounts.c.id == account_id).values(directory_at=now))
            if changed:
                touch(connection, [account_id])
            return changed


def _write(connection: Connection, account_id: str, origin: Origin, profile: Profile, now: datetime) -> list[str]:
    """Write what `origin` says; what differs from what it said before."""
    people = ["contacts"] if replace_contacts(connection, account_id, origin.value, profile.contacts, now) else []
    told = connection.execute(select(accounts.c.told).where(accounts.c.id == account_id)).scalar_one()
    before, after = told.get(origin.value, {}), told_out(profile)
    changed = [name for name in (before | after) if before.get(name) != after.get(name)]
    if changed:
        now_told = told | {origin.value: after}
        connection.execute(update(accounts).where(accounts.c.id == account_id).values(told=now_told))
        describe(connection, [account_id])
    return people + sorted(changed)
