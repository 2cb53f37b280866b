"""What strangers say, made fit for the ledger and for a log: short, on one line, without addresses."""

import re
from typing import Final

_DETAIL_LIMIT: Final = 200
# Printable ASCII, as every database keeps it
_UNIQUE: Final = re.compile(r"[!-;=?-~]{1,250}")


def words(said: object) -> str:
    """The words of a mail server or of a provider, or nothing."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said if isinstance(said, str) else ""
    shown = "".join(c if c.isprintable() else " " for c in text[: 10 * _DETAIL_LIMIT]).split()
    text = " ".join("(address)" if "@" in word else word for word in shown)
    return text if len(text) <= _DETAIL_LIMIT else text[: _DETAIL_LIMIT - 1] + "…"


def address_of(said: object) -> str:
    return said.strip(" \t\r\n<>").lower() if isinstance(said, str) else ""


def message_ids(*said: object) -> tuple[str, ...]:
    """Those of these that may be Message-IDs, in angle brackets, each once; they may come without."""
    found = [text.strip(" \t\r\n<>") for text in said if isinstance(text, str)]
    return tuple(dict.fromkeys(f"<{text}>" for text in found if _UNIQUE.fullmatch(text)))
