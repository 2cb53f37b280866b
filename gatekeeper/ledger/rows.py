"""Rows out of the tables, as the frozen values of the model."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from gatekeeper.model import (
    Audience,
    Contact,
    Dispute,
    Exemption,
    Invoice,
    Money,
    Notice,
    NoticeState,
    Origin,
    Promise,
    Reason,
    Scope,
    Step,
)

INVOICE_FIELDS = (
    "id",
    "customer_id",
    "status",
    "currency",
    "total_minor",
    "remaining_minor",
    "created_at",
    "read_at",
    "account_id",
    "number",
    "lineage",
    "replaced_by",
    "finalized_at",
    "due_at",
    "automatic",
    "attempted",
    "next_attempt_at",
    "billing_reason",
    "processing_since_at",
    "processing_ended_at",
    "pay_token",
    "settled_at",
    "origin",
    "pay_url",
)


def invoice(row: Row[Any]) -> Invoice:
    fields = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name
    return Invoice(**({name: fields[name] for name in INVOICE_FIELDS} | {"origin": Origin(fields["origin"])}))


def contact(row: Row[Any]) -> Contact:
    return Contact(
        audience=Audience(row.audience),
        address=row.address,
        name=row.name,
        locale=row.locale,
        origin=origin_of(row.source),
        set_at=row.set_at,
    )


def origin_of(source: str) -> Origin:
    """Who told us of a contact: `api`, `directory`, or `stripe:` and the customer that shows it."""
    return Origin(source.partition(":")[0])


def notice(row: Row[Any]) -> Notice:
    return Notice(
        id=row.id,
        account_id=row.account_id,
        case_id=row.case_id,
        step=Step(row.step),
        occasion=row.occasion,
        audiences=tuple(Audience(audience) for audience in row.audiences),
        address=row.address,
        state=NoticeState(row.state),
        planned_at=row.planned_at,
        named=tuple(row.named),
        suspend_on=row.suspend_on,
        closes=Step(row.closes) if row.closes else None,
        accepted_at=row.accepted_at,
        message_id=row.message_id,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        detail=row.detail,
        name=row.name,
    )


def exemption(row: Row[Any]) -> Exemption:
    return Exemption(
        until_on=row.until_on,
        reason=row.reason,
        author=row.author,
        set_at=row.set_at,
        ended_at=row.ended_at,
        scope=Scope(row.scope),
        staff_hold=row.staff_hold,
    )


def dispute(row: Row[Any]) -> Dispute:
    return Dispute(id=row.id, opened_at=row.opened_at, closed_at=row.closed_at)


def promise(row: Row[Any]) -> Promise:
    amount = None if row.amount_minor is None else Money(minor=row.amount_minor, currency=row.currency)
    return Promise(due_on=row.due_on, by=row.by, set_at=row.set_at, amount=amount, ended_at=row.ended_at)


def distrust_of(state: Row[Any]) -> str:
    """Why the billing system's word cannot be taken at the moment; empty: it can."""
    if state.watched_since_at is None:
        return str(state.distrust) or "the books have not been read whole yet"
    return str(state.distrust)


def reasons_out(reasons: tuple[Reason, ...]) -> list[dict[str, Any]]:
    """Reasons as JSON that `reasons_in` reads back to equal values."""
    return [{"code": reason.code, "params": {name: _value_out(value) for name, value in reason.params}} for reason in reasons]


def reasons_in(stored: list[Mapping[str, Any]]) -> tuple[Reason, ...]:
    return tuple(
        Reason(code=item["code"], params=tuple((name, _value_in(value)) for name, value in item["params"].items()))
        for item in stored
    )


def _value_out(value: object) -> object:
    if isinstance(value, Money):
        return {"minor": value.minor, "currency": value.currency}
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    if isinstance(value, date):
        return {"on": value.isoformat()}
    return value


def _value_in(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "on" in value:
        return date.fromisoformat(value["on"])
    return datetime.fromisoformat(value["at"]) if "at" in value else Money(**value)
