"""What staff do: exempt, note a promise, open an account, arm and disarm. Each leaves an audit row with its author."""

from dataclasses import asdict
from datetime import date, datetime

from sqlalchemy import Connection, Engine, insert, select, update

from gatekeeper.ledger.tables import accounts, audit, exemptions, promises, state
from gatekeeper.ledger.writer.touch import lock, release, touch
from gatekeeper.model import Exemption, Mode, Money, Scope

_KINDS = {False: "exemption", True: "staff_hold"}


class NoSuchAccount(LookupError):
    """The ledger holds no account of this id."""

    def __init__(self, account_id: str) -> None:
        super().__init__(f"no account {account_id!r} in the ledger; `gatekeeper accounts list` shows those that it holds")


class Desk:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def exempt(
        self, account_id: str, *, until_on: date, reason: str, author: str, now: datetime, scope: Scope = Scope.CONTACT
    ) -> None:
        """Whitelist an account to the end of `until_on`; an older exemption is replaced."""
        exemption = Exemption(until_on=until_on, reason=reason, author=author, set_at=now, scope=scope)
        with self._engine.begin() as connection:
            _require(connection, account_id)
            pause(connection, account_id, exemption)

    def end_exemption(self, account_id: str, *, author: str, now: datetime) -> bool:
        """Take an account off the whitelist; False if it was not on it."""
        return self._go_on(account_id, author, now, staff_hold=False)

    def hold(self, account_id: str, *, until_on: date, reason: str, author: str, now: datetime) -> None:
        """Hold an account to the end of `until_on`, while staff looks into something; an older hold is replaced."""
        hold = Exemption(until_on=until_on, reason=reason, author=author, set_at=now, staff_hold=True)
        with self._engine.begin() as connection:
            _require(connection, account_id)
            pause(connection, account_id, hold)

    def end_hold(self, account_id: str, *, author: str, now: datetime) -> bool:
        """End the staff's hold; False if there was none."""
        return self._go_on(account_id, author, now, staff_hold=True)

    def _go_on(self, account_id: str, author: str, now: datetime, *, staff_hold: bool) -> bool:
        with self._engine.begin() as connection:
            _require(connection, account_id)
            ended = _end(connection, account_id, now, staff_hold=staff_hold)
            if ended:
                _note(connection, account_id, _KINDS[staff_hold], "ended", author, now)
            return ended

    def promise(
        self, account_id: str, *, due_on: date, by: str, author: str, now: datetime, amount: Money | None = None
    ) -> None:
        """Note that somebody promised to pay by the end of `due_on`; a newer promise takes the place of an older."""
        with self._engine.begin() as connection:
            _require(connection, account_id)
            note_promise(connection, account_id, due_on=due_on, by=by, author=author, now=now, amount=amount)

    def reopen(self, account_id: str, *, reason: str, author: str, now: datetime) -> None:
        """Open an account by hand: what was said before no longer permits a suspension (rule 4)."""
        with self._engine.begin() as connection:
            _require(connection, account_id)
            connection.execute(update(accounts).where(accounts.c.id == account_id).values(reopened_at=now))
            _note(connection, account_id, "restore", reason, author, now)

    def set_mode(self, mode: Mode, *, author: str, now: datetime) -> None:
        """Arm or disarm; arming looks again at everything that the dry run held back."""
        with self._engine.begin() as connection:
            release(connection)
            before = connection.execute(select(state.c.mode)).scalar_one()
            connection.execute(update(state).values(mode=mode.value))
            row = {"at": now, "kind": "mode", "before": before or "", "after": mode.value, "actor": author}
            connection.execute(insert(audit).values(**row))

    def give_pass(self, name: str, *, until_at: datetime, author: str, now: datetime) -> None:
        """Note that somebody of the staff may look at the product as accounts that are closed (case 106)."""
        what = f"to {name} until {until_at:%Y-%m-%d %H:%M} UTC"
        row = {"at": now, "kind": "staff_pass", "actor": author}
        with self._engine.begin() as connection:
            connection.execute(insert(audit).values(**row, reasons=[{"code": "staff_pass", "params": {"what": what}}]))

    def release(self) -> None:
        """Look again at everything that was held back (after `resume`)."""
        with self._engine.begin() as connection:
            release(connection)


def note_promise(
    connection: Connection, account_id: str, *, due_on: date, by: str, author: str, now: datetime, amount: Money | None = None
) -> None:
    """In place of the promise that runs, if there is one; the account has been taken."""
    running = (promises.c.account_id == account_id) & promises.c.ended_at.is_(None)
    connection.execute(update(promises).where(running).values(ended_at=now))
    row = {"account_id": account_id, "due_on": due_on, "by": by, "set_at": now}
    sum_of = {} if amount is None else {"amount_minor": amount.minor, "currency": amount.currency}
    connection.execute(insert(promises).values(**row, **sum_of))
    _note(connection, account_id, "promise", f"on {due_on} by {by}", author, now)


def pause(connection: Connection, account_id: str, hold: Exemption) -> None:
    """In place of the exemption, or of the staff's hold, that runs, if there is one; the account has been taken."""
    _end(connection, account_id, hold.set_at, staff_hold=hold.staff_hold)
    row = {"account_id": account_id, **asdict(hold), "scope": hold.scope.value}
    connection.execute(insert(exemptions).values(**row))
    said = f"until {hold.until_on}: {hold.reason}"
    _note(connection, account_id, _KINDS[hold.staff_hold], said, hold.author, hold.set_at)


def _require(connection: Connection, account_id: str) -> None:
    if not lock(connection, [account_id]):
        raise NoSuchAccount(account_id)


def _end(connection: Connection, account_id: str, now: datetime, *, staff_hold: bool) -> bool:
    running = (exemptions.c.account_id == account_id) & exemptions.c.ended_at.is_(None)
    of_this_kind = exemptions.c.staff_hold == staff_hold
    return connection.execute(update(exemptions).where(running, of_this_kind).values(ended_at=now)).rowcount > 0


def _note(connection: Connection, account_id: str, kind: str, what: str, author: str, now: datetime) -> None:
    row = {"at": now, "account_id": account_id, "kind": kind, "actor": author}
    connection.execute(insert(audit).values(**row, reasons=[{"code": kind, "params": {"what": what}}]))
    touch(connection, {account_id})
