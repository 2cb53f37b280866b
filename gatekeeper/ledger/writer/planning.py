"""The row of a planned notice, and what it is known by: once for ever (rule 5)."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from gatekeeper.model import NoticeState, PlannedNotice, Step


def notice_row(
    account_id: str, case_id: int | None, notice: PlannedNotice, *, ledger_id: str, domain: str, at: datetime, now: datetime
) -> dict[str, Any]:
    """`at`: now, by the account's own clock; `domain`: in which its Message-ID ends. A courtesy belongs to no case."""
    case_id = None if notice.step is Step.COURTESY else case_id
    assert case_id is not None or notice.step is Step.COURTESY, "a notice belongs to a case"
    about = "+".join(notice.named) if notice.step is Step.COURTESY else str(case_id)
    key = f"{account_id}:{about}:{notice.step}:{notice.name}:{notice.occasion}:{notice.address}"
    return {
        "account_id": account_id,
        "case_id": case_id,
        "step": notice.step.value,
        "name": notice.name,
        "occasion": notice.occasion,
        "audiences": [audience.value for audience in notice.audiences],
        "address": notice.address,
        "state": NoticeState.PLANNED.value,
        "named": list(notice.named),
        "suspend_on": notice.suspend_on,
        "closes": notice.closes.value if notice.closes else "",
        "message_id": f"<gk-{uuid5(UUID(ledger_id), key).hex}@{domain}>",
        "planned_at": at,
        "next_try_at": now,
    }
