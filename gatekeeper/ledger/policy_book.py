"""Every version of the policy that a case began with: a running case is judged by its own for as long as it lasts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from gatekeeper.ledger.engine import for_reading, for_writing, insert_new
from gatekeeper.ledger.tables import policies


class PolicyBook:
    def __init__(self, engine: Engine) -> None:
        self._reading = for_reading(engine)
        self._writing = for_writing(engine)

    def keep(self, policy_id: str, document: Mapping[str, Any], now: datetime) -> bool:
        """Keep a version; False: it is here already."""
        with self._writing.begin() as connection:
            return insert_new(connection, policies, id=policy_id, document=dict(document), seen_at=now)

    def document(self, policy_id: str) -> Mapping[str, Any] | None:
        """What a version states; None: nobody has kept it."""
        with self._reading.connect() as connection:
            found = connection.execute(select(policies.c.document).where(policies.c.id == policy_id)).scalar()
        return found if isinstance(found, dict) else None

    def latest(self) -> str | None:
        """The version that was first seen last; None: none yet."""
        with self._reading.connect() as connection:
            found = select(policies.c.id).order_by(policies.c.seen_at.desc(), policies.c.id).limit(1)
            return connection.execute(found).scalar()
