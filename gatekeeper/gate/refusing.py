"""The whole of a refusal, in the form that its reader understands: a page, a problem document, or what gRPC has for it."""

from collections.abc import Mapping
from typing import NamedTuple

from gatekeeper.gate import answers
from gatekeeper.gate.answers import Answer, Document, Letterhead
from gatekeeper.gate.decision import OVERDUE, Outcome
from gatekeeper.gate.fields import ACCEPT_LANGUAGE
from gatekeeper.gate.negotiate import speaks_grpc, wants_page
from gatekeeper.gate.readers import Asked
from gatekeeper.model import plain_path

Fields = Mapping[bytes, bytes]

# The outcome, what the answer begins with, and the account that was judged (`readers.Identifier`)
Judged = tuple[Outcome, Letterhead, bytes]


class Manner(NamedTuple):
    """How an edge takes a whole answer.

    `named` begins the headers by which the product is told the account that was judged. `bodiless`: the request itself is a
    HEAD, and not only the visitor's that it tells of. After `patience_seconds` without an answer the edge takes us for dead.
    """

    named: tuple[bytes, ...] = ()
    bodiless: bool = False
    patience_seconds: float = 1.0


class Wanted(NamedTuple):
    """What the web part must be told to make a lockout page, and how long it has for it.

    `viewer`: what the edge says of the person: an e-mail address, `-` for a stranger, empty for nothing. `path`: where the
    person wanted to go, if one can go there again. `languages`: what the browser accepts.
    """

    account: bytes
    viewer: bytes
    path: bytes
    languages: bytes
    patience_seconds: float


class PageWanted(NamedTuple):
    """The answer is 402 with a lockout page, which has to be fetched first."""

    letterhead: Letterhead
    wanted: Wanted
    identity: bytes

    def answer(self, page: Document) -> Answer:
        return self.letterhead.answer(answers.PAYMENT_REQUIRED, page, self.identity)


def refuse(judged: Judged, asked: Asked, fields: Fields, viewer: bytes, manner: Manner) -> Answer | PageWanted:
    """The refusal of one request; `viewer` is the person whom the edge names."""
    outcome, letterhead, account = judged
    identity = identity_of(account, manner.named)
    if speaks_grpc(fields):
        refusal = answers.OVERDUE_GRPC if outcome is OVERDUE else answers.UNIDENTIFIED_GRPC
        return letterhead.answer(answers.FORBIDDEN, refusal, identity)
    if outcome is not OVERDUE:
        document = answers.UNIDENTIFIED_PAGE if wants_page(fields) else answers.UNIDENTIFIED_PROBLEM
        return letterhead.answer(answers.FORBIDDEN, document, identity)
    if not wants_page(fields):
        return letterhead.answer(answers.PAYMENT_REQUIRED, letterhead.problem, identity)
    if manner.bodiless or asked.method == b"HEAD":
        # Nobody has made the page, so nobody knows its length; but whoever asked with GET waits for what is announced
        length = None if manner.bodiless else 0
        return letterhead.head(answers.PAYMENT_REQUIRED, answers.html(b"").fields, length=length) + identity, b""
    languages = fields.get(ACCEPT_LANGUAGE, b"")
    wanted = Wanted(account, viewer, _path_again(asked), languages, manner.patience_seconds)
    return PageWanted(letterhead, wanted, identity)


def identity_of(account: bytes, named: tuple[bytes, ...] = ()) -> bytes:
    """What ends a head: the account that was judged, or nothing, and the same again in the headers that `named` begins."""
    shown = b"" if account[:1] == b" " else account
    return shown + b"".join(name + shown for name in named)


def _path_again(asked: Asked) -> bytes:
    """The path that a browser can be sent back to; empty if this was no mere looking, or no plain path (case 99)."""
    return (plain_path(asked.uri) or b"") if asked.method == b"GET" else b""
