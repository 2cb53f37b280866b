"""What a notice costs: claim, read, render, compose, send and settle, beside sending the same finished messages with smtplib.

The product's own postman works through due notices on a real ledger (SQLite), and hands them over one connection to a mail
server; then bare smtplib sends the same bytes, over one connection, to the same server. Prints both times, where ours goes, and
the ratio beside the limit of 1.5. The server is a real Postfix, which writes each message to its queue before it takes it; with
`sink` it is Postfix's smtp-sink, which forgets everything at once and so makes all that is ours look as large as it can.
Run: python bench/mail.py [NOTICES] [sink]   (Postfix needs root)
"""

import logging
import smtplib
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

sys.path.insert(0, str(Path(__file__).parents[1]))

from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.outbox import Outbox
from gatekeeper.perform.mail import Letter, Transport, compose, open_transport
from gatekeeper.perform.mail import smtp as smtp_module
from gatekeeper.perform.mail.letter import envelope
from gatekeeper.perform.notices import Postman, Sender
from gatekeeper.policy.rules import Rules
from gatekeeper.wording import Product, Wording
from tests.kit.ports import free_port, wait_until_listening
from tests.kit.postfix import postfix
from tests.kit.rig import Rig, rigged
from tests.kit.smtp import certificate

NOTICES = 10_000
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


def main() -> None:
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    count = next((int(word) for word in sys.argv[1:] if word.isdigit()), NOTICES)
    with tempfile.TemporaryDirectory() as name, sink() if "sink" in sys.argv else real() as port:
        ours, parts, messages = notices(count, port, Path(name))
        theirs = bare(messages, port)
    sending = parts["render"] + parts["compose"] + parts["send"]
    each = {part: f"{seconds / count * 1000:.2f}" for part, seconds in {**parts, "bare smtplib": theirs}.items()}
    print(f"{count} notices, ms each: {', '.join(f'{part} {ms}' for part, ms in each.items())}")
    print(f"all of it: {ours:.1f} s; bare smtplib: {theirs:.1f} s; ratio {ours / theirs:.2f}")
    print(f"render + compose + send / bare smtplib: {sending / theirs:.2f} (limit {LIMIT})")


def notices(count: int, port: int, folder: Path) -> tuple[float, dict[str, float], list[tuple[str, str, bytes]]]:
    """Seconds for so many notices, in all and by part, and what was sent: sender, recipient, message."""
    with rigged(f"sqlite:///{folder / 'ledger.db'}", folder) as rig, pytest.MonkeyPatch.context() as patch:
        for number in range(count // 2):
            rig.books.owe(f"account{number}")
        rig.look()
        seconds: Counter[str] = Counter()
        messages: list[tuple[str, str, bytes]] = []

        def timed(owner: Any, name: str, part: str) -> None:
            work = getattr(owner, name)

            def measured(*given: Any, **named: Any) -> Any:
                began = time.perf_counter()
                try:
                    return work(*given, **named)
                finally:
                    seconds[part] += time.perf_counter() - began

            patch.setattr(owner, name, measured)

        def kept(letter: Letter) -> bytes:
            message = compose(letter)
            messages.append((*envelope(letter), message))
            return message

        patch.setattr(smtp_module, "compose", kept)
        timed(smtp_module, "compose", "compose")
        timed(Wording, "letter", "render")
        for method in ("claim", "recover", "name", "settle"):
            timed(Outbox, method, "ledger")
        for method in ("facts", "account"):
            timed(Reader, method, "ledger")
        with closing(open_transport(f"smtp://127.0.0.1:{port}?starttls=off")) as transport:
            timed(transport, "deliver", "deliver")
            office = postman(rig, transport)
            office.send_one()  # templates and statements are compiled, the connection stands
            seconds.clear()
            began = time.perf_counter()
            while office.send_one():
                pass
            whole = time.perf_counter() - began
        assert len(messages) == count, f"{len(messages)} of {count} notices were sent"
        parts = {part: seconds[part] for part in ("render", "compose", "ledger")}
        parts["send"] = seconds["deliver"] - seconds["compose"]
        return whole, parts | {"rest": whole - sum(parts.values())}, messages[1:]


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


def bare(messages: list[tuple[str, str, bytes]], port: int) -> float:
    """Seconds for the same messages with smtplib alone."""
    with smtplib.SMTP("127.0.0.1", port) as connection:
        connection.ehlo()
        began = time.perf_counter()
        for sender, recipient, message in messages:
            connection.sendmail(sender, [recipient], message)
        return time.perf_counter() - began


@contextmanager
def real() -> Iterator[int]:
    """A real Postfix; its port."""
    with certificate() as trusted, postfix(trusted) as server:
        yield server.port


if __name__ == "__main__":
    main()
