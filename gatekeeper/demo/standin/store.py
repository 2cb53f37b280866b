"""The tables of the stand-in, its identifiers and its record of events. The verbs are in the classes above it."""

import random
import string
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from threading import RLock
from typing import Concatenate, ParamSpec, TypeVar

from gatekeeper.demo.standin import invoice_shapes, shapes
from gatekeeper.demo.standin.events import API_VERSION, snapshot
from gatekeeper.demo.standin.frame import Frame
from gatekeeper.demo.standin.records import (
    CreditNote,
    Customer,
    Intent,
    Invoice,
    Json,
    Payment,
    Price,
    Product,
    Record,
    Refused,
    Subscription,
)

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Store")

_WRITE_ONCE = {"hosted_invoice_url", "invoice_pdf"}  # new at every reading, so never a change


def change(verb: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Hold the books while the verb runs: the server, the demo and the delivery are threads of their own."""

    @wraps(verb)
    def held(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
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
        self.events: dict[str, Json] = {}
        self.listeners: list[Callable[[Json], None]] = []
        self._random = random.Random(seed)
        self._readings = 0
        self._last_written: dict[str, Json] = {}

    def now(self) -> int:
        return int(self.clock().timestamp())

    def new_id(self, prefix: str, length: int = 24) -> str:
        return f"{prefix}_{''.join(self._random.choices(string.ascii_letters + string.digits, k=length))}"

    def frame(self) -> Frame:
        """For one more reading."""
        self._readings += 1
        return Frame(now=self.now(), livemode=self.livemode, base_url=self.base_url, reading=self._readings)

    def write(self, it: Record) -> Json:
        """The object as the API shows it now."""
        frame = self.frame()
        match it:
            case Customer():
                written = shapes.customer(it, frame)
            case Product():
                written = shapes.product(it, frame)
            case Price():
                written = shapes.price(it, frame)
            case Subscription():
                written = shapes.subscription(it, self.invoices.get(it.latest_invoice or ""), frame)
            case Invoice():
                written = invoice_shapes.invoice(it, frame)
            case Payment():
                written = invoice_shapes.payment(it, frame)
            case Intent():
                written = invoice_shapes.intent(it, frame)
            case CreditNote():
                written = invoice_shapes.credit_note(it, frame)
        return written

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
