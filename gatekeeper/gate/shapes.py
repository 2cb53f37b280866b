"""What the headers of a request mean, worked out once for each list of names: an edge sends the same few lists all day.

A whole head of a known list is read by one regular expression. It matches nothing that the parser of HTTP would refuse or read
otherwise: one request with each header in its place, no body behind it, and a connection that stays open.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from gatekeeper.gate.fields import ALIAS, FRAMING, HeaderNames
from gatekeeper.gate.identity import ACCOUNT

MAX_HEADERS: Final = 100
# What is longer is read by the parser: no head of a shape comes near the bound of those
_LONGEST_HEAD = 4 * 1024
_MOST_NAMES = 40
_REMEMBERED = 200

_METHOD, TARGET = 1, 2
_START = rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[!-~]{0,2000}+) HTTP/1\.1\r\n"
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110, section 5.5, and white space around it: like the parser we take away what leads, and leave what trails
_VALUE = rb"[\t -~\x80-\xff]{0,500}+"
# With any other value, bytes other than a next request may follow, or none (RFC 9112, sections 6 and 9)
_HARMLESS = {b"content-length": b"0", b"connection": b"(?i:keep-alive)", b"proxy-connection": b"(?i:keep-alive)"}

Names = tuple[bytes, ...]
Head = re.Match[bytes]


class Shape(NamedTuple):
    """`match` reads a whole head with these names, `fields` has what each header is read as, and its group in the match.

    `account` is the group of the identity header, if that is the only one to look at, or 0: empty where no account is named.
    """

    match: Callable[[bytes], Head | None]
    fields: tuple[tuple[bytes, int], ...] = ()
    account: int = 0

    def read(self, head: Head) -> tuple[bytes, bytes, dict[bytes, bytes]]:
        """Target, method, and the headers as `HeaderNames.read` gives them."""
        return head[TARGET], head[_METHOD], {field: head[group].lstrip(b" \t") for field, group in self.fields}


UNKNOWN = Shape(re.compile(rb"(?!)").fullmatch)


class Shapes(dict[Names, Shape]):
    """Looked up by the names of a head as they came; `UNKNOWN`: its headers must be read one by one.

    That is so if one came twice, if there are too many, or if bytes other than a next request may follow.
    """

    def __init__(self, names: HeaderNames, identity: bytes | None) -> None:
        """Take the one header to look at, if there is but one."""
        super().__init__()
        self._names = names
        self._identity = identity

    def of(self, data: bytes) -> Shape:
        """The shape of these bytes, if they may be one whole head."""
        if len(data) > _LONGEST_HEAD or not data.endswith(b"\r\n\r\n"):
            return UNKNOWN
        return self[tuple([line.partition(b":")[0] for line in data[:-4].split(b"\r\n")[1:]])]

    def __missing__(self, spelled: Names) -> Shape:
        if len(self) >= _REMEMBERED or len(spelled) > _MOST_NAMES or not all(map(_NAME.fullmatch, spelled)):
            return UNKNOWN
        self[spelled] = shape = self._shape(spelled)
        return shape

    def _shape(self, spelled: Names) -> Shape:
        known = [field for name in spelled if (field := self._names[name]) is not None]
        alone = ALIAS not in known
        if len(set(known)) < len(known):
            return UNKNOWN
        pattern, groups, account, fields = [_START], TARGET, 0, []
        for name in spelled:
            field = self._names[name]
            value = _HARMLESS.get(name.lower(), _VALUE)
            if field == FRAMING and value is _VALUE:
                return UNKNOWN
            if field is not None and field != FRAMING:
                groups += 1
                fields.append((field, groups))
                if field == self._identity and alone:
                    groups = account = groups + 1
                    value = b"%s(?=\r)|%s" % (ACCOUNT, value)
                value = b"(%s)" % value
            pattern.append(b"%s: %s\r\n" % (re.escape(name), value))
        return Shape(re.compile(b"".join(pattern) + b"\r\n").fullmatch, tuple(fields), account)
