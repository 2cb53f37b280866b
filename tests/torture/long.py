"""`make torture`: paths without end, under fresh seeds, until the minutes are over or a rule is broken.

SEED plays one seed again, and makes the path that broke a rule shorter. SQLite and PostgreSQL take turns: the seed says which.
"""

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from gatekeeper.policy.rules import Rules
from tests.kit.ledger import Ledger, opened
from tests.kit.postgres import running_postgres
from tests.torture.calm import calm
from tests.torture.failpoints import Points, every_point
from tests.torture.paths import paths, policies
from tests.torture.play import Step, played

PATHS_A_SEED = 10


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--seed", type=int, default=None)
    asked.add_argument("--minutes", type=float, default=10)
    chosen = asked.parse_args()
    points, seen = Points(), Counter[str]()
    ends_at = time.monotonic() + 60 * chosen.minutes
    seeds = iter([chosen.seed]) if chosen.seed is not None else _fresh()
    with contextlib.ExitStack() as house:
        folder = Path(house.enter_context(tempfile.TemporaryDirectory()))
        ledgers = _ledgers(house, folder)
        for number in seeds:
            ledger = ledgers[number % len(ledgers)]
            try:
                _play(number, ledger, folder, points, seen, shorten=chosen.seed is not None)
            except BaseException:
                _say(f"\nBroken by seed {number}. Play it again, and make it shorter: make torture SEED={number}\n")
                raise
            _say(f"seed {number} ({ledger.engine.dialect.name}): {dict(seen)}")
            if time.monotonic() > ends_at:
                break
    return _table(points)


def _ledgers(house: contextlib.ExitStack, folder: Path) -> list[Ledger]:
    server = house.enter_context(running_postgres())
    urls = [f"sqlite:///{folder / 'ledger.db'}", server.url(server.create())]
    ledgers = [house.enter_context(opened(url)) for url in urls]
    for ledger in ledgers:
        ledger.hasten()
    return ledgers


def _play(number: int, ledger: Ledger, folder: Path, points: Points, seen: Counter[str], *, shorten: bool) -> None:
    phases = [Phase.generate, Phase.shrink] if shorten else [Phase.generate]

    @seed(number)
    @settings(
        max_examples=PATHS_A_SEED,
        phases=phases,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(policies(), st.integers(3, 6), paths())
    def holds(rules: list[Rules], accounts: int, path: list[Step]) -> None:
        with played(ledger, folder, points, rules, accounts) as play:
            for step in path:
                play.step(step)
            calm(play)
            seen.update(paths=1, steps=len(path), letters=len(play.stage.post.arrived))
            seen.update(row["after"] for row in ledger.rows("audit", kind="standing"))

    holds()


def _say(what: str) -> None:
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


def _fresh() -> Iterator[int]:
    while True:
        yield random.SystemRandom().randrange(2**32)


def _table(points: Points) -> int:
    """Every failpoint, how often a worker came by, and how often one died there."""
    names = every_point()
    for name in names:
        _say(f"{name:60} reached {points.reached[name]:8} died {points.died[name]:6}")
    missed = [name for name in names if not points.reached[name]]
    _say(f"{len(names) - len(missed)} of {len(names)} failpoints were reached" + (f"; not: {', '.join(missed)}" * bool(missed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
