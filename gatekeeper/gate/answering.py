"""From one request of an edge to its answer, each edge in its own codes."""

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from gatekeeper.gate import answers, spop
from gatekeeper.gate.answers import Answer, Document, Letterhead
from gatekeeper.gate.decision import LET_IN, OVERDUE, Outcome, Passage, Rules
from gatekeeper.gate.fields import (
    ACCEPT_LANGUAGE,
    ALIAS,
    EDGE_SECRET,
    FORWARDED_METHOD,
    FORWARDED_URI,
    METHOD,
    NAMES,
    URI,
    HeaderNames,
)
from gatekeeper.gate.identity import AMBIGUOUS, MISSING, identify
from gatekeeper.gate.negotiate import speaks_grpc, wants_page
from gatekeeper.gate.settings import GateSettings
from gatekeeper.model import Standing, plain_path
from gatekeeper.snapshot import Snapshot

Fields = Mapping[bytes, bytes]

# The outcome, what the answer begins with, and the account that was judged (`identity.identify`)
Judged = tuple[Outcome, Letterhead, bytes]

_ENVOY = b"/gate/envoy"


class Asked(NamedTuple):
    """What the visitor asked the product for; empty where the edge does not say."""

    method: bytes
    uri: bytes

    @property
    def path_again(self) -> bytes:
        """The path that a browser can be sent back to; empty if this was no mere looking, or no plain path (case 99)."""
        return (plain_path(self.uri) or b"") if self.method == b"GET" else b""


class Wanted(NamedTuple):
    """What the web part must be told to make a lockout page.

    `viewer`: what the edge says of the person: an e-mail address, `-` for a stranger, empty for nothing. `path`: where the
    person wanted to go, if one can go there again. `languages`: what the browser accepts.
    """

    account: bytes
    viewer: bytes
    path: bytes
    languages: bytes


class PageWanted(NamedTuple):
    """The answer is 402 with a lockout page, which has to be fetched first."""

    letterhead: Letterhead
    wanted: Wanted
    identity: bytes

    def answer(self, page: Document) -> Answer:
        return self.letterhead.answer(answers.PAYMENT_REQUIRED, page, self.identity)


class Gate:
    """Knows the standings and the rules, and answers requests. Does no input or output of its own."""

    def __init__(self, settings: GateSettings) -> None:
        self._identity_headers = tuple(name.lower().encode() for name in settings.identity_headers)
        self._viewer = settings.viewer_header.lower().encode()
        self.header_names = HeaderNames(self._identity_headers, [self._viewer])
        # What an edge that copies headers gives to the product in the place of the client's own
        self._named = tuple(f"\r\n{name}: ".encode() for name in settings.identity_headers)
        self._secret = settings.edge_secret.encode()
        self._rules = Rules(settings.always_allow, nobody_comes_in=settings.anonymous == "allow")
        self._counts = dict.fromkeys((*Outcome, "stranger", "malformed"), 0)
        self._edges: dict[bytes, Callable[[bytes, bytes, Fields], Answer | PageWanted]] = {
            b"/gate": self._plain,
            b"/gate/nginx": self._nginx,
            b"/gate/nginx/page": self._page,
            b"/gate/traefik": self._forwarded,
            b"/gate/caddy": self._forwarded,
            b"/gate/haproxy": self._page,
        }
        self._others: dict[bytes, Callable[[], Answer]] = {
            b"/livez": self._livez,
            b"/readyz": self._readyz,
            b"/metrics": self._metrics,
        }
        self._ready = False
        self._open_book(Snapshot(0, datetime.min.replace(tzinfo=UTC)))

    def take(self, snapshot: Snapshot) -> None:
        """Decide by this snapshot from now on."""
        self._open_book(snapshot)
        self._ready = True

    def _open_book(self, snapshot: Snapshot) -> None:
        """Turn the snapshot into what an answer needs, so that a request finds it with one look-up."""

        def entry(standing: Standing, leaves_open: tuple[str, ...] = ()) -> tuple[Passage, Letterhead]:
            return self._rules.passage(standing, leaves_open), Letterhead(standing, snapshot.revision, leaves_open)

        entries = {standing: entry(standing) for standing in Standing}
        by_paths = {paths: entry(Standing.RESTRICTED, paths) for paths in set(snapshot.leaves_open.values())}
        # First, for it alone can fail: an id that is no text leaves everything as it was
        listed = {account.encode(): entries[standing] for account, standing in snapshot.standings.items()}
        listed |= {account.encode(): by_paths[paths] for account, paths in snapshot.leaves_open.items()}
        self._listed = listed
        self._count = len(snapshot.standings)
        self._unlisted = entries[Standing.CURRENT]
        self._unknown = Letterhead(None, snapshot.revision)
        # Of these nothing is said of a standing, whatever becomes of them
        for visitor in (MISSING, AMBIGUOUS):
            listed[visitor] = entries[Standing.SUSPENDED][0], self._unknown
        self._revision = snapshot.revision

    def answer(self, target: bytes, method: bytes, fields: Fields) -> Answer | PageWanted:
        """The answer to one request.

        `target` is the request target as it came, `method` its method, and `fields` its headers as `HeaderNames` reads them.
        """
        edge = self._edges.get(target) or self._edge_at(target)
        if edge is None:
            other = self._others.get(target.partition(b"?")[0])
            return other() if other else self._unknown.answer(answers.NOT_FOUND, answers.text("no such address\n"))
        if self._secret and not hmac.compare_digest(fields.get(EDGE_SECRET, b""), self._secret):
            self._counts["stranger"] += 1
            return self._unknown.head(answers.STRANGER, length=0), b""
        return edge(target, method, fields)

    def _edge_at(self, target: bytes) -> Callable[[bytes, bytes, Fields], Answer | PageWanted] | None:
        """The edge at an address that the visitor had a hand in."""
        if target.startswith(_ENVOY) and target[len(_ENVOY) : len(_ENVOY) + 1] in b"/?*":
            return self._envoy
        # Caddy appends the visitor's query string; no answer depends on it
        return self._edges.get(target.partition(b"?")[0])

    def malformed(self, target: bytes) -> Answer:
        """The answer to bytes that are no HTTP request, or one beyond our bounds; `target` is what was read of its target.

        At the address of an edge it is a refusal: any other code is a failure to an edge, which may then let the visitor in
        (case 86).
        """
        self._counts["malformed"] += 1
        if not self._edges.get(target) and not self._edge_at(target):
            return self._unknown.head(answers.BAD_REQUEST, length=0), b""
        return self._unknown.refused, b""

    def _judge(self, method: bytes, uri: bytes, fields: Fields) -> Judged:
        """What becomes of a request that was made with `method` for `uri`; and the account that was judged, for its answer."""
        account = identify(fields, self._identity_headers)
        passage, letterhead = self._listed.get(account, self._unlisted)
        outcome = self._rules.decide(account, passage, method, uri)
        self._counts[outcome] += 1
        return outcome, letterhead, account

    def _nginx(self, _target: bytes, _method: bytes, fields: Fields) -> Answer:
        """200, or 403 without a body: nginx takes every other code as our failure (case 96).

        nginx asks with GET whatever the visitor's method is, so a method that it does not name is not known to be safe.
        """
        outcome, letterhead, account = self._judge(fields.get(METHOD, b""), fields.get(URI, b""), fields)
        return (letterhead.allowed if outcome is LET_IN else letterhead.refused) + _shown(account), b""

    def _page(self, _target: bytes, method: bytes, fields: Fields) -> Answer | PageWanted:
        """What nginx and HAProxy show instead of the refusal that they were given a moment ago."""
        made_with, uri = fields.get(METHOD, b""), fields.get(URI, b"")
        judged = outcome, letterhead, account = self._judge(made_with, uri, fields)
        if outcome is not LET_IN:
            head_only = b"HEAD" in (method, made_with)
            return self._denial(judged, Asked(b"HEAD" if head_only else made_with, uri), fields)
        restored = answers.RESTORED_PAGE if wants_page(fields) else answers.RESTORED_PROBLEM
        return letterhead.answer(answers.PAYMENT_REQUIRED, restored, _shown(account))

    def _plain(self, _target: bytes, method: bytes, fields: Fields) -> Answer | PageWanted:
        """200, or the whole denial: for scripts, tests and middleware, which may ask with the method in question itself."""
        return self._whole(Asked(fields.get(METHOD, method), fields.get(URI, b"")), fields)

    def _forwarded(self, _target: bytes, _method: bytes, fields: Fields) -> Answer | PageWanted:
        """200, or the whole denial: Traefik and Caddy overwrite what a client says of `X-Forwarded-Method` and `-Uri`."""
        asked = Asked(fields.get(FORWARDED_METHOD, b""), fields.get(FORWARDED_URI, b""))
        return self._whole(asked, fields, named=self._named)

    def _envoy(self, target: bytes, method: bytes, fields: Fields) -> Answer | PageWanted:
        """200, or the whole denial: Envoy asks with the visitor's method, and puts the visitor's target behind our address."""
        return self._whole(Asked(method, target[len(_ENVOY) :]), fields, named=self._named)

    def variables(self, fields: dict[bytes, bytes]) -> bytes | None:
        """What HAProxy's agent protocol sets for one request; None: this is not our edge.

        `verdict` is `in`, `overdue` or `unidentified`; `account` the one that was judged; `standing` and `revision` are those
        of the headers. `fields` are the arguments of the message, each named like the header that it stands for.
        """
        if self._secret and not hmac.compare_digest(fields.get(EDGE_SECRET, b""), self._secret):
            self._counts["stranger"] += 1
            return None
        if self.header_names.tell_aliased(fields.get(NAMES, b"")):
            fields[ALIAS] = b""
        outcome, letterhead, account = self._judge(fields.get(METHOD, b""), fields.get(URI, b""), fields)
        set_so = letterhead.opens if outcome is LET_IN else letterhead.closes if outcome is OVERDUE else letterhead.unclear
        return set_so + spop.text(_shown(account))

    def _whole(self, asked: Asked, fields: Fields, *, named: Sequence[bytes] = ()) -> Answer | PageWanted:
        """200, or the whole denial; `named` begins the headers by which the product is told the account that was judged."""
        judged = outcome, letterhead, account = self._judge(asked.method, asked.uri, fields)
        also = b"".join(name + _shown(account) for name in named)
        if outcome is LET_IN:
            return letterhead.allowed + _shown(account) + also, b""
        return self._denial(judged, asked, fields, also)

    def _denial(self, judged: Judged, asked: Asked, fields: Fields, also: bytes = b"") -> Answer | PageWanted:
        """The whole refusal, in the form that its reader understands; `also` ends its head."""
        outcome, letterhead, account = judged
        identity = _shown(account) + also
        if speaks_grpc(fields):
            refusal = answers.OVERDUE_GRPC if outcome is OVERDUE else answers.UNIDENTIFIED_GRPC
            return letterhead.answer(answers.FORBIDDEN, refusal, identity)
        if outcome is not OVERDUE:
            document = answers.UNIDENTIFIED_PAGE if wants_page(fields) else answers.UNIDENTIFIED_PROBLEM
            return letterhead.answer(answers.FORBIDDEN, document, identity)
        if not wants_page(fields):
            return letterhead.answer(answers.PAYMENT_REQUIRED, letterhead.problem, identity)
        if asked.method == b"HEAD":
            return letterhead.head(answers.PAYMENT_REQUIRED, answers.html(b"").fields, length=None) + identity, b""
        wanted = Wanted(account, fields.get(self._viewer, b""), asked.path_again, fields.get(ACCEPT_LANGUAGE, b""))
        return PageWanted(letterhead, wanted, identity)

    def _livez(self) -> Answer:
        return self._unknown.answer(answers.OK, answers.text("ok\n"))

    def _readyz(self) -> Answer:
        """Not ready: no snapshot has been read yet, so everybody is let in (case 91)."""
        body: dict[str, object] = {"ready": self._ready, "revision": self._revision}
        if not self._ready:
            body["reason"] = "no valid snapshot has been read yet; until then every account is let in"
        return self._unknown.answer(answers.OK if self._ready else answers.NOT_READY, answers.as_json(body))

    def _metrics(self) -> Answer:
        """Prometheus text format. No account ever names a series."""
        lines = [f'gatekeeper_gate_requests_total{{outcome="{name}"}} {count}' for name, count in self._counts.items()]
        lines += [f"gatekeeper_gate_snapshot_revision {self._revision}", f"gatekeeper_gate_accounts_listed {self._count}"]
        return self._unknown.answer(answers.OK, answers.text("\n".join(lines) + "\n"))


def _shown(account: bytes) -> bytes:
    """What an answer says of the account that was judged: nothing where none was named."""
    return b"" if account[:1] == b" " else account
