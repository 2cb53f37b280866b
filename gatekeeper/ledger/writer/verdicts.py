"""What the policy decided, written down: standing, case, audit row, planned notices and the next look, in one transaction."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import Connection, Engine, case, insert, select, update

from gatekeeper.ledger.engine import insert_new
from gatekeeper.ledger.rows import distrust_of, reasons_out
from gatekeeper.ledger.tables import accounts, audit, cases, notices, state
from gatekeeper.ledger.writer.touch import lock
from gatekeeper.model import Facts, NoticeState, PlannedNotice, Standing, Step, Verdict

ACTOR = "gatekeeper"


class Verdicts:
    def __init__(self, engine: Engine, message_domain: str) -> None:
        self._engine = engine
        self._message_domain = message_domain

    def record(self, judged: Sequence[tuple[Facts, Verdict, bool]], now: datetime) -> list[str]:
        """Write a batch of verdicts; the ids of the accounts whose standing changed.

        Each entry: the facts that were judged, the verdict, and whether something of it was withheld. A verdict whose
        facts have changed meanwhile is dropped: its account is still due, and is looked at again.
        """
        changed = []
        with self._engine.begin() as connection:
            lock(connection, (facts.account_id for facts, _, _ in judged))
            house = connection.execute(select(state)).one()
            for facts, verdict, withheld in judged:
                if facts.distrust != distrust_of(house) or not _write(connection, facts, verdict, withheld=withheld, now=now):
                    continue
                case_id = _case(connection, facts, verdict, now)
                self._plan(connection, UUID(house.ledger_id), facts, verdict, case_id, now)
                if verdict.standing is not facts.standing:
                    _note_change(connection, facts, verdict, case_id, now)
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
            # The same notice a second time would be the policy's fault: it is not written, and must not stop the batch either
            insert_new(connection, notices, **_planned(facts, notice, case_id, message_id, now))


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


def _write(connection: Connection, facts: Facts, verdict: Verdict, *, withheld: bool, now: datetime) -> bool:
    """Write the verdict to its account; False if its facts have changed since they were gathered (case 82)."""
    values: dict[str, object] = {
        "standing": verdict.standing.value,
        "reasons": reasons_out(verdict.reasons),
        "review_at": verdict.review_at,
        "touched": False,
        "withheld": withheld,
        "version": facts.version + 1,
    }
    if verdict.standing is not facts.standing:
        values["standing_since_at"] = now
    judged = (accounts.c.id == facts.account_id) & (accounts.c.version == facts.version)
    return connection.execute(update(accounts).where(judged).values(**values)).rowcount == 1


def _case(connection: Connection, facts: Facts, verdict: Verdict, now: datetime) -> int | None:
    """The case that this verdict belongs to: opened with the first overdue invoice, closed when nothing is overdue."""
    theirs = accounts.c.id == facts.account_id
    if verdict.standing is not Standing.CURRENT and facts.case_id is None:
        opened = insert(cases).values(account_id=facts.account_id, opened_at=now).returning(cases.c.id)
        case_id = int(connection.execute(opened).scalar_one())
        connection.execute(update(accounts).where(theirs).values(case_id=case_id))
        return case_id
    if verdict.standing is Standing.CURRENT and facts.case_id is not None:
        connection.execute(update(cases).where(cases.c.id == facts.case_id).values(closed_at=now))
        connection.execute(update(accounts).where(theirs).values(case_id=None))
        _stop_notices(connection, facts.case_id)
    return facts.case_id


def _stop_notices(connection: Connection, case_id: int) -> None:
    """What is still to be sent is sent no more, but for the word that access is back. What is in doubt stays so."""
    waiting = (notices.c.case_id == case_id) & (notices.c.step != Step.RESTORED.value) & notices.c.next_try_at.is_not(None)
    in_doubt = notices.c.state == NoticeState.UNCERTAIN.value
    stopped = case((in_doubt, notices.c.state), else_=NoticeState.WITHDRAWN.value)
    connection.execute(update(notices).where(waiting).values(state=stopped, next_try_at=None))


def _note_change(connection: Connection, facts: Facts, verdict: Verdict, case_id: int | None, now: datetime) -> None:
    row = {"at": now, "account_id": facts.account_id, "kind": "standing", "actor": ACTOR, "case_id": case_id}
    said = {"before": facts.standing.value, "after": verdict.standing.value, "reasons": reasons_out(verdict.reasons)}
    connection.execute(insert(audit).values(**row, **said))
