"""Letters and pages of invented people, to try templates on: every step, what a view may have, and what it may lack."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time
from typing import Any

from gatekeeper.model import Audience, Money, Role, Standing, Step, WishKind, sums
from gatekeeper.wording.views import Asked, CameOf, Form, LetterView, LockoutView, Owed, Product, Promised, Told

PAGES = ("settled", "unavailable", "by_hand", "gone", "fallback", "closed", "back")

_OLDER = Owed(
    number="2026-0042",
    remaining=Money(minor=120_050, currency="eur"),
    due_on=date(2026, 12, 1),
    days_overdue=18,
    pay_url="https://pay.example/pay/older",
)
_NEWER = replace(
    _OLDER, number="2026-0047", remaining=Money(minor=9_900, currency="usd"), pay_url="https://pay.example/pay/newer"
)
_LATER = replace(_OLDER, number="2026-0051", due_on=date(2026, 12, 28), days_overdue=0, pay_url="https://pay.example/pay/later")
_TOLD = (Told(on=date(2026, 12, 2), addresses=("a•••@blue-door.example", "b•••@blue-door.example")),)
_BOTH = (Audience.ACCOUNTANT, Audience.USER)
_PATHS = ("/reports", "/export")


def letters(product: Product) -> Iterator[tuple[Step, LetterView]]:
    """Each to the accountant about two invoices, and to the user about one, who has no name."""
    for step, view in _steps(product):
        yield step, replace(view, audiences=_BOTH[:1])
        yield step, replace(view, audiences=_BOTH[1:], account_name="", owed=view.owed[:1], totals=(), told=(), soon=())


def pages(product: Product) -> Iterator[tuple[str, LockoutView | None]]:
    closed = LockoutView(
        product=product,
        account_name="Blue Door Ltd",
        owed=(_OLDER, _NEWER),
        totals=sums(one.remaining for one in (_OLDER, _NEWER)),
        told=_TOLD,
        suspended_on=date(2026, 12, 19),
    )
    restricted = replace(closed, suspended_on=None, standing=Standing.RESTRICTED)
    for view in (closed, restricted, replace(restricted, leaves_open=_PATHS, owed=(_OLDER,), account_name="", told=())):
        yield "overdue", view
        yield from (("overdue", replace(view, **able)) for able in _self_service(view.told))
    for name in PAGES:
        yield name, None


def _self_service(written_to: tuple[Told, ...]) -> Iterator[dict[str, Any]]:
    """What each viewer may do, and what may have come of it."""
    able: dict[str, Any] = {
        "token": "a-token",
        "payers": written_to[0].addresses if written_to else (),
        "today": date(2026, 12, 19),
        "promise_from": date(2026, 12, 19),
        "promise_until": date(2026, 12, 26),
    }
    yield from (able | {"role": role} for role in Role)
    yield able | {"nudged": True, "sent_again": True, "reviewed": True, "promise_from": None, "promise_until": None}
    came = CameOf(kind=WishKind.CHECK, outcome="unpaid", at=time(14, 3), zone="Europe/Lisbon", on=date(2026, 12, 18))
    named = replace(came, numbers=(_OLDER.number, _NEWER.number), addresses=_TOLD[0].addresses)
    yield from (able | {"came_of": replace(named, outcome=one)} for one in ("unpaid", "elsewhere", "settled", "unasked"))
    letters = ("written", "sent", "lost", "nobody")
    yield from (able | {"came_of": replace(named, kind=WishKind.NUDGE, outcome=one)} for one in letters)
    noted = (WishKind.PROMISE, WishKind.TRANSFER, WishKind.REVIEW)
    yield from (able | {"came_of": replace(named, kind=kind, outcome="noted")} for kind in noted)
    for kind, faults in zip(noted, (("on",), ("on", "reference"), ("words",)), strict=True):
        yield able | {"form": Form(kind=kind, faults=faults, on="soon", reference="", words=""), "home": "/work"}


def _steps(product: Product) -> Iterator[tuple[Step, LetterView]]:
    plain = LetterView(
        product=product,
        account_name="Blue Door Ltd",
        person_name="Ana",
        owed=(_OLDER, _NEWER),
        totals=sums(one.remaining for one in (_OLDER, _NEWER)),
        suspend_on=None,
        first_written_on=None,
        locale=None,
        soon=(_LATER,),
    )
    later = replace(plain, first_written_on=date(2026, 12, 2), told=_TOLD, further=True)
    warning = replace(later, suspend_on=date(2026, 12, 19), further=False)
    closed = replace(later, closed_on=date(2026, 12, 19))
    promise = Promised(due_on=date(2026, 12, 15), amount=Money(minor=50_000, currency="eur"))
    masked = _TOLD[0].addresses
    yield Step.COURTESY, replace(plain, owed=(_LATER, replace(_LATER, number="2026-0052")), soon=())
    yield Step.REMINDER, plain
    yield Step.REMINDER, later
    for closing in (
        warning,
        replace(warning, closes=Step.RESTRICT),
        replace(warning, closes=Step.RESTRICT, leaves_open=_PATHS),
    ):
        yield Step.WARNING, closing
        yield Step.WARNING, replace(closing, promise=promise)
        yield Step.WARNING, replace(closing, promise=replace(promise, amount=None))
    yield Step.RESTRICT, replace(closed, closes=Step.RESTRICT)
    yield Step.RESTRICT, replace(closed, closes=Step.RESTRICT, leaves_open=_PATHS, closed_on=None)
    yield Step.SUSPEND, closed
    yield Step.SUSPEND, replace(closed, closed_on=None)
    yield Step.RESTORED, plain
    yield Step.RESTORED, replace(plain, owed=(), totals=(), soon=())
    yield Step.PROMISED, replace(later, promise=promise)
    yield Step.PROMISED, replace(later, promise=replace(promise, amount=None))
    for audience in _BOTH:
        yield Step.UNREACHABLE, replace(later, unreached_audience=audience, unreached=masked)
        yield Step.UNREACHABLE, replace(later, unreached_audience=audience)
    yield Step.NUDGE, later
    yield Step.AGAIN, plain
    asked = Asked(account_id="blue-door", by="", on=date(2026, 12, 18), reference="2026-0042", words="")
    yield Step.TRANSFER, replace(plain, asked=asked)
    yield Step.REVIEW, replace(plain, asked=replace(asked, by="ben@blue-door.example", on=None, reference="", words="Paid."))
