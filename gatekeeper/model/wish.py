"""What people ask for on the lockout page, and who they are to the account."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class Role(StrEnum):
    """What a viewer of the lockout page is to the account.

    `PAYER`: an accountant of it. `MEMBER`: somebody else of it. `UNTOLD`: somebody of it, and the edge does not say who.
    `STRANGER`: nobody of it, such as a customer of this customer (case 103).
    """

    PAYER = "payer"
    MEMBER = "member"
    UNTOLD = "untold"
    STRANGER = "stranger"


class WishKind(StrEnum):
    """`CHECK`: look for our payment. `NUDGE`: remind whoever pays. `AGAIN`: send the invoice again. `PROMISE`: we pay by a day.
    `TRANSFER`: we have paid by bank transfer. `REVIEW`: a person shall look at this (case 141).
    """

    CHECK = "check"
    NUDGE = "nudge"
    AGAIN = "again"
    PROMISE = "promise"
    TRANSFER = "transfer"
    REVIEW = "review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """One press of a button, and what came of it.

    `viewer`: what the edge says of the person, who may be nobody in particular. `outcome`: a word for what came of it, empty
    while that is not known; `numbers`: the invoices that it is about. `on`: the day of a promise or of a transfer, `reference`
    what stands on the transfer, `words` what the person wrote.
    """

    id: int
    account_id: str
    case_id: int | None
    kind: WishKind
    viewer: str
    at: datetime
    outcome: str = ""
    numbers: tuple[str, ...] = ()
    on: date | None = None
    reference: str = ""
    words: str = ""
