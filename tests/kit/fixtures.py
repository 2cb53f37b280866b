"""The parts that stories in several folders begin with, each new for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.kit.billers import StandinBiller, standin
from tests.kit.browser import chromium
from tests.kit.lobby import Lobby
from tests.kit.product import Product, product
from tests.kit.rig import rigged
from tests.kit.smtp import MailServer


@pytest.fixture
def biller() -> Iterator[StandinBiller]:
    with standin() as opened:
        yield opened


@pytest.fixture
def post() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def told() -> Iterator[Product]:
    with product() as made:
        yield made


@pytest.fixture
def lobby(tmp_path: Path) -> Iterator[Lobby]:
    """`acme` is suspended for one invoice, ACME-1, of 50.00 EUR."""
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as rig:
        made = Lobby(rig)
        made.suspend()
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file: while it runs, no test of its process can begin an event loop of its own."""
    with chromium() as running:
        yield running
