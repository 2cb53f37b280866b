"""What publishing one restoration costs among 100,000 suspended accounts: a line appended, beside everything written anew.

Prints the medians in milliseconds and their ratio. What a customer waits in all is bench/restore.py's.
Run: python bench/publish.py
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gatekeeper.logs import set_up
from gatekeeper.publish import Publisher, replace_file
from gatekeeper.snapshot import encode
from tests.kit.builders import DUE_AT, invoice
from tests.kit.crowd import SUSPENDED, crowd
from tests.kit.ledger import a_customer, current, opened, suspended

TURNS = 20


def main() -> None:
    set_up("error", "json")
    with tempfile.TemporaryDirectory() as folder, opened(f"sqlite:///{folder}/ledger.db") as ledger:
        ledger.read(invoice(), customer=a_customer(account_id="acme"))
        crowd(ledger.url)
        out = Publisher(Path(folder) / "snapshot", ledger.reader, ledger.writer.verdicts.raise_revision, time.perf_counter)
        out.run(DUE_AT)

        def anew() -> None:
            replace_file(Path(folder) / "beside", encode(ledger.reader.snapshot(DUE_AT)))

        taken: dict[str, list[float]] = {"a line": [], "all anew": []}
        for _ in range(TURNS):
            ledger.judge(suspended())
            taken["a line"].append(_milliseconds(lambda: out.run(DUE_AT)))
            ledger.judge(current())
            out.run(DUE_AT)
            taken["all anew"].append(_milliseconds(anew))
    line, whole = (statistics.median(found) for found in taken.values())
    print(
        f"publishing among {SUSPENDED:,} suspended: a line {line:.1f} ms, all anew {whole:.0f} ms, ratio 1:{whole / line:.0f}"
    )


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
