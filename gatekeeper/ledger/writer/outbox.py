"""Notices on their way: claimed here, sent by somebody else, settled here. A crash in between leaves a visible row."""

from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, and_, or_, select, update

from gatekeeper.ledger import rows
from gatekeeper.ledger.tables import notices
from gatekeeper.ledger.writer.touch import touch
from gatekeeper.model import Notice, NoticeState, Outcome

# RFC 5321 4.5.3.2.6: the answer to the final dot may take ten minutes; before that nothing is known (case 42)
LEASE: Final = timedelta(minutes=15)
GIVE_UP_AFTER: Final = timedelta(hours=72)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=15), timedelta(hours=4)


class Outbox:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, now: datetime) -> Notice | None:
        """Take one notice whose time to be sent has come; None if there is none. Its row says `sending` until it is settled."""
        with self._engine.begin() as connection:
            due = select(notices).where(notices.c.next_try_at <= now).order_by(notices.c.next_try_at, notices.c.id).limit(1)
            row = connection.execute(due.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            taken = {"state": NoticeState.SENDING.value, "claimed_at": now, "next_try_at": None, "attempts": row.attempts + 1}
            claimed = update(notices).where(notices.c.id == row.id).values(**taken).returning(notices)
            return rows.notice(connection.execute(claimed).one())

    def name(self, notice: Notice, named: tuple[str, ...], suspend_on: date | None) -> None:
        """Write down what the letter that is about to be sent will name."""
        with self._engine.begin() as connection:
            connection.execute(update(notices).where(_mine(notice)).values(named=list(named), suspend_on=suspend_on))

    def settle(self, notice: Notice, outcome: Outcome, now: datetime) -> None:
        """Write down how an attempt ended. What comes back later than the lease changes nothing any more."""
        with self._engine.begin() as connection:
            row = connection.execute(select(notices).where(_mine(notice))).first()
            if row is not None:
                _settle(connection, rows.notice(row), row.doubts, outcome, now)

    def postpone(self, notice: Notice, until: datetime) -> None:
        """Put a claimed notice back, unsent: what it says could not be checked at this moment."""
        with self._engine.begin() as connection:
            back = {"state": NoticeState.PLANNED.value, "next_try_at": until, "attempts": notice.attempts - 1}
            connection.execute(update(notices).where(_mine(notice)).values(**back))

    def withdraw(self, notice: Notice) -> None:
        """A claimed notice is no longer true; it is not sent."""
        with self._engine.begin() as connection:
            connection.execute(update(notices).where(_mine(notice)).values(state=NoticeState.WITHDRAWN.value))
            touch(connection, {notice.account_id})

    def recover(self, now: datetime) -> int:
        """Notices that were being sent when their sender died: nobody knows whether they went out (case 41)."""
        with self._engine.begin() as connection:
            dead = (notices.c.state == NoticeState.SENDING.value) & (notices.c.claimed_at <= now - LEASE)
            lost = connection.execute(select(notices).where(dead).with_for_update()).all()
            for row in lost:
                outcome = Outcome(state=NoticeState.UNCERTAIN, detail="the sender stopped while it was being sent")
                _settle(connection, rows.notice(row), row.doubts, outcome, now)
            return len(lost)

    def resend(self, notice_id: int, now: datetime) -> bool:
        """Staff asks for one more attempt of a notice that was refused or is in doubt; False if it is in no such state."""
        again = and_(
            notices.c.id == notice_id,
            or_(notices.c.state == NoticeState.REFUSED.value, notices.c.state == NoticeState.UNCERTAIN.value),
        )
        with self._engine.begin() as connection:
            row = connection.execute(select(notices.c.account_id).where(again)).first()
            if row is None:
                return False
            connection.execute(update(notices).where(again).values(state=NoticeState.PLANNED.value, next_try_at=now))
            touch(connection, {row.account_id})
            return True


def _mine(notice: Notice) -> ColumnElement[bool]:
    """The row, as long as this very attempt is the one that is under way."""
    return and_(notices.c.id == notice.id, notices.c.state == NoticeState.SENDING.value, notices.c.attempts == notice.attempts)


def _settle(connection: Connection, notice: Notice, doubts: int, outcome: Outcome, now: datetime) -> None:
    values: dict[str, object] = {"state": outcome.state.value, "detail": outcome.detail, "next_try_at": None}
    if outcome.state is NoticeState.ACCEPTED:
        values["accepted_at"] = now
    elif outcome.state is NoticeState.DEFERRED:
        values |= _try_later(notice, now)
    elif outcome.state is NoticeState.UNCERTAIN:
        values["doubts"] = doubts + 1
        # Rule 5: once more after the first doubt, with the same Message-ID; after that a person decides
        values["next_try_at"] = now + LEASE if doubts == 0 else None
    connection.execute(update(notices).where(notices.c.id == notice.id).values(**values))
    touch(connection, {notice.account_id})


def _try_later(notice: Notice, now: datetime) -> dict[str, object]:
    if now - notice.planned_at >= GIVE_UP_AFTER:
        return {"state": NoticeState.REFUSED.value, "detail": f"given up after 72 hours; last: {notice.detail or 'deferred'}"}
    pause = min(_FIRST_PAUSE * 2 ** min(notice.attempts - 1, 8), _LONGEST_PAUSE)
    return {"next_try_at": now + pause}
