"""From one request of an edge to its answer, each edge in its own codes."""

import hmac
from collections.abc import Callable
from datetime import datetime

from gatekeeper.exposition import CONTENT_TYPE, exposed
from gatekeeper.gate import answers, spop
from gatekeeper.gate.answers import Answer, Letterhead
from gatekeeper.gate.book import CURRENT, Book, Entry
from gatekeeper.gate.decision import LET_IN, OVERDUE, Outcome, Passage, Rules
from gatekeeper.gate.fields import (
    ALIAS,
    EDGE_SECRET,
    FORWARDED_HOST,
    FORWARDED_METHOD,
    FORWARDED_URI,
    HOST,
    METHOD,
    NAMES,
    ORIGINAL_HOST,
    URI,
    HeaderNames,
)
from gatekeeper.gate.identity import AMBIGUOUS, MISSING
from gatekeeper.gate.negotiate import wants_page
from gatekeeper.gate.numbers import numbers
from gatekeeper.gate.readers import Asked, Identifier
from gatekeeper.gate.refusing import Fields, Judged, Manner, PageWanted, identity_of, refuse
from gatekeeper.gate.settings import GateSettings
from gatekeeper.gate.shapes import Shapes
from gatekeeper.gate.staff import Holder, Staff, nobody

# The name by which the shipped configurations tell the product
_COMMONLY = b"x-account-id"
_ENVOY = b"/gate/envoy"
_BELOW_ENVOY = _ENVOY + b"/"
# Envoy waits 250 ms for the decision, and the page comes in the same answer
_ENVOY_PATIENCE_SECONDS = 0.15


class Gate:
    """Knows the standings and the rules, and answers requests. Does no input or output of its own."""

    def __init__(self, settings: GateSettings, book: Book, clock: Callable[[], datetime], staff_of: Holder = nobody) -> None:
        self._edition = -1
        self._staff = Staff(staff_of)
        headers = tuple(name.lower().encode() for name in settings.identity_headers)
        self.identifier = Identifier(settings.identity, clock)
        self._viewer = settings.viewer_header.lower().encode()
        self.header_names = HeaderNames(headers, [self._viewer])
        only = settings.only_header.lower().encode() or None
        self.shapes = Shapes(self.header_names, only)
        self.opening = spop.opening(only)
        # What an edge that copies headers gives to the product in the place of what came, wherever the account was found
        self._named = tuple(b"\r\n%s: " % name for name in dict.fromkeys((*headers, _COMMONLY)))
        self._secret = settings.edge_secret.encode()
        self._rules = Rules(settings.always_allow, nobody_comes_in=settings.anonymous == "allow")
        # Apart from the other counts, for a look-up by an enumeration's member is a call into Python
        self._let_in_at_once = 0
        self._counts = dict.fromkeys((*Outcome, "staff", "stranger", "malformed"), 0)
        self._edges: dict[bytes, Callable[[bytes, bytes, Fields], Answer | PageWanted]] = {
            b"/gate": self._plain,
            b"/gate/nginx": self._nginx,
            b"/gate/nginx/page": self._page,
            b"/gate/traefik": self._forwarded,
            b"/gate/caddy": self._forwarded,
            b"/gate/haproxy": self._page,
        }
        # By which headers each of them tells the product the account
        self._tell = {b"/gate": (), b"/gate/nginx": (), b"/gate/traefik": self._named, b"/gate/caddy": self._named}
        self._others: dict[bytes, Callable[[], Answer]] = {
            b"/livez": self._livez,
            b"/readyz": self._readyz,
            b"/metrics": self._metrics,
        }
        self._book = book
        self._passages: dict[Entry, Passage] = {}
        # The revision of each list of whom to ask about that is kept (asklist.py)
        self.lists: dict[str, Callable[[], int]] = {}
        self.renew()

    def renew(self) -> None:
        """To be called whenever the book may have changed: the answers carry its revision."""
        if self._edition == self._book.edition:
            return
        self._edition = self._book.edition
        self._listed = self._book.listed
        self._unknown = Letterhead(None, self._book.revision)
        self._found: dict[Entry, tuple[Passage, Letterhead]] = {}
        freely = self._of(CURRENT)[1]
        self._freely, self._freely_set = freely.allowed, freely.opens

    def _of(self, entry: Entry) -> tuple[Passage, Letterhead]:
        """What is open to accounts of this entry, and what their answers begin with; made once for all who share it."""
        found = self._found.get(entry)
        if found is None:
            passage = self._passages.get(entry)
            if passage is None:
                passage = self._passages[entry] = self._rules.passage(entry.standing, entry.leaves_open)
            letterhead = Letterhead(entry.standing, self._book.revision, entry.leaves_open)
            found = self._found[entry] = passage, letterhead
        return found

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

    def let_in_at_once(self, target: bytes, account: bytes) -> bytes | None:
        """The head, but for its end, for an account in good standing that is named plainly and once; None: look closer.

        Whoever is let in everywhere is answered by the account alone, whatever the visitor asks for.
        """
        if account in self._listed or self._secret:
            return None
        named = self._tell.get(target)
        if named is None:
            named = self._named if target.startswith(_BELOW_ENVOY) else self._tell.get(target.partition(b"?")[0])
            if named is None:
                return None
        self._let_in_at_once += 1
        head = self._freely + account
        for name in named:
            head += name + account
        return head

    def malformed(self, target: bytes) -> Answer:
        """The answer to bytes that are no HTTP request, or one beyond our bounds; `target` is what was read of its target.

        At the address of an edge it is a refusal: any other code is a failure to an edge, which may then let the visitor in
        (case 86).
        """
        self._counts["malformed"] += 1
        if not self._edges.get(target) and not self._edge_at(target):
            return self._unknown.head(answers.BAD_REQUEST, length=0), b""
        return self._unknown.refused, b""

    def _judge(self, asked: Asked, fields: Fields) -> Judged:
        """What becomes of a request; and the account that was judged, for its answer."""
        account = self.identifier.identify(fields, asked)
        passage, letterhead = self._of(self._listed.entry(account))
        if account in (MISSING, AMBIGUOUS):
            # Of these nothing is said of a standing, whatever becomes of them
            letterhead = self._unknown
        outcome = self._rules.decide(account, passage, asked.method, asked.uri)
        if outcome is OVERDUE and self._staff.vouches(fields, account):
            self._counts["staff"] += 1
            return LET_IN, letterhead, account
        self._counts[outcome] += 1
        return outcome, letterhead, account

    def _nginx(self, _target: bytes, _method: bytes, fields: Fields) -> Answer:
        """200, or 403 without a body: nginx takes every other code as our failure (case 96).

        nginx asks with GET whatever the visitor's method is, so a method that it does not name is not known to be safe.
        """
        outcome, letterhead, account = self._judge(_original(fields), fields)
        return (letterhead.allowed if outcome is LET_IN else letterhead.refused) + identity_of(account), b""

    def _page(self, _target: bytes, method: bytes, fields: Fields) -> Answer | PageWanted:
        """What nginx and HAProxy show instead of the refusal that they were given a moment ago."""
        asked = _original(fields)
        judged = outcome, letterhead, account = self._judge(asked, fields)
        if outcome is not LET_IN:
            return self._refuse(judged, asked, fields, Manner(bodiless=method == b"HEAD"))
        restored = answers.RESTORED_PAGE if wants_page(fields) else answers.RESTORED_PROBLEM
        return letterhead.answer(answers.PAYMENT_REQUIRED, restored, identity_of(account))

    def _plain(self, _target: bytes, method: bytes, fields: Fields) -> Answer | PageWanted:
        """200, or the whole denial: for scripts, tests and middleware, which may ask with the method in question itself."""
        asked = _original(fields)._replace(method=fields.get(METHOD, method))
        return self._whole(asked, fields, Manner(bodiless=method == b"HEAD"))

    def _forwarded(self, _target: bytes, _method: bytes, fields: Fields) -> Answer | PageWanted:
        """200, or the whole denial: Traefik and Caddy overwrite what a client says of `X-Forwarded-Method` and `-Uri`."""
        asked = Asked(fields.get(FORWARDED_METHOD, b""), fields.get(FORWARDED_URI, b""), fields.get(FORWARDED_HOST, b""))
        return self._whole(asked, fields, Manner(self._named))

    def _envoy(self, target: bytes, method: bytes, fields: Fields) -> Answer | PageWanted:
        """200, or the whole denial: Envoy asks with the visitor's method, and puts the visitor's target behind our address."""
        asked = Asked(method, target[len(_ENVOY) :], fields.get(HOST, b""))
        return self._whole(asked, fields, Manner(self._named, method == b"HEAD", _ENVOY_PATIENCE_SECONDS))

    def opens_at_once(self, account: bytes, names: bytes) -> bytes | None:
        """What `variables` gives for an account in good standing; None: look closer. `names` are those of all headers."""
        if account in self._listed or self._secret or self.header_names.tell_aliased(names):
            return None
        self._let_in_at_once += 1
        return self._freely_set + spop.text(account)

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
        outcome, letterhead, account = self._judge(_original(fields), fields)
        set_so = letterhead.opens if outcome is LET_IN else letterhead.closes if outcome is OVERDUE else letterhead.unclear
        return set_so + spop.text(identity_of(account))

    def _whole(self, asked: Asked, fields: Fields, manner: Manner) -> Answer | PageWanted:
        judged = outcome, letterhead, account = self._judge(asked, fields)
        if outcome is LET_IN:
            return letterhead.allowed + identity_of(account, manner.named), b""
        return self._refuse(judged, asked, fields, manner)

    def _refuse(self, judged: Judged, asked: Asked, fields: Fields, manner: Manner) -> Answer | PageWanted:
        return refuse(judged, asked, fields, fields.get(self._viewer, b""), manner)

    def _livez(self) -> Answer:
        return self._unknown.answer(answers.OK, answers.text("ok\n"))

    def _readyz(self) -> Answer:
        """Not ready: somebody is let in who would not be if all were well (cases 88, 90 and 91)."""
        troubles = self._book.troubles()
        body: dict[str, object] = {"ready": not troubles, "revision": self._book.revision}
        if troubles:
            body["reason"] = "; ".join(troubles)
        return self._unknown.answer(answers.NOT_READY if troubles else answers.OK, answers.as_json(body))

    def _metrics(self) -> Answer:
        answered = self._counts | {LET_IN: self._counts[LET_IN] + self._let_in_at_once}
        refused = sum(reader.tokens.refused for reader in self.identifier.tokens)
        text = exposed(numbers(self._book, answered, refused, self.lists))
        return self._unknown.answer(answers.OK, answers.text(text, CONTENT_TYPE))


def _original(fields: Fields) -> Asked:
    return Asked(fields.get(METHOD, b""), fields.get(URI, b""), fields.get(ORIGINAL_HOST, b""))
