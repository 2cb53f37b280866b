"""Cases of facts/failures.md, group C, that are about the whole way from a letter to a closed door."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gatekeeper.model import Audience, NoticeState, Outcome, Standing, Step
from tests.kit.rig import ACCEPTED, Rig, rigged

DEFERRED = Outcome(state=NoticeState.DEFERRED, detail="451 4.3.0 busy")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as made:
        made.books.owe("acme")
        yield made


def hours_pass(rig: Rig, hours: int, post: Outcome) -> None:
    for _ in range(hours):
        rig.look()
        rig.post(post)
        rig.clock.move(hours=1)


@pytest.mark.parametrize("stuck", [Step.REMINDER, Step.WARNING])
def test_case_45_while_no_server_takes_a_letter_nobody_is_locked_out(rig: Rig, stuck: Step) -> None:
    """Not while it is tried, and not when it was given up after 72 hours either."""
    if stuck is Step.WARNING:
        rig.look()
        rig.post(ACCEPTED)
        rig.clock.move(days=14)
    hours_pass(rig, 71, DEFERRED)
    assert {row["state"] for row in rig.ledger.rows("notices", step=stuck.value)} == {"deferred"}
    hours_pass(rig, 12, DEFERRED)
    assert {row["state"] for row in rig.ledger.rows("notices", step=stuck.value)} == {"refused"}
    for _ in range(6):
        rig.clock.move(days=10)
        rig.look()
    assert rig.standings() == {"acme": Standing.PAST_DUE}
    assert rig.codes("acme").count("unreachable") == 2


@pytest.mark.parametrize("audience", Audience)
@pytest.mark.parametrize("is_known", [False, True])
def test_case_46_whom_no_letter_reaches_is_to_be_called_and_nobody_is_locked_out(
    rig: Rig, audience: Audience, is_known: bool
) -> None:
    """Nobody is known, or the only one is refused for good, as an address that is none is too (`test_notices.py`)."""
    customer = rig.books.customers["cus_acme"]
    addresses = tuple(one for one in customer.addresses if is_known or one[0] is not audience)
    rig.books.customers["cus_acme"] = replace(customer, addresses=addresses)
    for _ in range(10):
        rig.look()
        while notice := rig.ledger.writer.outbox.claim(rig.clock()):
            reached = audience not in notice.audiences
            outcome = ACCEPTED if reached else Outcome(state=NoticeState.REFUSED, detail="550 5.1.1 nobody of this name")
            rig.ledger.writer.outbox.settle(notice, outcome, rig.clock())
        rig.clock.move(days=7)
    assert rig.standings() == {"acme": Standing.PAST_DUE}
    row = rig.ledger.reader.account("acme")
    assert row is not None
    said = [dict(reason.params)["audience"] for reason in row.reasons if reason.code == "unreachable"]
    assert said == [audience.value]
