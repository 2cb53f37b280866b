"""The bytes that the gate sends.

Every answer carries every header that we own with an explicit value, so that an edge which copies them always overwrites what a
client sent (case 98), and no answer may be stored (case 94).
"""

import json
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from gatekeeper.gate import spop
from gatekeeper.model import Standing

# How a head ends: after the value of its last header, X-Gatekeeper-Account
KEEP = b"\r\nConnection: keep-alive\r\n\r\n"
CLOSE = b"\r\nConnection: close\r\n\r\n"

OK = "200 OK"
BAD_REQUEST = "400 Bad Request"
STRANGER = "401 Unauthorized"
PAYMENT_REQUIRED = "402 Payment Required"
FORBIDDEN = "403 Forbidden"
NOT_FOUND = "404 Not Found"
NOT_READY = "503 Service Unavailable"

Fields = tuple[tuple[str, str], ...]


# A head that lacks `KEEP` or `CLOSE`, and the body that follows. A bare tuple: it is made for every request
Answer = tuple[bytes, bytes]


class Document(NamedTuple):
    """A body, and the headers that describe it."""

    fields: Fields
    body: bytes


class Letterhead:
    """What every answer about accounts of one standing, at one revision, begins with. No standing: none was looked up.

    `allowed` and `refused` are whole but for the account id and the ending; `problem` tells a program why it was refused.
    """

    __slots__ = ("_ours", "allowed", "closes", "opens", "problem", "refused", "unclear")

    def __init__(self, standing: Standing | None, revision: int, leaves_open: Sequence[str] = ()) -> None:
        """Take the paths, too, that a restriction leaves open (none: it leaves reading)."""
        self._ours = (
            "Cache-Control: no-store\r\n"
            f"X-Gatekeeper-Standing: {standing.value if standing else ''}\r\n"
            f"X-Gatekeeper-Revision: {revision}\r\n"
            "X-Gatekeeper-Account: "
        )
        self.allowed = self.head(OK, length=0)
        # No body: nginx would throw it away, and the connection with it
        self.refused = self.head(FORBIDDEN, length=0)
        # The same for HAProxy, whose agent protocol sets variables; each lacks the account at its end
        named = spop.variable(b"standing", (standing.value if standing else "").encode())
        named += spop.variable(b"revision", b"%d" % revision)
        self.opens, self.closes, self.unclear = (
            spop.variable(b"verdict", verdict) + named + spop.variable_begins(b"account")
            for verdict in (b"in", b"overdue", b"unidentified")
        )
        self.problem = restricted_problem(leaves_open) if standing is Standing.RESTRICTED else SUSPENDED_PROBLEM

    def head(self, status: str, fields: Fields = (), *, length: int | None) -> bytes:
        """A head without its account id and ending; `length` is None for a HEAD whose body nobody has made."""
        described = "" if length is None else f"Content-Length: {length}\r\n"
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"HTTP/1.1 {status}\r\n{described}{lines}{self._ours}".encode()

    def answer(self, status: str, document: Document, account: bytes = b"") -> Answer:
        return self.head(status, document.fields, length=len(document.body)) + account, document.body


_VARY = ("Vary", "Accept, Accept-Language, Sec-Fetch-Mode")
_NO_SNIFFING = ("X-Content-Type-Options", "nosniff")
_HTML = ("Content-Type", "text/html; charset=utf-8")
STRICT_POLICY = (
    "Content-Security-Policy",
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)


def html(body: bytes, *fields: tuple[str, str]) -> Document:
    """A page for people."""
    return Document((_HTML, _VARY, _NO_SNIFFING, *fields), body)


def text(body: str, kind: str = "text/plain; charset=utf-8") -> Document:
    return Document((("Content-Type", kind), _NO_SNIFFING), body.encode())


def as_json(body: object) -> Document:
    return Document((("Content-Type", "application/json"), _NO_SNIFFING), json.dumps(body).encode())


def problem(name: str, title: str, status: int, detail: str, **more: object) -> Document:
    """A problem document for programs (RFC 9457); `more` are members of our own (section 3.2)."""
    body = {"type": f"urn:gatekeeper:problem:{name}", "title": title, "status": status, "detail": detail} | more
    return Document((("Content-Type", "application/problem+json"), _VARY, _NO_SNIFFING), json.dumps(body).encode())


def restricted_problem(leaves_open: Sequence[str]) -> Document:
    """Why a restricted account was refused, and what is still open to it: these paths, or reading where there are none."""
    left = "only some of its paths are open" if leaves_open else "it may read (GET, HEAD, OPTIONS) and change nothing"
    detail = f"An invoice of this account is overdue: {left}. Everything opens again as soon as the payment has arrived."
    more = {"standing": Standing.RESTRICTED.value, "leaves_open": list(leaves_open)}
    return problem("payment-overdue", "Payment overdue", 402, detail, **more)


def for_grpc(message: str) -> Document:
    """A refusal as a gRPC client understands it: PERMISSION_DENIED with a message, and no body (a Trailers-Only response)."""
    return Document((("Content-Type", "application/grpc"), ("Grpc-Status", "7"), ("Grpc-Message", message)), b"")


def small_page(title: str, sentence: str, *, mail: str = "", reload: bool = False) -> Document:
    """A page that needs no file and no web part. `mail` is an address to write to; `reload` asks for the same address again."""
    refresh = '<meta http-equiv="refresh" content="0">' if reload else ""
    more = f'<p>Write to <a href="mailto:{escape(mail)}">{escape(mail)}</a> and we will sort it out.</p>' if mail else ""
    more += '<p><a href="">Continue</a></p>' if reload else ""
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{escape(title)}</title><style>body{{font:1.125rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;"
        "padding:0 1rem;color:#1a1a1a;background:#fff}</style></head>"
        f"<body><main><h1>{escape(title)}</h1><p>{escape(sentence)}</p>{more}</main></body></html>"
    )
    return html(page.encode(), STRICT_POLICY, ("Referrer-Policy", "no-referrer"))


SUSPENDED_PROBLEM = problem(
    "payment-overdue",
    "Payment overdue",
    402,
    "An invoice of this account is overdue. Access opens again as soon as the payment has arrived.",
    standing=Standing.SUSPENDED.value,
)
OVERDUE_GRPC = for_grpc("An invoice of this account is overdue")
UNIDENTIFIED_GRPC = for_grpc("The request does not say clearly which account it comes from")
UNIDENTIFIED_PROBLEM = problem(
    "account-not-identified",
    "Account not identified",
    403,
    "The request does not say in one way only which account it comes from, so it is not let in.",
)
UNIDENTIFIED_PAGE = small_page(
    "This request was not let in", "It does not say clearly which account it comes from. Please sign in again."
)
RESTORED_PROBLEM = problem(
    "access-restored", "Access is open again", 402, "Access was opened a moment ago. Please send the request again."
)
RESTORED_PAGE = small_page("Access is open again", "If you were sending a form, please send it once more.", reload=True)
