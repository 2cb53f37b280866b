"""From one request of an edge to its answer, each edge in its own codes."""

import hmac
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from gatekeeper.gate import answers
from gatekeeper.gate.answers import Answer, Document, Letterhead
from gatekeeper.gate.decision import LET_IN, UNIDENTIFIED, Outcome, Passage, Rules
from gatekeeper.gate.fields import ACCEPT_LANGUAGE, EDGE_SECRET, METHOD, URI, HeaderNames
from gatekeeper.gate.identity import identify
from gatekeeper.gate.negotiate import wants_page
from gatekeeper.gate.settings import GateSettings
from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot

Fields = Mapping[bytes, bytes]


class PageWanted(NamedTuple):
    """The answer is 402 with the lockout page of `account`, which has to be fetched first."""

    letterhead: Letterhead
    account: bytes
    languages: bytes

    def answer(self, page: Document) -> Answer:
        return self.letterhead.answer(answers.PAYMENT_REQUIRED, page, self.account)


class Gate:
    """Knows the standings and the rules, and answers requests. Does no input or output of its own."""

    def __init__(self, settings: GateSettings) -> None:
        self._identity_headers = tuple(name.lower().encode() for name in settings.identity_headers)
        self.header_names = HeaderNames(self._identity_headers)
        self._secret = settings.edge_secret.encode()
        self._rules = Rules(settings.always_allow, nobody_comes_in=settings.missing_account == "allow")
        self._counts = dict.fromkeys((*Outcome, "stranger", "malformed"), 0)
        self._edges: dict[bytes, Callable[[bytes, Fields], Answer | PageWanted]] = {
            b"/gate": self._plain,
            b"/gate/nginx": self._nginx,
            b"/gate/nginx/page": self._nginx_page,
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
        self._unlisted = entries[Standing.CURRENT]
        self._unknown = Letterhead(None, snapshot.revision)
        self._unidentified = entries[Standing.SUSPENDED][0], self._unknown
        self._revision = snapshot.revision

    def answer(self, target: bytes, method: bytes, fields: Fields) -> Answer | PageWanted:
        """The answer to one request.

        `target` is the request target as it came, `method` its method, and `fields` its headers as `HeaderNames` reads them.
        """
        edge = self._edges.get(target)
        if edge is None:
            # Caddy appends the visitor's query string; no answer depends on it
            path, _, _ = target.partition(b"?")
            edge = self._edges.get(path)
        if edge is None:
            other = self._others.get(path)
            return other() if other else self._unknown.answer(answers.NOT_FOUND, answers.text("no such address\n"))
        if self._secret and not hmac.compare_digest(fields.get(EDGE_SECRET, b""), self._secret):
            self._counts["stranger"] += 1
            return self._unknown.head(answers.STRANGER, length=0), b""
        return edge(method, fields)

    def malformed(self, target: bytes) -> Answer:
        """The answer to bytes that are no HTTP request, or one beyond our bounds; `target` is what was read of its target.

        At the address of an edge it is a refusal: any other code is a failure to an edge, which may then let the visitor in
        (case 86).
        """
        self._counts["malformed"] += 1
        path, _, _ = target.partition(b"?")
        if path not in self._edges:
            return self._unknown.head(answers.BAD_REQUEST, length=0), b""
        return self._unknown.refused, b""

    def _judge(self, method: bytes, fields: Fields) -> tuple[Outcome, Letterhead, bytes]:
        """What becomes of a request that was made with `method`; and the account that was judged, for its answer."""
        account = identify(fields, self._identity_headers)
        passage, letterhead = self._unidentified if account is None else self._listed.get(account, self._unlisted)
        outcome = self._rules.decide(account, passage, method, fields.get(URI, b""))
        self._counts[outcome] += 1
        return outcome, letterhead, account or b""

    def _nginx(self, _: bytes, fields: Fields) -> Answer:
        """200, or 403 without a body: nginx takes every other code as our failure (case 96).

        nginx asks with GET whatever the visitor's method is, so a method that it does not name is not known to be safe.
        """
        outcome, letterhead, account = self._judge(fields.get(METHOD, b""), fields)
        return (letterhead.allowed if outcome is LET_IN else letterhead.refused) + account, b""

    def _nginx_page(self, method: bytes, fields: Fields) -> Answer | PageWanted:
        """What nginx shows instead of the 403 that it was given a moment ago."""
        outcome, letterhead, account = self._judge(fields.get(METHOD, b""), fields)
        if outcome is not LET_IN:
            return self._denial(outcome, letterhead, account, method, fields)
        restored = answers.RESTORED_PAGE if wants_page(fields) else answers.RESTORED_PROBLEM
        return letterhead.answer(answers.PAYMENT_REQUIRED, restored, account)

    def _plain(self, method: bytes, fields: Fields) -> Answer | PageWanted:
        """200, or the whole denial: for scripts, tests and middleware, which may ask with the method in question itself."""
        outcome, letterhead, account = self._judge(fields.get(METHOD, method), fields)
        if outcome is LET_IN:
            return letterhead.allowed + account, b""
        return self._denial(outcome, letterhead, account, method, fields)

    def _denial(
        self, outcome: Outcome, letterhead: Letterhead, account: bytes, method: bytes, fields: Fields
    ) -> Answer | PageWanted:
        if outcome is UNIDENTIFIED:
            document = answers.UNIDENTIFIED_PAGE if wants_page(fields) else answers.UNIDENTIFIED_PROBLEM
            return letterhead.answer(answers.FORBIDDEN, document, account)
        if not wants_page(fields):
            return letterhead.answer(answers.PAYMENT_REQUIRED, letterhead.problem, account)
        if method == b"HEAD":
            return letterhead.head(answers.PAYMENT_REQUIRED, answers.html(b"").fields, length=None) + account, b""
        return PageWanted(letterhead, account, fields.get(ACCEPT_LANGUAGE, b""))

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
        lines += [f"gatekeeper_gate_snapshot_revision {self._revision}", f"gatekeeper_gate_accounts_listed {len(self._listed)}"]
        return self._unknown.answer(answers.OK, answers.text("\n".join(lines) + "\n"))
