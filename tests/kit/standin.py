"""The stand-in for Stripe in a test: a clock to move, the official SDK as its driver, an endpoint for its webhooks."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import requests
import stripe

from gatekeeper.demo.standin.serve import Standin
from gatekeeper.demo.standin.server import KEYS
from tests.kit.at_work import at_work

SECRET_KEY, READ_KEY = KEYS
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass
class MovableClock:
    """A clock that stands still until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, **span: float) -> None:
        """Forwards by `timedelta(**span)`."""
        self.now += timedelta(**span)


@contextmanager
def driving(url: str, key: str = SECRET_KEY, *, retries: int = 0) -> Iterator[stripe.StripeClient]:
    """The official SDK, speaking to the stand-in or to the foreign world at `url`.

    It goes over `requests`: over httpx every POST of stripe 16.1 raises httpx's DeprecationWarning, which is an error here.
    """
    with requests.Session() as session:
        session.trust_env = False
        http = stripe.RequestsClient(timeout=10, session=session)
        yield stripe.StripeClient(key, base_addresses={"api": url}, http_client=http, max_network_retries=retries)


class Teller:
    """Drives one invoice of 1000 cents that is due in 7 days: through the SDK what Stripe has a verb for, else by control."""

    def __init__(self, standin: Standin, sdk: stripe.V1Services, clock: MovableClock) -> None:
        self.standin, self.sdk, self.clock = standin, sdk, clock
        self.customer = sdk.customers.create({"email": "ap@acme.example", "name": "Acme"}).id
        self.price = sdk.prices.create(
            {"currency": "eur", "unit_amount": 1000, "recurring": {"interval": "month"}, "product_data": {"name": "Pro"}}
        ).id
        self.id = ""

    def owe(self) -> str:
        draft = self.sdk.invoices.create({"customer": self.customer, "collection_method": "send_invoice", "days_until_due": 7})
        self.sdk.invoice_items.create({"customer": self.customer, "invoice": draft.id, "amount": 1000, "currency": "eur"})
        self.id = draft.id
        return self.sdk.invoices.finalize_invoice(draft.id).id

    def subscribe(self, **terms: Any) -> stripe.Subscription:
        own = self.sdk.subscriptions.create({"customer": self.customer, "items": [{"price": self.price}], **terms})
        self.id = str(own.latest_invoice)
        return own

    def control(self, verb: str, **arguments: Any) -> Any:
        answer = httpx.post(f"{self.standin.url}/_control/books/{verb}", json=arguments, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def shown(self, invoice_id: str = "") -> dict[str, Any]:
        expand = {"expand": ["payments.data.payment.payment_intent"]}
        return self.sdk.invoices.retrieve(invoice_id or self.id, expand).to_dict(for_json=True)

    def intents(self) -> list[tuple[str, str]]:
        """The status of each payment, and of its intent."""
        payments = self.shown()["payments"]["data"]
        return [(it["status"], it["payment"].get("payment_intent", {}).get("status", "")) for it in payments]


class Inbox:
    """An endpoint that keeps what it gets and answers with the statuses it was given, then 200."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: list[int] = []
        self.got: list[tuple[bytes, str]] = []

    def until(self, holds: Callable[[], object], *, seconds: float = 10) -> bool:
        """Wait until this holds; False: it does not within so many seconds."""
        end = time.monotonic() + seconds
        while not holds() and time.monotonic() < end:
            time.sleep(0.02)
        return bool(holds())

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.got]

    @property
    def ids(self) -> list[str]:
        return [json.loads(body)["id"] for body, _ in self.got]


@contextmanager
def listening() -> Iterator[Inbox]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.got.append((body, self.headers["Stripe-Signature"]))
            self.send_response(inbox.answers.pop(0) if inbox.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with at_work(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as address:
        inbox = Inbox(f"{address}/webhooks/stripe")
        yield inbox
