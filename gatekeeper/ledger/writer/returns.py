"""What came back of notices. It takes evidence away, or calls a person; what closes or opens then, only a review decides."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, insert, select, update

from gatekeeper.ledger.tables import audit, notices
from gatekeeper.ledger.writer.touch import lock, touch
from gatekeeper.model import NoticeState, Report, Returned, ReturnKind

_ENDED: Final = (NoticeState.REFUSED, NoticeState.BOUNCED, NoticeState.WITHDRAWN)
# The server's answer at the final dot is part of the evidence: what came later stands behind it
_LATER: Final = " | "


class Returns:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, returned: Returned, *, source: str, now: datetime) -> str:
        """Write down what came back, with one audit row; the account that it changed something of.

        Empty: it names no notice of ours, or none that was ever sent, or has been said before (case 49). `source`: who said so,
        as the audit row's author: `mail`, or the provider.
        """
        with self._engine.begin() as connection:
            for message_id in returned.message_ids:
                named = select(notices.c.account_id).where(notices.c.message_id == message_id)
                account_id: str | None = connection.execute(named).scalar()
                if account_id is not None:
                    lock(connection, [account_id])
                    row = connection.execute(select(notices).where(notices.c.message_id == message_id)).one()
                    report = _of(row, returned.reports)
                    return account_id if report is not None and _apply(connection, row, report, source, now) else ""
        return ""


def _of(row: Row[Any], reports: Sequence[Report]) -> Report | None:
    """The report that counts: what is said of the very address; of others, as where it is forwarded to, the worst."""
    own = [report for report in reports if report.address == row.address]
    return min(own or reports, key=lambda report: report.kind is not ReturnKind.BOUNCED, default=None)


def _apply(connection: Connection, row: Row[Any], report: Report, source: str, now: datetime) -> bool:
    detail = f"{row.detail.partition(_LATER)[0]}{_LATER}{report.kind}: {report.detail}".removesuffix(": ").removeprefix(_LATER)
    values: dict[str, object] = {"detail": detail}
    match report.kind:
        case _ if row.attempts == 0:  # nobody has seen its Message-ID yet
            return False
        case ReturnKind.BOUNCED:
            news = row.state not in _ENDED
            values |= {"state": NoticeState.BOUNCED.value, "next_try_at": None}
        case ReturnKind.DELAYED:
            news = row.state not in _ENDED and detail != row.detail and not _has_complained(connection, row)
        case ReturnKind.COMPLAINED:
            news = not _has_complained(connection, row)
    if news:
        connection.execute(update(notices).where(notices.c.id == row.id).values(**values))
        _note(connection, row, report, source, now, after=str(values.get("state", row.state)))
        touch(connection, [row.account_id])
    return news


def _has_complained(connection: Connection, row: Row[Any]) -> bool:
    asked = select(audit.c.reasons).where(audit.c.account_id == row.account_id, audit.c.kind == ReturnKind.COMPLAINED.value)
    return any(reason["params"]["notice"] == row.id for reasons in connection.execute(asked).scalars() for reason in reasons)


def _note(connection: Connection, row: Row[Any], report: Report, source: str, now: datetime, *, after: str) -> None:
    params = {"notice": row.id, "step": row.step, "what": report.detail}
    connection.execute(
        insert(audit).values(
            at=now,
            account_id=row.account_id,
            kind=report.kind.value,
            before=row.state,
            after=after,
            case_id=row.case_id,
            actor=source,
            reasons=[{"code": report.kind.value, "params": params}],
        )
    )
