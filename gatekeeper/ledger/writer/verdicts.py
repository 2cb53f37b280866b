"""What the policy decided, written down: standing, case, audit row, planned notices and the next look, in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import Connection, Engine, insert, select, update

from gatekeeper.ledger.rows import reasons_out
from gatekeeper.ledger.tables import accounts, audit, cases, notices, state
from gatekeeper.model import Facts, NoticeState, PlannedNotice, Standing, Step, Verdict

ACTOR = "gatekeeper"


class Verdicts:
    def __init__(self, engine: Engine, message_domain: str) -> None:
        self._engine = engine
        self._message_domain = message_domain

    def record(self, judged: Sequence[tuple[Facts, Verdict, bool]], now: datetime) -> list[str]:
        """Write a batch of verdicts; the ids of the accounts whose standing changed.

        Each entry: the facts that were judged, the verdict, and whether something of it was withheld. A verdict whose
        facts have changed meanwhile is dropped: its account is still marked, and is looked at again.
        """
        changed = []
        with self._engine.begin() as connection:
            ledger_id = UUID(connection.execute(select(state.c.ledger_id)).scalar_one())
            for facts, verdict, withheld in judged:
                if not _claim(connection, facts):
                    continue
                case_id = _case(connection, facts, verdict, now)
                self._plan(connection, ledger_id, facts, verdict, case_id, now)
                _write(connection, facts, verdict, case_id, withheld=withheld, now=now)
                if verdict.standing is not facts.standing:
                    changed.append(facts.account_id)
            if changed:
                connection.execute(update(state).values(revision=state.c.revision + 1))
        return changed

    def raise_revision(self, above: int) -> int:
        """Lift the revision over one that was already published (an old backup was restored): revisions never go back."""
        with self._engine.begin() as connection:
            connection.execute(update(state).where(state.c.revision <= above).values(revision=above + 1))
            return int(connection.execute(select(state.c.revision)).scalar_one())

    def _plan(
        self, connection: Connection, ledger_id: UUID, facts: Facts, verdict: Verdict, case_id: int | None, now: datetime
    ) -> None:
        for notice in verdict.notices:
            assert case_id is not None, "a notice belongs to a case"
            key = f"{facts.account_id}:{case_id}:{notice.step}:{notice.occasion}:{notice.address}"
            message_id = f"<gk-{uuid5(ledger_id, key).hex}@{self._message_domain}>"
            connection.execute(insert(notices).values(**_planned(facts, notice, case_id, message_id, now)))


def _planned(facts: Facts, notice: PlannedNotice, case_id: int, message_id: str, now: datetime) -> dict[str, object]:
    return {
        "account_id": facts.account_id,
        "case_id": case_id,
        "step": notice.step.value,
        "occasion": notice.occasion,
        "audiences": [audience.value for audience in notice.audiences],
        "address": notice.address,
        "state": NoticeState.PLANNED.value,
        "named": list(notice.named),
        "suspend_on": notice.suspend_on,
        "message_id": message_id,
        "planned_at": now,
        "next_try_at": now,
    }


def _claim(connection: Connection, facts: Facts) -> bool:
    """Take the account for this verdict, unless its facts have changed since they were gathered (case 82)."""
    mine = (accounts.c.id == facts.account_id) & (accounts.c.version == facts.version)
    claimed = connection.execute(update(accounts).where(mine).values(version=facts.version + 1))
    return claimed.rowcount == 1


def _case(connection: Connection, facts: Facts, verdict: Verdict, now: datetime) -> int | None:
    """The case that this verdict belongs to: opened with the first overdue invoice, closed when nothing is overdue."""
    if verdict.standing is not Standing.CURRENT and facts.case_id is None:
        opened = connection.execute(insert(cases).values(account_id=facts.account_id, opened_at=now))
        assert opened.inserted_primary_key is not None
        return int(opened.inserted_primary_key[0])
    if verdict.standing is Standing.CURRENT and facts.case_id is not None:
        connection.execute(update(cases).where(cases.c.id == facts.case_id).values(closed_at=now))
        unsent = notices.c.state.in_([NoticeState.PLANNED.value, NoticeState.DEFERRED.value])
        theirs = (notices.c.case_id == facts.case_id) & (notices.c.step != Step.RESTORED.value)
        withdrawn = update(notices).where(theirs, unsent).values(state=NoticeState.WITHDRAWN.value, next_try_at=None)
        connection.execute(withdrawn)
    return facts.case_id


def _write(
    connection: Connection, facts: Facts, verdict: Verdict, case_id: int | None, *, withheld: bool, now: datetime
) -> None:
    values = {
        "standing": verdict.standing.value,
        "case_id": None if verdict.standing is Standing.CURRENT else case_id,
        "reasons": reasons_out(verdict.reasons),
        "review_at": verdict.review_at,
        "touched": False,
        "withheld": withheld,
    }
    if verdict.standing is not facts.standing:
        values["standing_since_at"] = now
        row = {"at": now, "account_id": facts.account_id, "kind": "standing", "actor": ACTOR, "case_id": case_id}
        said = {"before": facts.standing.value, "after": verdict.standing.value, "reasons": reasons_out(verdict.reasons)}
        connection.execute(insert(audit).values(**row, **said))
    connection.execute(update(accounts).where(accounts.c.id == facts.account_id).values(**values))
