"""A letter's fields and texts as they stand on the wire (RFC 5322, 2045-2047), and read back from there.

The standard library's header writer has turned clean-looking names into extra headers and recipients (failures.md 0.11), and it
takes longer over a letter than a mail server over taking it. What is written here is little: lines of printable ASCII.
"""

import binascii
import re
import string
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from email.utils import format_datetime, getaddresses, parsedate_to_datetime
from functools import lru_cache
from typing import Final, NamedTuple

_LINE: Final = 78  # RFC 5322 2.1.1; 998 is what a server must take
_LONGEST_LINE: Final = 998
_ENCODED: Final = 48  # with `=?utf-8?q?` and `?=` 60 characters, which fit behind every name of a field (RFC 2047 2: 76)
_ATOMS: Final = frozenset(string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~ ")  # RFC 5322 3.2.3
_AS_THEMSELVES: Final = frozenset(string.ascii_letters + string.digits + "!*+-/")  # in the Q encoding of a name, RFC 2047 5
_HEADERS: Final = BytesHeaderParser()
_HEAD: Final = re.compile(rb"[ -~]{1,998}(?:\r\n[ -~]{1,998})*")
_PART_HEAD: Final = re.compile(rb"\r\nContent-Type: text/(\w+); charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable")


class Person(NamedTuple):
    """Name (or "") and ASCII address of one side of a letter."""

    name: str
    address: str


Meant = str | datetime | Person
"""What a reader is to find in a field: a text of one line, an instant, or one mailbox."""


def written(fields: Mapping[str, Meant], texts: Sequence[tuple[str, str]], boundary: str) -> bytes:
    """The message; `texts`: the subtypes and texts of its alternatives, plainest first. CRLF lines of ASCII."""
    head = [f"{name}: {_folded(name, value)}" for name, value in fields.items()]
    head += ["MIME-Version: 1.0", f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"', "", ""]
    parts = b"".join(_opening(boundary, subtype) + _quoted_printable(text) for subtype, text in texts)
    return "\r\n".join(head).encode("ascii") + parts + f"--{boundary}--\r\n".encode()


def reads_as(data: bytes, fields: Mapping[str, Meant], texts: Sequence[tuple[str, str]], boundary: str) -> bool:
    """Whether a reader of these bytes finds the fields, mailboxes and texts that were meant, and no others."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    own = [line.partition(b":")[0].decode() for line in lines if not line.startswith(b" ")]
    found = _HEADERS.parsebytes(head + b"\r\n\r\n")
    return (
        _HEAD.fullmatch(head) is not None
        and own == found.keys() == [*fields, "MIME-Version", "Content-Type"]
        and all(_read(found[name], value) == value for name, value in fields.items())
        and found.get_boundary() == boundary
        and max(map(len, body.split(b"\r\n"))) <= _LONGEST_LINE
        and _parts(body, boundary) == [*texts]
    )


def _folded(name: str, value: Meant) -> str:
    """The value behind `name: `, broken where spaces stand; unfolded it is the same again."""
    if isinstance(value, datetime):
        return format_datetime(value)
    if isinstance(value, Person):
        phrase = _phrase(value.name)
        return _lines(name, [*phrase, f"<{value.address}>"]) if phrase else value.address
    return _lines(name, value.split(" ") if value.isascii() else _encoded(value))


def _lines(name: str, words: Iterable[str]) -> str:
    text, room = "", _LINE - len(name) - 1
    for word in words:
        if not text:
            text, room = word, room - len(word) - 1
        elif len(word) < room:
            text, room = f"{text} {word}", room - len(word) - 1
        else:
            text, room = f"{text}\r\n {word}", _LINE - len(word) - 1
    return text


def _phrase(name: str) -> list[str]:
    """A display name as words that a fold may part."""
    if not name.isascii():
        return _encoded(name)
    if _ATOMS.issuperset(name):
        return name.split(" ") if name else []
    return [f'"{name}"']


def _encoded(text: str) -> list[str]:
    """Encoded words (RFC 2047), whole characters in each; of both encodings the shorter, so that most of it stays readable."""
    quoted = [_q(character) for character in text]
    in_base64 = sum(map(len, quoted)) > len(text.encode()) * 4 / 3
    words, room = [""], float(_ENCODED)
    for character, coded in zip(text, quoted, strict=True):
        length = len(character.encode()) * 4 / 3 if in_base64 else len(coded)
        if length > room:
            words.append("")
            room = float(_ENCODED)
        words[-1] += character if in_base64 else coded
        room -= length
    if in_base64:
        return [f"=?utf-8?b?{b64encode(word.encode()).decode()}?=" for word in words]
    return [f"=?utf-8?q?{word}?=" for word in words]


def _q(character: str) -> str:
    if character in _AS_THEMSELVES:
        return character
    return "_" if character == " " else "".join(f"={byte:02X}" for byte in character.encode())


def _opening(boundary: str, subtype: str) -> bytes:
    kind = f"text/{subtype}; charset=utf-8"
    return f"--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n".encode()


def _quoted_printable(text: str) -> bytes:
    """Lines of at most 76 characters; of the text the only line end is a newline."""
    return binascii.b2a_qp(text.encode(), istext=True).replace(b"\n", b"\r\n") + b"\r\n"


def _read(found: str, meant: Meant) -> Meant | None:
    value = found.replace("\r", "").replace("\n", "")
    if isinstance(meant, datetime):
        return meant if parsedate_to_datetime(value) == meant.replace(microsecond=0) else None
    if isinstance(meant, Person):
        people = _people(value)
        # Some readers decode before they look for the address: none of it may look encoded
        alone = len(people) == 1 and "=?" not in people[0][1]
        return Person(_decoded(people[0][0]), people[0][1]) if alone else None
    return _decoded(value)


@lru_cache(maxsize=256)  # the sender and whom to answer are the same in every letter
def _people(value: str) -> list[tuple[str, str]]:
    return getaddresses([value])


def _decoded(text: str) -> str:
    return str(make_header(decode_header(text))) if "=?" in text else text


def _parts(body: bytes, boundary: str) -> list[tuple[str, str]]:
    """Subtype and text of each alternative; nothing, if anything else stands there."""
    begun, *parts, end = (b"\r\n" + body).split(f"\r\n--{boundary}".encode())
    if begun or end != b"--\r\n":
        return []
    found = []
    for part in parts:
        head, _, text = part.partition(b"\r\n\r\n")
        kind = _PART_HEAD.fullmatch(head)
        if kind is None:
            return []
        found.append((kind[1].decode(), binascii.a2b_qp(text).decode().replace("\r\n", "\n")))
    return found
