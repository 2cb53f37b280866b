"""A name server on a free UDP port that holds TXT records and nothing else (RFC 1035 4.1)."""

import socket
import struct
import threading
from collections.abc import Mapping
from typing import Final, Self

_TXT, _IN, _NAME_ERROR, _REFUSED = 16, 1, 3, 5
_QUESTION: Final = 12  # bytes of the header


class NameServer:
    """`records` by name, in lower case. A name with an empty list exists, without texts; None: it is refused to be told."""

    def __init__(self, records: Mapping[str, list[str] | None]) -> None:
        self._records = records
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.address)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, client = self._socket.recvfrom(4096)
            if not packet:
                return
            self._socket.sendto(self._answer(packet), client)

    def _answer(self, packet: bytes) -> bytes:
        labels, at = [], _QUESTION
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        question, name = packet[_QUESTION : at + 5], ".".join(labels).lower()
        self.asked.append(name)
        texts = self._records.get(name, ())
        code = _REFUSED if texts is None else _NAME_ERROR if name not in self._records else 0
        answers = b"".join(_record(text) for text in texts or ())
        head = struct.pack(">2sHHHHH", packet[:2], 0x8180 | code, 1, len(texts or ()), 0, 0)
        return head + question + answers


def _record(text: str) -> bytes:
    pieces = [text.encode()[start : start + 255] for start in range(0, len(text.encode()), 255)]
    data = b"".join(bytes((len(piece),)) + piece for piece in pieces)
    return b"\xc0\x0c" + struct.pack(">HHIH", _TXT, _IN, 60, len(data)) + data
