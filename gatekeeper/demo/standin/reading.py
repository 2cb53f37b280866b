"""The reading half of the API: one object, a page of a list, and what either is asked to expand."""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any, TypeVar

from gatekeeper.demo.standin.books import Books
from gatekeeper.demo.standin.frame import listed
from gatekeeper.demo.standin.params import (
    ListCreditNotes,
    ListCustomers,
    ListDisputes,
    ListEvents,
    ListInvoices,
    ListParams,
    ListPayments,
    ListSubscriptions,
    ListTestClocks,
    Span,
)
from gatekeeper.demo.standin.records import Customer, Dispute, Invoice, Json, Payment, Refused, Subscription
from gatekeeper.demo.standin.store import missing

_DEEPEST = 4
_EVENTS_LAST = 30 * 86_400
_EITHER = {"charge", "payment_intent", "payment_record"}  # an invoice payment has one of them, and all can be asked for
_CURSORS = {"limit", "starting_after", "ending_before", "expand"}

T = TypeVar("T")


def invoices(books: Books, p: ListInvoices) -> Json:
    """Without those who live by a test clock, unless one of them is asked for; so are all lists."""

    def fits(it: Invoice) -> bool:
        return _fits(it, p) and bool(p.customer or p.subscription or not books.clock_of(it.id))

    return _page("/v1/invoices", books.invoices, p, fits, books.write)


def customers(books: Books, p: ListCustomers) -> Json:
    if p.test_clock is not None and p.test_clock not in books.test_clocks:
        raise missing("test_clock", p.test_clock, param="test_clock")

    def fits(it: Customer) -> bool:
        return not it.deleted and it.test_clock == p.test_clock and _fits(it, p)

    return _page("/v1/customers", books.customers, p, fits, books.write)


def disputes(books: Books, p: ListDisputes) -> Json:
    def fits(it: Dispute) -> bool:
        return p.payment_intent in {None, it.intent} and _fits(it, p, apart_from={"payment_intent"})

    return _page("/v1/disputes", books.disputes, p, fits, books.write)


def test_clocks(books: Books, p: ListTestClocks) -> Json:
    return _page("/v1/test_helpers/test_clocks", books.test_clocks, p, lambda it: _fits(it, p), books.write)


def subscriptions(books: Books, p: ListSubscriptions) -> Json:
    def fits(it: Subscription) -> bool:
        own_clock = books.clock_of(it.id)
        with books.in_time_of(own_clock):
            status = it.status(books.invoices.get(it.latest_invoice or ""), books.now())
        asked = {None: status != "canceled", "all": True, "ended": status in {"canceled", "incomplete_expired"}}
        right_price = p.price is None or p.price == it.price.id
        shown = p.customer is not None or not own_clock
        return (
            asked.get(p.status, status == p.status) and right_price and shown and _fits(it, p, apart_from={"status", "price"})
        )

    return _page("/v1/subscriptions", books.subscriptions, p, fits, books.write)


def invoice_payments(books: Books, p: ListPayments) -> Json:
    def fits(it: Payment) -> bool:
        wanted = p.payment
        by_tie = wanted is None or (
            wanted.payment_intent in {None, it.intent}
            and wanted.payment_record in {None, it.record}
            and (it.record is not None) == (wanted.type == "payment_record")
        )
        return by_tie and _fits(it, p, apart_from={"payment"})

    return _page("/v1/invoice_payments", books.payments, p, fits, books.write)


def credit_notes(books: Books, p: ListCreditNotes) -> Json:
    return _page("/v1/credit_notes", books.credit_notes, p, lambda it: _fits(it, p), books.write)


def events(books: Books, p: ListEvents) -> Json:
    """Those of the last 30 days."""
    kinds = [p.type] if p.type is not None else p.types

    def fits(event: Json) -> bool:
        return (
            event["created"] > books.now() - _EVENTS_LAST
            and (not kinds or any(fnmatchcase(event["type"], kind) for kind in kinds))
            and p.delivery_success in {None, event["pending_webhooks"] == 0}
            and _within(event["created"], p.created)
        )

    return _page("/v1/events", books.events, p, fits, dict)


def event(books: Books, event_id: str) -> Json:
    if event_id not in books.events:
        raise missing("event", event_id)
    return dict(books.events[event_id])


def _page(url: str, table: dict[str, T], p: ListParams, fits: Callable[[T], bool], write: Callable[[T], Json]) -> Json:
    """Newest first. A cursor keeps its place even if its object has meanwhile ceased to fit the filter."""
    if p.starting_after is not None and p.ending_before is not None:
        raise Refused("Pass starting_after or ending_before, one of them.", param="ending_before")
    newest = list(table)[::-1]
    rows: Iterable[str] = newest
    if p.starting_after is not None:
        rows = newest[_place(newest, p.starting_after, "starting_after") + 1 :]
    elif p.ending_before is not None:
        rows = newest[: _place(newest, p.ending_before, "ending_before")][::-1]
    taken = list(islice((table[row] for row in rows if fits(table[row])), p.limit + 1))
    data = [write(it) for it in taken[: p.limit]]
    if p.ending_before is not None:
        data.reverse()
    return listed(url, data, has_more=len(taken) > p.limit)


def _place(ids: list[str], cursor: str, param: str) -> int:
    if cursor not in ids:
        raise missing("object", cursor, param=param)
    return ids.index(cursor)


def _fits(it: object, p: ListParams, *, apart_from: Iterable[str] = ()) -> bool:
    """Whether the record has the value of every filter that is given."""
    names = type(p).model_fields.keys() - _CURSORS - set(apart_from)
    return all(_within(getattr(it, name), getattr(p, name)) for name in names)


def _within(value: Any, wanted: Any) -> bool:
    return wanted.holds(value) if isinstance(wanted, Span) else wanted is None or value == wanted


def expand(books: Books, about: Json, paths: Iterable[str]) -> Json:
    """Put the objects in the place of their ids along each path.

    Raises:
        Refused: a path of more than four levels, or one that leads to nothing that can be expanded.
    """
    for path in paths:
        parts = path.split(".")
        if len(parts) > _DEEPEST:
            raise Refused(f"You cannot expand more than {_DEEPEST} levels of a property. Property: {path}", param="expand")
        _expand(books, about, parts, path)
    return about


def _expand(books: Books, node: Json, parts: list[str], path: str) -> None:
    if not parts:
        return
    name, *rest = parts
    if name == "payments" and node.get("object") == "invoice" and name not in node:
        payments = [books.write(it) for it in books.payments_of(node["id"])]
        node[name] = listed(f"/v1/invoice_payments?invoice={node['id']}", payments)
    if name in _EITHER and "type" in node and name not in node:
        return
    if name not in node:
        raise Refused(f"This property cannot be expanded ({path}).", param="expand")
    if isinstance(node[name], str):
        node[name] = _resolved(books, node[name], path)
    children = node[name] if isinstance(node[name], list) else [node[name]]
    for child in children:
        if isinstance(child, dict):
            _expand(books, child, rest, path)


def _resolved(books: Books, object_id: str, path: str) -> Json:
    tables = (
        books.customers,
        books.invoices,
        books.subscriptions,
        books.intents,
        books.payments,
        books.charges,
        books.products,
    )
    for table in tables:
        if object_id in table:
            return books.write(table[object_id])
    raise Refused(f"This property cannot be expanded ({path}).", param="expand")
