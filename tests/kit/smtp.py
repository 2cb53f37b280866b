"""A real mail server on a free port of 127.0.0.1 (aiosmtpd), which keeps what it takes and fails when told to.

    with MailServer() as server:
        server.fault("rcpt", "451 4.7.1 greylisted", to="ana@customer.example")
        ...
        assert [letter["Subject"] for letter in server.messages] == [...]

It runs its own loop instead of aiosmtpd's Controller, which leaves open connections behind for the collector to complain of.
"""

import asyncio
import email
import email.policy
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Literal, Self

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Moment = Literal["mail", "rcpt", "data", "body", "dot"]


class Delivered(EmailMessage):
    """A message that the server took, with its envelope and its bytes as they came over the wire."""

    envelope_from: str
    envelope_to: list[str]
    raw: bytes


@dataclass
class _Fault:
    at: Moment
    answer: str
    to: str
    times: int


class MailServer:
    """`tls`: "starttls" offers it, "implicit" speaks TLS from the first byte (both need `trust`).

    `pipelining`: it says that it takes several commands at once (RFC 2920).
    `messages` are those that it took; `transmitted` has a Message-ID for each final dot that arrived, taken or not.
    """

    def __init__(
        self, *, tls: Literal["", "starttls", "implicit"] = "", user: str = "", password: str = "", pipelining: bool = False
    ) -> None:
        self.messages: list[Delivered] = []
        self.transmitted: list[str] = []
        self.connections = 0
        self.port = 0
        self.user, self.password, self.tls, self.pipelining = user, password, tls, pipelining
        self._context: ssl.SSLContext | None = None
        self._faults: list[_Fault] = []
        self._dialogues: set[_Dialogue] = set()

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    @property
    def url(self) -> str:
        credentials = f"{self.user}:{self.password}@" if self.user else ""
        return f"{'smtps' if self.tls == 'implicit' else 'smtp'}://{credentials}127.0.0.1:{self.port}"

    def trust(self, certificate_and_key: Path) -> None:
        """Use this certificate; call it before `up`."""
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate_and_key)

    def fault(self, at: Moment, answer: str, *, to: str = "", times: int = 1_000_000) -> None:
        """From now on fail at this moment of a dialogue, for this recipient or for all, so many times.

        `answer` is the reply, or "close" or "hang". "data" is before the message is asked for; "body" after that, with
        nothing of it read; "dot" after the whole message arrived: who closes or hangs there has taken it.
        """
        self._faults.append(_Fault(at, answer, to, times))

    def heal(self) -> None:
        """Forget every fault."""
        self._faults.clear()

    def up(self) -> None:
        """Listen, at the same port as before if there was one."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10), "the mail server did not start"

    def down(self) -> None:
        """Cut every connection and refuse new ones."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the mail server did not stop"

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        implicit = self._context if self.tls == "implicit" else None
        server = await self._loop.create_server(lambda: _Dialogue(self), "127.0.0.1", self.port, ssl=implicit)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        while self._dialogues:
            for dialogue in self._dialogues:
                dialogue.cut()
            await asyncio.sleep(0.001)
        await server.wait_closed()

    def _answer(self, at: Moment, recipients: str) -> str:
        for fault in self._faults:
            if fault.at == at and fault.to in recipients and fault.times > 0:
                fault.times -= 1
                return fault.answer
        return ""

    def _take(self, envelope: Envelope) -> None:
        raw = bytes(envelope.content or b"")
        message = email.message_from_bytes(raw, _class=Delivered, policy=email.policy.default)
        message.envelope_from, message.envelope_to, message.raw = envelope.mail_from or "", list(envelope.rcpt_tos), raw
        self.messages.append(message)


class _Dialogue(SMTP):
    """One connection."""

    def __init__(self, owner: MailServer) -> None:
        self._owner = owner
        options: dict[str, Any] = {"authenticator": self._authenticate_plainly} if owner.user else {}
        super().__init__(
            SimpleNamespace(handle_DATA=self._whole_message, handle_EHLO=self._extensions),
            loop=asyncio.get_running_loop(),
            hostname="mail.test.invalid",
            data_size_limit=None,
            tls_context=owner._context if owner.tls == "starttls" else None,
            auth_require_tls=False,
            **options,
        )

    def cut(self) -> None:
        if self.transport is not None:
            with suppress(AttributeError):  # older 3.11s trip over a TLS connection that is closed already
                self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self not in self._owner._dialogues:  # STARTTLS comes here a second time
            self._owner.connections += 1
        self._owner._dialogues.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._owner._dialogues.discard(self)
        super().connection_lost(error)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd looks for this name
        if not await self._failed("mail"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd looks for this name
        if not await self._failed("rcpt", arg or ""):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd looks for this name
        if await self._failed("data", self._recipients()):
            return
        if self._owner._answer("body", self._recipients()):
            self._reader._transport.pause_reading()
            await self.push("354 go on")
            await asyncio.sleep(0.05)  # the client fills every buffer between us
            self.cut()
            return
        await super().smtp_DATA(arg)

    async def _whole_message(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        headers = email.message_from_bytes(bytes(envelope.content or b""))
        self._owner.transmitted.append(headers["Message-ID"])
        answer = self._owner._answer("dot", self._recipients())
        if answer in {"", "close", "hang"}:
            self._owner._take(envelope)
        if answer == "close":
            self.cut()
        if answer in {"close", "hang"}:
            await asyncio.Event().wait()  # until the connection is lost, which cancels us
        return answer or "250 2.0.0 OK: queued"

    async def _extensions(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [responses[0], *["250-PIPELINING"] * self._owner.pipelining, *responses[1:]]

    def _recipients(self) -> str:
        return " ".join(self.envelope.rcpt_tos) if self.envelope else ""

    async def _failed(self, at: Moment, recipients: str = "") -> bool:
        answer = self._owner._answer(at, recipients)
        if answer == "close":
            self.cut()
        if answer in {"close", "hang"}:
            await asyncio.Event().wait()
        if answer:
            await self.push(answer)
        return bool(answer)

    def _authenticate_plainly(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, what: object
    ) -> AuthResult:
        wanted = LoginPassword(self._owner.user.encode(), self._owner.password.encode())
        return AuthResult(success=what == wanted, handled=False)


@contextmanager
def certificate() -> Iterator[Path]:
    """A file with a key and a certificate for 127.0.0.1 that signs itself, made by openssl."""
    with TemporaryDirectory() as folder:
        key, cert, both = (Path(folder, name) for name in ("key.pem", "cert.pem", "both.pem"))
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
        names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
        subprocess.run(
            [*command.split(), "-addext", names, "-keyout", key, "-out", cert], check=True, capture_output=True, timeout=30
        )
        both.write_bytes(key.read_bytes() + cert.read_bytes())
        yield both


@contextmanager
def trusted_certificate() -> Iterator[Path]:
    """The same, and until the end of the block whoever asks the environment trusts it."""
    with certificate() as file, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield file
