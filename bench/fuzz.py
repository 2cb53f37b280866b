"""Millions of requests that nobody would think of, against a real gate: no 5xx, no wrong verdict (case 86; design, rule 8).

    python bench/fuzz.py [--millions 10] [--seed 1]

Every answer is compared with a rule that is written down apart from the gate (tests/kit/fuzz.py). Exit code 1: one was wrong.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.kit.fuzz import ALWAYS, LEAVES_OPEN, STANDINGS, Fuzz
from tests.kit.gates import gate_process, publish, settings_in


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--millions", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        settings = settings_in(Path(name), always_allow=(f"/{ALWAYS}",))
        publish(settings.snapshot_path, 1, leaves_open=LEAVES_OPEN, **STANDINGS)
        with gate_process(settings) as gate:
            begun = time.perf_counter()
            fuzz = Fuzz(settings.port, given.seed)
            fuzz.run(int(given.millions * 1e6))
            fuzz.close()
            took = time.perf_counter() - begun
            assert gate.poll() is None, "the gate died"
    counts = ", ".join(f"{count:,} x {status or 'no answer'}" for status, count in sorted(fuzz.statuses.items()))
    failures = sum(count for status, count in fuzz.statuses.items() if status >= 500)
    print(f"{fuzz.sent:,} requests in {took:.0f} s: {counts}")
    print(f"{failures} answers of 5xx, {len(fuzz.wrong)} wrong verdicts (both must be 0)")
    print("\n".join(fuzz.wrong[:10]))
    sys.exit(1 if failures or fuzz.wrong else 0)


if __name__ == "__main__":
    main()
