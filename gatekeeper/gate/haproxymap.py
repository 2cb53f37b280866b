"""HAProxy's map of whom to ask about, written over its runtime socket (HAProxy's doc/management.txt, section 9.3).

It is in HAProxy's memory alone: after a start of its own HAProxy has nothing, and asks about everybody (docs/edges/haproxy.md).
"""

import re
import socket
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from gatekeeper.gate.asklist import SOON, WHOLE, ListRefused

# HAProxy's buffers hold 16 kB where nobody has changed that, and a command has to fit in one
_LONGEST_COMMAND = 12_000
_PATIENCE_SECONDS = 2.0
_LONGEST_ANSWER = 1 << 16
_NAME = b"gatekeeper.map"
_OUR_MAP = re.compile(rb"^\S+ \((\S*%s)\) " % re.escape(_NAME), re.MULTILINE)
_VERSION = re.compile(rb"New version created: (\d+)")
# Ids that HAProxy reads as they are in a command
_PLAIN = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_.:@/+=~-]*")


class HAProxyMap:
    """A shelf (asklist.py). The value of `-` is the list's revision. HAProxy 2.6 looks through the whole map to change one."""

    rest = SOON

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._map = b""

    def has(self, revision: int) -> bool:
        return b'value="%d"' % revision in self._say(b"get map %s %s" % (self._map, WHOLE))

    def write(self, accounts: Collection[bytes], revision: int) -> None:
        """Beside the one that counts, which it replaces at once."""
        self._map = self._find_map()
        found = _VERSION.search(self._say(b"prepare map %s" % self._map))
        if found is None:
            raise ListRefused(f"{self._path} begins no new version of a map: gate.haproxy_socket needs HAProxy 2.4 or later")
        self._add_to(b"@%s %s" % (found[1], self._map), (b"%s %d\n" % (WHOLE, revision), *map(_line, accounts)))
        self._do(b"commit map @%s %s" % (found[1], self._map))

    def add(self, accounts: Collection[bytes]) -> None:
        self._add_to(self._map, map(_line, accounts))

    def remove(self, account: bytes) -> bool:
        plain = _PLAIN.fullmatch(account) is not None
        if plain:
            self._say(b"del map %s %s" % (self._map, account))
        return plain

    def mark(self, revision: int) -> None:
        self._do(b"set map %s %s %d" % (self._map, WHOLE, revision))

    def withdraw(self) -> None:
        if self._map:
            self._say(b"del map %s %s" % (self._map, WHOLE))

    def _find_map(self) -> bytes:
        """The map by the name that HAProxy's configuration gives it."""
        found = _OUR_MAP.search(self._say(b"show map"))
        if found is None:
            raise ListRefused(
                f"{self._path} shows no {_NAME.decode()}: let it be a `stats socket` of HAProxy's, and take "
                "the lines of config/edges/haproxy.cfg that name that file"
            )
        return found[1]

    def _add_to(self, where: bytes, lines: Iterable[bytes]) -> None:
        for part in _parts(lines):
            self._do(b"add map %s <<\n%s" % (where, part))

    def _do(self, command: bytes) -> None:
        answer = self._say(command).strip()
        if answer:
            raise ListRefused(f"{self._path} refused `{command[:10].decode()}…`: {answer[:100].decode(errors='replace')}")

    def _say(self, command: bytes) -> bytes:
        """One command, over a connection of its own: a new HAProxy is met at once."""
        answer = b""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(_PATIENCE_SECONDS)
            try:
                wire.connect(self._path)
                wire.sendall(command + b"\n")
                while (part := wire.recv(_LONGEST_ANSWER)) and len(answer) < _LONGEST_ANSWER:
                    answer += part
            except OSError as fault:
                raise ListRefused(f"HAProxy does not answer at gate.haproxy_socket, {self._path}: {fault}") from fault
        return answer


def _line(account: bytes) -> bytes:
    return account + b" ask\n"


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """All of them, joined to parts that HAProxy takes at once."""
    part: list[bytes] = []
    length = 0
    for piece in pieces:
        if length + len(piece) > _LONGEST_COMMAND:
            yield b"".join(part)
            part, length = [], 0
        part.append(piece)
        length += len(piece)
    if part:
        yield b"".join(part)
