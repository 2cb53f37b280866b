"""ledger -> policy -> ledger: look at each account that is due, decide, write it down. Suspensions pass the brake first."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

import structlog

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.braking import Brake
from gatekeeper.ledger.batches import batches
from gatekeeper.ledger.engine import DatabaseUnavailable
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.verdicts import Verdicts
from gatekeeper.model import Facts, Reason, Standing, Verdict
from gatekeeper.policy.clocks import decide_in_its_time
from gatekeeper.policy.versions import RulesOf
from gatekeeper.policy.withhold import closes, withhold

_BATCH: Final = 200
_HOUR: Final = timedelta(hours=1)
_SOON: Final = timedelta(minutes=1)
_LOOK_AGAIN: Final = timedelta(minutes=10)

# Facts, what was decided of them, and why that may not climb
_Judged = tuple[Facts, Verdict, Reason | None]
_SILENT: Final = Reason(code="directory_silent")

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Looked:
    """What one review came to: how many accounts were looked at, each change of standing, and what was withheld from whom."""

    accounts: int = 0
    changed: list[tuple[str, Standing]] = field(default_factory=list)
    withheld: list[tuple[str, str]] = field(default_factory=list)

    def add(self, more: "Looked") -> None:
        self.accounts += more.accounts
        self.changed += more.changed
        self.withheld += more.withheld


class People(Protocol):
    """Whoever knows the people of an account better than the ledger: the product's directory."""

    def is_fresh(self, facts: Facts, now: datetime) -> bool: ...

    def refresh(self, account_id: str, now: datetime) -> bool: ...


class Review:
    """`rules_of` says by which rules an account is judged, `read_again` reads one invoice from the biller now, `withheld` says
    why nothing may climb at this moment, if so. `people`: asked before anybody is written to, and before anything is closed.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        verdicts: Verdicts,
        rules_of: RulesOf,
        brake: Brake,
        read_again: Callable[[str], None],
        withheld: Callable[[], Reason | None],
        clock: Callable[[], datetime],
        people: People | None = None,
    ) -> None:
        self._reader = reader
        self._verdicts = verdicts
        self._rules_of = rules_of
        self._people = people
        self._brake = brake
        self._read_again = read_again
        self._withheld = withheld
        self._clock = clock
        self._passed_over: dict[str, datetime] = {}

    def run(self, now: datetime, only: Sequence[str] | None = None) -> Looked:
        """Look at every account that is due at `now`, or at the given ones."""
        looked = Looked()
        wanting: dict[str, Standing] = {}
        for ids in self._due(now, wanting) if only is None else batches(only, _BATCH):
            self._guarded(ids, now, lambda some: self._look_at(some, now, looked, wanting))
        if wanting and not self._brake_holds(wanting, looked):
            for account_id in wanting:
                self._guarded([account_id], now, lambda one: self._suspend(one[0], looked))
        return looked

    def _due(self, now: datetime, wanting: Collection[str]) -> Iterator[list[str]]:
        """Batches of accounts until none is due but those that were passed over, and those that are found to be `wanting`."""
        self._passed_over = {account_id: until for account_id, until in self._passed_over.items() if until > now}
        seen = set(self._passed_over)
        while True:
            due = self._reader.due_accounts(now, _BATCH + len(self._passed_over) + len(wanting))
            ids = [account_id for account_id in due if account_id not in seen]
            if not ids:
                return
            seen.update(ids)
            yield ids

    def _guarded(self, ids: Sequence[str], now: datetime, work: Callable[[Sequence[str]], None]) -> None:
        """Work on these accounts; one that stops the work is passed over for an hour, and the others go on without it."""
        try:
            work(ids)
        except DatabaseUnavailable:
            raise
        except Exception:
            if len(ids) > 1:
                for account_id in ids:
                    self._guarded([account_id], now, work)
                return
            log.exception("account.passed_over", account=ids[0])
            self._passed_over[ids[0]] = now + _HOUR

    def _look_at(self, ids: Sequence[str], now: datetime, looked: Looked, wanting: dict[str, Standing]) -> None:
        """Write down what becomes of these accounts, but for those `wanting` to be suspended: those, with where they stand."""
        why = self._withheld()
        judged: list[_Judged] = []
        for known in self._reader.facts(ids):
            facts, verdict = self._introduced(known, self._decide(known, now), now)
            if not _wants_suspension(facts, verdict):
                judged.append((facts, verdict, why))
            elif why is None:
                wanting[facts.account_id] = facts.standing
            else:
                judged.append((facts, _suspension(verdict, look_again_at=now + _HOUR), why))
        self._record(judged, now, looked)

    def _decide(self, facts: Facts, now: datetime) -> Verdict:
        """The verdict; an account that cannot be judged keeps its standing and is looked at later, and the round goes on."""
        try:
            return decide_in_its_time(facts, self._rules_of(facts), now)
        except Exception:
            log.exception("account.undecided", account=facts.account_id)
            return Verdict(standing=facts.standing, reasons=(Reason(code="undecided"),), review_at=now + _HOUR)

    def _introduced(self, facts: Facts, verdict: Verdict, now: datetime) -> tuple[Facts, Verdict]:
        """The same, once the directory was asked who its people are: before anybody is written to, or anything is closed.

        Where it gives no answer, those who are known are written to (`_suspend` asks again, and closes nothing without one).
        Who has paid does not wait for its answer: the word that access is back goes to those who are known.
        """
        people = self._people
        if people is None or not (verdict.notices or _wants_suspension(facts, verdict)) or people.is_fresh(facts, now):
            return facts, verdict
        if closes(verdict.standing, facts.standing):
            return facts, verdict
        if not people.refresh(facts.account_id, now):
            return facts, verdict
        (facts,) = self._reader.facts([facts.account_id])
        return facts, self._decide(facts, now)

    def _brake_holds(self, wanting: Mapping[str, Standing], looked: Looked) -> bool:
        """Asked before the first suspension of a batch (rule 6). If it holds, none of them begins, and each says why."""
        why = self._brake.hold(wanting)
        if why is None:
            return False
        now = self._clock()
        for ids in batches(wanting, _BATCH):
            judged = [self._unless_it_climbs(facts, now, why, now + _LOOK_AGAIN) for facts in self._reader.facts(ids)]
            self._record(judged, now, looked)
        return True

    def _suspend(self, account_id: str, looked: Looked) -> None:
        """Suspend one account, if its invoices, read again now, still say so (rule 2)."""
        why = self._withheld()  # somebody may have halted us since the batch began
        if why is None:
            try:
                for facts in self._reader.facts([account_id]):
                    for invoice_id in self._decide(facts, self._clock()).read_first:
                        self._read_again(invoice_id)
            except SourceUnavailable as fault:
                log.warning("suspension.postponed", account=account_id, because=str(fault))
                why = Reason(code="distrust", params=(("why", str(fault)),))
        now = self._clock()
        for facts in self._reader.facts([account_id]):
            if why is None and self._people is not None and not self._people.is_fresh(facts, now):
                why = _SILENT
            self._record([self._unless_it_climbs(facts, now, why, now + _SOON)], now, looked)

    def _unless_it_climbs(self, facts: Facts, now: datetime, why: Reason | None, look_again_at: datetime) -> _Judged:
        """The account judged anew: a suspension gives way to `why`, if there is one, and is looked at again."""
        verdict = self._decide(facts, now)
        if not _wants_suspension(facts, verdict):
            return facts, verdict, None
        if why is not None:
            return facts, _suspension(verdict, look_again_at), why
        if verdict.read_first:  # the clock moved on while it was being read
            return facts, verdict._replace(review_at=look_again_at), None
        return facts, verdict, None

    def _record(self, judged: list[_Judged], now: datetime, looked: Looked) -> None:
        """Write a batch down, each verdict without its climb where something withholds that."""
        final = []
        for facts, verdict, why in judged:
            kept = verdict if why is None else withhold(verdict, facts, why)
            final.append((facts, kept, kept != verdict or bool(facts.distrust)))
        changed = set(self._verdicts.record(final, now, caps=self._brake.caps))
        looked.accounts += len(final)
        for facts, verdict, _ in final:
            account = {"account": facts.account_id, "because": [reason.code for reason in verdict.reasons]}
            for would in (dict(reason.params)["what"] for reason in verdict.reasons if reason.code == "would"):
                looked.withheld.append((facts.account_id, str(would)))
                log.info("account.withheld", would=would, **account)
            if facts.account_id in changed:
                looked.changed.append((facts.account_id, verdict.standing))
                log.info("account.standing", before=facts.standing, after=verdict.standing, **account)


def _wants_suspension(facts: Facts, verdict: Verdict) -> bool:
    return closes(facts.standing, verdict.standing) or bool(verdict.read_first)


def _suspension(verdict: Verdict, look_again_at: datetime) -> Verdict:
    """What this verdict comes to, for `withhold` to take away: access is not suspended, so it must not say so."""
    standing = verdict.would_be or verdict.standing
    reasons = tuple(reason for reason in verdict.reasons if reason.code != standing)
    return verdict._replace(standing=standing, reasons=reasons, read_first=(), would_be=None, review_at=look_again_at)
