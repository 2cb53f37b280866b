"""The way that letters take, chosen by a mail URL: `smtp://`, `smtps://` or `file:`."""

from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from gatekeeper.model import Outcome
from gatekeeper.perform.mail.folder import FolderTransport
from gatekeeper.perform.mail.letter import Letter
from gatekeeper.perform.mail.smtp import SmtpServer, SmtpTransport, Tls

ALLOWED = (
    "`smtp://USER:PASSWORD@HOST:PORT?starttls=required|auto|off` (`USER:PASSWORD@` as needed, `auto` where nothing is said), "
    "`smtps://USER:PASSWORD@HOST:PORT` or `file:FOLDER`"
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


def open_transport(url: str, *, timeout_seconds: float = 60) -> Transport:
    """The transport of this URL; nothing is connected to, or created, before the first letter.

    `timeout_seconds` bounds each step of the dialogue with a server; the answer to a whole message may take ten times as long.

    Raises:
        MailUrlInvalid: see `parse_mail_url`.
    """
    target = parse_mail_url(url)
    if isinstance(target, Path):
        return FolderTransport(target)
    return SmtpTransport(target, timeout_seconds=timeout_seconds)


def parse_mail_url(url: str) -> SmtpServer | Path:
    """The server or the folder that the URL names.

    Raises:
        MailUrlInvalid: an unknown scheme, no host, a bad port, a strange parameter, or a password beyond ASCII.
    """
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
