"""The words of the house, as frozen values. If a word is not here (or in the design's list of words), it is not ours.

Instants are aware datetimes in UTC and end in `_at`; calendar dates end in `_on`; money is an integer of minor units beside
its ISO 4217 code in lower case, as Stripe writes it, and ends in `_minor`. Currencies are never added together.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
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
    """A step of the ladder, or `RESTORED`: the word that access is back, which is sent off the ladder."""

    REMINDER = "reminder"
    WARNING = "warning"
    SUSPEND = "suspend"
    RESTORED = "restored"


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


class Mode(StrEnum):
    """`DRY_RUN` says what it would do and does nothing that climbs; `ARMED` does it."""

    DRY_RUN = "dry_run"
    ARMED = "armed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in minor units of one currency (ISO 4217, lower case)."""

    minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The biller's customer, in our words. `account_id` is None where the customer names no account of the product."""

    id: str
    account_id: str | None
    name: str = ""
    locale: str | None = None
    addresses: tuple[tuple[Audience, str], ...] = ()
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One claim of the biller, as last read at `read_at`.

    `status` is Stripe's (`draft open paid void uncollectible`), and open to words that Stripe adds later. `lineage` is the
    id of the first invoice of a chain of revisions: what was said about one of the chain was said about all of it.
    `processing_since_at`: since when a payment of it has been seen on its way
    (bank debits take days); `processing_ended_at`: when the last such payment was seen to have failed.
    """

    id: str
    customer_id: str
    status: str
    currency: str
    total_minor: int
    remaining_minor: int
    created_at: datetime
    read_at: datetime
    account_id: str = ""
    number: str = ""
    lineage: str = ""
    replaced_by: str | None = None
    finalized_at: datetime | None = None
    due_at: datetime | None = None
    automatic: bool = False
    attempted: bool = False
    next_attempt_at: datetime | None = None
    billing_reason: str = ""
    processing_since_at: datetime | None = None
    processing_ended_at: datetime | None = None
    pay_token: str = ""

    @property
    def owed(self) -> bool:
        """Rule 5 of facts/stripe.md: debt is `open` with something remaining, whatever else the object says."""
        return self.status == "open" and self.remaining_minor > 0

    @property
    def remaining(self) -> Money:
        return Money(minor=self.remaining_minor, currency=self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One invoice and its customer as the biller showed them in one answer."""

    invoice: Invoice
    customer: Customer


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose books these are: the biller's account id, and whether they are the live ones."""

    account: str
    livemode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person of the account who can be written to."""

    audience: Audience
    address: str
    name: str = ""
    locale: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message of one step to one person. `named` holds the lineages of the invoices that it names."""

    id: int
    account_id: str
    case_id: int
    step: Step
    occasion: int
    audiences: tuple[Audience, ...]
    address: str
    state: NoticeState
    planned_at: datetime
    named: tuple[str, ...] = ()
    suspend_on: date | None = None
    accepted_at: datetime | None = None
    message_id: str = ""
    attempts: int = 0
    next_try_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedNotice:
    """What a verdict asks to be written to one person; `occasion` counts repeats of a step within a case."""

    step: Step
    occasion: int
    audiences: tuple[Audience, ...]
    address: str
    named: tuple[str, ...]
    suspend_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A whitelist entry: never suspended nor written to until the end of `until_on`."""

    until_on: date
    reason: str
    author: str
    set_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A promise to pay by the end of `due_on`."""

    due_on: date
    by: str
    set_at: datetime
    amount: Money | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of one account at one moment.

    `notices` are those of the running case. `reopened_at`: when staff last opened a suspended account by hand.
    `distrust` says why the billing system's word cannot be taken at the moment (empty: it can).
    `watched_since_at`: the first complete reading of the books; older debts may be none of ours.
    """

    account_id: str
    standing: Standing
    invoices: tuple[Invoice, ...] = ()
    contacts: tuple[Contact, ...] = ()
    case_id: int | None = None
    case_opened_at: datetime | None = None
    notices: tuple[Notice, ...] = ()
    exemptions: tuple[Exemption, ...] = ()
    promises: tuple[Promise, ...] = ()
    reopened_at: datetime | None = None
    mapped: bool = True
    distrust: str = ""
    watched_since_at: datetime | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason of a verdict: a code of `policy.explain` and what its sentence needs."""

    code: str
    params: tuple[tuple[str, str | int | date | datetime | Money], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the policy says of one account's facts.

    `read_first`: invoices that must be read from the biller again before suspension can be decided (design, rule 2).
    """

    standing: Standing
    reasons: tuple[Reason, ...]
    notices: tuple[PlannedNotice, ...] = ()
    review_at: datetime | None = None
    read_first: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one attempt to deliver a notice ended: `ACCEPTED`, `DEFERRED`, `REFUSED` or `UNCERTAIN`, and the server's words."""

    state: NoticeState
    detail: str = ""


def is_account_id(text: str) -> bool:
    """Whether an edge can name this account: 1 to 128 printable ASCII characters, but space, comma and quotes (case 83).

    An account whose id is none could be suspended here and never be closed at the gate.
    """
    return bool(_ACCOUNT_ID.fullmatch(text))


def sums(amounts: Iterable[Money]) -> tuple[Money, ...]:
    """One amount a currency, in the order of the codes."""
    totals: dict[str, int] = {}
    for amount in amounts:
        totals[amount.currency] = totals.get(amount.currency, 0) + amount.minor
    return tuple(Money(minor=minor, currency=currency) for currency, minor in sorted(totals.items()))
