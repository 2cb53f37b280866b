"""Questions to the ledger. Nothing here writes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Row, Select, func, select

from gatekeeper.ledger import rows
from gatekeeper.ledger.engine import for_reading
from gatekeeper.ledger.gathering import gather_facts
from gatekeeper.ledger.indexes import CHANGED, DISPUTED, NOT_CURRENT, OWING, TOUCHED, UNCONFIRMED
from gatekeeper.ledger.profiles import KnownAccount, find_account
from gatekeeper.ledger.tables import (
    accounts,
    audit,
    disputes,
    inbox,
    invoices,
    notices,
    state,
)
from gatekeeper.model import Facts, Identity, Invoice, Mode, Notice, Origin, Reason, ReturnKind, Standing
from gatekeeper.snapshot import Delta, Snapshot

# More is cheaper to send whole
MOST_CHANGES: Final = 10_000

_CLOSED: Final = accounts.c.standing.in_([Standing.RESTRICTED.value, Standing.SUSPENDED.value])
_STRIPES: Final = invoices.c.origin == Origin.STRIPE.value


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the ledger knows about itself. `mode` is None until somebody armed or disarmed it.

    `unheard_since_at`: since when reconciles find changes of which no webhook event has told (case 132).
    """

    ledger_id: str
    revision: int
    mode: Mode | None
    identity: Identity | None
    distrust: str
    watched_since_at: datetime | None
    reconciled_at: datetime | None
    reconcile_number: int
    unheard_since_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account as the last review left it. `leaves_open`: the paths that it is left while restricted; none: it may read."""

    id: str
    name: str
    locale: str | None
    standing: Standing
    standing_since_at: datetime | None
    case_id: int | None
    reasons: tuple[Reason, ...]
    review_at: datetime | None
    leaves_open: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A stored webhook event that waits to be looked at."""

    id: int
    type: str
    object_id: str
    body: bytes
    attempts: int


class Reader:
    def __init__(self, engine: Engine) -> None:
        self._engine = for_reading(engine)

    def state(self) -> State:
        row = self._one(select(state))
        assert row is not None, "the ledger has no state; run `gatekeeper migrate`"
        identity = Identity(account=row.stripe_account, livemode=bool(row.livemode)) if row.stripe_account else None
        return State(
            ledger_id=row.ledger_id,
            revision=row.revision,
            mode=Mode(row.mode) if row.mode else None,
            identity=identity,
            distrust=row.distrust,
            watched_since_at=row.watched_since_at,
            reconciled_at=row.reconciled_at,
            reconcile_number=row.reconcile_number,
            unheard_since_at=row.unheard_since_at,
        )

    def due_accounts(self, now: datetime, limit: int) -> list[str]:
        """The accounts that are due a look: touched, or with a `review_at` that has come."""
        touched = self._all(select(accounts.c.id).where(TOUCHED).limit(limit))
        timed = self._all(select(accounts.c.id).where(accounts.c.review_at <= now).order_by(accounts.c.review_at).limit(limit))
        return list(dict.fromkeys(row.id for row in (*touched, *timed)))[:limit]

    def facts(self, account_ids: Sequence[str]) -> list[Facts]:
        """All that is known of these accounts at one moment, by id; of an account that there is not, nothing."""
        with self._engine.connect() as connection:
            return gather_facts(connection, account_ids)

    def account(self, account_id: str) -> AccountRow | None:
        row = self._one(select(accounts).where(accounts.c.id == account_id))
        return None if row is None else _account_row(row)

    def known_account(self, account_id: str) -> KnownAccount | None:
        """What is known of this account and its people, and what of it the API said."""
        with self._engine.connect() as connection:
            return find_account(connection, account_id)

    def accounts(self) -> list[AccountRow]:
        """Every account that is not in good standing first, then the others, by id."""
        current = accounts.c.standing == Standing.CURRENT.value
        return [_account_row(row) for row in self._all(select(accounts).order_by(current, accounts.c.id))]

    def snapshot(self, now: datetime) -> Snapshot:
        """Every account that is not `current`, and what restricted ones are left, if it is not reading: all from one moment.

        Costs a count of all accounts, and as much as is listed: for a new file and a new reader, not for every round.
        """
        with self._engine.connect() as connection:
            house = connection.execute(select(state.c.ledger_id, state.c.revision)).one()
            total = connection.execute(select(func.count()).select_from(accounts)).scalar_one()
            listed = connection.execute(select(accounts.c.id, accounts.c.standing).where(NOT_CURRENT)).all()
            restricted = accounts.c.standing == Standing.RESTRICTED.value
            left = connection.execute(select(accounts.c.id, accounts.c.leaves_open).where(NOT_CURRENT, restricted)).all()
            return Snapshot(
                revision=house.revision,
                published_at=now,
                standings={row.id: Standing(row.standing) for row in listed},
                leaves_open={row.id: tuple(row.leaves_open) for row in left if row.leaves_open},
                ledger=house.ledger_id,
                accounts=total,
            )

    def changes_since(self, revision: int, now: datetime, *, most: int = MOST_CHANGES) -> Delta | None:
        """What has changed since a revision, from one moment; without changes if it is the ledger's own.

        None: the ledger cannot tell, for it is older, or was restored from a backup since; or it is more than `most` accounts.
        """
        with self._engine.connect() as connection:
            house = connection.execute(select(state.c.ledger_id, state.c.revision, state.c.changes_from)).one()
            if not house.changes_from <= revision <= house.revision:
                return None
            asked = select(accounts.c.id, accounts.c.standing, accounts.c.leaves_open)
            changed = asked.where(CHANGED, accounts.c.changed_in > revision).order_by(accounts.c.changed_in).limit(most + 1)
            found = connection.execute(changed).all()
        if len(found) > most:
            return None
        changes = tuple((row.id, Standing(row.standing), tuple(row.leaves_open)) for row in found)
        return Delta(house.ledger_id, revision, house.revision, now, changes)

    def revision(self) -> int:
        row = self._one(select(state.c.revision))
        return 0 if row is None else int(row.revision)

    def closed_accounts(self, *, since: datetime) -> list[str]:
        """The accounts that are restricted or suspended now and have been since `since` or later."""
        begun = _CLOSED & (accounts.c.standing_since_at >= since)
        return [row.id for row in self._all(select(accounts.c.id).where(NOT_CURRENT, begun).order_by(accounts.c.id))]

    def invoice(self, invoice_id: str) -> Invoice | None:
        row = self._one(select(invoices).where(invoices.c.id == invoice_id))
        return None if row is None else rows.invoice(row)

    def invoice_version(self, invoice_id: str) -> int | None:
        """The version to hand back with a reading; None while the ledger does not hold this invoice."""
        row = self._one(select(invoices.c.version).where(invoices.c.id == invoice_id))
        return None if row is None else int(row.version)

    def invoice_by_token(self, pay_token: str) -> Invoice | None:
        """The invoice of a pay link; of a chain of revisions the newest that has been issued."""
        named = select(invoices.c.lineage).where(invoices.c.pay_token == pay_token).scalar_subquery()
        revisions = select(invoices).where(invoices.c.lineage == named, invoices.c.status != "draft")
        row = self._one(revisions.order_by(invoices.c.created_at.desc(), invoices.c.id.desc()))
        return None if row is None else rows.invoice(row)

    def owing_not_seen_in(self, reconcile_number: int, after: str, limit: int) -> list[str]:
        """The biller's invoices held as owing that this reconcile's list did not show; the next ones by id behind `after`."""
        vanished = select(invoices.c.id).where(OWING, invoices.c.seen_in < reconcile_number, _STRIPES, invoices.c.id > after)
        return [row.id for row in self._all(vanished.order_by(invoices.c.id).limit(limit))]

    def unconfirmed(self, after: str, limit: int) -> list[str]:
        """Invoices that are paid by the word of an event alone; the next ones by id behind `after`."""
        asked = select(invoices.c.id).where(UNCONFIRMED, invoices.c.id > after)
        return [row.id for row in self._all(asked.order_by(invoices.c.id).limit(limit))]

    def test_clock_of(self, invoice_id: str) -> str:
        """The test clock by which the account of this invoice lives; empty: by none."""
        asked = select(accounts.c.clock_id).join(invoices, invoices.c.account_id == accounts.c.id)
        row = self._one(asked.where(invoices.c.id == invoice_id))
        return "" if row is None else str(row.clock_id)

    def lacks_time(self, account_id: str) -> bool:
        """Whether this account lives by a test clock whose time is not known yet."""
        lacking = (accounts.c.clock_id != "") & accounts.c.clock_at.is_(None)
        return self._one(select(accounts.c.id).where(accounts.c.id == account_id, lacking)) is not None

    def open_disputes(self) -> list[str]:
        """Disputes that are held as not closed yet."""
        return [row.id for row in self._all(select(disputes.c.id).where(DISPUTED).order_by(disputes.c.id))]

    def owing_of_closed(self, limit: int) -> list[str]:
        """The biller's owing invoices of restricted and suspended accounts, those that were read the longest ago first."""
        asked = (
            select(invoices.c.id)
            .join(accounts, accounts.c.id == invoices.c.account_id)
            .where(NOT_CURRENT, _CLOSED, OWING, _STRIPES)
        )
        return [row.id for row in self._all(asked.order_by(invoices.c.read_at).limit(limit))]

    def notices_of(self, account_id: str | None = None, limit: int = 200) -> list[Notice]:
        """The latest notices, of one account or of all, newest first."""
        asked = select(notices).order_by(notices.c.id.desc()).limit(limit)
        if account_id is not None:
            asked = asked.where(notices.c.account_id == account_id)
        return [rows.notice(row) for row in self._all(asked)]

    def notice(self, notice_id: int) -> Notice | None:
        row = self._one(select(notices).where(notices.c.id == notice_id))
        return None if row is None else rows.notice(row)

    def complaints_of(self, account_id: str) -> list[datetime]:
        """When somebody of this account called a letter of ours spam, the newest first."""
        theirs = (audit.c.account_id == account_id) & (audit.c.kind == ReturnKind.COMPLAINED.value)
        return [row.at for row in self._all(select(audit.c.at).where(theirs).order_by(audit.c.id.desc()))]

    def events_behind(self, event_id: int, limit: int) -> list[Event]:
        """Events that wait and were kept after this one, in that order."""
        asked = select(inbox).where(inbox.c.next_try_at.is_not(None), inbox.c.id > event_id).order_by(inbox.c.id).limit(limit)
        return [_event(row) for row in self._all(asked)]

    def events_due(self, now: datetime, limit: int) -> list[Event]:
        asked = select(inbox).where(inbox.c.next_try_at <= now).order_by(inbox.c.next_try_at, inbox.c.id).limit(limit)
        return [_event(row) for row in self._all(asked)]

    def is_ready(self) -> bool:
        """Whether the database answers and the books have been read whole once."""
        row = self._one(select(state.c.watched_since_at))
        return row is not None and row.watched_since_at is not None

    def _one(self, question: Select[Any]) -> Row[Any] | None:
        with self._engine.connect() as connection:
            return connection.execute(question.limit(1)).first()

    def _all(self, question: Select[Any]) -> Iterable[Row[Any]]:
        with self._engine.connect() as connection:
            return connection.execute(question).all()


def _event(row: Row[Any]) -> Event:
    return Event(id=row.id, type=row.type, object_id=row.object_id, body=row.body, attempts=row.attempts)


def _account_row(row: Row[Any]) -> AccountRow:
    return AccountRow(
        id=row.id,
        name=row.name,
        locale=row.locale,
        standing=Standing(row.standing),
        standing_since_at=row.standing_since_at,
        case_id=row.case_id,
        reasons=rows.reasons_in(row.reasons),
        review_at=row.review_at,
        leaves_open=tuple(row.leaves_open),
    )
