"""The rule: may this account do this here? Pure."""

from dataclasses import dataclass
from enum import StrEnum

from gatekeeper.gate.identity import NOBODY
from gatekeeper.gate.paths import OpenPaths
from gatekeeper.model import Standing

# Bound once: reading a member off an Enum class costs a Python call in 3.11
_OPEN = (Standing.CURRENT, Standing.PAST_DUE)
_RESTRICTED = Standing.RESTRICTED
# RFC 9110, section 9.2.1, but TRACE
_SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS"})


class Outcome(StrEnum):
    """`UNIDENTIFIED`: the request was refused because of how it names its account, not because of what the account owes."""

    LET_IN = "let_in"
    OVERDUE = "overdue"
    UNIDENTIFIED = "unidentified"


LET_IN, OVERDUE, UNIDENTIFIED = Outcome


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say about requests that a standing alone does not decide."""

    open_paths: OpenPaths
    nobody_comes_in: bool

    def decide(self, account: bytes | None, standing: Standing | None, method: bytes, uri: bytes) -> Outcome:
        """What becomes of one request.

        `account` is what `identity.identify` gives; `standing` is `CURRENT` for every account that the snapshot does not list,
        and None where no account could be looked up; `method` and `uri` are those of the request that the edge asks about,
        empty where it does not say.
        """
        if account is None:
            return UNIDENTIFIED
        if account == NOBODY:
            return LET_IN if self.nobody_comes_in or self.open_paths.cover(uri) else UNIDENTIFIED
        if standing in _OPEN or (standing is _RESTRICTED and method in _SAFE_METHODS):
            return LET_IN
        return LET_IN if self.open_paths.cover(uri) else OVERDUE
