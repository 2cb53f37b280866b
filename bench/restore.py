"""From the payment to the open gate: how long a customer who pays waits, through webhook, ledger, verdict, snapshot and gate.

Everything runs as it does for an operator: `gatekeeper run` as a process, the stand-in for Stripe sending signed webhooks, the
gate asked over HTTP until it says 200. Prints p50, p99 and the slowest, beside the limit of one second (design, rule 11).
Run: python bench/restore.py
"""

import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.kit.billers import later, pay, standin, subscribe
from tests.kit.running import SECRET, Installation, until

ACCOUNTS = 60
LIMIT_MS = 1000.0


def main() -> None:
    logging.disable()
    with tempfile.TemporaryDirectory() as folder, standin() as biller:
        installation = Installation(
            Path(folder) / "state",
            biller.url,
            f"file:{folder}/mail",
            biller.now,
            extra={
                "safety": {
                    "mode": "armed",
                    "suspensions_per_hour": ACCOUNTS,
                    "suspensions_per_day": ACCOUNTS,
                    "anomaly_above": ACCOUNTS,
                }
            },
        )
        with installation.running():
            biller.deliver_to(installation.webhook, SECRET)
            invoices = {f"account{number}": subscribe(biller, f"account{number}") for number in range(ACCOUNTS)}
            for days, letters in ((7.1, 2 * ACCOUNTS), (14.1, 4 * ACCOUNTS), (5.1, 4 * ACCOUNTS)):
                installation.move_clock_to(later(biller, days=days))
                until(lambda letters=letters: _accepted(installation) == letters, seconds=60, what=f"{letters} letters")
            until(lambda: set(installation.standings().values()) == {"suspended"}, seconds=60, what="all are suspended")
            # The stand-in posts one event after the other; what it still has to tell from before is not the payment's delay
            assert biller.standin.delivery.wait_idle(120)
            with closing(HTTPConnection("127.0.0.1", installation.gate_port)) as gate:
                waits = sorted(
                    _wait(gate, account, lambda id_=invoice: pay(biller, id_)) for account, invoice in invoices.items()
                )
    p50, p99 = statistics.median(waits), waits[int(len(waits) * 0.99)]
    print(f"payment to open gate, {ACCOUNTS} accounts: p50 {p50:.0f} ms, p99 {p99:.0f} ms, slowest {waits[-1]:.0f} ms")
    print(f"p99 / limit of one second: {p99 / LIMIT_MS:.2f}")


def _wait(gate: HTTPConnection, account: str, payment: Callable[[], None]) -> float:
    """Milliseconds from the payment until the gate lets the account in."""
    until(lambda: _ask(gate, account) == 402, what=f"{account} is suspended")
    began = time.perf_counter()
    payment()
    while _ask(gate, account) != 200:
        time.sleep(0.002)
    return (time.perf_counter() - began) * 1000


def _ask(gate: HTTPConnection, account: str) -> int:
    gate.request("HEAD", "/gate", headers={"X-Account-Id": account})
    answer = gate.getresponse()
    answer.read()
    return answer.status


def _accepted(installation: Installation) -> int:
    return sum(state == "accepted" for _, _, state in installation.notices())


if __name__ == "__main__":
    main()
