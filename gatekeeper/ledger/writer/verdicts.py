"""What the policy decided, written down: standing, case, audit row, planned notices and the next look, in one transaction.

A round may bring hundreds of verdicts: each kind of row is written with one statement for all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, bindparam, case, insert, select, update

from gatekeeper.ledger.engine import insert_all_new
from gatekeeper.ledger.rows import distrust_of, reasons_out
from gatekeeper.ledger.tables import accounts, audit, cases, notices, state
from gatekeeper.ledger.writer.brakes import may_close
from gatekeeper.ledger.writer.hooks import Change, announce
from gatekeeper.ledger.writer.planning import notice_row
from gatekeeper.ledger.writer.touch import lock
from gatekeeper.model import Facts, NoticeState, Standing, Step, Verdict
from gatekeeper.policy.brake import Caps
from gatekeeper.policy.clocks import shift_of
from gatekeeper.policy.withhold import closes

ACTOR: Final = "gatekeeper"

Entry = tuple[Facts, Verdict, bool]


@dataclass(slots=True)
class _Judged:
    """One verdict on its way into the ledger.

    `at`: now, by the account's own clock; `case_id`: the case that it belongs to; `was`: what the ledger held of the account.
    """

    facts: Facts
    verdict: Verdict
    withheld: bool
    at: datetime
    case_id: int | None
    was: Row[*tuple[Any, ...]]

    @property
    def changes(self) -> bool:
        return self.verdict.standing is not self.facts.standing

    @property
    def leaves_open(self) -> list[str]:
        return list(self.verdict.leaves_open) if self.verdict.standing is Standing.RESTRICTED else []

    @property
    def concerns_gates(self) -> bool:
        return self.changes or self.leaves_open != self.was.leaves_open

    @property
    def opens_case(self) -> bool:
        return self.verdict.standing is not Standing.CURRENT and self.facts.case_id is None

    @property
    def closes_case(self) -> bool:
        return self.verdict.standing is Standing.CURRENT and self.facts.case_id is not None


class Verdicts:
    """`announced`: whether the product is told of each change of standing (`Hooks`)."""

    def __init__(self, engine: Engine, message_domain: str, *, announced: bool) -> None:
        self._engine = engine
        self._message_domain = message_domain
        self._announced = announced

    def record(self, judged: Sequence[Entry], now: datetime, *, caps: Caps | None = None) -> list[str]:
        """Write a batch of verdicts; the ids of the accounts whose standing changed.

        Each entry: the facts that were judged, the verdict, and whether something of it was withheld. A verdict whose facts
        have changed meanwhile is dropped, and so is, with `caps`, every closing but one for which they leave room: its account
        is still due, and is looked at again.
        """
        with self._engine.begin() as connection:
            lock(connection, (facts.account_id for facts, _, _ in judged))
            house = connection.execute(select(state)).one()
            held = _held(connection, judged)
            taken = [
                _Judged(facts, verdict, withheld, now + shift_of(facts, now), facts.case_id, was)
                for facts, verdict, withheld in judged
                if facts.distrust == distrust_of(house)
                and (was := held.get(facts.account_id)) is not None
                and was.version == facts.version
            ]
            if caps is not None:
                taken = _within(connection, taken, caps, now)
            if not taken:
                return []
            _open_cases(connection, taken)
            _close_cases(connection, taken)
            self._plan(connection, house.ledger_id, taken, now)
            changed = [one for one in taken if one.changes]
            noted = connection.execute(_NOTE, [_change(one, now) for one in changed]).scalars().all() if changed else []
            # Whoever raises the revision holds it until the commit: what a reader finds at a revision is all that is in it
            raised = any(one.concerns_gates for one in taken)
            revision = connection.execute(_RAISE).scalar_one() if raised else house.revision
            connection.execute(_WRITE, [_account(one, revision) for one in taken])
            if changed and self._announced:
                told = [_told(one, audit_id) for one, audit_id in zip(changed, noted, strict=True)]
                announce(connection, UUID(house.ledger_id), told, revision, now)
        return [one.facts.account_id for one in changed]

    def raise_revision(self, above: int) -> int:
        """Lift the revision over one that was already published (an old backup was restored): revisions never go back.

        What has changed between them nobody can say.
        """
        with self._engine.begin() as connection:
            higher = {"revision": above + 1, "changes_from": above + 1}
            connection.execute(update(state).where(state.c.revision <= above).values(higher))
            return int(connection.execute(select(state.c.revision)).scalar_one())

    def _plan(self, connection: Connection, ledger_id: str, taken: Iterable[_Judged], now: datetime) -> None:
        domain = self._message_domain
        rows = [
            notice_row(one.facts.account_id, one.case_id, notice, ledger_id=ledger_id, domain=domain, at=one.at, now=now)
            for one in taken
            for notice in one.verdict.notices
        ]
        if rows:
            # The same notice a second time would be the policy's fault: it is not written, and must not stop the batch either
            insert_all_new(connection, notices, rows)


_WRITE: Final = (
    update(accounts)
    .where(accounts.c.id == bindparam("of"))
    .values(
        {
            name: bindparam(f"new_{name}", type_=accounts.c[name].type)
            for name in (
                "standing",
                "standing_since_at",
                "reasons",
                "review_at",
                "touched",
                "withheld",
                "leaves_open",
                "changed_in",
                "case_id",
                "version",
            )
        }
    )
)
_NOTE: Final = insert(audit).returning(audit.c.id, sort_by_parameter_order=True)
_RAISE: Final = update(state).values(revision=state.c.revision + 1).returning(state.c.revision)


def _held(connection: Connection, judged: Sequence[Entry]) -> dict[str, Row[*tuple[Any, ...]]]:
    """What the ledger holds of these accounts that no facts tell."""
    ids = [facts.account_id for facts, _, _ in judged]
    asked = select(accounts.c.id, accounts.c.version, accounts.c.leaves_open, accounts.c.changed_in)
    return {row.id: row for row in connection.execute(asked.where(accounts.c.id.in_(ids)))}


def _within(connection: Connection, taken: Sequence[_Judged], caps: Caps, now: datetime) -> list[_Judged]:
    """At most one closing, if the caps leave room for it: what they count is what has been written."""
    closing = [one for one in taken if closes(one.facts.standing, one.verdict.standing)]
    refused = closing[1:] if closing and may_close(connection, caps, now) else closing
    return [one for one in taken if one not in refused]


def _account(one: _Judged, revision: int) -> dict[str, Any]:
    verdict, facts = one.verdict, one.facts
    return {
        "of": facts.account_id,
        "new_standing": verdict.standing.value,
        "new_standing_since_at": one.at if one.changes else facts.standing_since_at,
        "new_reasons": reasons_out(verdict.reasons),
        "new_review_at": verdict.review_at,
        "new_touched": False,
        "new_withheld": one.withheld,
        "new_leaves_open": one.leaves_open,
        "new_changed_in": revision if one.concerns_gates else one.was.changed_in,
        "new_case_id": None if one.closes_case else one.case_id,
        "new_version": facts.version + 1,
    }


def _open_cases(connection: Connection, taken: Iterable[_Judged]) -> None:
    """A case opens with the first overdue invoice, and keeps the version of the policy that it opened with."""
    opening = [one for one in taken if one.opens_case]
    if not opening:
        return
    rows = [
        {
            "account_id": one.facts.account_id,
            "opened_at": one.at,
            "policy": one.verdict.policy,
            "segment": one.verdict.segment,
        }
        for one in opening
    ]
    opened = connection.execute(insert(cases).returning(cases.c.id, sort_by_parameter_order=True), rows).scalars()
    for one, case_id in zip(opening, opened, strict=True):
        one.case_id = cast("int", case_id)


def _close_cases(connection: Connection, taken: Iterable[_Judged]) -> None:
    """A case closes when nothing is overdue. What is still to be sent is sent no more, but for the word that access is back.

    What is in doubt stays so.
    """
    closing = [one for one in taken if one.closes_case]
    if not closing:
        return
    ended = update(cases).where(cases.c.id == bindparam("of")).values(closed_at=bindparam("at"))
    connection.execute(ended, [{"of": one.facts.case_id, "at": one.at} for one in closing])
    waiting = notices.c.case_id.in_([one.facts.case_id for one in closing]) & notices.c.next_try_at.is_not(None)
    in_doubt = notices.c.state == NoticeState.UNCERTAIN.value
    stopped = case((in_doubt, notices.c.state), else_=NoticeState.WITHDRAWN.value)
    not_good_news = notices.c.step != Step.RESTORED.value
    connection.execute(update(notices).where(waiting, not_good_news).values(state=stopped, next_try_at=None))


def _change(one: _Judged, now: datetime) -> dict[str, Any]:
    """The audit row of a change of standing (rule 10)."""
    return {
        "at": now,
        "account_id": one.facts.account_id,
        "kind": "standing",
        "actor": ACTOR,
        "case_id": one.case_id,
        "before": one.facts.standing.value,
        "after": one.verdict.standing.value,
        "reasons": reasons_out(one.verdict.reasons),
    }


def _told(one: _Judged, audit_id: int) -> Change:
    """The same change, as the product is told of it."""
    before, after = one.facts.standing, one.verdict.standing
    return Change(
        audit_id=audit_id,
        account_id=one.facts.account_id,
        before=before.value,
        after=after.value,
        opens=closes(after, before),
        leaves_open=one.leaves_open,
    )
