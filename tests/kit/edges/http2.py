"""A visitor who speaks HTTP/2 (RFC 9113) without TLS, as little of it as one GET needs."""

import socket

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS, _SETTINGS = 1, 4
_END_STREAM, _END_HEADERS = 1, 4
# RFC 7541: the first entries of the static table that a request and its answer need, and a new name and value as they are
_METHOD_GET, _SCHEME_HTTP, _STATUS_200 = b"\x82", b"\x86", 0x88
_PATH, _AUTHORITY, _NEW = b"\x04", b"\x01", b"\x00"


def is_let_in(wire: socket.socket, path: str, **headers: str) -> bool:
    """Whether the answer to a GET over this new connection is 200. Header names are keywords, with `_` for the hyphen."""
    fields = _METHOD_GET + _SCHEME_HTTP + _PATH + _text(path) + _AUTHORITY + _text("app.example")
    fields += b"".join(_NEW + _text(name.replace("_", "-").lower()) + _text(value) for name, value in headers.items())
    wire.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + _frame(_HEADERS, _END_STREAM | _END_HEADERS, 1, fields))
    with wire.makefile("rb") as answer:
        while True:
            head = answer.read(9)
            assert len(head) == 9, "the connection ended before an answer"
            payload = answer.read(int.from_bytes(head[:3], "big"))
            if head[3] == _HEADERS:
                return payload[0] == _STATUS_200


def _text(value: str) -> bytes:
    data = value.encode()
    assert len(data) < 127
    return bytes((len(data),)) + data


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
