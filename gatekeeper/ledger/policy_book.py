"""The versions of the policy: the one in force, and those that running cases began with, for as long as they last."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, insert, select, update

from gatekeeper.ledger.engine import for_reading, for_writing, insert_new
from gatekeeper.ledger.tables import accounts, audit, policies


class PolicyBook:
    def __init__(self, engine: Engine) -> None:
        self._reading = for_reading(engine)
        self._writing = for_writing(engine)

    def in_force(self) -> str | None:
        """The version that was adopted last; None: none yet."""
        newest = select(policies.c.id).order_by(policies.c.seen_at.desc(), policies.c.id).limit(1)
        with self._reading.connect() as connection:
            return connection.execute(newest).scalar()

    def document(self, policy_id: str) -> Mapping[str, Any] | None:
        """What a version states; None: nobody has kept it."""
        with self._reading.connect() as connection:
            found = connection.execute(select(policies.c.document).where(policies.c.id == policy_id)).scalar()
        return found if isinstance(found, dict) else None

    def adopt(self, policy_id: str, document: Mapping[str, Any], *, author: str, reason: str, now: datetime) -> None:
        """Put a version in force: from now on new cases are judged by it, and whoever waits for one is looked at again."""
        with self._writing.begin() as connection:
            waiting = accounts.c.review_at.is_not(None) & accounts.c.case_id.is_(None)
            connection.execute(update(accounts).where(waiting).values(touched=True, version=accounts.c.version + 1))
            before = (
                connection.execute(select(policies.c.id).order_by(policies.c.seen_at.desc(), policies.c.id)).scalars().first()
            )
            if not insert_new(connection, policies, id=policy_id, document=dict(document), seen_at=now):
                connection.execute(update(policies).where(policies.c.id == policy_id).values(seen_at=now))
            said = [{"code": "policy", "params": {"what": reason}}]
            row = {"at": now, "kind": "policy", "before": before or "", "after": policy_id, "actor": author, "reasons": said}
            connection.execute(insert(audit).values(**row))
