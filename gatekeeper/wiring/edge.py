"""`doctor --edge`: asks the product through its edge, as a suspended account, and says what is wired wrongly (case 93).

The requests are those of a visitor and of Stripe; none of them carries a body, and no redirect is followed.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, Self

import httpx

from gatekeeper.gate.settings import GateSettings
from gatekeeper.perform.mail.sender_dns import Finding, Sign
from gatekeeper.webhooks import UNSIGNED

Header = tuple[str, str]

_SECONDS: Final = 10.0
_BROWSER: Final = (("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"), ("Sec-Fetch-Mode", "navigate"))
_PROGRAM: Final = (("Accept", "application/json"),)
_PREFLIGHT: Final = (("Origin", "https://origin.example"), ("Access-Control-Request-Method", "POST"))
# An account that nobody has, so that an edge which believes it lets it in
_SOMEBODY: Final = "gatekeeper-doctor"
# RFC 9110, section 5.6.2; and a value that no client library changes or refuses
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e]|[\x21-\x7e][\x20-\x7e]*[\x21-\x7e])[ \t]*")
# By these the pages of the web part are told from the product's own
_MARKS: Final = {"x-robots-tag": "noindex", "x-frame-options": "DENY"}


class Reply(NamedTuple):
    """What came back. `fault`: why nothing did, as the name of an exception, whose text might show a header."""

    status: int = 0
    headers: httpx.Headers = httpx.Headers()
    text: str = ""
    fault: str = ""

    def __str__(self) -> str:
        return str(self.status) if self.status else f"no answer ({self.fault})"

    @property
    def fails_open(self) -> bool:
        return bool(self.headers.get("X-Gatekeeper-Decision") == "fail-open")

    @property
    def refused(self) -> bool:
        """By us, or by an edge to which it is no request."""
        return self.status in {0, 400, 402, 403, 431} and not self.fails_open

    @property
    def gated(self) -> bool:
        return self.status == httpx.codes.PAYMENT_REQUIRED or "X-Gatekeeper-Standing" in self.headers

    @property
    def kind(self) -> str:
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip()

    @property
    def stored_nowhere(self) -> bool:
        return "no-store" in self.headers.get("Cache-Control", "").lower()


class Visitor:
    """Asks the product at `url`. `known_by`: the headers by which the product, or a proxy in front of it, knows the account."""

    def __init__(self, url: httpx.URL, known_by: Sequence[Header]) -> None:
        self._url = url
        self._known_by = known_by

    def __enter__(self) -> Self:
        # No proxy from the environment: it would be given the test account's session
        self._client = httpx.Client(timeout=_SECONDS, trust_env=False, follow_redirects=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, *headers: Header, method: str = "GET", path: str = "") -> Reply:
        """One request for `path` (else for that of the URL). Only what answers a POST is read, as far as it comes at once."""
        sent = [("User-Agent", "gatekeeper-doctor"), ("Accept-Encoding", "identity"), *self._known_by, *headers]
        url = self._url.copy_with(raw_path=path.encode()) if path else self._url
        try:
            with self._client.stream(method, url, headers=sent) as reply:
                text = next(reply.iter_text(), "") if method == "POST" else ""
                return Reply(reply.status_code, reply.headers, text)
        except httpx.HTTPError as fault:
            return Reply(fault=type(fault).__name__)


def address(text: str) -> httpx.URL:
    """The address of a product.

    Raises:
        ValueError: it is none.
    """
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo:
        raise ValueError("write an address as https://app.example or https://app.example/projects, without a password")
    return url


def header(text: str) -> Header:
    """A header as `Name: value`.

    Raises:
        ValueError: it is none; what was written is not repeated, for it may be a secret.
    """
    found = _HEADER.fullmatch(text)
    if found is None:
        raise ValueError("write a header as 'Name: value', in printable ASCII")
    return found[1], found[2]


def examine_edge(url: httpx.URL, known_by: Sequence[Header], settings: GateSettings) -> list[Finding]:
    """What a suspended account finds at `url`, the product behind its edge, by whose headers it is known there."""
    with Visitor(url, known_by) as visitor:
        first = visitor.ask(*_BROWSER)
        found = list(_as_browser(first))
        if first.status:
            found += _to_the_web_part(visitor)
        if first.status != httpx.codes.PAYMENT_REQUIRED:
            found.append(Finding("the rest", Sign.UNKNOWN, "was not asked: it tells something once the first request gets 402"))
            return found
        return [*found, *_in_other_ways(visitor), *_open_to_all(visitor, settings.always_allow), *_forged(visitor, settings)]


def _as_browser(reply: Reply) -> Iterator[Finding]:
    about = "a browser"
    if not reply.status:
        what = f"gets no answer ({reply.fault}): look whether the edge listens there, and at its certificate"
    elif reply.fails_open or reply.status >= httpx.codes.INTERNAL_SERVER_ERROR:
        what = (
            f"{'is let in' if reply.fails_open else f'gets {reply}'}: the edge had no answer of the gate that it understands. "
            "Start `gatekeeper gate`, and let the edge ask at its own address (nginx: /gate/nginx, not /gate)"
        )
    elif reply.status == httpx.codes.FORBIDDEN:
        what = "gets 403: the edge names no account to the gate, or two; docs/identity.md says what it has to send"
    elif reply.status == httpx.codes.UNAUTHORIZED:
        what = "gets 401: --as does not sign the test account in, or X-Gatekeeper-Edge of the edge is not gate.edge_secret"
    elif reply.status != httpx.codes.PAYMENT_REQUIRED:
        what = (
            f"gets {reply.status} and not 402: the edge does not ask the gate here, or the account that --as signs in is not "
            "suspended (`gatekeeper why ACCOUNT`)"
        )
    else:
        yield from _page(about, reply)
        return
    yield Finding(about, Sign.MISSING, what)


def _page(about: str, reply: Reply) -> Iterator[Finding]:
    """What must be with the 402: else a browser or a cache keeps it, or it is not ours."""
    standing = reply.headers.get("X-Gatekeeper-Standing", "")
    faults = [
        (reply.kind == "text/html", "no HTML: pass Accept and Sec-Fetch-Mode on to the gate"),
        (
            reply.stored_nowhere,
            "no `Cache-Control: no-store`: pass the gate's headers on, or caches keep people out who have paid",
        ),
        (
            standing == "suspended",
            "no `X-Gatekeeper-Standing: suspended`: --as must name an account that is, and the gate's headers pass",
        ),
        (reply.headers.get("X-Gatekeeper-Account"), "no X-Gatekeeper-Account: pass the gate's headers on"),
    ]
    wrong = [Finding(about, Sign.MISSING, f"gets 402, but {what}") for right, what in faults if not right]
    yield from wrong or [Finding(about, Sign.FOUND, "gets 402 with the lockout page, which nothing may store")]


def _in_other_ways(visitor: Visitor) -> Iterator[Finding]:
    program = visitor.ask(*_PROGRAM)
    problem = program.status == httpx.codes.PAYMENT_REQUIRED and program.kind == "application/problem+json"
    yield _judged(
        "a program",
        right=problem and program.stored_nowhere,
        good="gets 402 with a problem document",
        bad=f"gets {program} as {program.kind or 'nothing'}, not 402 with a problem document and no-store: pass Accept on",
    )
    head = visitor.ask(*_BROWSER, method="HEAD")
    yield _judged(
        "HEAD",
        right=head.status == httpx.codes.PAYMENT_REQUIRED,
        good="gets 402",
        bad=f"gets {head}, not 402 as GET does: the edge must ask the gate about every method",
    )
    preflight = visitor.ask(*_PREFLIGHT, method="OPTIONS")
    yield _judged(
        "a preflight",
        right=bool(preflight.status) and not preflight.gated,
        good=f"reaches the product ({preflight})",
        bad=f"gets {preflight} and not the product's answer: tell the gate the method (nginx: X-Original-Method)",
    )


def _open_to_all(visitor: Visitor, paths: Sequence[str]) -> Iterator[Finding]:
    for path in paths:
        reply = visitor.ask(*_BROWSER, path=path)
        yield _judged(
            path,
            right=bool(reply.status) and not reply.gated and not reply.fails_open,
            good=f"is open ({reply})",
            bad=f"of gate.always_allow gets {reply}, and should be open: tell the gate the address (nginx: X-Original-URI)",
        )


def _to_the_web_part(visitor: Visitor) -> Iterator[Finding]:
    for path, status in (("/pay/x", 404), ("/overdue", 403)):
        reply = visitor.ask(*_BROWSER, path=path)
        ours = reply.status == status and all(reply.headers.get(name) == value for name, value in _MARKS.items())
        yield _reaches(path, reply, ours=ours)
    reply = visitor.ask(method="POST", path="/webhooks/stripe")
    yield _reaches("/webhooks/stripe", reply, ours=(reply.status, reply.text) == (400, UNSIGNED))


def _reaches(path: str, reply: Reply, *, ours: bool) -> Finding:
    if reply.gated:
        bad = f"is gated ({reply}), and who is suspended cannot pay: let the edge pass it to the web part without asking"
    else:
        bad = f"does not reach the web part ({reply}): let the edge pass /pay/, /webhooks/ and /overdue to it without asking"
    return _judged(path, right=ours, good="reaches the web part", bad=bad)


def _forged(visitor: Visitor, settings: GateSettings) -> Iterator[Finding]:
    """What a visitor may add to his own request in order to be nobody, or somebody else (case 83)."""
    for name in settings.identity_headers or ("X-Account-Id",):
        somebody = (name, _SOMEBODY)
        for about, sent in (
            (f"Connection: {name}", [("Connection", f"close, {name}")]),
            (f"{name} of another", [somebody]),
            (f"{name} twice", [somebody, somebody]),
            (f"{name} as {name.replace('-', '_')}", [(name.replace("-", "_"), _SOMEBODY)]),
            (f"{name} as {name.replace('-', '.')}", [(name.replace("-", "."), _SOMEBODY)]),
        ):
            reply = visitor.ask(*_BROWSER, *sent)
            yield _judged(
                about,
                right=reply.refused,
                good=f"sent by the visitor does not let him in ({reply})",
                bad=f"sent by the visitor gets {reply}: let the edge overwrite {name}, and drop what reads like it",
            )


def _judged(about: str, *, right: bool, good: str, bad: str) -> Finding:
    return Finding(about, Sign.FOUND if right else Sign.MISSING, good if right else bad)
