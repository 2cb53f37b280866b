"""What happens to whom in the coming days if nobody pays: the proof before `arm`, and what to look at on a Monday morning."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Final

from gatekeeper.ledger.history import History
from gatekeeper.model import Audience, Facts, Reason
from gatekeeper.policy import brake
from gatekeeper.policy.calendar import day_of, end_of_day
from gatekeeper.policy.clocks import in_its_time
from gatekeeper.policy.forecast import Change, Forecast, Letter, forecast
from gatekeeper.policy.versions import RulesOf

_STRETCH: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One thing that happens to one account: a letter of `step` to so many people, or a change of standing.

    `at` and `on` are in the time that the account lives in, which a Stripe test clock may set.
    """

    at: datetime
    on: date
    account_id: str
    name: str = ""
    what: str
    step_name: str = ""
    audiences: tuple[Audience, ...] = ()
    letters: int = 0
    suspend_on: date | None = None
    closes: bool = False


@dataclass(slots=True)
class Plan:
    """`unreachable`: accounts that stop on their way because somebody cannot be told. `given_up`: those that never rest."""

    planned: list[Planned] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)

    def counts(self) -> dict[date, Counter[str]]:
        """For each day on which something happens: to how many accounts each thing does."""
        met: dict[date, set[tuple[str, str]]] = {}
        for one in self.planned:
            met.setdefault(one.on, set()).add((one.what, one.account_id))
        return {on: Counter(what for what, _ in met[on]) for on in sorted(met)}

    def brake_holds(self, caps: brake.Caps) -> tuple[datetime, Reason] | None:
        """When so much is to be closed at once that the brake would hold it; what is planned behind that waits for a person."""
        log: list[brake.Entry] = []
        closings = [one.at for one in self.planned if one.closes]
        for at, batch in groupby(sorted(closings)):
            wanted = len(list(batch))
            log = [entry for entry in log if entry.at >= at - brake.LOG_GOES_BACK]
            reason = brake.too_many(wanted, brake.usage(log, at), caps)
            if reason is not None:
                return at, reason
            log += [brake.Entry(at=at)] * wanted
        return None


def plan(history: History, rules_of: RulesOf, now: datetime, days: int, zone: tzinfo, *, stretch: int = _STRETCH) -> Plan:
    """The rest of today and the `days` after it. Only accounts that owe something, or are not current, are asked."""
    made = Plan()
    ends_at = end_of_day(day_of(now, zone) + timedelta(days=days), zone)
    for part in history.stretches(stretch):
        found: list[Planned] = []
        for facts in history.concerned(part):
            known, starts_at = in_its_time(facts, now)
            seen = forecast(known, rules_of, starts_at, starts_at + (ends_at - now))
            found += _planned(facts, seen, zone)
            if seen.cut_off_at is not None:
                made.given_up.append(facts.account_id)
            if any(reason.code == "unreachable" for reason in seen.verdict.reasons):
                made.unreachable.append(facts.account_id)
        names = history.names(sorted({one.account_id for one in found}))
        made.planned += [replace(one, name=names.get(one.account_id, "")) for one in found]
    made.planned.sort(key=lambda one: (one.on, one.account_id, one.at))
    return made


def _planned(facts: Facts, seen: Forecast, zone: tzinfo) -> Iterator[Planned]:
    """Letters of one step to several people at one moment are one entry."""
    for _, together in groupby(seen.happenings, key=_occasion):
        first, *others = together
        if isinstance(first, Change):
            what, closes = first.after.value, first.closes
            yield Planned(at=first.at, on=day_of(first.at, zone), account_id=facts.account_id, what=what, closes=closes)
            continue
        letters = [first, *(one for one in others if isinstance(one, Letter))]
        told = {audience for letter in letters for audience in letter.audiences}
        yield Planned(
            at=first.at,
            on=day_of(first.at, zone),
            account_id=facts.account_id,
            what=first.step.value,
            step_name=first.name,
            audiences=tuple(audience for audience in Audience if audience in told),
            letters=len(letters),
            suspend_on=first.suspend_on,
        )


def _occasion(one: Letter | Change) -> tuple[datetime, str, str]:
    return (one.at, one.step.value, one.name) if isinstance(one, Letter) else (one.at, one.after.value, "")
