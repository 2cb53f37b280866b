"""The evidence sheet of one account: who was told what and when, what the mail server answered, and what was done why.

For whoever has to judge, years later and without us, whether access was closed fairly. Plain values, oldest first, in UTC.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from gatekeeper.model import Invoice, Money, Notice, Reason
from gatekeeper.model.record import Entry, Record, Spell
from gatekeeper.policy.explain import SENTENCES
from gatekeeper.wording.views import mask, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One notice. `state` and `answer` are those of the last of its `attempts`; a mail server's log knows its `message_id`."""

    id: int
    step: str
    person: str
    audiences: tuple[str, ...]
    planned_at: datetime
    attempts: int
    state: str
    accepted_at: datetime | None
    answer: str
    closes: str
    day_named: date | None
    invoices: tuple[str, ...]
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that was done to the account: by whom, and why. `kind`: `standing`, or what staff did."""

    at: datetime
    kind: str
    before: str
    after: str
    actor: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An invoice that was named to somebody, as it is now."""

    number: str
    total: Money
    remaining: Money
    due_at: datetime | None
    status: str
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """One case; or, where `opened_at` is None, what belongs to none."""

    opened_at: datetime | None
    closed_at: datetime | None
    claims: tuple[Claim, ...]
    messages: tuple[Message, ...]
    acts: tuple[Act, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`masked`: addresses are shown as `a•••@example.com`."""

    account: str
    name: str
    standing: str
    standing_since_at: datetime | None
    made_at: datetime
    masked: bool
    chapters: tuple[Chapter, ...]


def evidence(record: Record, sentence: Callable[[Reason], str], *, now: datetime, masked: bool) -> Evidence:
    """The sheet of a record; `sentence` says a reason of a verdict in words."""
    chapters = [_chapter(None, record, sentence, masked=masked)]
    chapters += [_chapter(spell, record, sentence, masked=masked) for spell in record.spells]
    return Evidence(
        account=record.account_id,
        name=plain(record.name),
        standing=record.standing,
        standing_since_at=record.standing_since_at,
        made_at=now,
        masked=masked,
        chapters=tuple(chapter for chapter in chapters if chapter.opened_at or chapter.messages or chapter.acts),
    )


def _chapter(spell: Spell | None, record: Record, sentence: Callable[[Reason], str], *, masked: bool) -> Chapter:
    said = [notice for notice in record.notices if notice.case_id == (spell.id if spell else None)]
    named = {lineage for notice in said for lineage in notice.named}
    revisions = sorted(record.invoices, key=lambda one: (one.created_at, one.id))
    claims = {invoice.lineage: invoice for invoice in revisions if invoice.lineage in named}  # of each the newest
    return Chapter(
        opened_at=spell.opened_at if spell else None,
        closed_at=spell.closed_at if spell else None,
        claims=tuple(_claim(invoice) for invoice in claims.values()),
        messages=tuple(_message(notice, claims, masked=masked) for notice in said),
        acts=tuple(_act(entry, sentence) for entry in record.entries if _spell_of(entry, record.spells) == spell),
    )


def _spell_of(entry: Entry, spells: Iterable[Spell]) -> Spell | None:
    """Its own case, else the one that was running: what staff do is done to an account."""
    own = [one for one in spells if one.id == entry.case_id]
    running = [one for one in spells if one.opened_at <= entry.at and (one.closed_at is None or entry.at <= one.closed_at)]
    return next(iter(own + running), None)


def _message(notice: Notice, claims: dict[str, Invoice], *, masked: bool) -> Message:
    return Message(
        id=notice.id,
        step=notice.step,
        person=mask(notice.address) if masked else plain(notice.address),
        audiences=tuple(notice.audiences),
        planned_at=notice.planned_at,
        attempts=notice.attempts,
        state=notice.state,
        accepted_at=notice.accepted_at,
        answer=plain(notice.detail),
        closes=notice.closes or "",
        day_named=notice.suspend_on,
        invoices=tuple(_number(claims[lineage]) if lineage in claims else lineage for lineage in notice.named),
        message_id=notice.message_id,
    )


def _claim(invoice: Invoice) -> Claim:
    return Claim(
        number=_number(invoice),
        total=Money(minor=invoice.total_minor, currency=invoice.currency),
        remaining=invoice.remaining,
        due_at=invoice.due_at,
        status=invoice.status,
        settled_at=invoice.settled_at,
    )


def _number(invoice: Invoice) -> str:
    return plain(invoice.number) or invoice.id


def _act(entry: Entry, sentence: Callable[[Reason], str]) -> Act:
    def words(reason: Reason) -> str:
        if entry.kind == "standing" and reason.code in SENTENCES:
            return sentence(reason)
        said = dict(reason.params)
        return plain(str(said.get("what", reason.code)))

    return Act(
        at=entry.at,
        kind=entry.kind,
        before=entry.before,
        after=entry.after,
        actor=entry.actor,
        why=tuple(words(reason) for reason in entry.reasons),
    )
