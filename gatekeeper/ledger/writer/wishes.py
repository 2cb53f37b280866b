"""What people ask for on the lockout page, written down with all that follows from it; bounded here, where presses meet."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from gatekeeper.ledger.engine import insert_all_new
from gatekeeper.ledger.tables import accounts, notices, state
from gatekeeper.ledger.wish_table import wishes
from gatekeeper.ledger.writer.desk import note_promise, pause
from gatekeeper.ledger.writer.planning import notice_row
from gatekeeper.ledger.writer.touch import lock
from gatekeeper.model import Exemption, PlannedNotice, Step, WishKind

AUTHOR: Final = "lockout page"
_BETWEEN_CHECKS: Final = timedelta(seconds=10)
_CHECKS_AN_HOUR: Final = 20
_WISHES_AN_HOUR: Final = 60
_MOST_IN_A_CASE: Final = {WishKind.PROMISE: 1, WishKind.REVIEW: 1, WishKind.TRANSFER: 3}
_HOUR: Final = timedelta(hours=1)
_KEPT: Final = timedelta(days=1)


class Wishes:
    """None, or False, in all of its methods: the account has had as many, its case is over, or there is no such account."""

    def __init__(self, engine: Engine, message_domain: str) -> None:
        self._engine = engine
        self._message_domain = message_domain

    def begin_check(self, account_id: str, viewer: str, now: datetime) -> int | None:
        """Somebody wants us to look for a payment: the id of the wish. Of an account one in 10 seconds, and 20 an hour."""
        with self._engine.begin() as connection:
            lock(connection, [account_id])
            checked = (wishes.c.account_id == account_id) & (wishes.c.kind == WishKind.CHECK.value)
            connection.execute(delete(wishes).where(checked, wishes.c.at < now - _KEPT))
            last_at, of_late = connection.execute(
                select(func.max(wishes.c.at), func.count()).where(checked, wishes.c.at > now - _HOUR)
            ).one()
            if last_at is not None and (now - last_at < _BETWEEN_CHECKS or of_late >= _CHECKS_AN_HOUR):
                return None
            return self._keep(connection, account_id, WishKind.CHECK, viewer, now)

    def end_check(self, wish_id: int, outcome: str, numbers: Sequence[str]) -> None:
        with self._engine.begin() as connection:
            said = update(wishes).where(wishes.c.id == wish_id).values(outcome=outcome, numbers=list(numbers))
            connection.execute(said)

    def write(
        self,
        account_id: str,
        viewer: str,
        kind: WishKind,
        case_id: int,
        letters: Sequence[PlannedNotice],
        *,
        at: datetime,
        now: datetime,
    ) -> bool:
        """Somebody wants the accountants written to; no letters: nobody can be. `at`: now, by the account's own clock."""
        with self._engine.begin() as connection:
            outcome = {"outcome": "written" if letters else "nobody"}
            wish_id = self._keep(connection, account_id, kind, viewer, now, case_id, **outcome)
            if wish_id is not None:
                self._plan(connection, account_id, case_id, letters, at, now)
            return wish_id is not None

    def promise(self, account_id: str, viewer: str, case_id: int, *, due_on: date, by: str, now: datetime) -> bool:
        """Somebody promises to pay by the end of `due_on`: once in a case."""
        with self._engine.begin() as connection:
            kept = {"outcome": "noted", "on": due_on}
            if self._keep(connection, account_id, WishKind.PROMISE, viewer, now, case_id, **kept) is None:
                return False
            note_promise(connection, account_id, due_on=due_on, by=by, author=AUTHOR, now=now)
            return True

    def tell_staff(
        self,
        account_id: str,
        viewer: str,
        kind: WishKind,
        case_id: int,
        *,
        staff: str,
        said: Mapping[str, Any],
        at: datetime,
        now: datetime,
        hold_until: date | None = None,
    ) -> bool:
        """Somebody has paid by bank transfer, or wants a person to look: a letter goes to `staff`, the operator's address.

        `said`: `on`, `reference`, `words`, where they were given. `hold_until`: nothing climbs to the end of that day.
        """
        with self._engine.begin() as connection:
            wish_id = self._keep(connection, account_id, kind, viewer, now, case_id, outcome="noted", **said)
            if wish_id is None:
                return False
            letter = PlannedNotice(Step(kind.value), 1, (), staff, (), name=str(wish_id))
            self._plan(connection, account_id, case_id, [letter], at, now)
            if hold_until is not None:
                hold = Exemption(until_on=hold_until, reason="asked for a review", author=AUTHOR, set_at=now, staff_hold=True)
                pause(connection, account_id, hold)
            return True

    def _keep(
        self,
        connection: Connection,
        account_id: str,
        kind: WishKind,
        viewer: str,
        now: datetime,
        case_id: int | None = None,
        **said: Any,
    ) -> int | None:
        """The id of the new wish; its account is taken from here on. `case_id`: the one that must be running."""
        if not lock(connection, [account_id]):
            return None
        running = connection.execute(select(accounts.c.case_id).where(accounts.c.id == account_id)).scalar_one()
        if case_id is not None and case_id != running:
            return None
        theirs = wishes.c.account_id == account_id
        of_late = connection.execute(select(func.count()).where(theirs, wishes.c.at > now - _HOUR)).scalar_one()
        in_case = theirs & (wishes.c.kind == kind.value) & (wishes.c.case_id == running)
        had = connection.execute(select(func.count()).where(in_case)).scalar_one()
        if of_late >= _WISHES_AN_HOUR or had >= _MOST_IN_A_CASE.get(kind, _WISHES_AN_HOUR**2):
            return None
        row = {"account_id": account_id, "case_id": running, "kind": kind.value, "viewer": viewer, "at": now, **said}
        return int(connection.execute(insert(wishes).values(**row).returning(wishes.c.id)).scalar_one())

    def _plan(
        self,
        connection: Connection,
        account_id: str,
        case_id: int,
        letters: Sequence[PlannedNotice],
        at: datetime,
        now: datetime,
    ) -> None:
        ledger_id = connection.execute(select(state.c.ledger_id)).scalar_one()
        of = {"ledger_id": ledger_id, "domain": self._message_domain, "at": at, "now": now}
        rows = [notice_row(account_id, case_id, letter, **of) for letter in letters]
        if rows:
            insert_all_new(connection, notices, rows)  # what was written today is not written again
