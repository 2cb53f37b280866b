"""`decide` on the facts of one account: what one look costs, in CPU time, for the accounts that a round meets."""

import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gatekeeper.model import Facts, Standing
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules
from tests.kit.builders import facts, on, reminded, warned

BOUND_US = 50.0
_TURNS, _LOOKS = 9, 3000


def said(known: Facts) -> Facts:
    """The same, each notice with the name that the ledger keeps of its step."""
    return replace(known, notices=tuple(replace(one, name=one.step.value) for one in known.notices))


ACCOUNTS: dict[str, tuple[Facts, datetime]] = {
    "owes nothing": (facts(invoices=()), on(3)),
    "overdue, to be reminded": (facts(), on(1)),
    "reminded, waits for its warning": (said(facts(notices=reminded())), on(5)),
    "warned, to be suspended": (said(facts(notices=reminded() + warned())), on(25)),
    "suspended": (
        said(facts(notices=reminded() + warned(), standing=Standing.SUSPENDED, standing_since_at=on(19))),
        on(25),
    ),
}


def microseconds(known: Facts, rules: Rules, now: datetime) -> float:
    """CPU time of one look: the best of some turns, so that what else runs here counts little."""
    turns = []
    for _ in range(_TURNS):
        began = time.process_time()
        for _ in range(_LOOKS):
            decide(known, rules, now)
        turns.append((time.process_time() - began) / _LOOKS * 1e6)
    return min(turns)


def main() -> None:
    rules = Rules()
    figures = {name: microseconds(known, rules, now) for name, (known, now) in ACCOUNTS.items()}
    for name, figure in figures.items():
        print(f"  {name:34} {figure:6.1f} us")
    worst = max(figures.values())
    print(f"  worst: {worst:.1f} us = {worst / BOUND_US:.2f} of the bound of {BOUND_US:.0f} us")


if __name__ == "__main__":
    main()
