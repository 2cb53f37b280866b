"""Whether a planned notice is still true at the moment when it is sent, and what it names then (case 60)."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from gatekeeper.model import Audience, Facts, Invoice, Notice, NoticeState, Origin, Promise, Standing, Step
from gatekeeper.policy import holds
from gatekeeper.policy.beside import is_unreachable, unreached
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.climbing import closing_after
from gatekeeper.policy.evidence import CLOSED, Evidence
from gatekeeper.policy.overdue import debts, in_process
from gatekeeper.policy.rules import CLOSING, Rules
from gatekeeper.policy.selfservice import ASKED, TO_STAFF
from gatekeeper.policy.versions import retold
from gatekeeper.policy.writing import people

_MAY_WAIT: Final = (Step.COURTESY, Step.REMINDER, Step.UNREACHABLE)
_BETWEEN_LETTERS: Final = timedelta(days=1)
_SOON: Final = timedelta(days=30)
_JUST_NOW: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a notice says: the invoices that it is about, and those that fall due soon after.

    `suspend_on`, `closes`, `leaves_open`: of a warning, what is closed on which day, and what stays open. `closed_on`: since
    when that is so, in the word of it. `promise`: the one that is confirmed, or, in the first warning since, the one that was
    not kept. `unreached`: the addresses of `unreached_audience` that failed.
    """

    invoices: tuple[Invoice, ...] = ()
    soon: tuple[Invoice, ...] = ()
    suspend_on: date | None = None
    closes: Step = Step.SUSPEND
    leaves_open: tuple[str, ...] = ()
    closed_on: date | None = None
    promise: Promise | None = None
    unreached: tuple[str, ...] = ()
    unreached_audience: Audience | None = None

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(invoice.lineage for invoice in self.invoices)


def read_first(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> tuple[str, ...]:
    """The ids of the invoices that `notice` would name, unless read just now: who has paid gets no letter (case 60).

    What staff is told does not wait for the biller.
    """
    if notice.step in TO_STAFF:
        return ()
    oldest = now - _JUST_NOW
    about = _about(notice, facts, rules, now)
    return tuple(
        one.id
        for one in (*about, *_soon(about, facts, rules, now))
        if one.origin is not Origin.STATEMENT and not oldest <= one.read_at <= now
    )


def not_before(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> datetime:
    """From when on this notice may go out: in the hours for letters, and what can wait not within a day of another (P17).

    A warning has a day to name, a promise is confirmed on the same day, and whoever meets a closed door must be able to read
    why. Good news may come at any hour, and so may a word to staff. What somebody asked for waits for no other letter, nor
    another for it: else a button could keep the ladder from going on.
    """
    if notice.step is Step.RESTORED or notice.step in TO_STAFF:
        return now
    if notice.step not in _MAY_WAIT:
        return rules.contact_at(now)
    accepted = [one for one in facts.notices if one.address == notice.address and one.state is NoticeState.ACCEPTED]
    unasked = [one for one in accepted if one.step not in ASKED]
    before = [one.accepted_at + _BETWEEN_LETTERS for one in unasked if one.accepted_at is not None]
    return rules.contact_at(max([now, *before]))


def content_now(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> Content | None:
    """What `notice` has to say at `now`; None: it is no longer true, or no longer for this person, and is not sent."""
    *others, notice = retold((*facts.notices, notice), rules)
    facts = replace(facts, notices=tuple(others))
    about = _about(notice, facts, rules, now)
    if notice.step in TO_STAFF:
        return Content(invoices=about) if about else None
    if notice.address not in people(facts):
        return None
    if notice.step is Step.RESTORED:
        content = None if facts.standing in CLOSED else Content(invoices=about)
    elif not about or _is_held(notice, facts, rules, now):
        content = None
    elif notice.step is Step.COURTESY:
        content = Content(invoices=about) if _is_about(notice, about) else None
    else:
        content = _of_the_case(notice, facts, rules, now, about) if facts.case_id == notice.case_id else None
    return content and replace(content, soon=_soon(about, facts, rules, now))


def _of_the_case(notice: Notice, facts: Facts, rules: Rules, now: datetime, about: tuple[Invoice, ...]) -> Content | None:
    if notice.step in ASKED:
        return Content(invoices=about)
    if notice.step in CLOSING:
        return _closed(notice, facts, rules, about)
    if notice.step is Step.PROMISED:
        return _promised(notice, facts, rules, now, about)
    if notice.step is Step.UNREACHABLE:
        return _unreached(notice, facts, about)
    return _of_the_ladder(notice, facts, rules, now, about)


def _of_the_ladder(notice: Notice, facts: Facts, rules: Rules, now: datetime, about: tuple[Invoice, ...]) -> Content | None:
    """Nothing for an account that is closed already; and nothing that would not count as its step."""
    if facts.standing is Standing.SUSPENDED or not _is_about(notice, about):
        return None
    content = _content(notice, facts, rules, now, about)
    return content if content is not None and _would_count(notice, content, facts, rules, now) else None


def _closed(notice: Notice, facts: Facts, rules: Rules, about: tuple[Invoice, ...]) -> Content | None:
    """Nothing where access is open again, or where more of it is closed by now."""
    standing = Standing.SUSPENDED if notice.step is Step.SUSPEND else Standing.RESTRICTED
    if facts.standing is not standing or facts.standing_since_at is None:
        return None
    closed_on = day_of(facts.standing_since_at, rules.time_zone)
    return Content(invoices=about, closes=notice.step, leaves_open=rules.leaves_open, closed_on=closed_on)


def _promised(notice: Notice, facts: Facts, rules: Rules, now: datetime, about: tuple[Invoice, ...]) -> Content | None:
    """Nothing where another promise took its place, or something else holds the account for longer."""
    number, promise = holds.promised(facts, rules, now) or (0, None)
    return Content(invoices=about, promise=promise) if number == notice.occasion else None


def _unreached(notice: Notice, facts: Facts, about: tuple[Invoice, ...]) -> Content | None:
    """Nothing where somebody of the missing audience can be reached again."""
    audience = Audience(notice.name)
    if not is_unreachable(facts, audience):
        return None
    return Content(invoices=about, unreached=unreached(facts, audience), unreached_audience=audience)


def _about(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> tuple[Invoice, ...]:
    """What this notice is about: what is overdue now, or, of a courtesy, what it named and is still to fall due.

    Word of what becomes of access names whatever is still owed beside that: written off, or with a payment on its way.
    """
    debt = debts(facts, rules, now)
    if notice.step is Step.COURTESY:
        return tuple(one for _, one in debt.upcoming if one.lineage in notice.named) if not debt.counted else ()
    if notice.step in CLOSING or notice.step in ASKED:
        return debt.counted + debt.written_off
    if notice.step in TO_STAFF:
        return debt.counted + debt.written_off + debt.processing
    return debt.counted + debt.processing if notice.step is Step.RESTORED else debt.counted


def _soon(about: tuple[Invoice, ...], facts: Facts, rules: Rules, now: datetime) -> tuple[Invoice, ...]:
    """What falls due within 30 days, beside what the notice is about: one letter says it all (practice P11)."""
    if not about:
        return ()
    upcoming = [one for start, one in debts(facts, rules, now).upcoming if start <= now + _SOON]
    return tuple(one for one in upcoming if one not in about and not in_process(one, rules, now))


def _is_about(notice: Notice, about: tuple[Invoice, ...]) -> bool:
    """Whether it is about any of the invoices for which it was planned."""
    return any(invoice.lineage in notice.named for invoice in about)


def _is_held(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> bool:
    if holds.dispute(facts) is not None:
        return True
    if holds.running(facts, rules, now) is not None:
        return notice.step is not Step.PROMISED
    return notice.step is Step.WARNING and holds.from_suspension(facts, rules, now) is not None


def _content(notice: Notice, facts: Facts, rules: Rules, now: datetime, about: tuple[Invoice, ...]) -> Content | None:
    """Of a warning the day is never earlier than was planned, nor than the span that is promised until then."""
    if notice.step is not Step.WARNING:
        return Content(invoices=about)
    place = rules.place_of(notice)
    closes_at = closing_after(rules, place, about[0], now) if place >= 0 else None
    if closes_at is None:
        return None
    earliest = day_of(closes_at, rules.time_zone)
    return Content(
        invoices=about,
        suspend_on=max(earliest, notice.suspend_on or earliest),
        closes=rules.announced(place),
        leaves_open=rules.leaves_open,
        promise=_broken(notice, facts, rules, now),
    )


def _broken(notice: Notice, facts: Facts, rules: Rules, now: datetime) -> Promise | None:
    """The promise that was not kept, unless an earlier warning has said so."""
    found = holds.broken_promise(facts, rules, now)
    if found is None:
        return None
    broken, at = found
    warned = [one for one in facts.notices if one.step is Step.WARNING and one.state is NoticeState.ACCEPTED]
    return None if any(at <= one.planned_at < notice.planned_at for one in warned) else broken


def _would_count(notice: Notice, content: Content, facts: Facts, rules: Rules, now: datetime) -> bool:
    """Whether this letter, accepted now, would be a step of the ladder: a warning that permits nothing only frightens.

    The last step of a ladder that ends with a letter ends a climb, which then leads no longer.
    """
    place = rules.place_of(notice)
    sent = replace(notice, state=NoticeState.ACCEPTED, accepted_at=now, named=content.named, suspend_on=content.suspend_on)
    others = tuple(one for one in facts.notices if rules.place_of(one) != place)
    evidence = Evidence(facts, content.invoices, rules, holds.ends(facts, rules), (*others, sent))
    ended = [climb for climb in evidence.climbs if climb.place == len(rules.steps)]
    return any(sent in told.notices for climb in (evidence.lead(), *ended) if climb is not None for told in climb.told)
