"""The pages' questions, answered from the ledger."""

from collections.abc import Callable
from datetime import datetime

from gatekeeper.ledger.reader import Reader
from gatekeeper.model import Origin, Standing, sums
from gatekeeper.pages.books import PayLink
from gatekeeper.policy.calendar import day_of
from gatekeeper.policy.clocks import in_its_time
from gatekeeper.policy.overdue import debts
from gatekeeper.policy.versions import RulesOf
from gatekeeper.wording import LockoutView, Product
from gatekeeper.wording.from_facts import owed, told

_PAYABLE = frozenset({"open", "uncollectible"})  # an invoice that was written off can still be paid (stripe.md, section 3)


class LedgerBooks:
    def __init__(
        self, *, reader: Reader, rules_of: RulesOf, product: Product, public_url: str, clock: Callable[[], datetime]
    ) -> None:
        self._reader = reader
        self._rules_of = rules_of
        self._product = product
        self._public_url = public_url
        self._clock = clock

    def lockout(self, account_id: str) -> LockoutView | None:
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
        return LockoutView(
            product=self._product,
            account_name=account.name,
            owed=owed(overdue, rules, now, self._public_url),
            totals=sums(invoice.remaining for invoice in overdue),
            told=told(facts.notices, rules),
            suspended_on=day_of(since_at, rules.time_zone) if since_at else None,
            standing=account.standing,
            leaves_open=account.leaves_open,
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
