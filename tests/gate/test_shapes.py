"""What is read of a whole head at once is what llhttp reads of it; what llhttp would refuse or read on after is left to it."""

from collections.abc import Callable

import httptools
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from gatekeeper.gate.fields import HeaderNames
from gatekeeper.gate.identity import is_account
from gatekeeper.gate.shapes import UNKNOWN, Shapes

ACCOUNT = b"x-account-id"
NAMES = HeaderNames([ACCOUNT])
PLAIN = [(b"Host: ", b"gate"), (b"X-Account-Id: ", b"acme"), (b"X-Original-URI: ", b"/a?b"), (b"Accept: ", b"*/*")]


def _mostly(plain: st.SearchStrategy[bytes], odd: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.integers(0, 9).flatmap(lambda turn: odd if turn == 9 else plain)


_names = _mostly(
    st.sampled_from([b"Host", b"X-Account-Id", b"X-Original-URI", b"X-Original-Method", b"Accept", b"Keep-Alive"]),
    st.sampled_from([
        b"x-account-id", b"X_Account_Id", b"Connection", b"connection", b"Proxy-Connection", b"Content-Length", b"Upgrade",
        b"Transfer-Encoding", b"Expect", b"Cookie", b"cookie", b"", b"a b", b"A\x00", b"\xc3\xa9", b"(", b"x!#$%&'*+.^_`|~9",
    ]),
)  # fmt: skip
_values = _mostly(
    st.sampled_from([b"acme", b"-", b"", b" ", b"a,b", b"a b", b'"a"', b"0", b"keep-alive", b"Keep-Alive", b"x" * 128]),
    st.one_of(
        st.sampled_from([
            b"00", b"5", b"chunked", b"websocket", b"upgrade", b"close", b"keep-alive, close", b"100-continue", b"x" * 129,
            b"y" * 501, b"caf\xc3\xa9", b"a\tb", b"a\x00b", b"a\rb", b"a\nb", b"a\x7fb", b"a\x1fb", b"a\r\n b", b"a\r\nHost: b",
        ]),
        st.binary(max_size=12),
    ),
)  # fmt: skip
_colons = _mostly(st.just(b": "), st.sampled_from([b":", b":  ", b" : ", b":\t"]))
_headers = st.lists(st.tuples(st.builds(bytes.__add__, _names, _colons), _values), max_size=6)
_starts = st.builds(
    b"%s %s %s".__mod__,
    st.tuples(
        _mostly(
            st.sampled_from([b"GET", b"HEAD", b"POST", b"OPTIONS"]), st.sampled_from([b"CONNECT", b"PRI", b"get", b"FOO", b""])
        ),
        _mostly(
            st.sampled_from([b"/", b"/gate", b"/gate/nginx?a=b"]),
            st.sampled_from([b"*", b"http://a/b", b"gate", b"/a b", b"/a\x80", b"/#a#b", b"/" + b"x" * 2000]),
        ),
        _mostly(st.just(b"HTTP/1.1"), st.sampled_from([b"HTTP/1.0", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 "])),
    ),
)
_ends = _mostly(
    st.just(b"\r\n\r\n"),
    st.sampled_from([b"\r\n", b"\n\n", b"\r\n\r\nG", b"\r\n\r\n\r\n\r\n", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"]),
)


class Parsed:
    """What llhttp makes of some bytes."""

    def __init__(self, data: bytes) -> None:
        self.target, self.method, self.keep = b"", b"", False
        self.heads, self.ends = 0, 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(data)

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.heads += 1
        self.method, self.keep = self._parser.get_method(), self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        self.ends += 1


def head_of(start: bytes, headers: list[tuple[bytes, bytes]], end: bytes) -> bytes:
    return b"\r\n".join([start, *(name + value for name, value in headers)]) + end


@settings(max_examples=2_000)
@given(_starts, _headers, _ends)
@example(b"GET /gate HTTP/1.1", PLAIN, b"\r\n\r\n")
@example(b"POST /gate/envoy/x HTTP/1.1", [*PLAIN, (b"content-length: ", b"0"), (b"Connection: ", b"Keep-Alive")], b"\r\n\r\n")
@example(b"GET /gate HTTP/1.1", [(b"X-Account-Id: ", b" acme ")], b"\r\n\r\n")
def test_what_is_read_at_once_is_what_the_parser_reads(start: bytes, headers: list[tuple[bytes, bytes]], end: bytes) -> None:
    data = head_of(start, headers, end)
    shape = Shapes(NAMES, ACCOUNT).of(data)
    head = shape.match(data)
    event("at once" if head else "by the parser")
    if head is None:
        return
    parsed = Parsed(data)
    fields = NAMES.read(parsed.headers)
    assert (parsed.heads, parsed.ends, parsed.keep) == (1, 1, True)
    fields.pop(b"(framing)", None)
    assert shape.read(head) == (parsed.target, parsed.method, fields)
    if shape.account:
        account = head[shape.account]
        assert account is None or (account == fields[ACCOUNT] and is_account(account))


@pytest.mark.parametrize(
    ("headers", "account"),
    [
        (PLAIN, b"acme"),
        ([*PLAIN, (b"content-length: ", b"0")], b"acme"),
        ([(b"X-Account-Id: ", b"-")], None),
        ([(b"X-Account-Id: ", b"a" * 128)], b"a" * 128),
        ([(b"X-Account-Id: ", b"a" * 129)], None),
    ],
)
def test_what_edges_send_is_read_at_once(headers: list[tuple[bytes, bytes]], account: bytes | None) -> None:
    data = head_of(b"GET /gate/nginx HTTP/1.1", headers, b"\r\n\r\n")
    shape = Shapes(NAMES, ACCOUNT).of(data)
    head = shape.match(data)
    assert head
    assert shape.account
    assert head[shape.account] == account


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda data: data + b"x",
        lambda data: data[:-2],
        lambda data: data.replace(b"HTTP/1.1", b"HTTP/1.0"),
        lambda data: data.replace(b"Accept: ", b"Connection: close\r\nAccept: "),
        lambda data: data.replace(b"Accept: ", b"Content-Length: 3\r\nAccept: "),
        lambda data: data.replace(b"Accept: ", b"Upgrade: websocket\r\nAccept: "),
        lambda data: data.replace(b"Accept: ", b"x-account-id: late\r\nAccept: "),
        lambda data: data.replace(b"*/*", b"a\x00b"),
    ],
)
def test_what_is_more_or_less_than_one_request_on_a_lasting_connection_is_left_to_the_parser(
    spoilt: Callable[[bytes], bytes],
) -> None:
    data = spoilt(head_of(b"GET /gate/nginx HTTP/1.1", PLAIN, b"\r\n\r\n"))
    assert Shapes(NAMES, ACCOUNT).of(data).match(data) is None


def test_lists_of_names_are_remembered_up_to_a_bound() -> None:
    shapes = Shapes(NAMES, ACCOUNT)
    for number in range(1000):
        shapes.of(b"GET / HTTP/1.1\r\nX-%d: y\r\n\r\n" % number)
    assert len(shapes) == 200
    assert shapes.of(b"GET / HTTP/1.1\r\nNew: y\r\n\r\n") is UNKNOWN
