"""Delivery to a mail server.

Which outcome a failure has depends on when it happens, and `smtplib` raises the same exceptions at any time (failures.md 1d);
so the steps of one delivery stand apart here. Up to the moment in which the whole final dot has been handed to the kernel the
server cannot have taken the letter: `DEFERRED`. From then until its reply has arrived it may have: `UNCERTAIN` (cases 41-43).
"""

import contextlib
import ipaddress
import re
import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from enum import StrEnum

from gatekeeper.model import NoticeState, Outcome
from gatekeeper.perform.mail.dkim import Sign, unsigned
from gatekeeper.perform.mail.letter import Letter, compose, envelope
from gatekeeper.returns.said import words

_YES, _NOT_NOW, _NO = 2, 4, 5  # first digits of replies, RFC 5321 4.2.1
_START_INPUT = 354
# RFC 5321 4.5.3.2.6 wants ten minutes after the final dot: ten times the default of the other steps.
_PATIENCE_AFTER_THE_DOT = 10
# These say that user, password or we are wrong, not the recipient: never a reason to give a customer up (RFC 4954, 5321).
_NOT_THE_RECIPIENT = frozenset({503, 530, 534, 535, 538})


_Answers = list[tuple[int, bytes]]


class Tls(StrEnum):
    """How the connection is protected; the last three are the words of `?starttls=`."""

    IMPLICIT = "implicit"
    REQUIRED = "required"
    AUTO = "auto"
    OFF = "off"


class _Unprotected(smtplib.SMTPException):
    """What was asked for cannot be protected as it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """A mail server, as a mail URL names it. Its certificate is checked against the system's CAs, or `SSL_CERT_FILE`."""

    host: str
    port: int
    tls: Tls
    user: str = ""
    password: str = field(default="", repr=False)


class SmtpTransport:
    """Delivers over one connection, which is opened when needed and kept until `close` or a failure. For one thread."""

    def __init__(self, server: SmtpServer, *, timeout_seconds: float, sign: Sign = unsigned) -> None:
        self._server = server
        self._sign = sign
        self._timeout_seconds = timeout_seconds
        self._connection: smtplib.SMTP | None = None
        self._is_midway = False

    def deliver(self, letter: Letter) -> Outcome:
        """Try once. `REFUSED` is final for this recipient; whatever may be our side's fault is `DEFERRED`.

        Raises:
            LetterRefused: see `compose`.
        """
        sender, recipient = envelope(letter)
        message = self._sign(compose(letter))
        try:
            connection, answers = self._begun(sender, recipient)
            self._is_midway = True
            refusal = _refusal(answers)
            if refusal is not None:
                self._leave_unsaid(answers)
                return refusal
            self._send(connection, message)
        except OSError as fault:  # smtplib's own are among them
            self._drop()
            detail = f"{self._server.host}:{self._server.port}: {_described(fault)}"
            return Outcome(state=NoticeState.DEFERRED, detail=detail, ours=True)
        return self._answer(connection)

    def close(self) -> None:
        """Take leave of the server. A later delivery opens a new connection."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.quit()
            self._drop()

    def _begun(self, sender: str, recipient: str) -> tuple[smtplib.SMTP, _Answers]:
        """A connection, and what it said; a new one if the kept one has died, or had enough of us (421, 452)."""
        kept = self._connection
        if kept is not None:
            with contextlib.suppress(OSError):
                if self._is_midway:  # RFC 5321 4.1.1.5; after a message that was taken there is nothing to reset (4.1.1.4)
                    kept.rset()
                answers = _asked(kept, sender, recipient)
                if answers[0][0] // 100 in {_YES, _NO}:
                    return kept, answers
            self._drop()
        self._connection = new = self._connect()
        return new, _asked(new, sender, recipient)

    def _connect(self) -> smtplib.SMTP:
        host, port, timeout = self._server.host, self._server.port, self._timeout_seconds
        connection = (
            smtplib.SMTP_SSL(host, port, timeout=timeout, context=ssl.create_default_context())
            if self._server.tls is Tls.IMPLICIT
            else smtplib.SMTP(host, port, timeout=timeout)
        )
        try:
            connection.ehlo_or_helo_if_needed()
            if starts_tls(self._server, offered=connection.has_extn("starttls"), loopback=_is_loopback(connection)):
                connection.starttls(context=ssl.create_default_context())
                connection.ehlo_or_helo_if_needed()  # RFC 3207: what was said before does not count
            assert connection.sock is not None
            # The final dot goes out by itself: it must not wait until the server acknowledges what came before (Nagle, 40 ms).
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._server.user:
                connection.login(self._server.user, self._server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _send(self, connection: smtplib.SMTP, message: bytes) -> None:
        """All of the message and its final dot, or an exception, after which the server has no whole message.

        `sendall` raises unless the kernel took every byte. What the server says before the dot (it gives up, it has closed)
        is looked for just before, while the outcome is still certain.
        """
        connection.send(re.sub(rb"^\.", b"..", message, flags=re.MULTILINE))
        assert connection.sock is not None
        connection.sock.settimeout(0)
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
            heard = connection.sock.recv(512).decode("ascii", "replace")
            raise smtplib.SMTPServerDisconnected(f"ended the dialogue inside the message: {heard or 'connection closed'}")
        connection.sock.settimeout(self._timeout_seconds * _PATIENCE_AFTER_THE_DOT)
        connection.send(b".\r\n")

    def _answer(self, connection: smtplib.SMTP) -> Outcome:
        try:
            code, reply = connection.getreply()
            assert connection.sock is not None
            connection.sock.settimeout(self._timeout_seconds)
        except OSError as fault:
            self._drop()
            return Outcome(
                state=NoticeState.UNCERTAIN,
                detail=f"the whole message was sent, but no answer came: {_described(fault)}",
            )
        if code // 100 in {_YES, _NOT_NOW, _NO}:
            self._is_midway = False
            return _outcome(code, reply)
        self._drop()
        return Outcome(state=NoticeState.UNCERTAIN, detail=f"the whole message was sent, but the answer was: {words(reply)}")

    def _leave_unsaid(self, answers: _Answers) -> None:
        """A server that asked for the message although it had refused its recipient would take whatever comes next for it."""
        if answers[-1][0] == _START_INPUT:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._is_midway = False


def starts_tls(server: SmtpServer, *, offered: bool, loopback: bool) -> bool:
    """Whether to start TLS. `auto` does so wherever the wire leaves this machine and the server can.

    Raises:
        smtplib.SMTPException: it is required but not offered, or a password would cross the network unprotected.
    """
    match server.tls:
        case Tls.REQUIRED:
            if not offered:
                raise _Unprotected("the server offers no STARTTLS, which mail.url requires")
            return True
        case Tls.AUTO if not loopback:
            if server.user and not offered:
                raise _Unprotected("the server offers no STARTTLS, and the password is not sent in the clear; use smtps://")
            return offered
        case _:
            return False


def _is_loopback(connection: smtplib.SMTP) -> bool:
    assert connection.sock is not None
    return ipaddress.ip_address(connection.sock.getpeername()[0].partition("%")[0]).is_loopback


def _asked(connection: smtplib.SMTP, sender: str, recipient: str) -> _Answers:
    """What the server says to MAIL, RCPT and DATA: at least one answer, and none behind a connection that it closed.

    All three at once where it takes that (RFC 2920), for two round trips less: it refuses DATA if it refused what came before.
    """
    steps = (f"MAIL FROM:{smtplib.quoteaddr(sender)}", f"RCPT TO:{smtplib.quoteaddr(recipient)}", "DATA")
    together = connection.has_extn("pipelining")
    answers: _Answers = []
    if together:  # in one segment: else each answer but the first waits until we acknowledge the one before (Nagle, 40 ms)
        connection.send("".join(f"{step}\r\n" for step in steps))
    for step in steps:
        try:
            answers.append(connection.getreply() if together else connection.docmd(step))
        except OSError:
            if not _is_refused(answers):
                raise
            break  # it had enough of us, and has said why
        if _is_refused(answers) and not together:
            break
    return answers


def _is_refused(answers: _Answers) -> bool:
    return any(code // 100 not in {_YES, _START_INPUT // 100} for code, _ in answers)


def _refusal(answers: _Answers) -> Outcome | None:
    """The outcome if the server will not have the letter, from the first answer that says so.

    Who refuses our sender refuses every customer's letter until somebody mends a setting: that is never final.
    """
    wanted = (_YES, _YES, _START_INPUT)
    for step, ((code, reply), good) in enumerate(zip(answers, wanted, strict=False)):
        if good in {code, code // 100}:
            continue
        if code // 100 not in {_NOT_NOW, _NO}:
            raise smtplib.SMTPResponseException(code, reply)  # we and the server are out of step
        if step == 0 and code // 100 == _NO:
            detail = f"the sender was refused, look at mail.from: {code} {words(reply)}"
            return Outcome(state=NoticeState.DEFERRED, detail=detail, ours=True)
        return _outcome(code, reply)
    return None


def _outcome(code: int, reply: bytes) -> Outcome:
    detail = f"{code} {words(reply)}"
    if code // 100 == _YES:
        return Outcome(state=NoticeState.ACCEPTED, detail=detail)
    if code in _NOT_THE_RECIPIENT:
        return Outcome(state=NoticeState.DEFERRED, detail=detail, ours=True)
    return Outcome(state=NoticeState.REFUSED if code // 100 == _NO else NoticeState.DEFERRED, detail=detail)


def _described(fault: OSError) -> str:
    match fault:
        case smtplib.SMTPAuthenticationError():
            return f"user or password refused, look at mail.url: {fault.smtp_code} {words(fault.smtp_error)}"
        case smtplib.SMTPResponseException():
            return f"{fault.smtp_code} {words(fault.smtp_error)}"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({fault.verify_message}); name its CA's file in SSL_CERT_FILE"
        case OSError():
            return words(fault.strerror or str(fault) or type(fault).__name__)
