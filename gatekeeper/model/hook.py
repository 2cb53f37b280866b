"""A hook: the word to the product that the standing of one account has changed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gatekeeper.model.verdict import Reason
from gatekeeper.model.words import Standing


class HookState(StrEnum):
    """`waiting → sending → taken | given_up`; a failed attempt goes back to `waiting`.

    `overtaken`: not sent any more, because access was given back before the product had taken it.
    """

    WAITING = "waiting"
    SENDING = "sending"
    TAKEN = "taken"
    GIVEN_UP = "given_up"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One change of standing, from `before` to `after`, on its way to the product.

    `message_id`: the same in every attempt. `leaves_open` as in a verdict. `revision`: of the first snapshot that shows the
    change. `next_try_at`: of a hook that is being sent, when the attempt counts as lost; None: it will not be sent any more.
    """

    id: int
    message_id: str
    account_id: str
    before: Standing
    after: Standing
    reasons: tuple[Reason, ...]
    leaves_open: tuple[str, ...]
    revision: int
    changed_at: datetime
    state: HookState
    attempts: int
    next_try_at: datetime | None
    taken_at: datetime | None
    detail: str


class Answered(StrEnum):
    """How the product answered: `BUSY` asks for rest from all hooks, `GONE` wants none any more; `FAILED` may be no answer."""

    TAKEN = "taken"
    FAILED = "failed"
    BUSY = "busy"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookOutcome:
    """How one attempt ended. `retry_after_seconds`: how long the product wants to be left alone; 0: it did not say."""

    answered: Answered
    detail: str
    retry_after_seconds: int = 0
