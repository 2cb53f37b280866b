"""What happened to one account, in one answer from one moment. Nothing here writes."""

from sqlalchemy import Engine, select

from gatekeeper.ledger import rows
from gatekeeper.ledger.engine import for_reading
from gatekeeper.ledger.tables import accounts, audit, cases, invoices, notices
from gatekeeper.model import Standing
from gatekeeper.model.record import Entry, Record, Spell


def record_of(engine: Engine, account_id: str) -> Record | None:
    """All that was said to the people of this account, and done to it; None: there is no such account."""
    with for_reading(engine).connect() as connection:
        account = connection.execute(select(accounts).where(accounts.c.id == account_id)).first()
        if account is None:
            return None
        spells, said, noted, billed = (
            connection.execute(select(table).where(table.c.account_id == account_id).order_by(table.c.id)).all()
            for table in (cases, notices, audit, invoices)
        )
    written = tuple(rows.notice(row) for row in said)
    named = {lineage for notice in written for lineage in notice.named}
    return Record(
        account_id=account.id,
        name=account.name,
        standing=Standing(account.standing),
        standing_since_at=account.standing_since_at,
        spells=tuple(Spell(id=row.id, opened_at=row.opened_at, closed_at=row.closed_at) for row in spells),
        notices=written,
        entries=tuple(
            Entry(
                at=row.at,
                kind=row.kind,
                before=row.before,
                after=row.after,
                case_id=row.case_id,
                actor=row.actor,
                reasons=rows.reasons_in(row.reasons),
            )
            for row in noted
        ),
        invoices=tuple(rows.invoice(row) for row in billed if row.lineage in named),
    )
