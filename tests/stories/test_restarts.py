"""A thousand restarts never send a notice more than twice (case 62): the postman dies at every point of a delivery.

What dies is not a process but what a process has: its postman, its connections to the database and to the mail server, its
memory. Each is made anew on the same ledger; the database and the mail server go on. `test_crashes.py` kills processes.
"""

import os
import random
import smtplib
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.outbox import Outbox
from gatekeeper.perform.mail import open_transport
from gatekeeper.perform.notices import Postman, Sender
from gatekeeper.policy.rules import Rules
from gatekeeper.wording import Product
from tests.kit.rig import Rig, rigged
from tests.kit.running import until
from tests.kit.smtp import MailServer
from tests.torture.failpoints import Crash, Points, watch
from tests.torture.post import PlainWording

RESTARTS = 1000
_SENDER = Sender(
    address="Acme Billing <billing@acme.example>",
    reply_to="",
    bounce_address="",
    public_url="https://bill.acme.example",
    product=Product(name="Acme Cloud", url="https://app.acme.example", support_email="support@acme.example"),
)


class Hours(Points):
    """Whoever passes by so many points dies at the last of them. `lines`: the connections to mail servers of this life."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 0
        self.lines: list[socket.socket] = []

    def reach(self, name: str) -> None:
        self.reached[name] += 1
        self.left -= 1
        if self.left == 0:
            self.died[name] += 1
            raise Crash(name)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with structlog.testing.capture_logs(), rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as made:
        made.ledger.hasten()
        yield made


@pytest.fixture
def points(monkeypatch: pytest.MonkeyPatch) -> Hours:
    """Points around each word of smtplib's: `says` and `listens` come before, the others after."""
    made = Hours()

    def around(method: str, before: str, after: str) -> None:
        inner = getattr(smtplib.SMTP, method)

        def wrapped(self: smtplib.SMTP, *given: Any) -> Any:
            at = "the dot" if given == (b".\r\n",) else "a word"
            made.reach(f"{before} {at}" if method == "send" else before)
            answer = inner(self, *given)
            made.reach(f"{after} {at}" if method == "send" else after)
            return answer

        monkeypatch.setattr(smtplib.SMTP, method, wrapped)

    def open_line(self: smtplib.SMTP, *given: Any) -> socket.socket:
        line = connect(self, *given)
        made.lines.append(line)
        return line

    connect = smtplib.SMTP._get_socket  # type: ignore[attr-defined]  # the one place in which it connects
    monkeypatch.setattr(smtplib.SMTP, "_get_socket", open_line)
    around("send", "says", "has said")
    around("getreply", "listens", "has heard")
    return made


@contextmanager
def one_life(rig: Rig, server: MailServer, points: Hours) -> Iterator[Postman]:
    """A postman with nothing but the ledger's file and the mail server's address; at the end all that he had is gone."""
    engine = rig.ledger.engine  # every connection is new; of the ledger it remembers nothing but how SQL is spelt
    end = watch(engine, points, lambda _writer: None)
    transport = open_transport(server.url, timeout_seconds=30)
    try:
        yield Postman(
            reader=Reader(engine),
            outbox=Outbox(engine),
            read_again=rig.sync.invoice,
            rules_of=lambda _facts: Rules(),
            wording=PlainWording(),  # type: ignore[arg-type]  # what letters say is nothing to them
            transport=transport,
            sender=_SENDER,
            clock=rig.clock,
        )
    finally:
        points.left = 0
        while points.lines:
            line = points.lines.pop()
            if line.fileno() >= 0:
                os.close(line.detach())  # as a kernel does it for a process that is no more: without a word
        end()


def test_a_thousand_restarts_send_no_notice_a_third_time(rig: Rig, post: MailServer, points: Hours) -> None:
    chance = random.Random(62)
    for number in range(RESTARTS // 4):
        rig.books.owe(f"account{number}")
    rig.look()
    for _ in range(RESTARTS):
        mishap = chance.choice([("dot", "close"), ("dot", "451 4.3.0 busy"), ("rcpt", "451 4.7.1 later"), None, None, None])
        if mishap:
            post.fault(*mishap, times=1)
        with one_life(rig, post, points) as postman:
            points.left = chance.randint(1, 40)
            try:
                while postman.send_one():
                    pass
            except Crash:
                pass
        rig.clock.move(minutes=chance.choice([0, 0, 0, 1, 16]))
    post.heal()
    _finish(rig, post, points)
    _judge(rig, post, points)


def _finish(rig: Rig, server: MailServer, points: Hours) -> None:
    """A life without a death, until nothing is due any more, now or later."""
    with one_life(rig, server, points) as postman:
        while rig.ledger.rows("notices", state="sending") or any(row["next_try_at"] for row in rig.ledger.rows("notices")):
            while postman.send_one():
                pass
            rig.clock.move(minutes=16)
    until(lambda: not server._dialogues, what="the server has read what the dead have left on the wire")


def _judge(rig: Rig, server: MailServer, points: Hours) -> None:
    taken, rows = Counter(message["Message-ID"] for message in server.messages), rig.ledger.rows("notices")
    ends = Counter(row["state"] for row in rows)
    assert max(taken.values()) == 2, "a third time; or else never twice, and this test has proved little"
    assert set(ends) == {"accepted", "uncertain"}, "whatever was planned went out, or is known to be in doubt"
    assert set(taken) <= {row["message_id"] for row in rows}, "every letter that went out is in the ledger"
    for row in rows:
        if row["state"] == "accepted":
            assert taken[row["message_id"]] >= 1
        else:
            assert row["doubts"] == 2, "a second doubt is for a person to resolve"
    dialogue = {"says a word", "has said a word", "says the dot", "has said the dot", "listens", "has heard"}
    ledger = {f"Outbox.{writer}: {when} commit" for writer in ("claim", "name", "settle") for when in ("before", "after")}
    assert set(points.died) >= dialogue | ledger, "they died at every point of a delivery"
    assert sum(points.died.values()) > RESTARTS / 2
