"""What else can happen in a torture beside the workers: at the staff's desk, to the post, to the clock and to the machine."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from gatekeeper.ledger.tables import notices, promises
from gatekeeper.ledger.writer.touch import touch
from gatekeeper.model import Audience, Contact, Exemption, Mode, NoticeState, Origin, Profile, Promise, Scope
from gatekeeper.policy.brake import Cause
from gatekeeper.policy.calendar import day_of
from tests.kit.builders import invoice
from tests.torture.biller import Biller

DAY = timedelta(days=1)


class Doings(Biller):
    # At the desk

    def exempt(self) -> None:
        account, scope = self._known(), self._stage.dice.choice(list(Scope))
        if account:
            until_on = self._day(0, 1, 10)
            self._ended(account, staff_hold=False)
            self._remember(account, Exemption(until_on=until_on, reason="", author="Ann", set_at=self._clock(), scope=scope))
            self._stage.writer.desk.exempt(account, until_on=until_on, reason="", author="Ann", now=self._clock(), scope=scope)

    def end_exemption(self) -> None:
        if account := self._known():
            self._ended(account, staff_hold=False)
            self._stage.writer.desk.end_exemption(account, author="Ann", now=self._clock())

    def hold(self) -> None:
        if account := self._known():
            until_on = self._day(0, 3)
            self._ended(account, staff_hold=True)
            made = Exemption(until_on=until_on, reason="", author="Ann", set_at=self._clock(), staff_hold=True)
            self._remember(account, made)
            self._stage.writer.desk.hold(account, until_on=until_on, reason="", author="Ann", now=self._clock())

    def end_hold(self) -> None:
        if account := self._known():
            self._ended(account, staff_hold=True)
            self._stage.writer.desk.end_hold(account, author="Ann", now=self._clock())

    def promise(self) -> None:
        if account := self._known():
            due_on, now = self._day(0, 1, 7), self._clock()
            kept = self._stage.memory.promises.get(account, ())
            ended = tuple(replace(one, ended_at=one.ended_at or now) for one in kept)
            self._stage.memory.promises[account] = (*ended, Promise(due_on=due_on, by="Bob", set_at=now))
            self._stage.writer.desk.promise(account, due_on=due_on, by="Bob", author="Ann", now=now)

    def reopen(self) -> None:
        if account := self._known():
            self._stage.memory.reopened[account] = self._clock()
            self._stage.writer.desk.reopen(account, reason="", author="Ann", now=self._clock())

    def arm(self) -> None:
        self._stage.memory.disarmed = False
        self._stage.writer.desk.set_mode(Mode.ARMED, author="Ann", now=self._clock())

    def disarm(self) -> None:
        self._stage.memory.disarmed = True
        self._stage.writer.desk.set_mode(Mode.DRY_RUN, author="Ann", now=self._clock())

    def halt(self) -> None:
        self._stage.halted = True

    def resume(self) -> None:
        self._stage.halted = False

    def release_brakes(self) -> None:
        now = self._clock()
        for row in self._stage.ledger.rows("brakes", cause=Cause.CAP.value, released_at=None):
            self._stage.memory.allowances.append((now, row["params"]["wanted"]))
        self._stage.writer.brakes.release(list(Cause), reason="looked at it", author="Ann", now=now)

    def resend(self) -> None:
        for row in self._stage.ledger.rows("notices"):
            if row["state"] in {NoticeState.REFUSED, NoticeState.UNCERTAIN}:
                self._stage.resent[row["message_id"]] += 1
                self._stage.writer.outbox.resend(row["id"], self._clock())

    def tell_people(self) -> None:
        """The product names the people of an account, over the API or in its directory."""
        account = self._someone()
        profile = Profile(contacts=tuple(Contact(audience=one, address=f"{one}@api.example") for one in Audience))
        self._stage.writer.profiles.tell(account, profile, author="Ann", now=self._clock())

    def look_up(self) -> None:
        account = self._someone()
        self._stage.writer.profiles.look_up(account, Profile(phone=str(self._stage.dice.random())), self._clock())

    def state(self) -> None:
        """An invoice that is billed elsewhere, and was paid at once."""
        self._made += 1
        terms = {"id": f"own{self._made}", "account_id": self._someone(), "status": "paid", "remaining_minor": 0}
        made = invoice(1, **terms, lineage=f"own{self._made}", origin=Origin.STATEMENT)
        self._stage.writer.statements.record([made], author="Ann", now=self._clock())

    def change_policy(self) -> None:
        self._stage.in_force = self._stage.dice.choice(sorted(self._stage.policies))
        self._stage.policy_book.adopt(self._stage.in_force, {}, author="Ann", reason="", now=self._clock())

    # To the post, the clock and the machine

    def bounce(self) -> None:
        """A letter that was taken comes back."""
        taken = [one for one in self._stage.post.arrived if one.outcome is NoticeState.ACCEPTED]
        if taken:
            chosen = self._stage.dice.choice(taken)
            for one in taken:
                one.bounced |= one.message_id == chosen.message_id
            with self._stage.ledger.engine.begin() as connection:
                its = notices.c.message_id == chosen.message_id
                connection.execute(update(notices).where(its).values(state=NoticeState.BOUNCED.value, next_try_at=None))
                touch(connection, connection.execute(select(notices.c.account_id).where(its)).scalars())

    def set_clock(self) -> None:
        self._clock.set_off(self._stage.dice.choice([-5, -1, 0, 0, 0, 1, 20]) * DAY)

    def grow_old(self) -> None:
        self._books.grow_old()

    def nothing(self) -> None:
        pass

    # When all is to be calm

    def free(self, account: str) -> None:
        """Nothing holds this account any more."""
        if self._stage.ledger.reader.account(account):
            now, desk = self._clock(), self._stage.writer.desk
            for staff_hold in (False, True):
                self._ended(account, staff_hold=staff_hold)
            desk.end_exemption(account, author="Ann", now=now)
            desk.end_hold(account, author="Ann", now=now)
            with self._stage.ledger.engine.begin() as connection:
                connection.execute(update(promises).where(promises.c.ended_at.is_(None)).values(ended_at=now))
            kept = self._stage.memory.promises.get(account, ())
            self._stage.memory.promises[account] = tuple(replace(one, ended_at=one.ended_at or now) for one in kept)

    def forget_people(self, account: str) -> None:
        """The product names nobody any more, and leaves it to Stripe."""
        if self._stage.ledger.reader.account(account):
            self._stage.writer.profiles.tell(account, Profile(), author="Ann", now=self._clock())

    # Their parts

    def _known(self) -> str:
        """An account that the ledger holds, if this one it does."""
        account = self._someone()
        return account if self._stage.ledger.reader.account(account) else ""

    def _day(self, *away: int) -> Any:
        zone = self._stage.policies[self._stage.in_force].time_zone
        return day_of(self._clock(), zone) + timedelta(days=self._stage.dice.choice(away))

    def _remember(self, account: str, made: Exemption) -> None:
        self._stage.memory.exemptions[account] = (*self._stage.memory.exemptions.get(account, ()), made)

    def _ended(self, account: str, *, staff_hold: bool) -> None:
        kept = self._stage.memory.exemptions.get(account, ())
        self._stage.memory.exemptions[account] = tuple(
            replace(one, ended_at=one.ended_at or self._clock()) if one.staff_hold is staff_hold else one for one in kept
        )
