"""HAProxy's agent protocol (SPOP 2.0, HAProxy's doc/SPOE.txt): frames in and out, as bytes. Nothing is decided here.

A message is answered on the connection that it came on, in any order ("pipelining"); fragments are not announced, so none come.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from gatekeeper.gate.identity import ACCOUNT

# HAProxy offers what its buffers hold, 16 kB where nobody has changed that. A smaller answer would let a client make it fail
MAX_FRAME_BYTES: Final = 1 << 18
_LENGTH_BYTES = 4
HELLO, GOODBYE, NOTIFY = 1, 2, 3
_AGENT_HELLO, _AGENT_GOODBYE, _ACK = b"\x65", b"\x66", b"\x67"
_FINAL = b"\x00\x00\x00\x01"
_NO_STREAM = b"\x00\x00"

_NULL, _BOOLEAN, _TEXT, _BINARY = 0, 1, 8, 9
_NUMBERS = frozenset({2, 3, 4, 5})
_FIXED = {6: 4, 7: 16}
_IN_TRANSACTION = b"\x02"
_SET_VARIABLE = b"\x01\x03" + _IN_TRANSACTION

# Numbers below the first stand in one byte; in a longer one, bytes from the second on say that another follows
_ONE_BYTE, _MORE = 240, 128

_NUMBER = rb"(?:[\x00-\xef]|[\xf0-\xff][\x80-\xff]*+[\x00-\x7f])"

# Error codes of section 3.5
NORMAL, TOO_BIG, INVALID, UNSUPPORTED_VERSION, UNKNOWN_ERROR = 0, 3, 4, 8, 99


class SpopFault(ValueError):
    """A frame cannot be read; `code` says why, in the protocol's own numbers."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


# The ids of a message, the account that its first argument names, and its second, the names of all headers
Opening = tuple[bytes, bytes, bytes]


class Frame(NamedTuple):
    """One frame. `ids` are its stream and frame id as they came, to be sent back; `fields` all its names and their values.

    A text is its bytes, a boolean `b"1"` or `b""`, a number its digits; addresses are not kept.
    """

    kind: int
    ids: bytes
    fields: dict[bytes, bytes]


def opening(header: bytes | None) -> Callable[[bytes], Opening | None]:
    """Reads the opening of frames that our configuration sends of an account which is named by this header; None: of no others.

    What follows it in a frame does not matter to an account that is let in everywhere.
    """
    if header is None:
        return lambda _: None
    begins = re.escape(b"\x03" + _FINAL), _NUMBER * 2, re.escape(text(b"gatekeeper")), re.escape(text(header) + b"\x08")
    match = re.compile(
        b"%s(%s)%s.%s(.)" % begins + ACCOUNT + re.escape(text(b"names") + b"\x08") + rb"(.)([!-~]{1,239}+)", re.DOTALL
    ).match

    def read(frame: bytes) -> Opening | None:
        found = match(frame)
        if found is None:
            return None
        ids, account_length, account, names_length, names = found.groups()
        # Where the lengths are true, there is no other way to read it
        if account_length[0] != len(account) or names_length[0] != len(names):
            return None
        return ids, account, names

    return read


def read_frame(data: bytes) -> Frame:
    """The frame in these bytes, without the four of its length.

    Raises:
        SpopFault: they are no whole frame of this protocol.
    """
    try:
        kind = data[0]
        if not data[4] & 1:
            raise SpopFault(INVALID, "a fragment, which was not asked for")
        _, end = _number(data, 5)
        _, end = _number(data, end)
        ids = data[5:end]
        fields: dict[bytes, bytes] = {}
        if kind == NOTIFY:
            while end < len(data):
                _, end = _text(data, end)
                count, end = data[end], end + 1
                end = _pairs(data, end, fields, count)
        else:
            _pairs(data, end, fields, None)
    except IndexError as fault:
        raise SpopFault(INVALID, "the frame ends too early") from fault
    return Frame(kind, ids, fields)


def _pairs(data: bytes, at: int, fields: dict[bytes, bytes], count: int | None) -> int:
    """Read `count` names with their values (None: to the end of the frame); where the next one would begin."""
    while at < len(data) if count is None else count:
        middle = at + 1 + data[at]
        if data[at] < _ONE_BYTE and data[middle] == _TEXT and data[middle + 1] < _ONE_BYTE:
            # Nearly always: a short name and a short text. The same as below, without the calls
            name, at = data[at + 1 : middle], middle + 2 + data[middle + 1]
            fields[name] = data[middle + 2 : at]
        else:
            name, at = _text(data, at)
            value, at = _value(data, at)
            if value is not None:
                fields[name] = value
        if count is not None:
            count -= 1
    if at > len(data):
        raise SpopFault(INVALID, "the frame ends too early")
    return at


def _value(data: bytes, at: int) -> tuple[bytes | None, int]:
    """A value of any kind, None if it is not kept, and where it ends."""
    kind = data[at]
    base, at = kind & 0x0F, at + 1
    if base in (_TEXT, _BINARY):
        return _text(data, at)
    if base == _BOOLEAN:
        return b"1" if kind & 0x10 else b"", at
    if base in _NUMBERS:
        value, at = _number(data, at)
        return b"%d" % value, at
    if base in _FIXED or base == _NULL:
        return None, at + _FIXED.get(base, 0)
    raise SpopFault(INVALID, f"a value of the unknown kind {base}")


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    length = data[at]
    at += 1
    if length >= _ONE_BYTE:
        length, at = _number(data, at - 1)
    end = at + length
    if end > len(data):
        raise SpopFault(INVALID, "a text ends behind its frame")
    return data[at:end], end


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = data[at]
    at += 1
    shift = 4
    more = value >= _ONE_BYTE
    while more:
        byte = data[at]
        at += 1
        value += byte << shift
        shift += 7
        more = byte >= _MORE
    return value, at


def number(value: int) -> bytes:
    """The bytes of a number of variable length."""
    if value < _ONE_BYTE:
        return bytes((value,))
    found = [value & 0x0F | 0xF0]
    value = (value - _ONE_BYTE) >> 4
    while value >= _MORE:
        found.append(value & 0x7F | _MORE)
        value = (value - _MORE) >> 7
    return bytes((*found, value))


def text(value: bytes) -> bytes:
    return number(len(value)) + value


def variable_begins(name: bytes) -> bytes:
    """The action that sets a variable for the rest of the transaction, but for the text that it is set to."""
    return _SET_VARIABLE + text(name) + b"\x08"


def variable(name: bytes, value: bytes) -> bytes:
    """The whole action."""
    return variable_begins(name) + text(value)


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """The whole frames in these bytes, without their lengths, and what is left: the beginning of one, to be checked."""
    frames, at = [], 0
    while at + _LENGTH_BYTES <= len(data):
        end = at + _LENGTH_BYTES + _length(data, at)
        if end > len(data):
            break
        frames.append(data[at + _LENGTH_BYTES : end])
        at = end
    return frames, data[at:]


def check(beginning: bytes) -> None:
    """Refuse to wait for the rest of a frame that is too long.

    Raises:
        SpopFault: it is longer than was agreed.
    """
    if len(beginning) >= _LENGTH_BYTES and _length(beginning, 0) > MAX_FRAME_BYTES:
        raise SpopFault(TOO_BIG, "the frame is longer than was agreed")


def _length(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + _LENGTH_BYTES], "big")


def ack(ids: bytes, actions: bytes) -> bytes:
    """The answer to the message with these ids."""
    return (5 + len(ids) + len(actions)).to_bytes(4, "big") + _ACK + _FINAL + ids + actions


def hello(max_frame_bytes: int) -> bytes:
    """The agent's side of the greeting."""
    said = text(b"version") + b"\x08" + text(b"2.0")
    said += text(b"max-frame-size") + b"\x03" + number(max_frame_bytes)
    said += text(b"capabilities") + b"\x08" + text(b"pipelining")
    return _whole(_AGENT_HELLO, said)


def goodbye(code: int, message: str) -> bytes:
    """The agent's last frame."""
    said = text(b"status-code") + b"\x03" + number(code) + text(b"message") + b"\x08" + text(message.encode())
    return _whole(_AGENT_GOODBYE, said)


def _whole(kind: bytes, payload: bytes) -> bytes:
    frame = kind + _FINAL + _NO_STREAM + payload
    return len(frame).to_bytes(4, "big") + frame
