"""Stripe's books into a real ledger over real HTTP: a stand-in, a ledger, and the sync between them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import stripe

from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.ledger.reader import Reader
from gatekeeper.sync import Sync
from tests.billing.reading import Between, between, reading_from
from tests.kit.ledger import Ledger, opened
from tests.kit.standin import MovableClock


@dataclass
class Office:
    """A stand-in, a ledger, and the sync between them, which can be watched and disturbed on the wire."""

    standin: Standin
    clock: MovableClock
    ledger: Ledger
    passing: Between
    source: StripeBooks

    def __post_init__(self) -> None:
        self.sync = self.sync_of()

    def sync_of(self, *, pinned_account: str = "", source: StripeBooks | None = None) -> Sync:
        return Sync(source or self.source, self.ledger.reader, self.ledger.writer, self.clock, pinned_account=pinned_account)

    @property
    def reader(self) -> Reader:
        return self.ledger.reader

    def statuses(self) -> dict[str, str]:
        return {row["id"]: row["status"] for row in self.ledger.rows("invoices")}

    def asked(self) -> list[str]:
        """The paths of what was asked since this was last called, without what follows the question mark."""
        paths = [path.partition("?")[0].removeprefix("/v1/") for path in self.passing.paths]
        self.passing.paths.clear()
        return paths

    def addresses(self, account: str = "acme") -> set[str]:
        return {contact.address for contact in self.ledger.facts(account).contacts}


@contextmanager
def opened_office(database_url: str) -> Iterator[Office]:
    clock = MovableClock()
    with (
        pytest.MonkeyPatch.context() as patch,
        Standin(clock) as standin,
        opened(database_url) as ledger,
        between(standin) as passing,
        reading_from(passing.url, clock) as source,
    ):
        patch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.0)  # the SDK repeats a failed request at once
        yield Office(standin, clock, ledger, passing, source)
