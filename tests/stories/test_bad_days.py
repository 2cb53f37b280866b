"""Days on which the billing system is not there, or not the right one: nobody loses access, nobody is let in by absence."""

import dataclasses
from collections import Counter
from pathlib import Path

import httpx
import pytest

from gatekeeper.demo.standin.faults import Fault, Kind
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.ledger.engine import open_engine
from tests.kit.billers import StandinBiller, later, pay, subscribe
from tests.kit.running import SECRET, Installation, until
from tests.kit.smtp import MailServer


@dataclasses.dataclass
class Street:
    """Who lives here: `paying` is suspended and pays on the bad day, `owing` is due for suspension, `late` for a reminder."""

    biller: StandinBiller
    post: MailServer
    installation: Installation
    invoices: dict[str, str]

    def move(self, **span: float) -> None:
        self.installation.move_clock_to(later(self.biller, **span))

    def wait_for(self, letters: int) -> None:
        until(lambda: accepted(self.installation) == letters)

    def gate(self) -> dict[str, int]:
        asked = {"paying": 0, "owing": 0, "late": 0}
        return {account: self._ask(account) for account in asked}

    def _ask(self, account: str) -> int:
        return httpx.get(f"{self.installation.gate}/gate", headers={"X-Account-Id": account}).status_code

    def ready(self) -> httpx.Response:
        return httpx.get(f"{self.installation.web}/readyz")


def accepted(installation: Installation) -> int:
    """How many letters the ledger holds as accepted: those that the mail server has may not be settled yet."""
    return [state for _, _, state in installation.notices()].count("accepted")


@pytest.fixture
def street(biller: StandinBiller, post: MailServer, tmp_path: Path) -> Street:
    made = Street(biller, post, Installation(tmp_path / "state", biller.url, post.url, biller.now), {})
    made.invoices["paying"] = subscribe(biller, "paying", days_until_due=7)
    made.invoices["owing"] = subscribe(biller, "owing", days_until_due=10)
    with made.installation.running():
        until(lambda: len(made.installation.standings()) == 2)
        # `paying` is reminded, then `owing`; they are warned in the same order; then `paying` is told that it is suspended
        for days, letters in ((7, 2), (3, 4), (11, 6), (3, 8), (2, 10)):
            made.move(days=days, hours=1)
            made.wait_for(letters)
        assert made.installation.standings() == {"paying": "suspended", "owing": "past_due"}
        made.invoices["late"] = subscribe(biller, "late", days_until_due=2)
        made.move(minutes=11)
        until(lambda: "late" in made.installation.standings())
    return made


@pytest.mark.parametrize("kind", ["error", "unauthorized", "html", "empty"])
def test_three_days_without_the_billing_system_and_back(street: Street, kind: Kind) -> None:
    before = accepted(street.installation)
    with street.installation.running():
        street.biller.deliver_to(street.installation.webhook, SECRET)
        until(lambda: street.ready().status_code == 200)
        street.biller.standin.faults.add(Fault(kind=kind, times=None, key="rk_"))
        pay(street.biller, street.invoices["paying"])
        for _ in range(3):
            street.move(days=1)
            until(lambda: street.installation.json("why", "owing")["reasons"][-1].startswith("The billing system cannot"))
            assert street.installation.standings()["paying"] == "current", "the signed event shows that it was paid"
            assert street.installation.standings()["owing"] == "past_due"
            assert street.gate() == {"paying": 200, "owing": 200, "late": 200}
        until(lambda: accepted(street.installation) == before + 2, what="two are told that access is back")
        assert len(street.post.messages) == before + 2, "and nobody was told anything else"
        said = street.ready().json()
        assert said["stale"]
        assert said["distrust"]

        street.biller.standin.faults.clear()
        street.move(hours=2)
        until(lambda: street.gate() == {"paying": 200, "owing": 402, "late": 200}, what="all is as it should be")
        until(lambda: street.ready().json()["distrust"] == "")
        until(lambda: accepted(street.installation) == before + 6, what="two are reminded, and two told of the suspension")
        steps = Counter(step for step, _, _ in street.installation.notices())
        assert steps == {"reminder": 6, "warning": 4, "suspend": 4, "restored": 2}
        assert len(street.post.messages) == before + 6, "each is one letter"
    assert "Traceback" not in street.installation.log()


def test_the_books_of_another_account_are_not_believed(street: Street) -> None:
    """They are empty: whoever believed them would let everybody in."""
    with Standin(lambda: street.biller.now, account="acct_other") as other:
        street.installation.api_base, right = other.url, street.installation.api_base
        street.installation.write_config()
        street.move(days=3)
        said = street.installation.command("tick", code=75)
        assert said.startswith(
            "gatekeeper: this ledger was kept for the test books of acct_standin, but the key opens the test "
        )
        street.installation.command("tick", code=75)
        assert street.installation.standings()["paying"] == "suspended"
        assert street.installation.standings()["owing"] == "past_due"
        assert "acct_other" in street.installation.command("why", "owing")
        street.installation.api_base = right
        street.installation.write_config()
    street.installation.command("tick")
    assert street.installation.standings()["owing"] == "suspended"


def test_a_test_key_on_a_live_ledger_is_not_believed(street: Street) -> None:
    """Objects of one mode are invisible to the other, so everybody would seem to have paid."""
    engine = open_engine(f"sqlite:///{street.installation.folder}/gatekeeper.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE state SET livemode = 1")
    engine.dispose()
    pay(street.biller, street.invoices["paying"])
    street.move(days=3)
    said = street.installation.command("tick", code=75)
    assert "kept for the live books of acct_standin, but the key opens the test books" in said
    assert street.installation.standings()["paying"] == "suspended"
    assert street.installation.standings()["owing"] == "past_due"


def test_a_pinned_account_that_the_key_does_not_open(street: Street) -> None:
    street.installation.extra = {"stripe": {"account": "acct_mine"}}
    street.installation.write_config()
    street.move(days=3)
    said = street.installation.command("tick", code=75)
    assert said == "gatekeeper: the key opens account acct_standin, but stripe.account is acct_mine\n"
    assert street.installation.standings()["owing"] == "past_due"


def test_a_clock_that_jumps_by_forty_days_takes_nobody_more_than_one_step(street: Street) -> None:
    """Case 27: the step that was prepared by evidence may be taken, and no other."""
    subscribe(street.biller, "fresh", days_until_due=30)
    street.move(days=40)
    street.installation.command("tick")
    standings = street.installation.standings()
    assert standings["owing"] == "suspended", "it was told twice, and its day had come"
    assert standings["late"] == standings["fresh"] == "past_due"
    steps = [step for step, address, _ in street.installation.notices() if "late" in address or "fresh" in address]
    assert set(steps) == {"reminder"}


def test_a_clock_that_is_set_back_writes_nothing_twice(street: Street) -> None:
    before = street.installation.notices()
    standings = street.installation.standings()
    for days in (-3, 1, 2):
        street.installation.move_clock(days=days)
        street.installation.command("tick")
    assert street.installation.notices() == before
    assert street.installation.standings() == standings
