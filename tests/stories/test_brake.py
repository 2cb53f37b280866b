"""The day on which Stripe says that everybody is overdue (case 9): nobody is suspended until a person has looked."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx

from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.engine import open_engine
from tests.kit import billers
from tests.kit.billers import later, pay, subscribe
from tests.kit.running import SECRET, Installation, until
from tests.kit.smtp import MailServer

MANY = 14


@contextmanager
def looking(installation: Installation) -> Iterator[BrakeReader]:
    engine = open_engine(f"sqlite:///{installation.folder}/gatekeeper.db")
    try:
        yield BrakeReader(engine)
    finally:
        engine.dispose()


def accepted(installation: Installation) -> int:
    return [state for _, _, state in installation.notices()].count("accepted")


def standing(installation: Installation, named: str) -> list[str]:
    return [account for account, standing in installation.standings().items() if standing == named]


def days_kept(brake: BrakeReader, installation: Installation) -> int:
    """How many days the baseline will have tomorrow."""
    return len(brake.level(installation.now + timedelta(days=1)).baseline)


def test_everybody_is_overdue_at_once_and_a_person_decides(tmp_path: Path) -> None:
    with billers.standin() as biller, MailServer() as post:
        installation = Installation(tmp_path / "state", biller.url, post.url, biller.now)
        owed = {f"account{number}": subscribe(biller, f"account{number}") for number in range(MANY)}

        def move(**span: float) -> None:
            installation.move_clock_to(later(biller, **span))

        def braked() -> list[str]:
            return httpx.get(f"{installation.web}/readyz").json()["brake"]

        with installation.running(), looking(installation) as brake:
            biller.deliver_to(installation.webhook, SECRET)
            until(lambda: len(installation.standings()) == MANY)
            for day in range(4):
                until(lambda: days_kept(brake, installation) == day + 1)  # noqa: B023 - it is called here and now
                move(days=1)
            assert braked() == []
            # Everybody falls overdue on one day: letters go out, and the brake engages long before anybody could be suspended
            move(days=3, hours=1)
            until(lambda: braked() == ["anomaly"])
            until(lambda: accepted(installation) == 2 * MANY)
            move(days=14, hours=1)
            until(lambda: accepted(installation) == 4 * MANY)
            move(days=5, hours=1)
            until(lambda: braked() == ["anomaly", "cap"])
            until(lambda: brake.waiting() == MANY)
            assert standing(installation, "suspended") == []
            assert f"{MANY} accounts are past due, and more than 10 is unusual." in installation.command("brake", "show")
            assert "The brake holds" in installation.json("why", "account3")["reasons"][-1]
            assert '"brake.engaged"' in installation.log()
            # Who pays meanwhile is not held by it
            pay(biller, owed["account3"])
            until(lambda: standing(installation, "current") == ["account3"])
            # A person has looked
            installation.command("brake", "release", "--reason", "the year's invoices; checked with Ana")
            until(lambda: len(standing(installation, "suspended")) == MANY - 1)
            assert braked() == []
            assert httpx.get(f"{installation.gate}/gate", headers={"X-Account-Id": "account0"}).status_code == 402
            assert httpx.get(f"{installation.gate}/gate", headers={"X-Account-Id": "account3"}).status_code == 200
            # What was wanted is used up but for the one who paid, and the caps hold again
            assert installation.json("brake", "show")["allowance"] == 1
            assert installation.json("brake", "show")["last_day"] == {"used": 0, "cap": 30}
