"""Everything that changes the ledger. Each public method is one transaction, and nobody else opens one."""

from dataclasses import dataclass

from sqlalchemy import Engine

from gatekeeper.ledger.engine import Line, for_writing
from gatekeeper.ledger.writer.brakes import Brakes
from gatekeeper.ledger.writer.desk import Desk
from gatekeeper.ledger.writer.disputes import Clocks, Disputes
from gatekeeper.ledger.writer.hooks import Hooks
from gatekeeper.ledger.writer.inbox import Inbox
from gatekeeper.ledger.writer.outbox import Outbox
from gatekeeper.ledger.writer.profiles import Profiles
from gatekeeper.ledger.writer.readings import Readings
from gatekeeper.ledger.writer.reconciles import Reconciles
from gatekeeper.ledger.writer.returns import Returns
from gatekeeper.ledger.writer.statements import Statements
from gatekeeper.ledger.writer.verdicts import Verdicts
from gatekeeper.ledger.writer.wishes import Wishes
from gatekeeper.policy.brake import DEFAULT_LIMITS, Limits


@dataclass(frozen=True, slots=True)
class Writer:
    """`readings` of the biller, its `disputes` and test `clocks`, `reconciles` of all its books; `verdicts` of the policy, the
    `brakes`; `outbox` of notices, `returns` of what came back of them, `hooks` to the product, `inbox` of events; the
    staff's `desk`, `profiles` that the product tells us, `statements` of invoices that are billed elsewhere, `wishes` of
    people on the lockout page.
    """

    readings: Readings
    disputes: Disputes
    clocks: Clocks
    reconciles: Reconciles
    verdicts: Verdicts
    outbox: Outbox
    returns: Returns
    hooks: Hooks
    inbox: Inbox
    desk: Desk
    profiles: Profiles
    statements: Statements
    brakes: Brakes
    wishes: Wishes


def open_writer(engine: Engine, *, message_domain: str, limits: Limits = DEFAULT_LIMITS, announced: bool = False) -> Writer:
    """A writer on this database; Message-IDs of its notices end in `@message_domain`. `announced`: see `Verdicts`."""
    writing = for_writing(engine)
    return Writer(
        readings=Readings(writing),
        disputes=Disputes(writing),
        clocks=Clocks(writing),
        reconciles=Reconciles(writing),
        verdicts=Verdicts(writing, message_domain, announced=announced),
        outbox=Outbox(writing),
        returns=Returns(writing),
        hooks=Hooks(writing),
        inbox=Inbox(writing, Line(engine)),
        desk=Desk(writing),
        profiles=Profiles(writing),
        statements=Statements(writing),
        brakes=Brakes(writing, limits),
        wishes=Wishes(writing, message_domain),
    )
