"""A stand-in with an empty set of books, its clock, and the SDK as its driver."""

from collections.abc import Iterator

import pytest
import stripe

from gatekeeper.demo.standin.serve import Standin
from tests.kit.standin import MovableClock, Teller, driving


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def standin(clock: MovableClock) -> Iterator[Standin]:
    with Standin(clock) as server:
        yield server


@pytest.fixture
def sdk(standin: Standin) -> Iterator[stripe.V1Services]:
    with driving(standin.url) as client:
        yield client.v1


@pytest.fixture
def teller(standin: Standin, sdk: stripe.V1Services, clock: MovableClock) -> Teller:
    return Teller(standin, sdk, clock)
