"""What a round costs: 1,000 accounts due among 10,000, and among 1,000,000. It should cost what is due, not what exists.

Prints the median time of three rounds for each, and the ratio. A round here: find the accounts that are due, judge them, write
standing, case, audit row and two planned notices each, and publish the snapshot. SQLite, on disk. Run: python bench/round.py
"""

import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gatekeeper.braking import Brake
from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.engine import for_writing, open_engine
from gatekeeper.ledger.migrate import migrate
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer import open_writer
from gatekeeper.logs import set_up
from gatekeeper.policy.brake import Limits
from gatekeeper.policy.rules import Rules
from gatekeeper.publish import Publisher
from gatekeeper.review import Review

DUE, ROUNDS = 1_000, 3
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
_COUNTED = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :many)"


def fill(engine: Engine, many: int) -> None:
    """`many` accounts with two contacts and an open invoice each; in each of three hours 1,000 of them fall due."""
    far = START + timedelta(days=30)
    hours = " ".join(f"WHEN i < {DUE * (hour + 1)} THEN '{_stored(START + timedelta(hours=hour))}'" for hour in range(ROUNDS))
    due = f"CASE {hours} ELSE '{_stored(far)}' END"
    account = "printf('account%07d', i)"
    with for_writing(engine).begin() as connection:
        for statement in (
            f"""INSERT INTO accounts (id, name, mapped, standing, reasons, review_at, touched, withheld, version)
                {_COUNTED} SELECT {account}, 'Invented', 1, 'current', '[]', {due}, 0, 0, 0 FROM n""",
            f"""INSERT INTO invoices (id, account_id, customer_id, number, status, currency, total_minor, remaining_minor,
                created_at, finalized_at, due_at, automatic, attempted, billing_reason, lineage, pay_token, read_at, seen_in,
                version) {_COUNTED} SELECT 'in_' || i, {account}, 'cus_' || i, 'N' || i, 'open', 'eur', 4900, 4900,
                :created, :created, {due}, 0, 0, '', 'in_' || i, 'token' || i, :created, 1, 0 FROM n""",
            *(
                f"""INSERT INTO contacts (account_id, audience, address, name, source, set_at)
                    {_COUNTED} SELECT {account}, '{audience}', '{audience}' || i || '@customer.example', '', 'stripe:cus_' || i,
                    :created FROM n"""
                for audience in ("accountant", "user")
            ),
        ):
            connection.exec_driver_sql(statement, {"many": many, "created": _stored(START - timedelta(days=30))})
        connection.exec_driver_sql("UPDATE state SET watched_since_at = :at, reconciled_at = :at", {"at": _stored(START)})


def _stored(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def rounds(many: int, folder: Path) -> tuple[list[float], float]:
    """The seconds that each of the three rounds took, and the most memory that this process ever had, in MB."""
    engine = open_engine(f"sqlite:///{folder}/ledger{many}.db")
    migrate(engine)
    fill(engine, many)
    reader, writer, rules, limits = Reader(engine), open_writer(engine, message_domain="bench.example"), Rules(), Limits()
    brake = Brake(
        reader=BrakeReader(engine), brakes=writer.brakes, limits=limits, clock=lambda: START, steady_seconds=time.perf_counter
    )
    review = Review(
        reader=reader,
        verdicts=writer.verdicts,
        rules_of=lambda _facts: rules,
        brake=brake,
        read_again=lambda _invoice: None,
        withheld=lambda: None,
        clock=lambda: START,
    )
    publisher = Publisher(folder / f"snapshot{many}", reader, writer.verdicts.raise_revision, time.perf_counter)
    taken = []
    for hour in range(ROUNDS):
        now = START + timedelta(hours=hour)
        began = time.perf_counter()
        looked = review.run(now)
        publisher.run(now)
        taken.append(time.perf_counter() - began)
        assert len(looked.changed) == DUE, f"{len(looked.changed)} accounts changed, {DUE} were due"
    engine.dispose()
    return taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_a_process_of_its_own(many: int, folder: Path) -> tuple[list[float], float]:
    set_up("error", "json")
    return rounds(many, folder)


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [10_000, 1_000_000]
    fresh = multiprocessing.get_context("spawn")
    medians = {}
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(1, fresh, max_tasks_per_child=1) as pool:
        for many in sizes:
            taken, megabytes = pool.submit(in_a_process_of_its_own, many, Path(folder)).result()
            seconds = medians[many] = statistics.median(taken)
            each = f"{seconds * 1000:7.0f} ms a round ({seconds / DUE * 1e6:.0f} us an account)"
            print(f"{DUE:,} due among {many:>9,}: {each}, {megabytes:.0f} MB at most (of 200)")
    print(f"ratio {medians[sizes[-1]] / medians[sizes[0]]:.2f} (at most 1.5)")


if __name__ == "__main__":
    main()
