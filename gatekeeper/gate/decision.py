"""The rule: may this account do this here? Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from gatekeeper.gate.identity import AMBIGUOUS, MISSING, NOBODY
from gatekeeper.gate.paths import OpenPaths
from gatekeeper.model import Standing, is_path

# A browser asks with OPTIONS before it asks with anything else, and then says of nobody's session (CORS preflight; case 95)
_ASKING_FIRST = frozenset({b"OPTIONS"})
# RFC 9110, section 9.2.1, but TRACE
_SAFE_METHODS = frozenset({b"GET", b"HEAD"}) | _ASKING_FIRST


class Outcome(StrEnum):
    """`OVERDUE` is said of an account; those behind it refuse a request for how it names its account, or does not."""

    LET_IN = "let_in"
    OVERDUE = "overdue"
    ANONYMOUS = "anonymous_refused"
    MISSING = "identity_missing"
    AMBIGUOUS = "identity_ambiguous"


LET_IN, OVERDUE = Outcome.LET_IN, Outcome.OVERDUE


@dataclass(frozen=True, slots=True)
class Passage:
    """What is open to some visitor: everything; or what these methods ask for anywhere, and all that is below these paths."""

    everything: bool
    methods: frozenset[bytes]
    paths: OpenPaths

    def opens(self, method: bytes, uri: bytes) -> bool:
        return self.everything or method in self.methods or self.paths.cover(uri)


class Rules:
    """What the settings say: the paths that are open to everybody, and whether nobody comes in.

    Raises:
        ValueError: one of `always_allow` is no plain path.
    """

    def __init__(self, always_allow: Iterable[str], *, nobody_comes_in: bool) -> None:
        self._always_allow = tuple(always_allow)
        self._missing = Passage(everything=False, methods=_ASKING_FIRST, paths=OpenPaths(self._always_allow))
        self._nobody = replace(self._missing, everything=nobody_comes_in)

    def passage(self, standing: Standing, leaves_open: Iterable[str] = ()) -> Passage:
        """What is open to an account of this standing; `leaves_open`: what its restriction leaves it, none if it may read.

        A path that no request can match opens nothing: to refuse it would be to refuse all that the snapshot says of others.
        """
        left = tuple(leaves_open) if standing is Standing.RESTRICTED else ()
        may_read = standing is Standing.RESTRICTED and not left
        return Passage(
            everything=standing in {Standing.CURRENT, Standing.PAST_DUE},
            methods=_SAFE_METHODS if may_read else _ASKING_FIRST,
            paths=OpenPaths((*self._always_allow, *filter(is_path, left))),
        )

    def decide(self, account: bytes, theirs: Passage, method: bytes, uri: bytes) -> Outcome:
        """What becomes of one request.

        `account` is what `identity.identify` gives, and `theirs` what is open to it; `method` and `uri` are those of the
        request that the edge asks about, empty where it does not say.
        """
        if account == AMBIGUOUS:
            return Outcome.AMBIGUOUS
        if account == MISSING:
            return LET_IN if self._missing.opens(method, uri) else Outcome.MISSING
        if account == NOBODY:
            return LET_IN if self._nobody.opens(method, uri) else Outcome.ANONYMOUS
        return LET_IN if theirs.opens(method, uri) else OVERDUE
