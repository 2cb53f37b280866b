"""What people ask for on the lockout page, done: look for a payment, write to whoever pays, take a promise, tell the staff.

Each is written into the ledger first, which bounds it; what came of it stands there for the page to show. What opens access
does so at once, in the order of every round: sync, review, publish.
"""

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.wishes import Wishes as Kept
from gatekeeper.model import Facts, Invoice, Origin, Role, Standing, Step, WishKind
from gatekeeper.policy import selfservice
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.clocks import in_its_time
from gatekeeper.policy.evidence import CLOSED
from gatekeeper.policy.overdue import debts
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.versions import RulesOf
from gatekeeper.publish import Publisher
from gatekeeper.review import Review

_AT_A_TIME: Final = 8
_READ_AT_MOST: Final = 25
_REVIEW_HOLD: Final = timedelta(days=3)
_MAY_ASK: Final = {
    WishKind.NUDGE: (Role.MEMBER, Role.UNTOLD),
    WishKind.AGAIN: (Role.PAYER, Role.UNTOLD),
    WishKind.PROMISE: (Role.PAYER, Role.UNTOLD),
    WishKind.TRANSFER: (Role.PAYER, Role.UNTOLD),
    WishKind.REVIEW: (Role.PAYER, Role.MEMBER, Role.UNTOLD),
    WishKind.CHECK: (Role.PAYER, Role.MEMBER, Role.UNTOLD),
}
_Seen = tuple[str, tuple[str, ...]]
_UNASKED: Final[_Seen] = ("unasked", ())

log = structlog.get_logger(__name__)


class Wishes:
    """`read_again` reads one invoice from the biller now; `wake` has the worker look at once. `staff`: the operator's address.

    Every method does nothing where the viewer may not ask for it, or may not any more.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        ledger: Kept,
        read_again: Callable[[str], None],
        review: Review,
        publisher: Publisher,
        rules_of: RulesOf,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
        staff: str,
        promise_days: int,
    ) -> None:
        self._reader = reader
        self._ledger = ledger
        self._read_again = read_again
        self._review = review
        self._publisher = publisher
        self._rules_of = rules_of
        self._clock = clock
        self._wake = wake
        self._staff = staff
        self._promise_days = promise_days
        self._turn = threading.Semaphore(_AT_A_TIME)

    def check(self, account_id: str, viewer: str) -> None:
        """Read from the biller what is still overdue, and open access if it is all paid."""
        if not self._may(account_id, viewer, WishKind.CHECK):
            return
        wish_id = self._ledger.begin_check(account_id, viewer, self._clock())
        if wish_id is None:
            return
        outcome, numbers = _UNASKED
        # Threads are what the page itself is served by: whoever waits for the biller must leave some of them
        if self._turn.acquire(blocking=False):
            try:
                outcome, numbers = self._look(account_id)
            finally:
                self._turn.release()
        self._ledger.end_check(wish_id, outcome, numbers)

    def write(self, account_id: str, viewer: str, kind: WishKind) -> None:
        """Remind the accountants (`NUDGE`), or send them the invoices again (`AGAIN`); each once a day."""
        known = self._may(account_id, viewer, kind)
        if known is None:
            return
        facts, rules, at = known
        step = Step(kind.value)
        if facts.case_id is None or selfservice.said_today(facts, rules, at, step):
            return
        letters = selfservice.letters(facts, rules, at, step)
        if self._ledger.write(account_id, viewer, kind, facts.case_id, letters, at=at, now=self._clock()):
            log.info("wish.kept", account=account_id, kind=kind, letters=len(letters))
            self._wake()

    def promise(self, account_id: str, viewer: str, due_on: date) -> None:
        """Take the promise to pay by the end of `due_on`, and open access."""
        known = self._may(account_id, viewer, WishKind.PROMISE)
        if known is None:
            return
        facts, rules, at = known
        days = selfservice.days_to_promise(facts, rules, at, self._promise_days)
        if facts.case_id is None or days is None or not days[0] <= due_on <= days[1]:
            return
        by = viewer or self._name(account_id)
        if self._ledger.promise(account_id, viewer, facts.case_id, due_on=due_on, by=by, now=self._clock()):
            log.info("wish.kept", account=account_id, kind=WishKind.PROMISE)
            self._open(account_id)

    def transfer(self, account_id: str, viewer: str, paid_on: date, reference: str) -> None:
        """Tell the staff of a bank transfer."""
        self._tell_staff(account_id, viewer, WishKind.TRANSFER, on=paid_on, reference=reference)

    def review(self, account_id: str, viewer: str, words: str) -> None:
        """Have a person look at it (case 141). An account that is past due with open access stays so for three days."""
        self._tell_staff(account_id, viewer, WishKind.REVIEW, words=words)

    def _tell_staff(self, account_id: str, viewer: str, kind: WishKind, **said: date | str) -> None:
        known = self._may(account_id, viewer, kind)
        if known is None:
            return
        facts, rules, at = known
        if facts.case_id is None:
            return
        # A hold lets an account in: where access is closed, that is for the person to decide who is asked
        holds = kind is WishKind.REVIEW and facts.standing is Standing.PAST_DUE
        hold_until = day_of(at + _REVIEW_HOLD, rules.time_zone) if holds else None
        kept = self._ledger.tell_staff(
            account_id,
            viewer,
            kind,
            facts.case_id,
            staff=self._staff,
            said=said,
            at=at,
            now=self._clock(),
            hold_until=hold_until,
        )
        if kept:
            log.info("wish.kept", account=account_id, kind=kind)
            self._wake()

    def _may(self, account_id: str, viewer: str, kind: WishKind) -> tuple[Facts, Rules, datetime] | None:
        """The account's facts, rules and time, if this viewer may ask for that; else None."""
        found = self._reader.facts([account_id])
        if not found:
            return None
        facts, at = in_its_time(found[0], self._clock())
        if selfservice.role_of(viewer, facts) not in _MAY_ASK[kind]:
            return None
        return facts, self._rules_of(facts), at

    def _look(self, account_id: str) -> _Seen:
        """What is seen at the biller: a word for it, and the numbers of the invoices that it is about."""
        asked = [one for one in self._overdue(account_id) if one.origin is not Origin.STATEMENT]
        asked.sort(key=lambda one: one.read_at)
        asked_in_vain = False
        try:
            for invoice in asked[:_READ_AT_MOST]:
                self._read_again(invoice.id)
        except SourceUnavailable as fault:
            log.warning("wish.unanswered", account=account_id, because=str(fault))
            asked_in_vain = True
        self._open(account_id)
        unpaid = self._overdue(account_id)
        numbers = tuple(one.number or one.id for one in unpaid)
        if not unpaid or not self._is_closed(account_id):
            return "settled", ()
        if asked_in_vain:
            return _UNASKED
        return ("unpaid" if asked else "elsewhere"), numbers

    def _overdue(self, account_id: str) -> tuple[Invoice, ...]:
        found = self._reader.facts([account_id])
        if not found:
            return ()
        facts, at = in_its_time(found[0], self._clock())
        debt = debts(facts, self._rules_of(facts), at)
        return debt.counted + debt.written_off

    def _open(self, account_id: str) -> None:
        """Judge this account anew, and let the gates know; the rest is for the worker."""
        self._review.run(self._clock(), [account_id])
        self._publisher.run(self._clock())
        self._wake()

    def _is_closed(self, account_id: str) -> bool:
        account = self._reader.account(account_id)
        return account is not None and account.standing in CLOSED

    def _name(self, account_id: str) -> str:
        account = self._reader.account(account_id)
        return account.name if account is not None and account.name else account_id
