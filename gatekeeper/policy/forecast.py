"""What a policy would do with an account: `decide`, asked at every instant at which it wants to be asked. No rule stands here.

What a forecast takes for granted: every letter is accepted at the moment at which it is planned, every reading of the billing
system succeeds, and nothing happens to the account but what is told as news. So a plan says what happens if nobody pays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, Final

from gatekeeper.model import Audience, Facts, Notice, NoticeState, PlannedNotice, Standing, Step, Verdict
from gatekeeper.policy.decide import decide
from gatekeeper.policy.evidence import CLOSED
from gatekeeper.policy.overdue import debts
from gatekeeper.policy.rules import CLOSING, LETTERS, Rules
from gatekeeper.policy.sending import Content, content_now
from gatekeeper.policy.versions import RulesOf

_A_DAY: Final = timedelta(days=1)
_EVER: Final = timedelta(days=36_500)
_MOST_LOOKS: Final = 2_000
_MOST_LOOKS_AT_ONCE: Final = 20

News = tuple[datetime, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter to one person, planned and accepted at `at`; `name` is that of its step in the policy.

    Those that say that access was closed are left out: a `Change` is told in their place.
    """

    at: datetime
    step: Step
    name: str
    audiences: tuple[Audience, ...]
    address: str
    suspend_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of standing. `overdue`: where it closes access, the ids of the invoices because of which it does."""

    at: datetime
    before: Standing
    after: Standing
    overdue: tuple[str, ...] = ()

    @property
    def closes(self) -> bool:
        return self.after in CLOSED and (self.before not in CLOSED or self.after is Standing.SUSPENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What happens, in its order; the last verdict; and when the account was given up because it asked for ever more looks."""

    happenings: tuple[Letter | Change, ...]
    verdict: Verdict
    cut_off_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """The accounts that a new policy would write to within a span, or close, and the old one would not; in their order."""

    written: tuple[str, ...]
    closed: tuple[str, ...]

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.written, *self.closed)))


def forecast(facts: Facts, rules_of: RulesOf, now: datetime, until: datetime, news: Sequence[News] = ()) -> Forecast:
    """What becomes of the account, under the rules that `rules_of` says are its own, from `now` until before `until`.

    `news`: in the order of their instants, what fields of the facts say from then on. What gatekeeper itself keeps of an
    account (standing, case, notices) is never news: the forecast comes to it.
    """
    account, at, heard = _Account(facts, rules_of), now, 0
    while True:
        while heard < len(news) and news[heard][0] <= at:
            account.hear(news[heard][1])
            heard += 1
        looks = [account.live_through(at)] + [news_at for news_at, _ in news[heard : heard + 1]]
        next_at = min((look for look in looks if look is not None), default=None)
        if next_at is None or next_at >= until:
            return Forecast(happenings=tuple(account.happenings), verdict=account.verdict)
        if next_at <= at or account.looks > _MOST_LOOKS:
            return Forecast(happenings=tuple(account.happenings), verdict=account.verdict, cut_off_at=at)
        at = next_at


def jump(old: RulesOf, new: RulesOf, accounts: Iterable[Facts], now: datetime, within: timedelta = _A_DAY) -> Jump:
    """What changes at once if `new` takes the place of `old` (case 125)."""
    written, closed = [], []
    for facts in accounts:
        after = forecast(facts, new, now, now + within)
        if not after.happenings:
            continue
        before = forecast(facts, old, now, now + within)
        if _writes(after) and not _writes(before):
            written.append(facts.account_id)
        if _closes(after) and not _closes(before):
            closed.append(facts.account_id)
    return Jump(written=tuple(written), closed=tuple(closed))


def _writes(seen: Forecast) -> bool:
    return any(isinstance(one, Letter) and one.step in LETTERS for one in seen.happenings)


def _closes(seen: Forecast) -> bool:
    return any(isinstance(one, Change) and one.closes for one in seen.happenings)


class _Account:
    """An account that lives through a forecast: it does in memory what worker, post and ledger do with a verdict."""

    def __init__(self, facts: Facts, rules_of: RulesOf) -> None:
        self.happenings: list[Letter | Change] = []
        self.verdict = Verdict(standing=facts.standing, reasons=())
        self.looks = 0
        self._facts = replace(facts, distrust="") if facts.distrust else facts
        self._rules_of = rules_of
        self._case_ids = count(1 + (facts.case_id or 0))
        self._stated = self._followed = Rules()
        self._notice_ids = count(1 + max((notice.id for notice in facts.notices), default=0))

    def hear(self, news: Mapping[str, Any]) -> None:
        self._facts = replace(self._facts, **news)

    def live_through(self, at: datetime) -> datetime | None:
        """Look at the account until there is nothing more to do at `at`; when to look again (`at`: it never comes to rest)."""
        for _ in range(_MOST_LOOKS_AT_ONCE):
            rules = self._rules(self._rules_of(self._facts))
            self.verdict = decide(self._facts, rules, at)
            self.looks += 1
            if not self._carry_out(self.verdict, rules, at):
                return self.verdict.review_at
        return at

    def _rules(self, stated: Rules) -> Rules:
        """The rules as they work where whatever has to be read first is read at once."""
        if stated is not self._stated:
            self._stated, self._followed = stated, replace(stated, fresh_for=_EVER, statement_fresh_for=_EVER)
        return self._followed

    def _carry_out(self, verdict: Verdict, rules: Rules, at: datetime) -> bool:
        """Whether something came of it because of which the account is looked at again at once."""
        standing_before = self._facts.standing
        known: dict[str, Any] = {}
        if verdict.standing is not standing_before:
            self.happenings.append(_change(self._facts, verdict.standing, rules, at))
            known = {"standing": verdict.standing, "standing_since_at": at}
        if verdict.standing is not Standing.CURRENT and self._facts.case_id is None:
            known |= {"case_id": next(self._case_ids), "case_opened_at": at}
            known |= {"policy": verdict.policy, "case_segment": verdict.segment}
        if known:
            self._facts = replace(self._facts, **known)
        sent = self._post(verdict, rules, at) if verdict.notices else ()
        if verdict.standing is Standing.CURRENT and self._facts.case_id is not None:
            courtesies = tuple(notice for notice in self._facts.notices if notice.case_id is None)
            ended: dict[str, Any] = {"case_id": None, "case_opened_at": None, "policy": "", "case_segment": None}
            self._facts = replace(self._facts, notices=courtesies, **ended)
        restricted = verdict.standing is Standing.RESTRICTED and standing_before is not Standing.RESTRICTED
        return restricted or any(notice.step in LETTERS for notice in sent)

    def _post(self, verdict: Verdict, rules: Rules, at: datetime) -> list[Notice]:
        """Send the letters that this verdict plans; those that are still true when the post takes them are returned."""
        facts = self._facts
        written = {(n.case_id, n.step, n.name, n.occasion, n.address) for n in facts.notices}
        kept, sent = list(facts.notices), []
        contents: dict[tuple[object, ...], Content | None] = {}
        for asked in verdict.notices:
            case_id = None if asked.step is Step.COURTESY else facts.case_id
            if case_id is not None and (case_id, asked.step, asked.name, asked.occasion, asked.address) in written:
                continue
            notice = _accepted(asked, facts.account_id, case_id, next(self._notice_ids), at)
            # A step says the same to everybody
            about = (notice.step, notice.name, notice.named, notice.suspend_on)
            if about not in contents:
                contents[about] = content_now(notice, facts, rules, at)
            content = contents[about]
            if content is None:
                kept.append(replace(notice, state=NoticeState.WITHDRAWN, accepted_at=None))
                continue
            if (content.named, content.suspend_on) != (notice.named, notice.suspend_on):
                notice = replace(notice, named=content.named, suspend_on=content.suspend_on)
            kept.append(notice)
            sent.append(notice)
            if notice.step not in CLOSING:  # the change itself says it
                self.happenings.append(_letter(notice, at))
        self._facts = replace(facts, notices=tuple(kept))
        return sent


def _change(facts: Facts, standing: Standing, rules: Rules, at: datetime) -> Change:
    overdue = debts(facts, rules, at).counted if standing in CLOSED else ()
    return Change(at=at, before=facts.standing, after=standing, overdue=tuple(invoice.id for invoice in overdue))


def _accepted(asked: PlannedNotice, account_id: str, case_id: int | None, number: int, at: datetime) -> Notice:
    return Notice(
        id=number,
        account_id=account_id,
        case_id=case_id,
        step=asked.step,
        name=asked.name,
        occasion=asked.occasion,
        audiences=asked.audiences,
        address=asked.address,
        state=NoticeState.ACCEPTED,
        planned_at=at,
        accepted_at=at,
        named=asked.named,
        suspend_on=asked.suspend_on,
        closes=asked.closes,
    )


def _letter(notice: Notice, at: datetime) -> Letter:
    return Letter(
        at=at,
        step=notice.step,
        name=notice.name,
        audiences=notice.audiences,
        address=notice.address,
        suspend_on=notice.suspend_on,
    )
