"""What the brake asks the ledger. Functions of a connection, so that a transaction which decides can ask the same questions."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Engine, Text, and_, cast, func, or_, select

from gatekeeper.ledger.engine import for_reading
from gatekeeper.ledger.indexes import BRAKE_SET, NOT_CURRENT, WITHHELD
from gatekeeper.ledger.rows import reasons_in
from gatekeeper.ledger.tables import accounts, audit, brakes, days, inbox, state
from gatekeeper.model import Reason, Standing
from gatekeeper.policy.brake import BASELINE_DAYS, CODES, LOG_GOES_BACK, Cause, Engaged, Entry, Usage, usage

RELEASED: Final = "released"
# What the caps count: each closing, but not the way from suspended to restricted; and each release of them, of no other cause
_LOGGED: Final = and_(
    audit.c.after.in_([Standing.SUSPENDED.value, Standing.RESTRICTED.value, RELEASED]),
    or_(audit.c.after != Standing.RESTRICTED.value, audit.c.before != Standing.SUSPENDED.value),
    or_(audit.c.after != RELEASED, audit.c.before == Cause.CAP.value),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How many accounts are past due, what that is compared with, and what a person last accepted (0: nothing)."""

    past_due: int
    baseline: tuple[int, ...]
    accepted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """What waits to be looked at: since when the account that is due the longest, and how many events."""

    due_since_at: datetime | None
    events: int


class BrakeReader:
    def __init__(self, engine: Engine) -> None:
        self._engine = for_reading(engine)

    def engaged(self) -> list[Engaged]:
        """The brakes that hold, the first one that engaged first."""
        with self._engine.connect() as connection:
            return engaged_in(connection)

    def usage(self, now: datetime) -> Usage:
        with self._engine.connect() as connection:
            return usage_in(connection, now)

    def level(self, now: datetime) -> Level:
        with self._engine.connect() as connection:
            return level_in(connection, now)

    def waiting(self) -> int:
        """How many accounts the brake holds back, as the last look at each of them left it."""
        held = cast(accounts.c.reasons, Text).like('%"code": "brake%')
        with self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(accounts).where(WITHHELD, held)).scalar_one())

    def standings(self) -> dict[Standing, int]:
        """How many accounts stand where. Costs a count of all accounts: for people and metrics, not for every round."""
        counted = select(accounts.c.standing, func.count()).where(NOT_CURRENT).group_by(accounts.c.standing)
        with self._engine.connect() as connection:
            found = {Standing(standing): int(count) for standing, count in connection.execute(counted)}
            total = int(connection.execute(select(func.count()).select_from(accounts)).scalar_one())
        return dict.fromkeys(Standing, 0) | found | {Standing.CURRENT: total - sum(found.values())}

    def queues(self) -> Queues:
        """Both come from indexes that hold only what waits."""
        with self._engine.connect() as connection:
            due = connection.execute(select(func.min(accounts.c.review_at)).where(accounts.c.review_at.is_not(None))).scalar()
            waiting = select(func.count()).select_from(inbox).where(inbox.c.next_try_at.is_not(None))
            return Queues(due_since_at=due, events=int(connection.execute(waiting).scalar_one()))

    def seen_at(self) -> datetime | None:
        """The latest instant that a worker has lived through."""
        with self._engine.connect() as connection:
            seen_at: datetime | None = connection.execute(select(state.c.seen_at)).scalar()
            return seen_at

    def read_whole_at(self) -> datetime | None:
        """When the books were last read whole, or, if that was later, a person said to go on without (None: never read)."""
        with self._engine.connect() as connection:
            read_at: datetime | None = connection.execute(select(state.c.reconciled_at)).scalar_one()
            released = select(func.max(brakes.c.released_at)).where(brakes.c.cause == Cause.BLIND.value)
            released_at: datetime | None = connection.execute(released).scalar()
        return max(read_at, released_at) if read_at is not None and released_at is not None else read_at

    def database_clock(self) -> datetime | None:
        """The clock of the database's machine; None: it has none of its own (SQLite)."""
        if self._engine.dialect.name == "sqlite":
            return None
        with self._engine.connect() as connection:
            at: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return at


def engaged_in(connection: Connection) -> list[Engaged]:
    held = connection.execute(select(brakes).where(BRAKE_SET).order_by(brakes.c.id))
    return [Engaged(cause=Cause(row.cause), set_at=row.set_at, why=_why(row.cause, row.params)) for row in held]


def usage_in(connection: Connection, now: datetime) -> Usage:
    """From the audit alone: each change of standing is one row of it (rule 10), staff's as well as ours."""
    asked = select(audit.c.id, audit.c.at, audit.c.after, audit.c.reasons).where(_LOGGED, audit.c.at >= now - LOG_GOES_BACK)
    # Sorted here: asked to sort by id, SQLite reads the whole audit in that order
    written = sorted(connection.execute(asked), key=attrgetter("id"))
    return usage([_entry(row.at, row.after, row.reasons) for row in written], now)


def level_in(connection: Connection, now: datetime) -> Level:
    before = select(days.c.past_due).where(days.c.on < day_of(now)).order_by(days.c.on.desc()).limit(BASELINE_DAYS)
    anomalies = select(brakes.c.params).where(
        brakes.c.cause == Cause.ANOMALY.value, brakes.c.released_at >= now - timedelta(days=BASELINE_DAYS)
    )
    accepted = connection.execute(anomalies.order_by(brakes.c.released_at.desc()).limit(1)).scalar()
    return Level(
        past_due=past_due_in(connection),
        baseline=tuple(connection.execute(before).scalars()),
        accepted=0 if accepted is None else int(accepted["accepted"]),
    )


def past_due_in(connection: Connection) -> int:
    """Every account that is not in good standing: who is restricted or suspended is past due as well."""
    return int(connection.execute(select(func.count()).select_from(accounts).where(NOT_CURRENT)).scalar_one())


def day_of(now: datetime) -> date:
    """The day under which the baseline files an instant: in UTC, for it belongs to no customer."""
    return now.date()


def _entry(at: datetime, after: str, reasons: list[dict[str, Any]]) -> Entry:
    return Entry(at=at, allows=reasons[0]["params"]["allows"] if after == RELEASED else None)


def _why(cause: str, params: dict[str, object]) -> Reason:
    (why,) = reasons_in([{"code": CODES[Cause(cause)], "params": params}])
    return why
