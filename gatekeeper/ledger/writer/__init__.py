"""Everything that changes the ledger. Each public method is one transaction, and nobody else opens one."""

from dataclasses import dataclass

from sqlalchemy import Engine

from gatekeeper.ledger.engine import for_writing
from gatekeeper.ledger.writer.desk import Desk
from gatekeeper.ledger.writer.inbox import Inbox
from gatekeeper.ledger.writer.outbox import Outbox
from gatekeeper.ledger.writer.readings import Readings
from gatekeeper.ledger.writer.verdicts import Verdicts


@dataclass(frozen=True, slots=True)
class Writer:
    """`readings` of the biller, `verdicts` of the policy, `outbox` of notices, `inbox` of events, the staff's `desk`."""

    readings: Readings
    verdicts: Verdicts
    outbox: Outbox
    inbox: Inbox
    desk: Desk


def open_writer(engine: Engine, *, message_domain: str) -> Writer:
    """A writer on this database; Message-IDs of its notices end in `@message_domain`."""
    writing = for_writing(engine)
    return Writer(
        readings=Readings(writing),
        verdicts=Verdicts(writing, message_domain),
        outbox=Outbox(writing),
        inbox=Inbox(writing),
        desk=Desk(writing),
    )
