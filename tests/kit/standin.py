"""The stand-in for Stripe in a test: a clock to move, and the official SDK as its driver."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import requests
import stripe

from gatekeeper.demo.standin.server import KEYS

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
