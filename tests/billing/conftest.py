"""A stand-in with empty books, and gatekeeper's reader on it."""

from collections.abc import Iterator

import pytest
import stripe

from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.demo.standin.serve import Standin
from tests.billing.reading import Between, between, reading_from
from tests.kit.standin import MovableClock


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def standin(clock: MovableClock) -> Iterator[Standin]:
    with Standin(clock) as server:
        yield server


@pytest.fixture
def source(standin: Standin, clock: MovableClock) -> Iterator[StripeBooks]:
    with reading_from(standin.url, clock) as books:
        yield books


@pytest.fixture
def passing(standin: Standin) -> Iterator[Between]:
    with between(standin) as one:
        yield one


@pytest.fixture
def watched(passing: Between, clock: MovableClock) -> Iterator[StripeBooks]:
    """The reader, with `passing` between it and the stand-in."""
    with reading_from(passing.url, clock) as books:
        yield books


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK repeats a failed request at once, and not after a second or two."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.0)
