"""One letter to one person, and its bytes on the wire.

Names come from the billing system, where customers write them: they are hostile (case 53). They are cleaned first; and every
message is read again after it was written, and one that says anything but what was meant is never sent.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from typing import Final

from gatekeeper.perform.mail.address import AddressInvalid, ascii_address, mailbox
from gatekeeper.perform.mail.wire import Meant, Person, reads_as, written

_NAME_LIMIT: Final = 60  # in quotes it fits on a line behind "Reply-To: "
_SUBJECT_LIMIT: Final = 200
_JOINERS: Final = "\u200c\u200d"  # Persian words and emoji are spelt with them; other invisible characters only deceive
# What no mail program shows: control characters and halves of surrogate pairs
_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_IDENTIFIERS: Final = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>(?: <[!-;=?-~]+@[!-;=?-~]+>)*")
_TAG: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")  # RFC 5646
# RFC 3834; Exchange (case 51). No List-Unsubscribe: nobody can opt out of being told that access is about to end (case 50)
_BY_A_MACHINE: Final = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}


class LetterRefused(ValueError):
    """A letter that is never sent; the text says why, without repeating an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`message_id` and `references` in angle brackets, `sender` and `reply_to` as `Name <address>`; `dated_at` is aware.

    `bounce_address` is the envelope's sender (empty: the sender's address). Its repr shows the Message-ID alone.
    """

    message_id: str
    sender: str = field(repr=False)
    to_address: str = field(repr=False)
    to_name: str = field(repr=False)
    reply_to: str = field(default="", repr=False)
    bounce_address: str = field(default="", repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    language: str = field(repr=False)
    dated_at: datetime = field(repr=False)
    references: str = field(default="", repr=False)


def envelope(letter: Letter) -> tuple[str, str]:
    """Sender and recipient of the envelope, in ASCII.

    Raises:
        LetterRefused: one of them is no address.
    """
    try:
        sender = ascii_address(letter.bounce_address) if letter.bounce_address else mailbox(letter.sender)[1]
    except AddressInvalid as fault:
        raise LetterRefused(f"the sender's address (mail.from, mail.bounce_address) cannot be used: {fault}") from fault
    try:
        return sender, ascii_address(letter.to_address)
    except AddressInvalid as fault:
        raise LetterRefused(f"the recipient's address cannot be written to: {fault}") from fault


def compose(letter: Letter) -> bytes:
    """The message: CRLF lines, ASCII, text and HTML in quoted-printable; the same letter gives the same bytes.

    Raises:
        LetterRefused: an address is none, or the written message does not read as it was meant.
    """
    fields, texts = _fields(letter), [("plain", _body(letter.text)), ("html", _body(letter.html))]
    # Quoted-printable never writes "=_", so no text can contain this boundary (RFC 2045 6.7).
    boundary = "=_" + hashlib.sha256(letter.message_id.encode()).hexdigest()[:32]
    try:
        data = written(fields, texts, boundary)
        as_meant = reads_as(data, fields, texts, boundary)
    # What the standard library's parser raises on input that it does not foresee
    except (ValueError, LookupError, AttributeError, TypeError, MessageError) as fault:
        raise LetterRefused(f"the message cannot be written ({type(fault).__name__}): look for strange characters") from fault
    if not as_meant:
        raise LetterRefused("the message would not read as it was meant: look for strange characters in name and subject")
    return data


def _fields(letter: Letter) -> dict[str, Meant]:
    _, recipient = envelope(letter)
    if not _IDENTIFIERS.fullmatch(letter.message_id) or " " in letter.message_id:
        raise LetterRefused("its Message-ID is not of the form <unique@domain>")
    if letter.references and not _IDENTIFIERS.fullmatch(letter.references):
        raise LetterRefused("its references are not Message-IDs of the form <unique@domain>, parted by spaces")
    language = letter.language.replace("_", "-")
    if not _TAG.fullmatch(language):
        raise LetterRefused("its language is no tag such as `en` or `pt-BR`")
    fields: dict[str, Meant] = {
        "From": _person(*mailbox(letter.sender)),
        "To": _person(letter.to_name, recipient),
        "Subject": _line(letter.subject, _SUBJECT_LIMIT),
        "Date": letter.dated_at,
        "Message-ID": letter.message_id,
        "Content-Language": language,
        **_BY_A_MACHINE,
    }
    if letter.reply_to:
        try:
            fields["Reply-To"] = _person(*mailbox(letter.reply_to))
        except AddressInvalid as fault:
            raise LetterRefused(f"mail.reply_to cannot be used: {fault}") from fault
    if letter.references:
        fields["References"] = letter.references
        fields["In-Reply-To"] = letter.references.split()[-1]
    return fields


def _person(name: str, address: str) -> Person:
    return Person(_line(name.replace('"', "'").replace("\\", ""), _NAME_LIMIT), address)


def _line(text: str, limit: int) -> str:
    """One line of visible characters, no encoded word (RFC 2047) in it, of at most `limit` characters."""
    for mark in ("=?", "?="):
        text = text.replace(mark, " ")
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_visible, text))
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _visible(character: str) -> str:
    match unicodedata.category(character):
        case "Cc" | "Zs" | "Zl" | "Zp":
            return " "
        case "Cf":
            return character if character in _JOINERS else ""
        case "Cs" | "Co":
            return ""
        case _:
            return character


def _body(text: str) -> str:
    """What a mail program can show of it, with a newline at the end."""
    return _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).rstrip("\n") + "\n"
