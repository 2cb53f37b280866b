"""The messenger beside the loop: a product that is slow or broken stops neither letters nor restorations, and hears at once."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gatekeeper.ledger.writer import open_writer
from gatekeeper.model import Standing
from gatekeeper.perform.messenger import Messenger
from tests.kit.ledger import DOMAIN, opened
from tests.kit.product import Product
from tests.kit.rig import Rig, running
from tests.kit.running import until

SUSPENDED = ("past_due", "suspended")


@pytest.fixture
def rig(tmp_path: Path, database_url: str) -> Iterator[Rig]:
    with opened(database_url, announced=True) as ledger:
        yield Rig(ledger, tmp_path)


def messenger(rig: Rig, told: Product) -> Messenger:
    return Messenger(
        url=told.url,
        keys=[b"k" * 24],
        hooks=open_writer(rig.ledger.engine, message_domain=DOMAIN).hooks,
        sentence=lambda reason: reason.code,
        withheld=lambda: rig.why,
        clock=rig.clock,
        real_clock=lambda: datetime.now(UTC),
    )


def test_a_round_tells_the_product_what_it_has_changed(rig: Rig, told: Product) -> None:
    rig.books.owe("acme")
    made = rig.worker(deliver_hooks=messenger(rig, told).deliver)
    for days in (0, 14, 5):
        rig.clock.move(days=days)
        made.round()
    assert told.heard("acme") == [("current", "past_due"), SUSPENDED]


def test_while_the_product_hangs_letters_go_access_opens_and_the_others_are_told(rig: Rig, told: Product) -> None:
    told.answers("slow", "hang")
    rig.books.owe("slow")
    with running(rig.worker(deliver_hooks=messenger(rig, told).deliver)) as made:
        until(lambda: told.asked("slow") == 1)
        rig.books.owe("acme")
        for days, letters in ((0, 2), (14, 4), (5, 6)):
            rig.clock.move(days=days, minutes=11)
            until(lambda: len(rig.ledger.rows("notices", account_id="acme", state="accepted")) == letters)  # noqa: B023 - called now
        until(lambda: told.heard("acme")[-1:] == [SUSPENDED])
        rig.books.pay("in_acme_1")
        rig.event("in_acme_1", "invoice.paid", status="paid")
        made.wake()
        until(lambda: rig.standings()["acme"] is Standing.CURRENT)
        until(lambda: told.heard("acme")[-1] == ("suspended", "current"))
        assert told.heard("slow") == []
        told.closing.set()


def test_a_messenger_that_fails_is_said_once_and_stops_nothing_else(rig: Rig) -> None:
    called = threading.Semaphore(0)

    def broken(_stop: threading.Event) -> None:
        called.release()
        raise RuntimeError("a fault in the telling")

    rig.books.owe("acme")
    with capture_logs() as logs, running(rig.worker(deliver_hooks=broken)):
        assert all(called.acquire(timeout=30) for _ in range(3))
        until(lambda: rig.standings() == {"acme": Standing.PAST_DUE})
    assert [line["job"] for line in logs if line["event"] == "job.failed"] == ["hooks"]
