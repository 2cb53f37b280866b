"""Every way in which a delivery can end, against a real server (cases 41-47)."""

import smtplib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gatekeeper.model import NoticeState, Outcome
from gatekeeper.perform.mail import Letter, LetterRefused, Transport, open_transport
from gatekeeper.perform.mail.smtp import SmtpServer, Tls, starts_tls
from tests.kit.smtp import MailServer, Moment, certificate, trusted_certificate

Letters = Callable[..., Letter]
MORE_THAN_THE_KERNEL_BUFFERS = ("x" * 70 + "\n") * 100_000


def deferred(detail: str, *, ours: bool = False) -> Outcome:
    return Outcome(state=NoticeState.DEFERRED, detail=detail, ours=ours)


def refused(detail: str) -> Outcome:
    return Outcome(state=NoticeState.REFUSED, detail=detail)


def test_a_letter_that_the_server_takes_is_accepted(server: MailServer, transport: Transport, letter: Letters) -> None:
    outcome = transport.deliver(letter(bounce_address="bounces@acme.example"))

    assert outcome == Outcome(state=NoticeState.ACCEPTED, detail="250 2.0.0 OK: queued")
    (message,) = server.messages
    assert message.envelope_from == "bounces@acme.example"
    assert message.envelope_to == ["ana@customer.example"]
    assert message["Message-ID"] == "<gk-42@mail.acme.example>"
    assert {part.get_content_type() for part in message.iter_parts()} == {"text/plain", "text/html"}


def test_lines_that_begin_with_a_dot_arrive_whole(server: MailServer, transport: Transport, letter: Letters) -> None:
    transport.deliver(letter(text=".\n..\n.hidden\n"))

    assert next(part.get_content() for part in server.messages[0].iter_parts()) == ".\r\n..\r\n.hidden\r\n"


@pytest.mark.parametrize(
    ("at", "answer", "ends"),
    [
        ("rcpt", "451 4.7.1 greylisted", deferred("451 4.7.1 greylisted")),
        ("rcpt", "550 5.1.1 <ana@customer.example> unknown", refused("550 5.1.1 (address) unknown")),
        ("rcpt", "530 5.7.0 Authentication required", deferred("530 5.7.0 Authentication required", ours=True)),
        ("mail", "550 5.7.1 go away", deferred("the sender was refused, look at mail.from: 550 5.7.1 go away", ours=True)),
        ("mail", "421 4.3.2 going down", deferred("421 4.3.2 going down")),
        ("data", "554 5.7.1 spam", refused("554 5.7.1 spam")),
        ("dot", "552 5.2.2 mailbox full", refused("552 5.2.2 mailbox full")),
        ("dot", "452 4.3.1 disk full", deferred("452 4.3.1 disk full")),
        ("dot", "550 \x1b[31m" + "x" * 500, refused("550 [31m" + "x" * 195 + "…")),
    ],
)
def test_what_the_server_answers_decides(
    server: MailServer, transport: Transport, letter: Letters, at: Moment, answer: str, ends: Outcome
) -> None:
    server.fault(at, answer)

    assert transport.deliver(letter()) == ends
    assert server.messages == []


@pytest.mark.parametrize("at", ["mail", "rcpt", "data"])
def test_a_connection_lost_before_the_message_is_deferred(
    server: MailServer, transport: Transport, letter: Letters, at: str
) -> None:
    server.fault(at, "close")

    assert transport.deliver(letter()).state is NoticeState.DEFERRED
    assert server.transmitted == []


def test_a_connection_lost_inside_the_message_is_deferred(server: MailServer, transport: Transport, letter: Letters) -> None:
    server.fault("body", "close")

    assert transport.deliver(letter(text=MORE_THAN_THE_KERNEL_BUFFERS)).state is NoticeState.DEFERRED
    assert server.transmitted == []


@pytest.mark.parametrize("answer", ["250 ok, but I did not ask for it yet", "nonsense"])
def test_an_answer_out_of_step_is_never_taken_for_acceptance(
    server: MailServer, transport: Transport, letter: Letters, answer: str
) -> None:
    server.fault("data", answer)

    assert transport.deliver(letter()).state is NoticeState.DEFERRED
    assert server.messages == []


def test_a_server_that_gives_up_inside_the_message_is_not_sent_the_dot(letter: Letters) -> None:
    heard = bytearray()

    def give_up(connection: socket.socket) -> None:
        for answer in (b"220 hello", b"250 hello", b"250 mail", b"250 rcpt", b"354 go on", b"421 timeout"):
            connection.sendall(answer + b"\r\n")
            heard.extend(connection.recv(1_000))
        while more := connection.recv(1_000_000):
            heard.extend(more)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        transport = open_transport(f"smtp://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=5)
        outcome = pool.submit(transport.deliver, letter(text=MORE_THAN_THE_KERNEL_BUFFERS))
        with listener.accept()[0] as connection:
            give_up(connection)

    assert outcome.result().state is NoticeState.DEFERRED
    assert "421 timeout" in outcome.result().detail
    assert not heard.endswith(b"\r\n.\r\n")


def speaks(*answers: bytes) -> Callable[[socket.socket], bytes]:
    """A server that says this, one answer after each thing that it hears, and then hangs up; it gives all that it heard."""

    def dialogue(connection: socket.socket) -> bytes:
        heard = b""
        for answer in answers:
            connection.sendall(answer + b"\r\n")
            heard += connection.recv(1_000_000)
        connection.shutdown(socket.SHUT_WR)
        while more := connection.recv(1_000_000):
            heard += more
        return heard

    return dialogue


@pytest.mark.parametrize(
    ("after_data", "ends"),
    [
        (b"250 mail\r\n550 5.1.1 unknown\r\n354 go on", refused("550 5.1.1 unknown")),
        (b"250 mail\r\n550 5.1.1 unknown\r\n421 too many errors", refused("550 5.1.1 unknown")),
        (b"250 mail\r\n550 5.1.1 unknown", refused("550 5.1.1 unknown")),
        (b"451 4.3.0 later\r\n503 no\r\n503 no", deferred("451 4.3.0 later")),
        (b"250 mail\r\n250 rcpt\r\n451 4.7.1 busy", deferred("451 4.7.1 busy")),
    ],
    ids=["asks for the message of nobody", "has had enough", "hangs up", "will not begin", "not now"],
)
def test_of_several_answers_the_first_refusal_decides_and_no_message_follows(
    letter: Letters, after_data: bytes, ends: Outcome
) -> None:
    """RFC 2920: MAIL, RCPT and DATA are sent before the first of them is answered."""
    dialogue = speaks(b"220 hello", b"250-hello\r\n250 PIPELINING", after_data)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor() as pool:
        transport = open_transport(f"smtp://127.0.0.1:{listener.getsockname()[1]}", timeout_seconds=5)
        outcome = pool.submit(transport.deliver, letter())
        with listener.accept()[0] as connection:
            heard = pool.submit(dialogue, connection)
            assert outcome.result() == ends
            transport.close()
            assert b"Subject:" not in heard.result()
            assert b"DATA" in heard.result().upper()


@pytest.mark.parametrize("answer", ["close", "hang", "999 what", "nonsense"])
def test_no_answer_to_the_whole_message_is_uncertain(server: MailServer, letter: Letters, answer: str) -> None:
    transport = open_transport(server.url, timeout_seconds=0.1)
    server.fault("dot", answer)

    outcome = transport.deliver(letter())
    transport.close()

    assert outcome.state is NoticeState.UNCERTAIN
    assert outcome.detail.startswith("the whole message was sent, but ")
    assert server.transmitted == ["<gk-42@mail.acme.example>"]


def test_the_answer_to_a_whole_message_may_take_ten_times_as_long(server: MailServer, letter: Letters) -> None:
    transport = open_transport(server.url, timeout_seconds=0.1)
    server.fault("dot", "hang")

    started = time.monotonic()
    transport.deliver(letter())
    transport.close()

    assert 0.9 < time.monotonic() - started < 30


def test_a_server_that_hangs_before_the_message_is_deferred(server: MailServer, letter: Letters) -> None:
    transport = open_transport(server.url, timeout_seconds=0.1)
    server.fault("rcpt", "hang")

    assert transport.deliver(letter()).state is NoticeState.DEFERRED
    transport.close()


def test_a_batch_shares_a_connection_and_a_refusal_does_not_end_it(
    server: MailServer, transport: Transport, letter: Letters
) -> None:
    server.fault("rcpt", "550 5.1.1 unknown", to="eve@customer.example")

    states = [transport.deliver(letter(to_address=f"{who}@customer.example")).state for who in ("ana", "eve", "bob")]

    assert states == [NoticeState.ACCEPTED, NoticeState.REFUSED, NoticeState.ACCEPTED]
    assert [message.envelope_to for message in server.messages] == [["ana@customer.example"], ["bob@customer.example"]]
    assert server.connections == 1


def test_a_server_that_restarted_between_two_letters_gets_both(
    server: MailServer, transport: Transport, letter: Letters
) -> None:
    first = transport.deliver(letter())
    server.down()
    server.up()
    second = transport.deliver(letter())

    assert {first.state, second.state} == {NoticeState.ACCEPTED}
    assert server.connections == 2


@pytest.mark.parametrize("answer", ["close", "421 4.7.0 too many messages on this connection", "452 4.5.3 too many messages"])
def test_a_server_that_has_had_enough_of_a_connection_gets_a_new_one(
    server: MailServer, transport: Transport, letter: Letters, answer: str
) -> None:
    transport.deliver(letter())
    server.fault("mail", answer, times=1)

    assert transport.deliver(letter()).state is NoticeState.ACCEPTED
    assert server.connections == 2


@pytest.mark.parametrize(("at", "answer"), [("rcpt", "451 later"), ("data", "451 later"), ("dot", "451 later")])
def test_after_a_refusal_at_any_step_the_next_letter_goes_by_the_same_connection(
    server: MailServer, transport: Transport, letter: Letters, at: Moment, answer: str
) -> None:
    server.fault(at, answer, times=1)

    assert [transport.deliver(letter()).state for _ in range(2)] == [NoticeState.DEFERRED, NoticeState.ACCEPTED]
    assert server.connections == 1
    assert [message.envelope_to for message in server.messages] == [["ana@customer.example"]]


def test_after_close_the_next_letter_opens_a_new_connection(server: MailServer, transport: Transport, letter: Letters) -> None:
    transport.deliver(letter())
    transport.close()
    transport.close()

    assert transport.deliver(letter()).state is NoticeState.ACCEPTED
    assert server.connections == 2


def test_a_server_that_is_down_is_deferred(server: MailServer, transport: Transport, letter: Letters) -> None:
    server.down()
    outcome = transport.deliver(letter())
    server.up()

    assert outcome == deferred(f"127.0.0.1:{server.port}: Connection refused", ours=True)


def test_a_name_that_cannot_be_found_is_deferred(letter: Letters) -> None:
    transport = open_transport("smtp://mail.acme.invalid")

    assert transport.deliver(letter()).state is NoticeState.DEFERRED


def test_a_letter_that_cannot_be_written_reaches_no_server(server: MailServer, transport: Transport, letter: Letters) -> None:
    with pytest.raises(LetterRefused):
        transport.deliver(letter(to_address="nobody"))

    assert server.connections == 0


def test_a_password_opens_the_door(letter: Letters) -> None:
    with MailServer(user="acme", password="s3cret") as server:
        transport = open_transport(server.url, timeout_seconds=5)
        assert transport.deliver(letter()).state is NoticeState.ACCEPTED
        transport.close()


def test_a_wrong_password_is_deferred_and_shown_nowhere(letter: Letters) -> None:
    with MailServer(user="acme", password="s3cret") as server:
        transport = open_transport(server.url.replace("s3cret", "canary-pass"), timeout_seconds=5)
        outcome = transport.deliver(letter())
        transport.close()

    assert outcome.state is NoticeState.DEFERRED
    assert "user or password refused, look at mail.url: 535" in outcome.detail
    assert "canary-pass" not in repr(outcome) + repr(transport) + repr(vars(transport))


@pytest.fixture(scope="module")
def trusted() -> Iterator[Path]:
    with trusted_certificate() as file:
        yield file


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_connection_is_protected_when_asked(trusted: Path, letter: Letters, tls: str) -> None:
    server = MailServer(tls=tls)
    server.trust(trusted)
    with server:
        transport = open_transport(server.url + ("?starttls=required" if tls == "starttls" else ""), timeout_seconds=5)
        states = [transport.deliver(letter()).state for _ in range(2)]
        transport.close()

    assert states == [NoticeState.ACCEPTED] * 2
    assert server.connections == 1


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_connection_lost_after_the_dot_is_uncertain_through_tls_too(trusted: Path, letter: Letters, tls: str) -> None:
    server = MailServer(tls=tls)
    server.trust(trusted)
    with server:
        server.fault("dot", "close")
        transport = open_transport(server.url + ("?starttls=required" if tls == "starttls" else ""), timeout_seconds=5)
        assert transport.deliver(letter()).state is NoticeState.UNCERTAIN
        transport.close()


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_of_a_stranger_is_not_trusted(letter: Letters, tls: str) -> None:
    server = MailServer(tls=tls)
    with certificate() as strange:
        server.trust(strange)
    with server:
        transport = open_transport(server.url + ("?starttls=required" if tls == "starttls" else ""), timeout_seconds=5)
        outcome = transport.deliver(letter())

    assert outcome.state is NoticeState.DEFERRED
    assert "certificate is not trusted" in outcome.detail
    assert server.messages == []


def test_without_starttls_on_offer_nothing_is_sent_where_it_is_required(server: MailServer, letter: Letters) -> None:
    transport = open_transport(server.url + "?starttls=required", timeout_seconds=5)

    outcome = transport.deliver(letter())

    assert outcome.state is NoticeState.DEFERRED
    assert "offers no STARTTLS" in outcome.detail


@pytest.mark.parametrize(
    ("tls", "offered", "loopback", "starts"),
    [
        pytest.param(Tls.AUTO, True, False, True, id="auto: protected where the wire leaves the machine"),
        pytest.param(Tls.AUTO, True, True, False, id="auto: plain on the loopback, whatever is on offer"),
        pytest.param(Tls.AUTO, False, False, False, id="auto: plain where there is nothing else and no password"),
        pytest.param(Tls.REQUIRED, True, True, True, id="required: on the loopback too"),
        pytest.param(Tls.OFF, True, False, False, id="off"),
        pytest.param(Tls.IMPLICIT, True, False, False, id="implicit: it is on already"),
    ],
)
def test_when_tls_is_started(tls: Tls, offered: bool, loopback: bool, starts: bool) -> None:
    server = SmtpServer(host="mail.acme.example", port=25, tls=tls)

    assert starts_tls(server, offered=offered, loopback=loopback) is starts


def test_auto_sends_no_password_in_the_clear_across_a_network() -> None:
    server = SmtpServer(host="mail.acme.example", port=25, tls=Tls.AUTO, user="acme", password="s3cret")

    with pytest.raises(smtplib.SMTPException, match="not sent in the clear"):
        starts_tls(server, offered=False, loopback=False)
    assert "s3cret" not in repr(server)
