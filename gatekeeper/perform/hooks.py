"""What the product is told of a change of standing, and how that is signed: Standard Webhooks 1.0.0 (standardwebhooks.com)."""

import base64
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, Field

from gatekeeper import __version__
from gatekeeper.model import Hook, Reason, Standing

# Whatever in a reason is somebody's name, or staff's own words about a customer
_PERSONAL: Final = frozenset({"by", "author", "reason"})
_HIDDEN: Final = "…"
# "Payload size" asks for less than 20 KB: who has more small invoices than this needs no more of them to be told
_MOST_REASONS: Final = 25


class ReasonGiven(BaseModel):
    """One reason of the standing: a code for programs, and the sentence that staff and `gatekeeper why` read."""

    code: str
    text: str


class ChangedStanding(BaseModel):
    """An account whose standing has changed."""

    account: str = Field(description="The product's own id of the account.")
    standing: Standing
    previous_standing: Standing
    reasons: list[ReasonGiven] = Field(description="Why; the last 25. Names of people are left out.")
    leaves_open: list[str] = Field(description="The paths that a restriction leaves open; none: it leaves reading.")
    revision: int = Field(description="The first snapshot that shows the change. It grows from change to change.")
    changed_at: AwareDatetime


class StandingChanged(BaseModel):
    """The body of a hook."""

    type: Literal["account.standing_changed"] = "account.standing_changed"
    timestamp: AwareDatetime
    data: ChangedStanding


def body_of(hook: Hook, sentence: Callable[[Reason], str]) -> bytes:
    """The same in every attempt, as long as `sentence` says the same."""
    reasons = [ReasonGiven(code=reason.code, text=sentence(_impersonal(reason))) for reason in hook.reasons[-_MOST_REASONS:]]
    changed = ChangedStanding(
        account=hook.account_id,
        standing=hook.after,
        previous_standing=hook.before,
        reasons=reasons,
        leaves_open=list(hook.leaves_open),
        revision=hook.revision,
        changed_at=hook.changed_at,
    )
    return StandingChanged(timestamp=hook.changed_at, data=changed).model_dump_json().encode()


def trial_body(now: datetime) -> bytes:
    """A hook that tells of nothing, for `gatekeeper doctor`."""
    return json.dumps({"type": "gatekeeper.test", "timestamp": now.isoformat(), "data": {}}).encode()


def headers_of(message_id: str, body: bytes, keys: Sequence[bytes], at: datetime) -> dict[str, str]:
    """The headers of one attempt, made at `at`: a signature by each key, the first one first."""
    stamp = str(int(at.timestamp()))
    signed = f"{message_id}.{stamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)
    return {
        "Content-Type": "application/json",
        "User-Agent": f"gatekeeper/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _impersonal(reason: Reason) -> Reason:
    params = tuple((name, _HIDDEN if name in _PERSONAL else value) for name, value in reason.params)
    return reason._replace(params=params)
