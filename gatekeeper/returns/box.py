"""Where returned mail waits: a mailbox on an IMAP server, or a Maildir folder; which one, `mail.bounces_url` says.

Each message is handed over once and marked afterwards, so that a stop in between hands it over again: that changes nothing.
"""

import imaplib
import os
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

ALLOWED: Final = "`imaps://USER:PASSWORD@HOST:PORT/FOLDER`, `maildir:FOLDER`, or empty"
_PORT: Final = 993  # RFC 8314
_TIMEOUT_SECONDS: Final = 30
_AT_ONCE: Final = 200
_FOLDER: Final = re.compile(r'[^"\\\x00-\x1f\x7f-\U0010ffff]+')

Handle = Callable[[bytes], object]


class BoxUnavailable(ConnectionError):
    """The mailbox cannot be read at the moment; the text says why, and never shows the password."""


class BoxUrlInvalid(ValueError):
    """The URL names no mailbox."""


class Box(Protocol):
    def empty(self, handle: Handle, most_bytes: int) -> int:
        """Hand over each message that is new, up to `most_bytes` of it, and mark it as read; how many they were.

        Raises:
            BoxUnavailable: it cannot be read. What `handle` raises goes through, and that message stays unmarked.
        """


def open_box(url: str) -> Box | None:
    """The box of this URL, which nothing is asked of before it is emptied; None for an empty one. Raises BoxUrlInvalid."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
    except ValueError:
        raise BoxUrlInvalid("this is no URL, or its port is no number") from None  # the fault quotes pieces of the password
    if parts.scheme == "maildir" and not parts.netloc and parts.path and not parts.query and not parts.fragment:
        return Maildir(Path(unquote(parts.path)))
    folder, user, password = (unquote(text or "") for text in (parts.path.strip("/"), parts.username, parts.password))
    if parts.scheme != "imaps" or not (parts.hostname and user and password) or parts.query or parts.fragment:
        raise BoxUrlInvalid(
            "a part is missing, or one too many; a `/`, `?`, `#` or `@` in user or password is written as %2F, …"
        )
    if not (user + password).isascii() or (folder and not _FOLDER.fullmatch(folder)):
        raise BoxUrlInvalid("user, password and folder are ASCII, and the folder has no quotes")
    return Imap(host=parts.hostname, port=port, user=user, password=password, folder=folder or "INBOX")


@dataclass(frozen=True, slots=True)
class Maildir:
    """A folder with `new` and `cur` in it, as Postfix and Dovecot make it: what is read moves from one to the other.

    They make both when they deliver the first message; where the folder itself is missing, its name may be a wrong one.
    """

    folder: Path

    def empty(self, handle: Handle, most_bytes: int) -> int:
        try:
            if not (self.folder / "new").exists() and self.folder.stat():
                return 0
            names = sorted(entry.name for entry in os.scandir(self.folder / "new") if entry.is_file(follow_symlinks=False))
            for name in names[:_AT_ONCE]:
                path = self.folder / "new" / name
                with path.open("rb") as file:
                    message = file.read(most_bytes)
                handle(message)
                path.rename(self.folder / "cur" / f"{name}:2,S")
        except OSError as fault:
            raise BoxUnavailable(f"{self.folder}: {fault.strerror}; its `new` and `cur` must be ours to write") from fault
        return len(names[:_AT_ONCE])


@dataclass(frozen=True, slots=True, kw_only=True)
class Imap:
    """RFC 3501 over TLS. Its certificate is checked against the system's CAs, or `SSL_CERT_FILE`."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str

    def empty(self, handle: Handle, most_bytes: int) -> int:
        context = ssl.create_default_context()
        try:
            with imaplib.IMAP4_SSL(self.host, self.port, ssl_context=context, timeout=_TIMEOUT_SECONDS) as server:
                server.login(self.user, self.password)
                _require(server.select(f'"{self.folder}"'), "the folder cannot be opened")
                return self._hand_over(server, handle, most_bytes)
        except (OSError, imaplib.IMAP4.error) as fault:
            why = getattr(fault, "strerror", None) or (str(fault) if isinstance(fault, _Refused) else type(fault).__name__)
            raise BoxUnavailable(f"{self.host}: {why}; look at mail.bounces_url") from fault

    def _hand_over(self, server: imaplib.IMAP4_SSL, handle: Handle, most_bytes: int) -> int:
        found = _require(server.uid("SEARCH", "UNSEEN"), "it cannot be searched")
        uids = b" ".join(line for line in found if isinstance(line, bytes)).split()[:_AT_ONCE]
        for uid in uids:
            wanted = f"(BODY.PEEK[]<0.{most_bytes}>)"
            answer = _require(server.uid("FETCH", uid.decode("ascii"), wanted), "a message cannot be fetched")
            for part in answer:
                if isinstance(part, tuple):
                    handle(part[1])
            _require(server.uid("STORE", uid.decode("ascii"), "+FLAGS.SILENT", r"(\Seen)"), "a message cannot be marked")
        return len(uids)


class _Refused(imaplib.IMAP4.error):
    """The server answered anything but OK. Its own words may repeat what we sent."""


def _require(answer: tuple[str, Sequence[object]], otherwise: str) -> Sequence[object]:
    kind, data = answer
    if kind != "OK":
        raise _Refused(otherwise)
    return data
