"""One letter to one person, and its bytes on the wire.

Names come from the billing system, where customers write them: they are hostile (case 53). They are cleaned first; and since
the standard library has turned clean-looking names into extra headers and recipients before (failures.md 0.11), every
message is parsed again after it was written, and one that says anything but what was meant is never sent.
"""

import email
import email.policy
import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage

from gatekeeper.perform.mail.address import AddressInvalid, ascii_address, mailbox

# A quoted name that does not fit on one line loses its quotes when the standard library folds it (Python 3.11.7), and its
# commas then part recipients: 60 characters, with nothing in them that needs escaping, always fit behind "Reply-To: ".
_NAME_LIMIT = 60
_SUBJECT_LIMIT = 200
_LINE_LIMIT = 998  # RFC 5322 2.1.1
_JOINERS = "\u200c\u200d"  # Persian words and emoji are spelt with them; other invisible characters only deceive
_BY_SENDER = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}  # RFC 3834; Exchange (case 51)

Value = str | datetime | Address


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
    headers, texts = _headers(letter), [_body(letter.text), _body(letter.html)]
    try:
        data = _written(headers, texts, letter.message_id)
        as_meant = _reads_as_meant(data, headers, texts)
    # What the standard library's header writer and parser raise on input that they do not foresee.
    except (ValueError, LookupError, AttributeError, TypeError, MessageError) as fault:
        raise LetterRefused(f"the message cannot be written ({type(fault).__name__}): look for strange characters") from fault
    if not as_meant:
        raise LetterRefused("the message would not read as it was meant: look for strange characters in name and subject")
    return data


def _headers(letter: Letter) -> dict[str, Value]:
    _, recipient = envelope(letter)
    if not re.fullmatch(r"<[^<>\s]+@[^<>\s]+>", letter.message_id):
        raise LetterRefused("its Message-ID is not of the form <unique@domain>")
    headers: dict[str, Value] = {
        "From": _mailbox(*mailbox(letter.sender)),
        "To": _mailbox(letter.to_name, recipient),
        "Subject": _line(letter.subject, _SUBJECT_LIMIT),
        "Date": letter.dated_at,
        "Message-ID": letter.message_id,
        "Content-Language": letter.language.replace("_", "-"),
        **_BY_SENDER,
    }
    if letter.reply_to:
        try:
            headers["Reply-To"] = _mailbox(*mailbox(letter.reply_to))
        except AddressInvalid as fault:
            raise LetterRefused(f"mail.reply_to cannot be used: {fault}") from fault
    if letter.references:
        headers["References"] = letter.references
        headers["In-Reply-To"] = letter.references.split()[-1]
    return headers


def _mailbox(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(_line(name.replace('"', "'").replace("\\", ""), _NAME_LIMIT), local, domain)


def _line(text: str, limit: int) -> str:
    """One line of visible characters, no encoded word (RFC 2047) in it, of at most `limit` characters."""
    for mark in ("=?", "?="):
        text = text.replace(mark, " ")
    text = " ".join("".join(map(_visible, text)).split())
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
    """Without what no mail program shows (control characters, halves of surrogate pairs), and with a newline at the end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})
    return kept.rstrip("\n") + "\n"


def _written(headers: Mapping[str, Value], texts: Sequence[str], message_id: str) -> bytes:
    message = EmailMessage(policy=email.policy.SMTP)
    message.set_content(texts[0], cte="quoted-printable")
    message.add_alternative(texts[1], subtype="html", cte="quoted-printable")
    for name, value in headers.items():  # after the texts: setting them drops every Content- header
        message[name] = value
    # Quoted-printable never writes "=_", so no text can contain this boundary (RFC 2045 6.7).
    message.set_boundary("=_" + hashlib.sha256(message_id.encode()).hexdigest()[:32])
    return message.as_bytes()


def _reads_as_meant(data: bytes, headers: Mapping[str, Value], texts: Sequence[str]) -> bool:
    """Whether a reader of these bytes finds the headers, recipients and texts that were meant, and no others."""
    lines = data.split(b"\r\n")
    if not data.isascii() or any(len(line) > _LINE_LIMIT or b"\r" in line or b"\n" in line for line in lines):
        return False
    names = [line.partition(b":")[0].decode() for line in lines[: lines.index(b"")] if not line.startswith((b" ", b"\t"))]
    parsed = email.message_from_bytes(data, policy=email.policy.default)
    return (
        sorted(names) == sorted(parsed.keys()) == sorted([*headers, "MIME-Version", "Content-Type"])
        and all(_same(parsed[name], value) for name, value in headers.items() if name != "Subject")
        and [part.get_content().replace("\r\n", "\n") for part in parsed.iter_parts()] == list(texts)
    )


def _same(parsed: object, meant: Value) -> bool:
    if isinstance(meant, Address):
        return [address.addr_spec for address in getattr(parsed, "addresses", ())] == [meant.addr_spec]
    if isinstance(meant, datetime):
        return getattr(parsed, "datetime", None) == meant.replace(microsecond=0)
    return str(parsed) == meant
