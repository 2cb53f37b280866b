"""ledger -> policy -> ledger: look at each account that is due, decide, write it down. Suspensions pass the brake first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.verdicts import Verdicts
from gatekeeper.model import Facts, Reason, Standing, Verdict
from gatekeeper.policy import brake
from gatekeeper.policy.decide import decide
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.withhold import withhold

_BATCH: Final = 200
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_SOON: Final = timedelta(minutes=1)
_LOOK_AGAIN: Final = timedelta(minutes=10)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Looked:
    """What one review came to: how many accounts were looked at, each change of standing, and what was withheld from whom."""

    accounts: int = 0
    changed: list[tuple[str, Standing]] = field(default_factory=list)
    withheld: list[tuple[str, str]] = field(default_factory=list)


class Review:
    """`read_again` reads one invoice from the biller now; `clock` says when that was."""

    def __init__(
        self,
        *,
        reader: Reader,
        verdicts: Verdicts,
        rules: Rules,
        caps: brake.Caps,
        read_again: Callable[[str], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._reader = reader
        self._verdicts = verdicts
        self._rules = rules
        self._caps = caps
        self._read_again = read_again
        self._clock = clock

    def run(self, now: datetime, withheld: Reason | None, only: Sequence[str] | None = None) -> Looked:
        """Look at every account that is due at `now`, or at the given ones. `withheld`: why nothing may climb, if so."""
        looked = Looked()
        wanting: list[str] = []
        for batch in self._due(now) if only is None else [self._reader.facts(only)]:
            judged = []
            for facts in batch:
                verdict = self._decide(facts, now)
                if _wants_suspension(facts, verdict):
                    if withheld is None:
                        wanting.append(facts.account_id)
                        verdict = replace(verdict, standing=Standing.PAST_DUE, read_first=(), review_at=now + _SOON)
                    else:
                        verdict = replace(verdict, standing=Standing.SUSPENDED, read_first=())
                judged.append((facts, verdict, withheld))
            self._record(judged, now, looked)
        if wanting:
            self._suspend(wanting, looked)
        return looked

    def _due(self, now: datetime) -> Iterator[list[Facts]]:
        """Batches of accounts until none is due; each is looked at once, even if it is due again at once."""
        seen: set[str] = set()
        while ids := [account_id for account_id in self._reader.due_accounts(now, _BATCH) if account_id not in seen]:
            seen.update(ids)
            yield self._reader.facts(ids)

    def _decide(self, facts: Facts, now: datetime) -> Verdict:
        """The verdict; an account that cannot be judged keeps its standing and is looked at later, and the round goes on."""
        try:
            return decide(facts, self._rules, now)
        except Exception:
            log.exception("account.undecided", account=facts.account_id)
            reason = Reason(code="undecided")
            return Verdict(standing=facts.standing, reasons=(reason,), review_at=now + _HOUR)

    def _record(self, judged: list[tuple[Facts, Verdict, Reason | None]], now: datetime, looked: Looked) -> None:
        """Write a batch down, each verdict without its climb where something withholds that."""
        final = []
        for facts, verdict, why in judged:
            kept = verdict if why is None else withhold(verdict, facts, why)
            if why is not None and kept != verdict:
                would = dict(next(reason.params for reason in kept.reasons if reason.code == "would"))["what"]
                looked.withheld.append((facts.account_id, str(would)))
                log.info("account.withheld", account=facts.account_id, would=would, because=why.code)
            final.append((facts, kept, kept != verdict or bool(facts.distrust)))
        changed = set(self._verdicts.record(final, now))
        looked.accounts += len(final)
        for facts, verdict, _ in final:
            if facts.account_id in changed:
                looked.changed.append((facts.account_id, verdict.standing))
                codes = [reason.code for reason in verdict.reasons]
                log.info(
                    "account.standing", account=facts.account_id, before=facts.standing, after=verdict.standing, because=codes
                )

    def _suspend(self, wanting: list[str], looked: Looked) -> None:
        """Suspend those whose invoices, read again now, still say so. The brake is asked before the first of them (rule 6)."""
        now = self._clock()
        last_hour, last_day = self._reader.suspended_since(now - _HOUR), self._reader.suspended_since(now - _DAY)
        if not brake.permits(self._caps, wanted=len(wanting), last_hour=last_hour, last_day=last_day):
            allowed = max(0, min(self._caps.per_hour - last_hour, self._caps.per_day - last_day))
            log.error("brake.holds", wanted=len(wanting), allowed=allowed)
            why = Reason(code="brake", params=(("wanted", len(wanting)), ("allowed", allowed)))
            for start in range(0, len(wanting), _BATCH):
                batch = self._reader.facts(wanting[start : start + _BATCH])
                self._record([(facts, self._held(facts, now), why) for facts in batch], now, looked)
            return
        for account_id in wanting:
            self._suspend_one(account_id, looked)

    def _suspend_one(self, account_id: str, looked: Looked) -> None:
        try:
            for facts in self._reader.facts([account_id]):
                for invoice_id in self._decide(facts, self._clock()).read_first:
                    self._read_again(invoice_id)
        except SourceUnavailable as fault:
            log.warning("suspension.postponed", account=account_id, because=str(fault))
            return
        now = self._clock()
        for facts in self._reader.facts([account_id]):
            verdict = self._decide(facts, now)
            if verdict.read_first:  # the clock moved on while it was being read
                verdict = replace(verdict, read_first=(), review_at=now + _SOON)
            self._record([(facts, verdict, None)], now, looked)

    def _held(self, facts: Facts, now: datetime) -> Verdict:
        verdict = replace(self._decide(facts, now), standing=Standing.SUSPENDED, read_first=())
        return replace(verdict, review_at=now + _LOOK_AGAIN)


def _wants_suspension(facts: Facts, verdict: Verdict) -> bool:
    rises = verdict.standing is Standing.SUSPENDED and facts.standing is not Standing.SUSPENDED
    return rises or bool(verdict.read_first)
