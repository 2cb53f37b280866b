"""What a notice costs: rendering and sending, beside sending the same finished messages with smtplib; and all of it.

The product's own postman first works through due notices on a real ledger (SQLite): claims, reads, renders, sends and settles.
Then the same letters are rendered, composed and sent again, and bare smtplib sends the finished messages: in turns of a
thousand, so that a disk that slows down slows both, each over one connection to the same mail server. Prints the ratio of these
two beside the limit of 1.5, and what the postman took in all. The server is a real Postfix, which writes each message to its
queue before it takes it; with `sink` it is Postfix's smtp-sink, which forgets everything at once and so makes all that is ours
look as large as it can. Run: python bench/mail.py [NOTICES] [sink]   (Postfix needs root)
"""

import logging
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from gatekeeper.model import NoticeState, Step
from gatekeeper.perform.mail import Letter, Transport, compose, open_transport
from gatekeeper.perform.mail import smtp as smtp_module
from gatekeeper.perform.mail.letter import envelope
from gatekeeper.perform.notices import Postman, Sender
from gatekeeper.policy.rules import Rules
from gatekeeper.wording import LetterView, Product, Wording, Written
from tests.kit.ports import free_port, wait_until_listening
from tests.kit.postfix import postfix
from tests.kit.rig import Rig, rigged
from tests.kit.smtp import certificate

NOTICES, _TURN = 10_000, 1000
LIMIT = 1.5
_PRODUCT = Product(name="Acme Cloud", url="https://app.acme.example", support_email="support@acme.example")
_SENDER = Sender(
    address="Acme Billing <billing@acme.example>",
    reply_to="support@acme.example",
    bounce_address="bounces@acme.example",
    public_url="https://bill.acme.example",
    product=_PRODUCT,
)


@contextmanager
def sink() -> Iterator[int]:
    """A mail server that takes and forgets everything; its port."""
    port = free_port()
    with subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "1024"]) as process:
        try:
            wait_until_listening(port)
            yield port
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Sent:
    """What the postman sent: of what a letter was rendered, the letter, and its bytes."""

    step: Step
    view: LetterView
    letter: Letter
    message: bytes


def main() -> None:
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    count = next((int(word) for word in sys.argv[1:] if word.isdigit()), NOTICES)
    with tempfile.TemporaryDirectory() as name, sink() if "sink" in sys.argv else real() as port:
        seconds, sent = all_of_it(count, port, Path(name))
        ours, theirs = side_by_side(sent, port)
    print(f"{count} notices, ms each: the postman, with ledger and billing system {seconds / count * 1000:.2f};", end=" ")
    print(f"rendering and sending {ours / count * 1000:.2f}; bare smtplib {theirs / count * 1000:.2f}")
    print(f"rendering and sending / bare smtplib: {ours / theirs:.2f} (limit {LIMIT})")


def all_of_it(count: int, port: int, folder: Path) -> tuple[float, list[Sent]]:
    """Seconds that the postman takes for so many notices, and what he sent."""
    rendered: list[tuple[Step, LetterView]] = []
    composed: list[tuple[Letter, bytes]] = []
    with rigged(f"sqlite:///{folder / 'ledger.db'}", folder) as rig, pytest.MonkeyPatch.context() as patch:
        for number in range(count // 2):
            rig.books.owe(f"account{number}")
        rig.look()
        render = Wording.letter

        def kept(self: Wording, step: Step, view: LetterView) -> Written:
            rendered.append((step, view))
            return render(self, step, view)

        def kept_too(letter: Letter) -> bytes:
            composed.append((letter, compose(letter)))
            return composed[-1][1]

        patch.setattr(Wording, "letter", kept)
        patch.setattr(smtp_module, "compose", kept_too)
        with closing(open_transport(f"smtp://127.0.0.1:{port}?starttls=off")) as transport:
            office = postman(rig, transport)
            began = time.perf_counter()
            while office.send_one():
                pass
            whole = time.perf_counter() - began
    assert len(composed) == len(rendered) == count, f"{len(composed)} of {count} notices were sent"
    return whole, [Sent(*of, *made) for of, made in zip(rendered, composed, strict=True)]


def side_by_side(sent: list[Sent], port: int) -> tuple[float, float]:
    """Seconds to render, compose and send these letters, and to send what they came to with smtplib."""
    ours = theirs = 0.0
    wording = Wording(_PRODUCT)
    with closing(open_transport(f"smtp://127.0.0.1:{port}?starttls=off")) as transport, smtplib.SMTP("127.0.0.1", port) as bare:
        bare.ehlo()
        rendered_and_sent(wording, transport, sent[:100])  # templates are compiled, both connections stand
        for start in range(0, len(sent), _TURN):
            turn = sent[start : start + _TURN]
            began = time.perf_counter()
            rendered_and_sent(wording, transport, turn)
            between = time.perf_counter()
            for one in turn:
                bare.sendmail(*envelope(one.letter), one.message)
            ours, theirs = ours + between - began, theirs + time.perf_counter() - between
    return ours, theirs


def rendered_and_sent(wording: Wording, transport: Transport, sent: list[Sent]) -> None:
    for one in sent:
        made = wording.letter(one.step, one.view)
        letter = replace(one.letter, subject=made.subject, text=made.text, html=made.html)
        assert transport.deliver(letter).state is NoticeState.ACCEPTED


def postman(rig: Rig, transport: Transport) -> Postman:
    return Postman(
        reader=rig.ledger.reader,
        outbox=rig.ledger.writer.outbox,
        read_again=rig.sync.invoice,
        rules_of=lambda _facts: Rules(),
        wording=Wording(_PRODUCT),
        transport=transport,
        sender=_SENDER,
        clock=rig.clock,
    )


@contextmanager
def real() -> Iterator[int]:
    """A real Postfix; its port."""
    with certificate() as trusted, postfix(trusted) as server:
        yield server.port


if __name__ == "__main__":
    main()
