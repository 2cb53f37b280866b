"""What `simulate` costs: 100,000 accounts with twelve monthly invoices each, a year of them under two policies.

Most pay in time, some late, few never; so each account has a temper. Prints the wall time against the bound of 60 s on two
cores, and the peak of memory of the largest process. SQLite, on disk. Run: python bench/simulate.py [ACCOUNTS] [--keep FILE]
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import insert, update

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gatekeeper.ledger.engine import for_writing, open_engine
from gatekeeper.ledger.migrate import migrate
from gatekeeper.ledger.tables import accounts, contacts, invoices, state
from gatekeeper.policy.rules import Rules, ladder
from gatekeeper.policy.segments import Policy
from gatekeeper.whatif.survey import Question, survey
from gatekeeper.whatif.tally import STEPS, Tally

ACCOUNTS, MONTHS, BOUND_SECONDS = 100_000, 12, 60
NOW = datetime(2026, 11, 1, 9, tzinfo=UTC)
SINCE = NOW - timedelta(days=365)
# Of a hundred accounts so many; the chance that an invoice of theirs is paid late, or never
TEMPERS = ((80, 0.0, 0.0), (15, 0.1, 0.0), (4, 0.3, 0.0), (1, 0.3, 0.2))


def fill(url: str, many: int) -> None:
    engine = open_engine(url)
    migrate(engine)
    dice = random.Random(7)
    with for_writing(engine).begin() as connection:
        connection.execute(update(state).values(watched_since_at=SINCE, reconciled_at=NOW))
        for start in range(0, many, 2_000):
            numbers = range(start, min(start + 2_000, many))
            connection.execute(insert(accounts), [_account(number) for number in numbers])
            connection.execute(insert(contacts), [one for number in numbers for one in _people(number)])
            connection.execute(insert(invoices), [one for number in numbers for one in _invoices(number, dice)])
    engine.dispose()


def _account(number: int) -> dict[str, Any]:
    return {"id": f"account{number:07}", "name": f"Invented {number}", "touched": False}


def _people(number: int) -> Iterator[dict[str, Any]]:
    for audience in ("accountant", "user"):
        address = f"{audience}{number}@customer.example"
        source = {"source": f"stripe:cus_{number}", "set_at": SINCE}
        yield {"account_id": f"account{number:07}", "audience": audience, "address": address, **source}


def _invoices(number: int, dice: random.Random) -> Iterator[dict[str, Any]]:
    (_, late, never), *_ = dice.choices(TEMPERS, [weight for weight, _, _ in TEMPERS])
    first_at = SINCE + timedelta(hours=dice.randrange(24 * 30))
    for month in range(MONTHS):
        issued_at = first_at + timedelta(days=30 * month)
        due_at = issued_at + timedelta(days=14)
        days = dice.uniform(-13, -0.5)
        if dice.random() < late:
            days = dice.expovariate(1 / 8)
        settled_at = due_at + timedelta(days=days)
        paid = dice.random() >= never and settled_at <= NOW
        key = f"{number}_{month}"
        yield {
            "id": f"in_{key}",
            "account_id": f"account{number:07}",
            "customer_id": f"cus_{number}",
            "number": f"N{key}",
            "status": "paid" if paid else "open",
            "currency": "eur",
            "total_minor": 4900,
            "remaining_minor": 0 if paid else 4900,
            "created_at": issued_at,
            "finalized_at": issued_at,
            "due_at": due_at,
            "automatic": False,
            "attempted": False,
            "lineage": f"in_{key}",
            "pay_token": f"token{key}",
            "read_at": NOW,
            "settled_at": settled_at if paid else None,
        }


def ask(url: str, processes: int) -> Tally:
    today, other = Policy(rules=Rules(), id="today"), Policy(rules=Rules(steps=ladder(warning=10, suspend=4)), id="other")
    question = Question(today=today, other=other, zone=ZoneInfo("UTC"), now=NOW, until=NOW, since=SINCE)
    return survey(url, question, processes=processes)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("accounts", nargs="?", type=int, default=ACCOUNTS)
    options.add_argument("--keep", type=Path, help="a ledger to make, or to use again")
    options.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = chosen.keep or Path(folder) / "ledger.db"
        if not path.exists():
            fill(f"sqlite:///{path}", chosen.accounts)
        used_before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        began = time.perf_counter()
        tally = ask(f"sqlite:///{path}", chosen.processes)
        seconds = time.perf_counter() - began
    used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) - used_before
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"{chosen.accounts:,} accounts, {MONTHS} invoices each, {tally.judged:,} of them judged under two policies")
    for step in STEPS:
        print(f"  {step:<10} {tally.today.accounts[step]:>7,} {tally.other.accounts[step]:>7,}")
    print(f"{seconds:.1f} s on {chosen.processes} processes (at most {BOUND_SECONDS} s on two cores), {peak / 1024:.0f} MB")
    print(f"{used:.1f} s of processor time: on cores that nobody else uses {used / chosen.processes:.1f} s")


if __name__ == "__main__":
    main()
