"""What the policy says of an account, and how the attempt to tell somebody ended.

Every look at an account makes some of these: as named tuples they cost a third of what frozen dataclasses do (bench/decide.py).
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from gatekeeper.model.account import PlannedNotice
from gatekeeper.model.words import Money, NoticeState, Standing


class Reason(NamedTuple):
    """One reason of a verdict: a code of `policy.explain` and what its sentence needs."""

    code: str
    params: tuple[tuple[str, str | int | date | datetime | Money], ...] = ()


class Verdict(NamedTuple):
    """What the policy says of one account's facts.

    `read_first`: invoices that must be read from the biller again before access can be closed (design, rule 2), to `would_be`.
    `leaves_open`: the only paths that a restriction leaves open, if there is one; none: it leaves the account read-only.
    `policy`, `segment`: by which it was judged.
    """

    standing: Standing
    reasons: tuple[Reason, ...]
    notices: tuple[PlannedNotice, ...] = ()
    review_at: datetime | None = None
    read_first: tuple[str, ...] = ()
    would_be: Standing | None = None
    leaves_open: tuple[str, ...] = ()
    policy: str = ""
    segment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt to deliver a notice ended: `ACCEPTED`, `DEFERRED`, `REFUSED` or `UNCERTAIN`, and the server's words.

    Of a deferral: `ours`: the fault is on this side (a setting, our relay, our quota, the network); `retry_after_seconds`: how
    long whoever deferred it wants to be left alone; 0: it did not say.
    """

    state: NoticeState
    detail: str = ""
    ours: bool = False
    retry_after_seconds: int = 0
