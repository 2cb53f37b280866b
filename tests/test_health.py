"""/livez and /readyz say what is so, on a real uvicorn and a real ledger, and tell no secret."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.applications import Starlette

from gatekeeper import health
from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.hook_reader import HookReader
from gatekeeper.ledger.reader import Reader
from gatekeeper.model import Answered, HookOutcome, Profile, Reason
from gatekeeper.policy.brake import Cause
from tests.kit.builders import wanting
from tests.kit.ledger import Ledger, opened, past_due
from tests.kit.ports import free_port
from tests.kit.standin import START, MovableClock
from tests.pages.serving import serving

EVERY = timedelta(minutes=10)


@dataclass
class Part:
    """A web part that has nothing but its health, and what it is told."""

    clock: MovableClock = field(default_factory=MovableClock)
    withheld: str = ""
    url: str = ""

    def ask(self, path: str = "/readyz") -> tuple[int, Any]:
        answer = httpx.get(self.url + path, trust_env=False, timeout=30)
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status_code, answer.json() if path == "/readyz" else answer.text


def run(reader: Reader, brake: BrakeReader, hooks: HookReader) -> Iterator[Part]:
    part = Part()
    app = Starlette(
        routes=health.routes(
            reader=reader,
            brake=brake,
            hooks=hooks,
            withheld=lambda: Reason(code=part.withheld) if part.withheld else None,
            clock=part.clock,
            reconcile_every=EVERY,
        )
    )
    with serving(app) as part.url:
        yield part


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with opened(database_url) as one:
        yield one


@pytest.fixture
def part(ledger: Ledger) -> Iterator[Part]:
    yield from run(ledger.reader, BrakeReader(ledger.engine), HookReader(ledger.engine))


def read_whole(ledger: Ledger) -> None:
    ledger.writer.reconciles.finish(ledger.writer.reconciles.begin(START))


def test_before_the_books_were_read_whole_it_is_not_ready(part: Part) -> None:
    status, report = part.ask()
    assert status == 503
    assert report == {
        "ready": False,
        "why": ["the billing system's books have not been read whole yet"],
        "stale": True,
        "unheard_since_at": None,
        "distrust": "",
        "withheld": "",
        "revision": 0,
        "reconciled_at": None,
        "brake": [],
        "hooks": {"waiting": 0, "given_up": 0, "gone": False},
    }
    assert part.ask("/livez") == (200, "ok\n")


def test_once_they_were_it_is(ledger: Ledger, part: Part) -> None:
    read_whole(ledger)
    ready = {
        "ready": True,
        "why": [],
        "stale": False,
        "unheard_since_at": None,
        "distrust": "",
        "withheld": "",
        "revision": 0,
        "brake": [],
        "hooks": {"waiting": 0, "given_up": 0, "gone": False},
    }
    assert part.ask() == (200, ready | {"reconciled_at": START.isoformat()})


def test_books_that_were_not_read_for_three_intervals_are_said_to_be_stale(ledger: Ledger, part: Part) -> None:
    """It stays ready: the page and the webhooks are needed most when Stripe or the worker is gone."""
    read_whole(ledger)
    part.clock.now = START + 3 * EVERY
    assert part.ask()[1]["stale"] is False
    part.clock.move(seconds=1)
    status, report = part.ask()
    assert (status, report["ready"], report["stale"]) == (200, True, True)


def test_distrust_is_said_with_its_reason_until_it_ends(ledger: Ledger, part: Part) -> None:
    read_whole(ledger)
    ledger.writer.reconciles.distrust("Stripe refuses the key (401); put a valid one into stripe.api_key and start again")
    status, report = part.ask()
    assert (status, report["distrust"][:20]) == (200, "Stripe refuses the k")
    read_whole(ledger)
    assert part.ask()[1]["distrust"] == ""


@pytest.mark.parametrize("code", ["dry_run", "halted"])
def test_what_withholds_is_said(ledger: Ledger, part: Part, code: str) -> None:
    read_whole(ledger)
    part.withheld = code
    status, report = part.ask()
    assert (status, report["withheld"]) == (200, code)


def test_a_brake_that_holds_is_said_and_is_no_reason_to_be_unready(ledger: Ledger, part: Part) -> None:
    read_whole(ledger)
    ledger.writer.brakes.ask(wanting(11), START)
    ledger.writer.brakes.engage(Cause.CLOCK, Reason(code="brake_clock", params=(("minutes", 90),)), START)
    status, report = part.ask()
    assert (status, report["ready"], report["brake"]) == (200, True, ["cap", "clock"])
    ledger.writer.brakes.release([Cause.CAP], reason="right", author="Ann", now=START)
    assert part.ask()[1]["brake"] == ["clock"]


def test_a_product_that_cannot_be_told_is_said_and_is_no_reason_to_be_unready(database_url: str) -> None:
    with opened(database_url, announced=True) as ledger:
        read_whole(ledger)
        for account in ("acme", "beta"):
            ledger.writer.profiles.tell(account, Profile(), author="test", now=START)
            ledger.judge(past_due(), START, account_id=account)
        (hook,) = ledger.writer.hooks.claim(START, "address", 1)
        gone = HookOutcome(answered=Answered.GONE, detail="answered 410")
        ledger.writer.hooks.settle(hook, gone, START, "address")
        for part in run(ledger.reader, BrakeReader(ledger.engine), HookReader(ledger.engine)):
            status, report = part.ask()
            assert (status, report["hooks"]) == (200, {"waiting": 2, "given_up": 0, "gone": True})


def test_a_ledger_that_cannot_be_read_is_said(ledger: Ledger, part: Part) -> None:
    read_whole(ledger)
    with ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE state RENAME TO gone"))
    status, report = part.ask()
    assert status == 503
    assert report["ready"] is False
    assert report["why"][0].startswith("the ledger does not answer (")
    assert part.ask("/livez") == (200, "ok\n")
    with ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO state"))
    assert part.ask()[0] == 200


def test_a_database_that_is_gone_is_said_without_its_address_or_password() -> None:
    engine = open_engine(f"postgresql+psycopg://canary:canary@127.0.0.1:{free_port()}/canary")
    for part in run(Reader(engine), BrakeReader(engine), HookReader(engine)):
        answer = part.ask()
        assert answer == (503, {"ready": False, "why": ["the ledger does not answer (OperationalError)"]})
        assert part.ask("/livez") == (200, "ok\n")
    engine.dispose()


def test_an_empty_ledger_is_not_ready(ledger: Ledger, part: Part) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("DELETE FROM state"))
    assert part.ask()[0] == 503
