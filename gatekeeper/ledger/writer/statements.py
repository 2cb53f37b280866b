"""Invoices that are billed elsewhere, as the product or a file states them. `paid` and `void` are never left here either."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, select, update

from gatekeeper.ledger.batches import batches
from gatekeeper.ledger.engine import insert_all_new, take_turn
from gatekeeper.ledger.rows import INVOICE_FIELDS
from gatekeeper.ledger.rows import invoice as invoice_of
from gatekeeper.ledger.tables import accounts, audit, invoices
from gatekeeper.ledger.writer.customers import TURN
from gatekeeper.ledger.writer.touch import lock, touch
from gatekeeper.model import Invoice, Origin

_FINAL: Final = frozenset({"paid", "void"})


class Effect(StrEnum):
    """What a statement does. `FINAL`: nothing, because the invoice is paid or void already, and stays so."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Stated:
    """An invoice as the ledger keeps it from now on, and what the statement did to it."""

    invoice: Invoice
    effect: Effect


class StatementsRefused(ValueError):
    """Nothing was written. `faults`: what is wrong, by the id of the invoice."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = faults
        super().__init__("\n".join(f"{invoice_id}: {what}" for invoice_id, what in faults.items()))


class Statements:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, stated: Sequence[Invoice], *, author: str, now: datetime) -> list[Stated]:
        """Write these invoices, all or none; what became of each, in their order. Accounts that there are not yet are made.

        An invoice that is said again and says nothing new is only fresher; nobody looks at its account for that.

        Raises:
            StatementsRefused: one of them is Stripe's, or another account's.
        """
        if not stated:
            return []
        with self._engine.begin() as connection:
            take_turn(connection, TURN)
            outcome = _compare(connection, stated)
            account_ids = sorted({one.invoice.account_id for one in outcome})
            insert_all_new(connection, accounts, [{"id": account_id} for account_id in account_ids])
            lock(connection, account_ids)
            for one in outcome:
                _write(connection, one, author, now)
            touch(connection, {one.invoice.account_id for one in outcome if one.effect in {Effect.NEW, Effect.CHANGED}})
            return outcome

    def preview(self, stated: Sequence[Invoice]) -> list[Stated]:
        """What `record` would do at this moment. Raises StatementsRefused."""
        with self._engine.connect() as connection:
            return _compare(connection, stated)


def _compare(connection: Connection, stated: Sequence[Invoice]) -> list[Stated]:
    held: dict[str, Invoice] = {}
    for batch in batches(one.id for one in stated):
        held |= {row.id: invoice_of(row) for row in connection.execute(select(invoices).where(invoices.c.id.in_(batch)))}
    faults = {one.id: fault for one in stated if (fault := _conflict(one, held.get(one.id)))}
    if faults:
        raise StatementsRefused(faults)
    return [_stated(one, held.get(one.id)) for one in stated]


def _conflict(stated: Invoice, held: Invoice | None) -> str:
    if held is None:
        return ""
    if held.origin is not Origin.STATEMENT:
        return "is an invoice of the billing system, which alone may change it; choose another id"
    if held.account_id != stated.account_id:
        return f"belongs to account {held.account_id}; choose another id, or void it there"
    return ""


def _stated(stated: Invoice, held: Invoice | None) -> Stated:
    if held is None:
        return Stated(replace(stated, pay_token=secrets.token_urlsafe(18)), Effect.NEW)
    if held.status in _FINAL:
        return Stated(held, Effect.UNCHANGED if stated.status == held.status else Effect.FINAL)
    # Of one that was settled before we heard of it nobody knows when; here it is the moment at which we are told
    settled_at = held.settled_at if stated.status == held.status else None if stated.status == "open" else stated.read_at
    after = replace(stated, pay_token=held.pay_token, settled_at=settled_at)
    return Stated(after, Effect.UNCHANGED if replace(after, read_at=held.read_at) == held else Effect.CHANGED)


def _write(connection: Connection, one: Stated, author: str, now: datetime) -> None:
    values: dict[str, Any] = {name: getattr(one.invoice, name) for name in INVOICE_FIELDS}
    if one.effect is Effect.NEW:
        connection.execute(insert(invoices).values(**values))
    elif one.effect in {Effect.CHANGED, Effect.UNCHANGED}:
        its = update(invoices).where(invoices.c.id == one.invoice.id)
        connection.execute(its.values(**values, version=invoices.c.version + 1))
    if one.effect in {Effect.NEW, Effect.CHANGED}:
        said = f"invoice {one.invoice.number or one.invoice.id} {one.invoice.status}"
        row = {"at": now, "account_id": one.invoice.account_id, "kind": "statement", "actor": author}
        connection.execute(insert(audit).values(**row, reasons=[{"code": "statement", "params": {"what": said}}]))
