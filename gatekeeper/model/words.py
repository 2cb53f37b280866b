"""The words that have no parts: kinds, states, money, and what an account may be called."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

_ACCOUNT_ID = re.compile(r"[!#-&(-+\--~]{1,128}")


class Standing(StrEnum):
    """What an account may expect. Only `RESTRICTED` and `SUSPENDED` close anything."""

    CURRENT = "current"
    PAST_DUE = "past_due"
    RESTRICTED = "restricted"
    SUSPENDED = "suspended"


class Audience(StrEnum):
    """Who of an account is written to: the person who pays, and the person who uses the product."""

    ACCOUNTANT = "accountant"
    USER = "user"


class Step(StrEnum):
    """The kind of a step of the ladder, or of a word that is sent off it.

    Those are: `RESTORED`, access is back; `PROMISED`, a promise to pay is confirmed; `UNREACHABLE`, the other audience of the
    account could not be written to; what somebody asked for on the lockout page: `NUDGE`, a colleague wants the accountant
    reminded; `AGAIN`, the invoice is sent again; `TRANSFER` and `REVIEW`, the operator's staff is told of a transfer, or asked
    to look. A notice of `RESTRICT` or `SUSPEND` is the word that access was closed; it is no evidence.
    """

    COURTESY = "courtesy"
    REMINDER = "reminder"
    WARNING = "warning"
    RESTRICT = "restrict"
    SUSPEND = "suspend"
    RESTORED = "restored"
    PROMISED = "promised"
    UNREACHABLE = "unreachable"
    NUDGE = "nudge"
    AGAIN = "again"
    TRANSFER = "transfer"
    REVIEW = "review"


class NoticeState(StrEnum):
    """`planned → sending → accepted | deferred | refused | uncertain → bounced`; `withdrawn`: never sent, no longer true."""

    PLANNED = "planned"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    BOUNCED = "bounced"
    WITHDRAWN = "withdrawn"


class Scope(StrEnum):
    """What an exemption or a staff hold stops: only the steps that close something, or every letter too."""

    SUSPENSION = "suspension"
    CONTACT = "contact"


class Origin(StrEnum):
    """Who told us: Stripe, the product over our API or a file (`statement` of an invoice), or the product's directory."""

    STRIPE = "stripe"
    DIRECTORY = "directory"
    API = "api"
    STATEMENT = "statement"


class Mode(StrEnum):
    """`DRY_RUN` says what it would do and does nothing that climbs; `ARMED` does it."""

    DRY_RUN = "dry_run"
    ARMED = "armed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in minor units of one currency (ISO 4217, lower case)."""

    minor: int
    currency: str


def is_account_id(text: str) -> bool:
    """Whether an edge can name this account: 1 to 128 printable ASCII characters, but space, comma and quotes (case 83).

    A hyphen alone is how an edge says that nobody is signed in. An account whose id is none could be suspended here and never
    be closed at the gate.
    """
    return text != "-" and bool(_ACCOUNT_ID.fullmatch(text))


def sums(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """One amount a currency, in the order of the codes."""
    amounts = tuple(amounts)
    if len(amounts) == 1:
        return amounts
    totals: dict[str, int] = {}
    for amount in amounts:
        totals[amount.currency] = totals.get(amount.currency, 0) + amount.minor
    return tuple(Money(minor=minor, currency=currency) for currency, minor in sorted(totals.items()))
