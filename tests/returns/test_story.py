"""A warning is accepted, and comes back: nobody is locked out who was not told (case 48)."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatekeeper.model import Audience, Notice, Standing, Step
from gatekeeper.perform.mail.transport import open_transport
from gatekeeper.perform.notices import Postman, Sender
from gatekeeper.policy.rules import Rules
from gatekeeper.returns.box import BoxUnavailable
from gatekeeper.returns.intake import Intake
from gatekeeper.wording import Product, Wording
from tests.kit.ledger import DOMAIN
from tests.kit.rig import Rig, rigged, running
from tests.kit.running import until
from tests.kit.smtp import MailServer
from tests.returns.samples import SECRET, block, report

PAST_DUE, SUSPENDED = Standing.PAST_DUE, Standing.SUSPENDED
PRODUCT = Product(name="Acme Cloud", url="https://app.acme.example", support_email="support@acme.example")


@pytest.fixture
def rig(database_url: str, tmp_path: Path) -> Iterator[Rig]:
    with rigged(database_url, tmp_path) as made:
        made.books.owe("acme")
        yield made


def intake(rig: Rig) -> Intake:
    return Intake(rig.ledger.writer.returns, domain=DOMAIN, secret=SECRET, clock=rig.clock)


def send_back(rig: Rig, notice: Notice, action: str = "failed", status: str = "5.1.1") -> str:
    return intake(rig).message(report(block(action, status, to=notice.address), id=notice.message_id))


def warn(rig: Rig) -> dict[str, Notice]:
    """Everybody has been reminded and warned, and stands before the day of suspension; the warnings by address."""
    rig.look()
    rig.post()
    rig.clock.move(days=14)
    rig.look()
    warnings = {notice.address: notice for notice in rig.post()}
    assert {notice.step for notice in warnings.values()} == {Step.WARNING}
    rig.review.run(rig.clock())
    return warnings


def test_a_warning_that_bounced_suspends_nobody_and_why_says_it(rig: Rig) -> None:
    warning, _ = warn(rig).values()
    rig.clock.move(hours=2)
    assert send_back(rig, warning) == "acme"
    rig.clock.move(days=6)
    for _ in range(3):
        rig.look()
        rig.post()
        rig.clock.move(days=10)
    assert rig.standings() == {"acme": PAST_DUE}
    assert "unreachable" in rig.codes("acme")
    row = rig.ledger.reader.account("acme")
    assert row is not None
    said = [dict(reason.params)["audience"] for reason in row.reasons if reason.code == "unreachable"]
    assert said == [warning.audiences[0].value]


def test_a_warning_that_is_only_late_still_counts(rig: Rig) -> None:
    warning, _ = warn(rig).values()
    send_back(rig, warning, "delayed", "4.4.1")
    rig.clock.move(days=6)
    rig.look()
    assert rig.standings() == {"acme": SUSPENDED}


def test_a_word_that_it_arrived_makes_nothing_of_what_did_not(rig: Rig) -> None:
    warning, _ = warn(rig).values()
    send_back(rig, warning)
    assert send_back(rig, warning, "delivered", "2.0.0") == ""
    rig.clock.move(days=6)
    rig.look()
    assert rig.standings() == {"acme": PAST_DUE}


def test_another_address_of_the_same_audience_is_warned_in_its_place_with_a_day_of_its_own(rig: Rig) -> None:
    warnings = warn(rig)
    rig.clock.move(days=1)
    send_back(rig, warnings["accountant@acme.example"])
    customer = rig.books.customers["cus_acme"]
    second = (Audience.ACCOUNTANT, "second@acme.example")
    rig.books.customers["cus_acme"] = replace(customer, addresses=(*customer.addresses, second))
    day = rig.clock()
    rig.look()
    (fresh,) = [notice for notice in rig.post() if notice.step is Step.WARNING]
    assert fresh.address == "second@acme.example"
    rig.clock.move(days=4)
    rig.look()
    assert rig.standings() == {"acme": PAST_DUE}
    (row,) = rig.ledger.rows("notices", address="second@acme.example")
    assert row["suspend_on"] > day.date()


def test_a_bounce_over_the_wire_names_its_letter_by_the_return_path(rig: Rig) -> None:
    with MailServer() as server:
        transport = open_transport(server.url, timeout_seconds=5)
        postman = Postman(
            reader=rig.ledger.reader,
            outbox=rig.ledger.writer.outbox,
            read_again=rig.sync.invoice,
            rules_of=lambda _facts: Rules(),
            wording=Wording(PRODUCT),
            transport=transport,
            sender=Sender(
                address="Acme Billing <billing@acme.example>",
                reply_to="",
                bounce_address="bounces@acme.example",
                return_path_secret=SECRET,
                public_url="https://bill.acme.example",
                product=PRODUCT,
            ),
            clock=rig.clock,
        )
        rig.look()
        while postman.send_one():
            pass
        transport.close()
        sent = server.messages[0]
    assert re.fullmatch(r"bounces\+[a-z2-7]{39}@acme\.example", sent.envelope_from)
    bounce = report(block("failed", "5.1.1", to=sent.envelope_to[0]), id="<lost@on.the.way>")
    assert intake(rig).message(bounce.replace(b"bounces@acme.example", sent.envelope_from.encode())) == "acme"
    states = {row["message_id"]: row["state"] for row in rig.ledger.rows("notices")}
    assert states[str(sent["Message-ID"])] == "bounced"
    assert sorted(states.values()) == ["accepted", "bounced"]


def test_a_running_worker_collects_what_came_back_and_a_box_that_is_away_stops_nothing(rig: Rig) -> None:
    warning, _ = warn(rig).values()
    rig.clock.move(days=6)
    collected = threading.Event()

    def collect() -> None:
        send_back(rig, warning)
        collected.set()
        raise BoxUnavailable("the mailbox is away")

    with running(rig.worker(collect_returned=collect)):
        assert collected.wait(30)
        until(lambda: "unreachable" in rig.codes("acme"))
    assert rig.standings() == {"acme": PAST_DUE}


def test_what_came_back_while_nobody_watched_is_read_before_anything_is_closed(rig: Rig) -> None:
    warning, _ = warn(rig).values()
    rig.clock.move(days=6)
    order: list[str] = []
    looked = threading.Event()

    def collect() -> None:
        looked.wait(1)  # the mailbox is slow to answer: whoever does not wait for it is ahead of it
        send_back(rig, warning)
        order.append("collected")

    def release() -> None:
        order.append("looked")
        looked.set()

    with running(rig.worker(collect_returned=collect, release=release)):
        until(lambda: "looked" in order and "unreachable" in rig.codes("acme"))
    assert order[0] == "collected"
    assert rig.standings() == {"acme": PAST_DUE}
