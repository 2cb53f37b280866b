from collections.abc import Iterator

import pytest

from tests.kit.ledger import Ledger, opened


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """An empty ledger; once on SQLite and once on PostgreSQL."""
    with opened(database_url) as made:
        yield made
