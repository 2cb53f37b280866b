"""`gatekeeper run` is killed at random moments of a story, twenty times. Nothing is lost, and nothing happens twice."""

import random
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

from sqlalchemy import text

from gatekeeper.ledger.engine import open_engine
from tests.kit.billers import StandinBiller, later, pay, subscribe
from tests.kit.processes import kill, started
from tests.kit.running import SECRET, Installation, until
from tests.kit.smtp import MailServer

KILLS = 20


def test_twenty_kills_lose_nothing_and_no_letter_is_transmitted_a_third_time(
    biller: StandinBiller, post: MailServer, tmp_path: Path
) -> None:
    chance = random.Random(20261122)
    installation = Installation(tmp_path / "state", biller.url, post.url, biller.now)
    biller.deliver_to(installation.webhook, SECRET)
    invoices = {f"account{number}": subscribe(biller, f"account{number}") for number in range(6)}
    paid = [f"account{number}" for number in range(3, 6)]  # not the first, whose letter a kill leaves in doubt
    installation.move_clock_to(later(biller, days=7, hours=1))
    for number in range(KILLS):
        if number % 4 == 0:
            post.fault("dot", "hang", times=1)  # this kill comes between the final dot and its answer
        ports = (installation.web_port,) if number % 3 else ()  # every third one may die before it has begun
        with started(installation, "run", ports=ports) as process:
            if number == 0:  # the reminders are due: here a kill between the dot and its answer is certain
                until(lambda: bool(post.transmitted), seconds=60, what="a letter reached its final dot")
            else:
                _wait_a_while(post, chance.uniform(0.0, 3.0), for_a_dot=number % 4 == 0)
            kill(process.pid)
        if number == KILLS // 2:
            for account in paid:
                pay(biller, invoices[account])
        installation.move_clock_to(later(biller, days=20 / KILLS, minutes=16))
    post.heal()
    _finish(biller, post, installation)
    _judge(installation, post, paid)
    assert "Traceback" not in installation.log()


def _wait_a_while(post: MailServer, seconds: float, *, for_a_dot: bool) -> None:
    """For some time; or until a letter has reached its final dot, if one does within ten seconds."""
    before, end = len(post.transmitted), time.monotonic() + (10.0 if for_a_dot else seconds)
    while time.monotonic() < end and not (for_a_dot and len(post.transmitted) > before):
        time.sleep(0.02)


def _finish(biller: StandinBiller, post: MailServer, installation: Installation) -> None:
    """Let it run undisturbed until the time of every lease and every step is over."""
    with installation.running():
        for hours in (1, 1, 15 * 24, 6 * 24, 1, 1):
            installation.move_clock_to(later(biller, hours=hours))
            until(lambda: not _busy(installation))


def _busy(installation: Installation) -> bool:
    """Something is due, or on its way, or the books have not been read since the clock was moved."""
    before = _count(installation, "audit"), installation.notices()
    time.sleep(1.5)
    after = _count(installation, "audit"), installation.notices()
    return before != after or bool({state for _, _, state in after[1]} & {"planned", "sending"})


def _judge(installation: Installation, post: MailServer, paid: list[str]) -> None:
    transmitted = Counter(post.transmitted)
    assert max(transmitted.values()) <= 2, "a Message-ID reached the final dot a third time"
    in_doubt = [address for _, address, state in installation.notices() if state == "uncertain"]
    doubtful = {address.partition("@")[2].removesuffix(".example") for address in in_doubt}
    for account, standing in installation.standings().items():
        if account in paid:
            assert standing == "current"
        else:
            assert standing == "suspended" or (standing == "past_due" and account in doubtful), account
    for account in installation.standings():
        changes = [(row[0], row[1]) for row in _rows(installation, "audit", account)]
        assert all(first[1] == second[0] for first, second in pairwise(changes)), changes
        assert len(set(changes)) == len(changes), "no change of standing is written down twice"
    assert max(transmitted.values()) == 2, "no kill came between the final dot and its answer: this test has proved little"
    sent = {row[0]: row[1] for row in _query(installation, "SELECT message_id, state FROM notices")}
    assert set(transmitted) <= set(sent), "every letter that went out is in the ledger"
    for message_id, state in sent.items():
        if state == "accepted":
            assert transmitted[message_id] in {1, 2}


def _rows(installation: Installation, table: str, account: str) -> list[tuple[str, str]]:
    asked = f"SELECT before, after FROM {table} WHERE account_id = '{account}' AND kind = 'standing' ORDER BY id"
    return [(row[0], row[1]) for row in _query(installation, asked)]


def _count(installation: Installation, table: str) -> int:
    return int(_query(installation, f"SELECT count(*) FROM {table}")[0][0])


def _query(installation: Installation, question: str) -> list[tuple[str, ...]]:
    engine = open_engine(f"sqlite:///{installation.folder}/gatekeeper.db")
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(question))]
    finally:
        engine.dispose()
