"""Notices on their way: claimed here, sent by somebody else, settled here. A crash in between leaves a visible row."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zlib import crc32

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, select, update

from gatekeeper.ledger import rows
from gatekeeper.ledger.indexes import SENDING
from gatekeeper.ledger.tables import notices
from gatekeeper.ledger.writer.touch import lock, touch
from gatekeeper.model import Notice, NoticeState, Outcome

# RFC 5321 4.5.3.2.6: the answer to the final dot may take ten minutes; before that nothing is known (case 42)
LEASE: Final = timedelta(minutes=15)
GIVE_UP_AFTER: Final = timedelta(hours=72)
# To which up to a third is added. Greylisting wants a quarter of an hour to an hour (case 44); what is wrong on our side may be
# mended at any moment
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(minutes=15), timedelta(minutes=45)
_FIRST_PAUSE_OF_OURS, _LONGEST_PAUSE_OF_OURS = timedelta(minutes=1), timedelta(minutes=12)
_LONGEST_ASKED_FOR = timedelta(hours=4)


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

    def name(self, notice: Notice, named: tuple[str, ...], suspend_on: date | None) -> bool:
        """Write down what the letter that is about to be sent will name; False: the attempt took too long and must end here."""
        with self._engine.begin() as connection:
            said = update(notices).where(_is(notice)).values(named=list(named), suspend_on=suspend_on)
            return connection.execute(said).rowcount == 1

    def settle(self, notice: Notice, outcome: Outcome, now: datetime, accepted_at: datetime | None = None) -> None:
        """Write down how an attempt ended. What comes back later than the lease changes nothing any more.

        `accepted_at`: now, by the account's own clock, where that is another (a Stripe test clock).
        """
        with self._engine.begin() as connection:
            for row in _mine(connection, notice):
                _settle(connection, row, outcome, now, accepted_at or now)

    def postpone(self, notice: Notice, until: datetime) -> None:
        """Put a claimed notice back, unsent: what it says could not be checked at this moment."""
        with self._engine.begin() as connection:
            back = {"state": NoticeState.PLANNED.value, "next_try_at": until, "attempts": notice.attempts - 1}
            connection.execute(update(notices).where(_is(notice)).values(**back))

    def withdraw(self, notice: Notice) -> None:
        """A claimed notice is no longer true; it is not sent."""
        with self._engine.begin() as connection:
            for row in _mine(connection, notice):
                connection.execute(update(notices).where(notices.c.id == row.id).values(state=NoticeState.WITHDRAWN.value))
                touch(connection, [row.account_id])

    def recover(self, now: datetime) -> int:
        """Notices that were being sent when their sender died: nobody knows whether they went out (case 41)."""
        outcome = Outcome(state=NoticeState.UNCERTAIN, detail="the sender stopped while it was being sent")
        with self._engine.begin() as connection:
            dead = and_(SENDING, notices.c.claimed_at <= now - LEASE)
            taken = lock(connection, connection.execute(select(notices.c.account_id).where(dead)).scalars())
            lost = connection.execute(select(notices).where(dead, notices.c.account_id.in_(taken))).all()
            for row in lost:
                _settle(connection, row, outcome, now, now)
            return len(lost)

    def resend(self, notice_id: int, now: datetime) -> bool:
        """Staff asks for one more attempt of a notice that was refused, came back or is in doubt; False: it is none of them."""
        states = [NoticeState.REFUSED.value, NoticeState.BOUNCED.value, NoticeState.UNCERTAIN.value]
        again = and_(notices.c.id == notice_id, notices.c.state.in_(states))
        with self._engine.begin() as connection:
            lock(connection, connection.execute(select(notices.c.account_id).where(again)).scalars())
            planned = update(notices).where(again).values(state=NoticeState.PLANNED.value, next_try_at=now, deferred_at=None)
            account_ids = connection.execute(planned.returning(notices.c.account_id)).scalars().all()
            touch(connection, account_ids)
            return bool(account_ids)


def _is(notice: Notice) -> ColumnElement[bool]:
    """The row of this notice, as long as this very attempt is the one that is under way."""
    return and_(notices.c.id == notice.id, SENDING, notices.c.attempts == notice.attempts)


def _mine(connection: Connection, notice: Notice) -> Sequence[Row[Any]]:
    """That row, if there is one, and its account taken."""
    lock(connection, [notice.account_id])
    return connection.execute(select(notices).where(_is(notice))).all()


def _settle(connection: Connection, row: Row[Any], outcome: Outcome, now: datetime, accepted_at: datetime) -> None:
    values: dict[str, object] = {"state": outcome.state.value, "detail": outcome.detail, "next_try_at": None}
    if outcome.state is NoticeState.ACCEPTED:
        values["accepted_at"] = accepted_at
    elif outcome.state is NoticeState.DEFERRED and row.deferred_at is not None and now - row.deferred_at >= GIVE_UP_AFTER:
        values |= {"state": NoticeState.REFUSED.value, "detail": f"given up after 72 hours; the last answer: {outcome.detail}"}
    elif outcome.state is NoticeState.DEFERRED:
        # Not since it was planned: over a long weekend it may have waited for the policy's hours, and was tried just now
        values |= {"deferred_at": row.deferred_at or now, "next_try_at": now + _pause(row, outcome)}
    elif outcome.state is NoticeState.UNCERTAIN:
        values["doubts"] = row.doubts + 1
        # Rule 5: once more after the first doubt, with the same Message-ID; after that a person decides
        values["next_try_at"] = now + LEASE if row.doubts == 0 else None
    connection.execute(update(notices).where(notices.c.id == row.id).values(**values))
    touch(connection, [row.account_id])


def _pause(row: Row[Any], outcome: Outcome) -> timedelta:
    """Longer each time, and another for each of those that were deferred together (case 59); never shorter than asked for."""
    first, longest = (_FIRST_PAUSE_OF_OURS, _LONGEST_PAUSE_OF_OURS) if outcome.ours else (_FIRST_PAUSE, _LONGEST_PAUSE)
    pause: timedelta = min(first * 2 ** min(row.attempts - 1, 8), longest)
    share = crc32(f"{row.message_id} {row.attempts}".encode()) / 2**32
    pause += pause / 3 * share
    return max(pause, min(timedelta(seconds=outcome.retry_after_seconds), _LONGEST_ASKED_FOR))
