"""What is known of one account."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from gatekeeper.model.billing import Dispute, Invoice
from gatekeeper.model.words import Audience, Money, NoticeState, Origin, Scope, Standing, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person of the account who can be written to; who said so, and when."""

    audience: Audience
    address: str
    name: str = ""
    locale: str | None = None
    origin: Origin = Origin.STRIPE
    set_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message of one step to one person. `named` holds the lineages of the invoices that it names.

    `name`: of the step in its policy, where it may have several of a kind. A courtesy comes before any case: `case_id` is None.
    `closes`: what a warning announced, `RESTRICT` or `SUSPEND`: it permits nothing else.
    """

    id: int
    account_id: str
    case_id: int | None
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
    name: str = ""
    closes: Step | None = None


class PlannedNotice(NamedTuple):
    """What a verdict asks to be written to one person; `occasion` counts those of a kind of step within a case."""

    step: Step
    occasion: int
    audiences: tuple[Audience, ...]
    address: str
    named: tuple[str, ...]
    suspend_on: date | None = None
    name: str = ""
    closes: Step | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A whitelist entry, to the end of `until_on`; or, where `staff_hold`, a pause while staff looks into something."""

    until_on: date
    reason: str
    author: str
    set_at: datetime
    ended_at: datetime | None = None
    scope: Scope = Scope.CONTACT
    staff_hold: bool = False


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

    `notices` are those of the running case, and the courtesies of late. `reopened_at`: when staff last opened it by hand.
    `distrust` says why the billing system's word cannot be taken at the moment (empty: it can).
    `watched_since_at`: the first complete reading of the books; older debts may be none of ours.
    `policy`, `case_segment`: the version of the policy, and the segment of it, that the running case began with.
    `segment`: the one that the product names for this account. `paid_in_time`, `paid_late`: its invoices that were settled by
    payment, within the last year. `clock_at`: the time of the Stripe test clock that it lives by. `directory_at`: when the
    product's own directory was last asked about its people with success.
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
    standing_since_at: datetime | None = None
    disputes: tuple[Dispute, ...] = ()
    country: str = ""
    time_zone: str = ""
    plan: str = ""
    tags: tuple[str, ...] = ()
    segment: str = ""
    paid_in_time: int = 0
    paid_late: int = 0
    policy: str = ""
    case_segment: str | None = None
    clock_at: datetime | None = None
    directory_at: datetime | None = None
