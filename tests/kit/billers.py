"""Stripe in a story, in two shapes that one story drives alike: our stand-in, and the foreign stripe-world."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import stripe

from gatekeeper.demo.standin.serve import Standin
from tests.kit.standin import SECRET_KEY, MovableClock, driving
from tests.kit.world import World


class Biller(Protocol):
    """What a story needs of a biller besides its API."""

    url: str
    sdk: stripe.StripeClient

    @property
    def now(self) -> datetime: ...
    def move_clock_to(self, now: datetime) -> None: ...
    def deliver_to(self, url: str, secret: str, *, dup: float = 0, loss: float = 0, shuffle: bool = False) -> None: ...


class StandinBiller:
    def __init__(self, standin: Standin, clock: MovableClock, sdk: stripe.StripeClient) -> None:
        self.standin, self.url, self.sdk, self._clock = standin, standin.url, sdk, clock

    @property
    def now(self) -> datetime:
        return self._clock()

    def move_clock_to(self, now: datetime) -> None:
        self._clock.now = now

    def deliver_to(self, url: str, secret: str, *, dup: float = 0, loss: float = 0, shuffle: bool = False) -> None:
        chaos = {"duplicates": dup, "losses": loss, "disorder": 0.5 if shuffle else 0.0, "patience": 0.3}
        self.standin.deliver_to(url, [secret], clock=lambda: datetime.now(UTC), **chaos)


class _World:
    def __init__(self, world: World, sdk: stripe.StripeClient, until_the_end: ExitStack) -> None:
        self.world, self.url, self.sdk, self._until_the_end = world, world.url, sdk, until_the_end
        self.now = datetime.now(UTC)

    def move_clock_to(self, now: datetime) -> None:
        self.now = now
        self.world.move_clock((now - datetime.now(UTC)).total_seconds())

    def deliver_to(self, url: str, secret: str, *, dup: float = 0, loss: float = 0, shuffle: bool = False) -> None:
        self._until_the_end.enter_context(self.world.relay(url, secret, dup=dup, loss=loss, shuffle=shuffle))


@contextmanager
def standin() -> Iterator[StandinBiller]:
    clock = MovableClock(datetime.now(UTC).replace(microsecond=0))
    with Standin(clock) as server, driving(server.url, SECRET_KEY) as sdk:
        yield StandinBiller(server, clock, sdk)


@contextmanager
def stripe_world() -> Iterator[Biller]:
    with World() as world, driving(world.url, "sk_test_story") as sdk, ExitStack() as until_the_end:
        yield _World(world, sdk, until_the_end)


def subscribe(biller: Biller, account: str, *, days_until_due: int = 7, amount: int = 4900) -> str:
    """A customer of this account who is billed by invoice; the id of the first invoice, open."""
    customer = biller.sdk.v1.customers.create(
        {
            "name": account.capitalize(),
            "email": f"accounts@{account}.example",
            "metadata": {"account_id": account, "user_email": f"user@{account}.example"},
        }
    )
    price = biller.sdk.v1.prices.create(
        {"currency": "eur", "unit_amount": amount, "recurring": {"interval": "month"}, "product_data": {"name": "Pro"}}
    )
    biller.sdk.v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": price.id}],
            "collection_method": "send_invoice",
            "days_until_due": days_until_due,
        }
    )
    (invoice,) = biller.sdk.v1.invoices.list({"customer": customer.id}).data
    assert invoice.id is not None
    if invoice.status == "draft":  # stripe-world leaves it to the caller; real Stripe finalizes it after an hour
        biller.sdk.v1.invoices.finalize_invoice(invoice.id)
    return invoice.id


def pay(biller: Biller, invoice_id: str) -> None:
    """The accountant books a bank transfer."""
    biller.sdk.v1.invoices.pay(invoice_id, {"paid_out_of_band": True})


def later(biller: Biller, **span: float) -> datetime:
    """Move the biller's clock on; the new moment."""
    now = biller.now + timedelta(**span)
    biller.move_clock_to(now)
    return now
