"""The pages' questions, answered from the ledger."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.wish_reader import WishReader
from gatekeeper.model import Facts, Origin, Standing, Step, sums
from gatekeeper.pages.books import PayLink
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.clocks import in_its_time
from gatekeeper.policy.overdue import debts
from gatekeeper.policy.rules import Rules
from gatekeeper.policy.selfservice import days_to_promise, payers, review_asked, role_of, said_today
from gatekeeper.policy.versions import RulesOf
from gatekeeper.wording import LockoutView, Product, mask
from gatekeeper.wording.from_facts import came_of, owed, told

_PAYABLE = frozenset({"open", "uncollectible"})  # an invoice that was written off can still be paid (stripe.md, section 3)
_SHOWN_FOR: Final = timedelta(minutes=10)


class LedgerBooks:
    """`promise_days`: how many days ahead may be promised; 0: none."""

    def __init__(
        self,
        *,
        reader: Reader,
        wishes: WishReader,
        rules_of: RulesOf,
        product: Product,
        public_url: str,
        promise_days: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._reader = reader
        self._wishes = wishes
        self._promise_days = promise_days
        self._rules_of = rules_of
        self._product = product
        self._public_url = public_url
        self._clock = clock

    def lockout(self, account_id: str, viewer: str = "") -> LockoutView | None:
        account, found = self._reader.account(account_id), self._reader.facts([account_id])
        if account is None or not found:
            return None
        facts, now = in_its_time(found[0], self._clock())
        rules = self._rules_of(facts)
        debt = debts(facts, rules, now)
        overdue = debt.counted or debt.written_off
        if not overdue:
            return None
        since_at = account.standing_since_at if account.standing is Standing.SUSPENDED else None
        view = LockoutView(
            product=self._product,
            account_name=account.name,
            owed=owed(overdue, rules, now, self._public_url),
            totals=sums(invoice.remaining for invoice in overdue),
            told=told(facts.notices, rules),
            suspended_on=day_of(since_at, rules.time_zone) if since_at else None,
            standing=account.standing,
            leaves_open=account.leaves_open,
            role=role_of(viewer, facts),
        )
        return self._with_self_service(view, account_id, viewer, facts, rules, now)

    def _with_self_service(
        self, view: LockoutView, account_id: str, viewer: str, facts: Facts, rules: Rules, now: datetime
    ) -> LockoutView:
        """What this viewer may do, and what came of what they did last."""
        days = days_to_promise(facts, rules, now, self._promise_days) or (None, None)
        wish = self._wishes.last(account_id, viewer, self._clock() - _SHOWN_FOR)
        return replace(
            view,
            payers=tuple(mask(address) for address in payers(facts)),
            nudged=bool(said_today(facts, rules, now, Step.NUDGE)),
            sent_again=bool(said_today(facts, rules, now, Step.AGAIN)),
            promise_from=days[0],
            promise_until=days[1],
            reviewed=review_asked(facts),
            today=day_of(now, rules.time_zone),
            came_of=None if wish is None else came_of(wish, facts, rules),
        )

    def pay_link(self, token: str) -> PayLink | None:
        invoice = self._reader.invoice_by_token(token)
        if invoice is None:
            return None
        return PayLink(
            invoice_id=invoice.id,
            owed=invoice.status in _PAYABLE and invoice.remaining_minor > 0,
            elsewhere=invoice.pay_url if invoice.origin is Origin.STATEMENT else None,
        )
