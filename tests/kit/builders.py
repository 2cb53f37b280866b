"""Facts with a default for everything, so that a test names only what it is about. Day 0 is the due date of the invoice."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from gatekeeper.model import (
    Audience,
    Contact,
    Exemption,
    Facts,
    Invoice,
    Notice,
    NoticeState,
    Promise,
    Standing,
    Step,
)

DUE_AT: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ACCOUNTANT: Final = "accountant@customer.example"
USER: Final = "user@customer.example"
SECOND: Final = timedelta(seconds=1)

_ADDRESSES: Final = {Audience.ACCOUNTANT: ACCOUNTANT, Audience.USER: USER}


def on(day: float, *, seconds: float = 0) -> datetime:
    """The instant so many days after the due date, at the hour when the invoice fell due."""
    return DUE_AT + timedelta(days=day, seconds=seconds)


def day(number: int) -> date:
    """The date (in UTC) of that day."""
    return on(number).date()


def invoice(which: int = 1, /, *, due: float = 0, read: datetime = DUE_AT, **changes: Any) -> Invoice:
    """An open invoice over 50.00 EUR, sent fourteen days before its due date."""
    made = Invoice(
        id=f"in_{which}",
        customer_id="cus_1",
        status="open",
        currency="eur",
        total_minor=5000,
        remaining_minor=5000,
        created_at=on(due - 14),
        finalized_at=on(due - 14),
        due_at=on(due),
        read_at=read,
        account_id="acme",
        number=f"A-{which}",
        lineage=f"in_{which}",
    )
    return replace(made, **changes)


def automatic(which: int = 1, /, **changes: Any) -> Invoice:
    """An invoice without a due date, issued on day 0, whose first charge has failed."""
    fields = {"due_at": None, "created_at": on(0), "finalized_at": on(0), "automatic": True, "attempted": True}
    return invoice(which, **(fields | changes))


def contact(audience: Audience, address: str | None = None) -> Contact:
    return Contact(audience=audience, address=address or _ADDRESSES[audience])


def both() -> tuple[Contact, ...]:
    """One accountant and one user, each with an address of their own."""
    return tuple(contact(audience) for audience in Audience)


def notice(
    step: Step, audience: Audience, accepted: float | None, *, named: tuple[str, ...] = ("in_1",), **changes: Any
) -> Notice:
    """A notice to this audience, accepted on that day (None: planned on day 0); a warning names the fifth day after it."""
    at = on(accepted or 0)
    made = Notice(
        id=0,
        account_id="acme",
        case_id=1,
        step=step,
        occasion=1,
        audiences=(audience,),
        address=_ADDRESSES[audience],
        state=NoticeState.PLANNED if accepted is None else NoticeState.ACCEPTED,
        planned_at=at,
        named=named,
        suspend_on=(at + timedelta(days=5)).date() if step is Step.WARNING else None,
        accepted_at=None if accepted is None else at,
    )
    return replace(made, **changes)


def reminded(accepted: float = 0, **changes: Any) -> tuple[Notice, ...]:
    """Both audiences were reminded on that day."""
    return tuple(notice(Step.REMINDER, audience, accepted, **changes) for audience in Audience)


def warned(accepted: float = 14, **changes: Any) -> tuple[Notice, ...]:
    """Both audiences were warned on that day."""
    return tuple(notice(Step.WARNING, audience, accepted, **changes) for audience in Audience)


def exemption(until: int, **changes: Any) -> Exemption:
    made = Exemption(until_on=day(until), reason="a good customer", author="Ann", set_at=on(-1))
    return replace(made, **changes)


def promise(due: int, **changes: Any) -> Promise:
    return replace(Promise(due_on=day(due), by="Bob", set_at=on(-1)), **changes)


def facts(**changes: Any) -> Facts:
    """An account with one invoice and two people to write to; past due as soon as something was said to them."""
    said = changes.get("notices", ())
    known = Facts(
        account_id="acme",
        standing=Standing.PAST_DUE if said else Standing.CURRENT,
        invoices=(invoice(),),
        contacts=both(),
        case_id=1 if said else None,
        case_opened_at=DUE_AT if said else None,
        watched_since_at=on(-100),
    )
    return replace(known, **changes)


def wanting(number: int) -> dict[str, Standing]:
    """So many accounts that want to be closed, as a brake is asked about them."""
    return {f"w{count}": Standing.PAST_DUE for count in range(number)}
