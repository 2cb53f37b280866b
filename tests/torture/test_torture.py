"""The rules of the house as a machine: whatever happens they hold, and when faults stop everything comes to its end.

docs/torture.md says how it is played, and how to play it for longer: `make torture`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gatekeeper.policy.rules import Rules
from tests.kit.ledger import Ledger, opened
from tests.torture.calm import calm
from tests.torture.failpoints import Points
from tests.torture.paths import paths, policies
from tests.torture.play import Step, played

EXAMPLES = {"sqlite": 10, "postgresql": 4}


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with opened(database_url) as made:
        made.hasten()
        yield made


def test_the_rules_hold_whatever_happens_and_everything_ends_when_faults_stop(ledger: Ledger, tmp_path: Path) -> None:
    examples = EXAMPLES[ledger.engine.dialect.name]

    # Shrinking takes minutes: `make torture SEED=…` does that for a path that it has found itself
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(policies(), st.integers(3, 6), paths(longest=40))
    def holds(rules: list[Rules], accounts: int, path: list[Step]) -> None:
        with played(ledger, tmp_path, Points(), rules, accounts) as play:
            for step in path:
                play.step(step)
            calm(play)

    holds()
