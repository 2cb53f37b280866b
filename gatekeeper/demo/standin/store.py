"""The tables of the stand-in, its identifiers and its record of events. The verbs are in the classes above it."""

import random
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from threading import RLock
from typing import Any, Concatenate, ParamSpec, TypeVar

from gatekeeper.demo.standin import charge_shapes, invoice_shapes, shapes
from gatekeeper.demo.standin.events import API_VERSION, snapshot
from gatekeeper.demo.standin.frame import Frame
from gatekeeper.demo.standin.records import (
    Charge,
    CreditNote,
    Customer,
    Dispute,
    Intent,
    Invoice,
    Json,
    Payment,
    Price,
    Product,
    Record,
    Refused,
    Subscription,
    TestClock,
)

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Store")

_WRITE_ONCE = {"hosted_invoice_url", "invoice_pdf"}  # new at every reading, so never a change


_WRITERS: dict[type[Record], Callable[[Any, Frame], Json]] = {
    Charge: charge_shapes.charge,
    CreditNote: invoice_shapes.credit_note,
    Customer: shapes.customer,
    Dispute: charge_shapes.dispute,
    Intent: invoice_shapes.intent,
    Invoice: invoice_shapes.invoice,
    Payment: invoice_shapes.payment,
    Price: shapes.price,
    Product: shapes.product,
    TestClock: charge_shapes.test_clock,
}
_OF_A_CUSTOMER = ("invoices", "subscriptions", "intents", "credit_notes", "charges")


def change(verb: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Hold the books while the verb runs: the server, the demo and the delivery are threads of their own.

    It runs in the time of the test clock by which lives what it is told to change.
    """

    @wraps(verb)
    def held(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        ids = (value for value in (*args, *kwargs.values()) if isinstance(value, str))
        with self.lock, self.in_time_of(next(filter(None, map(self.clock_of, ids)), "")):
            return verb(self, *args, **kwargs)

    return held


class Store:
    """`clock` gives the books' moment. Every listener gets each event once it is recorded, while the books are held.

    `api_version` is the one in which events are written. With `generates_events` False changes leave no event at all, as Stripe
    warns may happen. `base_url` is where the payment pages are.
    """

    def __init__(
        self, clock: Callable[[], datetime], *, livemode: bool = False, api_version: str = API_VERSION, seed: int = 0
    ) -> None:
        self.clock, self.livemode, self.api_version = clock, livemode, api_version
        self.generates_events = True
        self.base_url = "https://invoice.stripe.com"
        self.request: tuple[str | None, str | None] = (None, None)
        self.lock = RLock()
        self.customers: dict[str, Customer] = {}
        self.products: dict[str, Product] = {}
        self.prices: dict[str, Price] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.invoices: dict[str, Invoice] = {}
        self.payments: dict[str, Payment] = {}
        self.intents: dict[str, Intent] = {}
        self.credit_notes: dict[str, CreditNote] = {}
        self.charges: dict[str, Charge] = {}
        self.disputes: dict[str, Dispute] = {}
        self.test_clocks: dict[str, TestClock] = {}
        self.events: dict[str, Json] = {}
        self.listeners: list[Callable[[Json], None]] = []
        self._random = random.Random(seed)
        self._readings = 0
        self._time_of = ""
        self._last_written: dict[str, Json] = {}

    def now(self) -> int:
        """The moment, in the time of the test clock that is gone by at present, if any is."""
        own = self.test_clocks.get(self._time_of)
        return int(self.clock().timestamp()) if own is None else own.frozen_time

    @contextmanager
    def in_time_of(self, clock_id: str) -> Iterator[None]:
        """Within the block the books go by this test clock; empty: as they do already."""
        before, self._time_of = self._time_of, clock_id or self._time_of
        try:
            yield
        finally:
            self._time_of = before

    def clock_of(self, object_id: str) -> str:
        """The test clock by which this object lives: its own id, or that of its customer's; empty: none."""
        if object_id in self.test_clocks:
            return object_id
        if object_id in self.payments:
            object_id = self.payments[object_id].invoice
        tables: Iterator[dict[str, Any]] = (getattr(self, name) for name in _OF_A_CUSTOMER)
        owner = next((table[object_id].customer for table in tables if object_id in table), object_id)
        return (self.customers[owner].test_clock or "") if owner in self.customers else ""

    def new_id(self, prefix: str, length: int = 24) -> str:
        return f"{prefix}_{''.join(self._random.choices(string.ascii_letters + string.digits, k=length))}"

    def frame(self) -> Frame:
        """For one more reading."""
        self._readings += 1
        return Frame(
            now=self.now(),
            livemode=self.livemode,
            base_url=self.base_url,
            reading=self._readings,
            test_clock=self._time_of or None,
        )

    def write(self, it: Record) -> Json:
        """The object as the API shows it now."""
        with self.in_time_of(self.clock_of(it.id)):
            if isinstance(it, Subscription):
                return shapes.subscription(it, self.invoices.get(it.latest_invoice or ""), self.frame())
            return _WRITERS[type(it)](it, self.frame())

    def record(self, kind: str, it: Record) -> None:
        """Write down that `kind` happened to the object, and tell the listeners."""
        if not self.generates_events:
            return
        about = self.write(it)
        event = snapshot(
            self.new_id("evt"), kind, about, created=self.now(), api_version=self.api_version, request=self.request
        )
        before = self._last_written.get(it.id)
        if kind.endswith(".updated") and before is not None:
            changed = {name: before.get(name) for name in about if name not in _WRITE_ONCE and about[name] != before.get(name)}
            event["data"]["previous_attributes"] = changed
        self._last_written[it.id] = about
        event["pending_webhooks"] = len(self.listeners)
        self.events[event["id"]] = event
        for listener in self.listeners:
            listener(event)

    @change
    def delivered(self, event_id: str) -> None:
        """One endpoint has taken the event."""
        event = self.events[event_id]
        event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)

    def customer(self, customer_id: str) -> Customer:
        """A customer that is not deleted."""
        it = found(self.customers, "customer", customer_id)
        if it.deleted:
            raise missing("customer", customer_id)
        return it

    def invoice(self, invoice_id: str) -> Invoice:
        return found(self.invoices, "invoice", invoice_id)

    def subscription(self, subscription_id: str) -> Subscription:
        return found(self.subscriptions, "subscription", subscription_id)

    def payments_of(self, invoice_id: str) -> list[Payment]:
        return [it for it in self.payments.values() if it.invoice == invoice_id]


def found(table: dict[str, R], noun: str, object_id: str) -> R:
    if object_id not in table:
        raise missing(noun, object_id)
    return table[object_id]


def missing(noun: str, object_id: str, *, param: str = "id") -> Refused:
    return Refused(f"No such {noun}: '{object_id}'", status=404, code="resource_missing", param=param)
