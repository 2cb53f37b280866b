"""The way that letters take, chosen by a mail URL: `smtp://`, `smtps://`, a provider's name, or `file:`."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from gatekeeper.model import Outcome
from gatekeeper.perform.mail.dkim import Sign, unsigned
from gatekeeper.perform.mail.folder import FolderTransport
from gatekeeper.perform.mail.letter import Letter
from gatekeeper.perform.mail.pace import Pace, Paced
from gatekeeper.perform.mail.providers.http import HttpTransport, Provider
from gatekeeper.perform.mail.providers.ses import Ses, SesAccount
from gatekeeper.perform.mail.providers.urls import FORMS, SCHEMES, is_this_machine, parse_provider
from gatekeeper.perform.mail.smtp import SmtpServer, SmtpTransport, Tls

ALLOWED = (
    "`smtp://USER:PASSWORD@HOST:PORT?starttls=required|auto|off` (`USER:PASSWORD@` as needed, `auto` where nothing is said), "
    f"`smtps://USER:PASSWORD@HOST:PORT`, {FORMS}; or `file:FOLDER`"
)
_PORTS = {"smtp": 587, "smtps": 465}  # RFC 6409, RFC 8314


class MailUrlInvalid(ValueError):
    """The URL names no way to send mail; the text says what is wrong and what is allowed, never the URL itself."""

    def __init__(self, wrong: str) -> None:
        super().__init__(f"{wrong}; allowed: {ALLOWED}")
        self.wrong = wrong


class Transport(Protocol):
    """One way to deliver letters, used by one thread."""

    def deliver(self, letter: Letter) -> Outcome:
        """Try once and say how it ended, whatever the server does.

        Raises:
            LetterRefused: the letter cannot be sent to anyone, by any transport.
        """

    def close(self) -> None:
        """Let go of connections; a later `deliver` opens them again. Call it at the end of a batch."""


Target = SmtpServer | Provider | SesAccount | Path


def open_transport(
    url: str,
    *,
    timeout_seconds: float = 60,
    clock: Callable[[], datetime] | None = None,
    pace: Pace | None = None,
    sign: Sign = unsigned,
) -> Transport:
    """The transport of this URL; nothing is connected to, or created, before the first letter.

    `timeout_seconds` bounds each step of the dialogue with a server; the answer to a whole message may take ten times as long.
    `clock`: the true time; only `ses:` needs it. `sign`: puts the DKIM signature on what a mail server is given.
    `pace`: told of every letter that leaves this machine. A mail server here has a queue and a pace of its own, and a folder
    needs none.

    Raises:
        MailUrlInvalid: see `parse_mail_url`.
    """
    target = parse_mail_url(url)
    transport = _transport(target, timeout_seconds, clock, sign)
    stays_here = isinstance(target, Path) or (isinstance(target, SmtpServer) and is_this_machine(target.host))
    return transport if pace is None or stays_here else Paced(transport, pace)


def _transport(target: Target, timeout_seconds: float, clock: Callable[[], datetime] | None, sign: Sign) -> Transport:
    match target:
        case Path():
            return FolderTransport(target)
        case SmtpServer():
            return SmtpTransport(target, timeout_seconds=timeout_seconds, sign=sign)
        case SesAccount():
            assert clock is not None, "Amazon SES is asked with the time: hand a clock in"
            return HttpTransport(Ses(target, clock), timeout_seconds=timeout_seconds)
        case _:
            return HttpTransport(target, timeout_seconds=timeout_seconds)


def parse_mail_url(url: str) -> Target:
    """The server, the provider or the folder that the URL names.

    Raises:
        MailUrlInvalid: an unknown scheme, no host, a bad port, a strange parameter, or a secret beyond ASCII.
    """
    if url.partition(":")[0] in SCHEMES:
        try:
            return parse_provider(url)
        except ValueError as fault:
            raise MailUrlInvalid(str(fault)) from None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise MailUrlInvalid(
            "this is no URL, or its port is no number from 1 to 65535"
        ) from None  # the fault quotes pieces of the password
    match parts.scheme:
        case "file":
            return _folder(parts)
        case "smtp" | "smtps":
            return _server(parts, _PORTS[parts.scheme] if port is None else port)
        case _:
            raise MailUrlInvalid("its scheme is unknown")


def _folder(parts: SplitResult) -> Path:
    if parts.netloc or not parts.path or parts.query or parts.fragment:
        raise MailUrlInvalid("after `file:` stands a path and nothing else")
    return Path(unquote(parts.path))


def _server(parts: SplitResult, port: int) -> SmtpServer:
    host, user, password = parts.hostname or "", unquote(parts.username or ""), unquote(parts.password or "")
    if not _is_host(host) or port == 0 or parts.path not in {"", "/"} or parts.fragment:
        raise MailUrlInvalid(
            "after the scheme stands HOST:PORT; a `/`, `?`, `#` or `@` in user or password is written as %2F, …"
        )
    if bool(user) != bool(password) or not (user + password).isascii():
        raise MailUrlInvalid("user and password go together and are ASCII")
    return SmtpServer(host=host, port=port, tls=_tls(parts), user=user, password=password)


def _is_host(host: str) -> bool:
    try:
        return bool(host.encode("idna")) and host.isprintable() and " " not in host
    except UnicodeError:
        return False


def _tls(parts: SplitResult) -> Tls:
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    if parts.scheme == "smtps" and not parameters:
        return Tls.IMPLICIT
    if parts.scheme == "smtp" and not parameters:
        return Tls.AUTO
    match parameters:
        case [("starttls", ("required" | "auto" | "off") as word)] if parts.scheme == "smtp":
            return Tls(word)
        case _:
            raise MailUrlInvalid("after the `?` may stand `starttls=required`, `auto` or `off`, and only with smtp://")
