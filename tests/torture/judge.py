"""Safety: what must hold after every step, seen in the ledger, in the letters, in the snapshots and in what the books showed.

Rules 1-7, 9 and 10 of design.md, section 6; I1-I7, I11, I13 and I14. What the code under test thinks of it is never asked.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gatekeeper.ledger import rows
from gatekeeper.ledger.tables import accounts, audit, brakes, cases, customers, disputes, invoices, notices, state
from gatekeeper.model import Facts, Invoice, Notice, NoticeState, Standing, Step, Verdict
from gatekeeper.perform.mail.letter import Letter
from gatekeeper.policy.clocks import decide_in_its_time
from gatekeeper.policy.rules import CLOSING, Rules
from gatekeeper.snapshot import Snapshot
from tests.kit.published import published
from tests.policy import promises
from tests.policy.world import Look
from tests.torture.post import Arrived
from tests.torture.stage import Stage, Violation

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LEASE = timedelta(minutes=15)
AT_A_CLOSING = (
    promises.nobody_is_suspended_who_was_not_told,
    promises.nobody_is_suspended_before_a_day_that_a_letter_named,
    promises.nobody_is_disturbed_at_the_wrong_hour,
    promises.a_hold_wins,
)
_HEIGHT = list(Standing)


class Judge:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._turn = threading.RLock()  # two workers may commit at one moment
        self._published: Snapshot | None = None
        self.at_rest = True

    # At every commit of a verdict, and of what takes letters for lost

    def committed(self, writer: str) -> None:
        judge = {"Verdicts.record": self._recorded, "Outbox.recover": self._recovered}.get(writer)
        if judge is not None:
            with self._turn, self._stage.ledger.engine.connect() as connection:
                judge(connection)

    def _recorded(self, connection: Any) -> None:
        news = connection.execute(
            select(audit).where(audit.c.id > self._stage.memory.audited, audit.c.kind == "standing").order_by(audit.c.id)
        ).all()
        held = {row.id: Standing(row.standing) for row in connection.execute(select(accounts.c.id, accounts.c.standing))}
        self._is_written_down(news, held)
        for change in news:
            self._judge(connection, change)

    def _recovered(self, connection: Any) -> None:
        """Rule 5. A sender who is at work is not taken for dead before its lease is over: else people get the letter twice."""
        under_way, lease_from = set(self._stage.post.under_way), self._stage.clock() - LEASE
        if under_way and not self._stage.clock.was_set_back:
            lost = (notices.c.state == NoticeState.UNCERTAIN.value) & (notices.c.claimed_at > lease_from)
            taken = connection.execute(select(notices).where(lost, notices.c.message_id.in_(under_way))).all()
            self._must(not taken, "a letter that is being sent was taken for lost", taken)

    def _is_written_down(self, news: Any, held: dict[str, Standing]) -> None:
        """Rule 10: each change of standing has one row, and each row is a change."""
        known = self._stage.memory.standings
        for change in news:
            before = known.get(change.account_id, Standing.CURRENT)
            self._must(before == change.before != change.after, "an audit row is no change", change)
            known[change.account_id] = Standing(change.after)
            self._stage.memory.audited = change.id
        for account_id, standing in held.items():
            told = known.get(account_id, Standing.CURRENT)
            self._must(told is standing, "a standing changed without an audit row", account_id, told, standing)

    def _judge(self, connection: Any, change: Any) -> None:
        before, after = Standing(change.before), Standing(change.after)
        self._stage.note(f"{change.account_id}: {before} -> {after}")
        if after in promises.CLOSED and _HEIGHT.index(after) > _HEIGHT.index(before):
            self._judge_closing(connection, change, before, after)
        elif after is Standing.CURRENT:
            self._judge_pardon(connection, change)

    def _judge_closing(self, connection: Any, change: Any, before: Standing, after: Standing) -> None:
        case = connection.execute(select(cases).where(cases.c.id == change.case_id)).one()
        rules = self._stage.policies[case.policy]
        facts = replace(self.facts(connection, change.account_id, change.case_id, change.at), standing=before)
        look = Look(now=change.at, before=facts, verdict=Verdict(standing=after, reasons=()), after=facts)
        for promise in AT_A_CLOSING:
            try:
                promise(look, rules)
            except AssertionError as fault:
                raise self._violation(promise.__name__, change, facts) from fault
        house = connection.execute(select(state)).one()
        self._must(not house.distrust, "closed on the word of books that are not believed", change, house.distrust)
        self._must(not self._stopped(), "closed while halted or disarmed", change)
        set_brakes = connection.execute(select(brakes).where(brakes.c.released_at.is_(None))).all()
        self._must(not set_brakes, "closed while the brake holds", change, set_brakes)
        self._count(change.at)

    def _stopped(self) -> bool:
        return self.at_rest and (self._stage.halted or self._stage.memory.disarmed)

    def _count(self, at: datetime) -> None:
        """Rule 6. A release lets through what it allows, for a day, beyond the caps."""
        memory, caps = self._stage.memory, self._stage.limits.caps
        memory.closings.append(at)
        for span, most in ((HOUR, caps.per_hour), (DAY, caps.per_day)):
            within = sum(at - span < one <= at for one in memory.closings)
            allowed = most + sum(allows for since, allows in memory.allowances if since >= at - span - DAY)
            self._must(within <= allowed, "more closings than the caps and releases allow", memory.closings, memory.allowances)

    def _judge_pardon(self, connection: Any, change: Any) -> None:
        """Absence is no evidence: whoever is in good standing again owes nothing that the ledger has heard of."""
        owed = []
        for row in connection.execute(select(invoices).where(invoices.c.account_id == change.account_id)):
            true = self._stage.books.invoices.get(row.id)
            if true is None:
                continue
            theirs = self._stage.books.customers[true.customer_id].account_id == change.account_id
            if theirs and true.owed and true.remaining_minor >= 100 and self._is_overdue(true, change.at):
                owed.append(true)
        self._must(not owed or not self.at_rest, "in good standing, and owes", change, owed)

    def _is_overdue(self, true: Invoice, at: datetime) -> bool:
        shown = self._stage.books.shown.get(true.id, [])
        known = any(one.owed for one in shown)
        return known and promises.is_overdue(true, Rules(), at) and not true.automatic

    # What the world would have known

    def facts(self, connection: Any, account_id: str, case_id: int | None, at: datetime) -> Facts:
        """The account as letters, books and staff show it; of an invoice the reading of the last minute that says it is."""
        memory = self._stage.memory

        def ask(table: Any, *where: Any) -> Any:
            return connection.execute(select(table).where(*where)).all()

        owed = [rows.invoice(row) for row in ask(invoices, invoices.c.account_id == account_id)]
        members = [row.id for row in ask(customers, customers.c.account_id == account_id)]
        written = ask(notices, notices.c.account_id == account_id, notices.c.case_id == case_id)
        return Facts(
            account_id=account_id,
            standing=Standing.PAST_DUE,
            invoices=tuple(self._as_shown(one, at) for one in owed),
            notices=tuple(letter for row in written for letter in self._as_read(row)),
            exemptions=memory.exemptions.get(account_id, ()),
            promises=memory.promises.get(account_id, ()),
            disputes=tuple(rows.dispute(row) for row in ask(disputes, disputes.c.customer_id.in_(members))),
            reopened_at=memory.reopened.get(account_id),
        )

    def _as_shown(self, held: Invoice, at: datetime) -> Invoice:
        shown = self._stage.books.shown_open(held.id, at - MINUTE, at)
        if shown is None:
            return replace(held, read_at=at - DAY)
        said = {
            name: getattr(shown, name) for name in ("status", "remaining_minor", "read_at", "due_at", "processing_since_at")
        }
        since = held.processing_since_at if shown.processing_since_at is not None else None
        return replace(held, **said | {"processing_since_at": since or shown.processing_since_at})

    def _as_read(self, row: Any) -> Iterator[Notice]:
        """The letter as its reader has it, once the server had said that it takes it."""
        found = [one for one in self._stage.post.arrived if one.message_id == row.message_id and one.at >= row.planned_at]
        for one in found:
            if one.outcome is NoticeState.ACCEPTED:
                yield replace(rows.notice(row), **self._said(one))

    def _said(self, one: Arrived) -> dict[str, Any]:
        state = NoticeState.BOUNCED if one.bounced else NoticeState.ACCEPTED
        return {"state": state, "accepted_at": one.at, "suspend_on": one.suspend_on, "named": self._lineages(one.numbers)}

    def _lineages(self, numbers: tuple[str, ...]) -> tuple[str, ...]:
        """A revision keeps its number in these books."""
        return tuple(one.id for one in self._stage.books.invoices.values() if one.number in numbers and one.lineage == one.id)

    # At every letter

    def letter(self, letter: Letter, numbers: tuple[str, ...]) -> None:
        with self._turn, self._stage.ledger.engine.connect() as connection:
            row = connection.execute(select(notices).where(notices.c.message_id == letter.message_id)).first()
            if row is None:
                raise self._violation("a letter that is not in the ledger", letter.message_id)
            now = self._stage.clock()
            self._stage.note(f"letter to {letter.to_address}: {row.step} {row.name} {row.occasion}, {self._stage.post.mood}")
            self._once(row, letter.message_id)
            self._must(not self._stopped(), "a letter while halted or disarmed", row.id)
            if row.step == Step.RESTORED or not self.at_rest:
                return
            self._must(bool(numbers), "a letter about nothing", row)
            for lineage in self._lineages(numbers):
                chain = connection.execute(select(invoices.c.id).where(invoices.c.lineage == lineage)).scalars()
                # What is written off closes nothing, and is owed all the same by whom it did close (case 15)
                given_up = row.step in CLOSING
                fresh = [self._stage.books.shown_open(one, now - 3 * MINUTE, now, given_up=given_up) for one in chain]
                self._must(any(fresh), "a letter about a debt that was not read just now", lineage, row)
            if row.step != Step.PROMISED:  # which is written because something holds
                self._not_held(connection, row, now)

    def _once(self, row: Any, message_id: str) -> None:
        """Rule 5. Of a ledger that was restored nobody can know what it sent afterwards."""
        before = sum(one.message_id == message_id for one in self._stage.post.arrived)
        allowed = row.doubts + self._stage.resent[message_id] + len(self._stage.restores)
        self._must(before <= allowed, "a letter went out more often than its doubts allow", row, before)
        self._must(row.doubts <= 1 + self._stage.resent[message_id], "uncertain for a second time, and nobody asked", row)

    def _not_held(self, connection: Any, row: Any, now: datetime) -> None:
        case = connection.execute(select(cases.c.policy).where(cases.c.id == row.case_id)).scalar()
        rules = self._stage.policies[case or self._stage.in_force]
        known = self.facts(connection, row.account_id, row.case_id, now)
        self._must(not promises.is_held(known, rules, now, promises.Scope.CONTACT), "a letter in spite of a hold", row)
        self._must(all(one.closed_at for one in known.disputes), "a letter in spite of a dispute", row)
        if row.step == Step.WARNING:
            held = promises.is_held(known, rules, now, promises.Scope.SUSPENSION)
            self._must(not held, "a warning in spite of an exemption", row)

    # At every snapshot

    def published(self, _path: Path) -> None:
        """Rule 9: revisions never go back, and one revision says one thing."""
        with self._turn:
            fresh, before = published(self._stage.snapshot_path), self._published
            self._published = fresh
            if before is not None:
                self._must(fresh.revision >= before.revision, "a revision went back", before.revision, fresh.revision)
                alike = (fresh.standings, fresh.leaves_open) == (before.standings, before.leaves_open)
                self._must(fresh.revision > before.revision or alike, "one revision says two things", before, fresh)

    # After every turn

    def turned(self, *, read_whole: bool) -> None:
        """Rules 3 and 11: after a turn whoever has paid, as an event or the books said, is let in at the gate."""
        with self._stage.ledger.engine.connect() as connection:
            open_cases = dict(
                connection.execute(select(accounts.c.id, cases.c.policy).join(cases, cases.c.id == accounts.c.case_id)).all()
            )
            held = {row.id: Standing(row.standing) for row in connection.execute(select(accounts))}
            owing: dict[str, list[Invoice]] = {}
            for row in connection.execute(select(invoices)):
                if row.id in self._stage.books.invoices:
                    owing.setdefault(row.account_id, []).append(self._stage.books.invoices[row.id])
        for account_id, standing in held.items():
            if standing in promises.CLOSED:
                rules = self._stage.policies[open_cases[account_id]]
                left = [one for one in owing.get(account_id, ()) if self._may_owe(one, rules, read_whole=read_whole)]
                self._must(bool(left), "closed, and owes nothing", account_id, owing.get(account_id))
        listed = {account_id: standing for account_id, standing in held.items() if standing is not Standing.CURRENT}
        shown = published(self._stage.snapshot_path).standings
        self._must(dict(shown) == listed, "the snapshot is not what the ledger says", shown, listed)
        if read_whole:
            self._nothing_is_left_due()
        self._nothing_is_overlooked()

    def _nothing_is_left_due(self) -> None:
        """Rules 6 and 7: a turn comes to the end of what is due. It is not begun with a part of what it wants to close."""
        left = self._stage.ledger.rows("accounts", touched=True)
        now = self._stage.clock()
        left += [row for row in self._stage.ledger.rows("accounts") if row["review_at"] is not None and row["review_at"] <= now]
        left = [row for row in left if row["standing"] != Standing.RESTRICTED]  # which is looked at once more, at once
        self._must(not left, "a turn left an account due", left)

    def _nothing_is_overlooked(self) -> None:
        """Rule 7: whoever is not due a look would be found as the last look left him. (The policy has tests of its own.)"""
        now, reader = self._stage.clock(), self._stage.ledger.reader
        if self._stage.clock.was_set_back:  # what was to be looked at in an hour, in a week's time, still waits for that hour
            return
        resting = {
            row["id"]: row["standing"]
            for row in self._stage.ledger.rows("accounts", touched=False, withheld=False)
            if row["review_at"] is None or row["review_at"] > now
        }
        for facts in reader.facts(list(resting)):
            verdict = decide_in_its_time(facts, self._stage.rules_of(facts), now)
            found = (verdict.standing.value, verdict.notices)
            self._must(found == (resting[facts.account_id], ()), "an account was overlooked", facts, verdict)

    def _may_owe(self, true: Invoice, rules: Rules, *, read_whole: bool) -> bool:
        if true.id in self._stage.memory.paid_by_event:
            return False
        return promises.is_owed(true, rules) if read_whole else True

    def _must(self, holds: bool, rule: str, *seen: object) -> None:
        if not holds:
            raise self._violation(rule, *seen)

    def _violation(self, rule: str, *seen: object) -> Violation:
        return Violation("\n".join([rule, *map(str, seen), "", *self._stage.diary[-60:]]))
