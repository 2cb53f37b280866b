"""The mailbox of the demo: what the folder of `mail.url = "file:…"` holds, newest first."""

import email
import email.policy
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One letter; `key` names it in addresses, `sent_at` is what the house took for the time."""

    key: str
    sender: str
    to_name: str
    to_address: str
    subject: str
    sent_at: datetime
    text: str
    html: str


class Mailbox:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def letters(self) -> list[Received]:
        found = sorted(self._folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
        return sorted(map(_read, found), key=lambda letter: letter.sent_at)[::-1]

    def letter(self, key: str) -> Received | None:
        return next((letter for letter in self.letters() if letter.key == key), None)


@lru_cache(maxsize=1000)
def _read(path: Path) -> Received:
    """A file that was renamed into the folder never changes again."""
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
    (recipient,) = message["To"].addresses
    assert text is not None
    assert html is not None
    return Received(
        key=path.stem,
        sender=str(message["From"]),
        to_name=recipient.display_name,
        to_address=recipient.addr_spec,
        subject=str(message["Subject"]),
        sent_at=message["Date"].datetime,
        text=text.get_content(),
        html=html.get_content(),
    )
