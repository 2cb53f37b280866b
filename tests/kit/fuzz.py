"""Requests that nobody would think of, and what must become of each, worked out another way than the gate does it.

The rule of the answer is written here from the words of docs/identity.md and of the edges' pages, on purpose without a function
of the gate. `Fuzz` keeps many connections, each with one request on its way, so that whole heads come alone as from an edge.
"""

import random
import socket
import string
from dataclasses import dataclass

ALWAYS, LEFT = "login", "reports"
STANDINGS = {"late": "suspended", "half": "restricted", "part": "restricted", "slow": "past_due"}
LEAVES_OPEN = {"part": (f"/{LEFT}",)}

_PIECES = (
    *(
        "/",
        "//",
        "/.",
        "/..",
        "/./",
        "/../",
        "..",
        "%2e",
        "%2E%2e",
        "%2f",
        "%252f",
        "%5c",
        "\\",
        ";",
        ";x=1",
        "%00",
        "%",
        "~",
        "@",
    ),
    *(
        "login",
        "LOGIN",
        "reports",
        "x",
        "x.y",
        "login2",
        "?",
        "?next=/login",
        "#",
        "#/login",
        "&",
        "=",
        "*",
        ":",
        "\xe9",
        "\xff",
    ),
)
_STARTS = ("/login", "/reports", "/", "/x", "", "login", "//login", "/x/../login", "http://h/login", "*")
_PLAIN = set(string.ascii_letters + string.digits + "._~!$&'()*+,=:@-/")
_METHODS = ("GET", "GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get", "GET, POST")
_WIRE_METHODS = ("GET", "GET", "GET", "POST", "PUT", "OPTIONS", "DELETE", "PATCH", "PROPFIND")
_SPOOFS = (
    *(
        "X-Forwarded-For",
        "X-Forwarded-Prefix",
        "X-Original-URL",
        "X-Rewrite-URL",
        "Forwarded",
        "X-HTTP-Method-Override",
        "Cookie",
    ),
    *(
        "X-Gatekeeper-Account",
        "X-Gatekeeper-Standing",
        "Accept",
        "Authorization",
        "User-Agent",
        "Expect",
        "X-Account",
        "XAccountId",
    ),
)
_VALUES = "".join(map(chr, (*range(0x20, 0x7F), *range(0x80, 0x100))))
_ALIASES = ("X_Account_Id", "X.Account.Id", "x_account-id", "X-Account_ID", "X!Account*Id", "X`Account|Id")
_NOT_AN_ID = ("a b", "a,b", "late, good", '"late"', "'a'", "\xe9", "x" * 129, "a\tb")


@dataclass(slots=True)
class Sent:
    """One request, and the statuses that may answer it. `whole`: the connection can be used again."""

    data: bytes
    expected: frozenset[int]
    whole: bool


def _is_open(path: str, first: str) -> bool:
    """Whether every server reads this path as one whose first segment is `first`."""
    segments = path.split("/")
    if not set(path) <= _PLAIN or segments[0] or {".", ".."} & set(segments) or "" in segments[1:-1]:
        return False
    return len(path) <= 4096 and segments[1:2] == [first]


def _let_in(account: str | None, method: str, uri: str) -> bool:
    path = uri.partition("?")[0]
    if method == "OPTIONS" or _is_open(path, ALWAYS):
        return True
    if account is None or account == "late":
        return False
    if account == "half":
        return method in {"GET", "HEAD"}
    return account != "part" or _is_open(path, LEFT)


class Fuzz:
    """A source of requests by `seed`, and the connections that they go over."""

    def __init__(self, port: int, seed: int, connections: int = 64) -> None:
        self._random = random.Random(seed)
        self._port = port
        self._wires = [self._connect() for _ in range(connections)]
        self.sent = 0
        self.statuses: dict[int, int] = {}
        self.wrong: list[str] = []

    def _connect(self) -> socket.socket:
        wire = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return wire

    def run(self, requests: int) -> None:
        """Send so many; what was answered otherwise than it must be is in `wrong`, with the bytes."""
        while self.sent < requests:
            batch = [self._request() for _ in self._wires]
            for wire, one in zip(self._wires, batch, strict=True):
                wire.sendall(one.data)
            for place, one in enumerate(batch):
                self._check(place, one)
            self.sent += len(batch)

    def close(self) -> None:
        for wire in self._wires:
            wire.close()

    def _check(self, place: int, one: Sent) -> None:
        wire = self._wires[place]
        if not one.whole:
            wire.shutdown(socket.SHUT_WR)
        answer = wire.recv(65536)
        status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status not in one.expected:
            self.wrong.append(f"{status} and not {sorted(one.expected)} to {one.data!r}")
        if not one.whole or b"\r\nConnection: close" in answer:
            wire.close()
            self._wires[place] = self._connect()

    def _request(self) -> Sent:
        kind = self._random.random()
        if kind < 0.9:
            return self._well_formed()
        return self._framed() if kind < 0.95 else self._spoilt()

    def _uri(self) -> str:
        pick = self._random
        return pick.choice(_STARTS) + "".join(pick.choices(_PIECES, k=pick.randrange(4)))

    def _noise(self) -> list[str]:
        pick = self._random
        lines = []
        for _ in range(pick.randrange(4)):
            name = pick.choice(_SPOOFS) if pick.random() < 0.7 else "N-" + "".join(pick.choices(string.ascii_letters, k=6))
            lines.append(f"{name}: {''.join(pick.choices(_VALUES, k=pick.randrange(20)))}")
        return lines

    def _identity(self) -> tuple[list[str], str | None, bool]:
        """The header lines; the account that they name (empty: nobody, None: it is missing); and whether they are ambiguous."""
        pick, name = self._random, self._random.choice(("X-Account-Id", "x-account-id", "X-ACCOUNT-ID"))
        account = pick.choice(("late", "half", "part", "slow", "late", f"good-{pick.randrange(10_000_000)}", "-", ""))
        plain = [f"{name}: {account}"]
        named = account.replace("-", "") if account == "-" else account
        kind = pick.random()
        if kind < 0.75:
            return plain, named, False
        if kind < 0.8:
            return [], None, False
        if kind < 0.87:
            return (
                [*plain, f"{pick.choice(('X-Account-Id', 'x-account-id'))}: {pick.choice(('good', 'late', '', '-'))}"],
                None,
                True,
            )
        if kind < 0.94:
            return [*plain, f"{pick.choice(_ALIASES)}: good"], None, True
        return [f"{name}: {pick.choice(_NOT_AN_ID)}"], None, True

    def _asked(self) -> tuple[str, str, list[str], str, str, frozenset[int]]:
        """Request method and target, the edge's own lines, the visitor's method and target, and how a refusal may look."""
        pick = self._random
        edge = pick.choice(("/gate/nginx", "/gate/nginx", "/gate", "/gate/traefik", "/gate/caddy", "/gate/envoy"))
        method, uri = pick.choice(_METHODS), self._uri()
        refusal = frozenset({403}) if edge == "/gate/nginx" else frozenset({402, 403})
        if edge == "/gate/envoy":
            method = pick.choice(_WIRE_METHODS)
            uri = "/" + uri.replace("#", "").replace("\xe9", "").replace("\xff", "")
            return method, edge + uri, [], method, uri, refusal
        marks = "X-Forwarded-Method: {}|X-Forwarded-Uri: {}" if edge in {"/gate/traefik", "/gate/caddy"} else ""
        marks = marks or "X-Original-Method: {}|X-Original-URI: {}"
        target = f"{edge}?{pick.choice(('', 'x=1', 'X-Account-Id=good', 'a=/login'))}" if pick.random() < 0.2 else edge
        return "GET", target, marks.format(method, uri).split("|"), method, uri, refusal

    def _head(self) -> tuple[list[str], frozenset[int]]:
        wire_method, target, marks, method, uri, refusal = self._asked()
        lines, account, ambiguous = self._identity()
        expected = frozenset({200}) if not ambiguous and _let_in(account, method, uri) else refusal
        others = [*marks, *lines, *self._noise(), "Host: gate"]
        self._random.shuffle(others)
        return [f"{wire_method} {target} HTTP/1.1", *others], expected

    def _well_formed(self) -> Sent:
        lines, expected = self._head()
        return Sent("\r\n".join((*lines, "", "")).encode("latin-1"), expected, whole=True)

    def _framed(self) -> Sent:
        """With a body, of which the gate reads nothing: it answers, and closes."""
        lines, expected = self._head()
        more = self._random.choice(
            (
                "Content-Length: 5",
                "Transfer-Encoding: chunked",
                "Connection: close",
                "Connection: Upgrade\r\nUpgrade: websocket",
            )
        )
        body = "" if "Connection" in more else self._random.choice(("", "12345", "5\r\n12345\r\n0\r\n\r\n"))
        return Sent(("\r\n".join((*lines, more, "", "")) + body).encode("latin-1"), expected, whole=False)

    def _spoilt(self) -> Sent:
        """A request of a suspended account, with bytes changed behind what the edge wrote: let in by nobody's mistake."""
        lines = ["GET /gate/nginx HTTP/1.1", "X-Account-Id: late", "X-Original-Method: POST", "X-Original-URI: /x"]
        noise = bytearray("\r\n".join((*self._noise(), "Via: 1.1 x", "", "")).encode("latin-1"))
        for _ in range(self._random.randrange(1, 6)):
            at = self._random.randrange(len(noise))
            noise[at : at + self._random.randrange(2)] = self._random.choice(
                (b"\0", b"\r", b"\n", b":", b" ", b"\x7f", b"\r\n", b"")
            )
        data = "\r\n".join((*lines, "")).encode() + bytes(noise)
        return Sent(data, frozenset({403, 0}), whole=False)
