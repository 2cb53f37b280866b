"""The verbs of the worker on a real ledger, a billing system in memory, and a clock that stands until it is moved."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.model import Audience, Customer, Identity, Invoice, Notice, NoticeState, Outcome, Reading, Reason, Standing
from gatekeeper.policy.brake import Caps
from gatekeeper.policy.rules import Rules
from gatekeeper.publish import Publisher
from gatekeeper.review import Looked, Review
from gatekeeper.snapshot import Snapshot, decode
from gatekeeper.sync import Sync
from tests.kit.builders import DUE_AT, invoice
from tests.kit.ledger import Ledger, opened
from tests.kit.standin import MovableClock

_ACCEPTED = Outcome(state=NoticeState.ACCEPTED, detail="250 taken")


class Books:
    """A `Source` in memory. `down`: why it gives no answer (empty: it answers); `asked`: the invoices that were read singly."""

    def __init__(self, clock: MovableClock) -> None:
        self.invoices: dict[str, Invoice] = {}
        self.customers: dict[str, Customer] = {}
        self.down = ""
        self.asked: list[str] = []
        self.account, self.livemode = "acct_test", False
        self._clock = clock

    def owe(self, account: str, *, due_at: datetime = DUE_AT, **changes: object) -> str:
        """An open invoice of this account, whose customer has an accountant and a user; the id of the invoice."""
        customer_id, number = f"cus_{account}", 1 + sum(one.account_id == account for one in self.invoices.values())
        addresses = tuple((audience, f"{audience}@{account}.example") for audience in Audience)
        customer = Customer(id=customer_id, account_id=account, name=account.capitalize(), addresses=addresses)
        self.customers.setdefault(customer_id, customer)
        made = replace(
            invoice(),
            id=f"in_{account}_{number}",
            lineage=f"in_{account}_{number}",
            customer_id=customer_id,
            account_id=account,
            number=f"{account.upper()}-{number}",
            due_at=due_at,
        )
        self.invoices[made.id] = replace(made, **changes)
        return made.id

    def pay(self, invoice_id: str) -> None:
        self.invoices[invoice_id] = replace(self.invoices[invoice_id], status="paid", remaining_minor=0)

    def identity(self) -> Identity:
        self._answer()
        return Identity(account=self.account, livemode=self.livemode)

    def open_invoices(self) -> Iterator[Sequence[Reading]]:
        self._answer()
        open_now = [self._reading(one) for one in self.invoices.values() if one.status == "open"]
        for start in range(0, len(open_now), 100):
            yield open_now[start : start + 100]

    def invoice(self, invoice_id: str) -> Reading | None:
        self._answer()
        self.asked.append(invoice_id)
        found = self.invoices.get(invoice_id)
        return None if found is None else self._reading(found)

    def customer(self, customer_id: str) -> Customer | None:
        self._answer()
        return self.customers.get(customer_id)

    def payment_page(self, invoice_id: str) -> str | None:
        self._answer()
        return f"https://pay.example/{invoice_id}"

    def _reading(self, one: Invoice) -> Reading:
        return Reading(invoice=replace(one, read_at=self._clock()), customer=self.customers[one.customer_id])

    def _answer(self) -> None:
        if self.down:
            raise SourceUnavailable(self.down)


class Rig:
    """`why`: what withholds every climb and letter at the moment."""

    def __init__(self, ledger: Ledger, folder: Path, *, rules: Rules | None = None, caps: Caps | None = None) -> None:
        self.ledger = ledger
        self.clock = MovableClock(DUE_AT)
        self.books = Books(self.clock)
        self.why: Reason | None = None
        self.sync = Sync(self.books, ledger.reader, ledger.writer.readings, self.clock)
        self.review = self.another_review(rules=rules, caps=caps)
        self.publisher = Publisher(folder / "snapshot", ledger.reader, ledger.writer.verdicts.raise_revision)
        self.snapshot_path = folder / "snapshot"

    def another_review(
        self, ledger: Ledger | None = None, *, rules: Rules | None = None, caps: Caps | None = None, sync: Sync | None = None
    ) -> Review:
        """A review of these books, on this ledger or on another connection to it."""
        ledger = ledger or self.ledger
        return Review(
            reader=ledger.reader,
            verdicts=ledger.writer.verdicts,
            rules=rules or Rules(),
            caps=caps or Caps(per_hour=10, per_day=30),
            read_again=(sync or self.sync).invoice,
            withheld=lambda: self.why,
            clock=self.clock,
        )

    def look(self) -> Looked:
        """A reconcile and a review, without the post."""
        self.sync.reconcile()
        return self.review.run(self.clock())

    def post(self, outcome: Outcome = _ACCEPTED) -> list[Notice]:
        """Every notice that is due goes out, and ends like this."""
        sent = []
        while notice := self.ledger.writer.outbox.claim(self.clock()):
            self.ledger.writer.outbox.settle(notice, outcome, self.clock())
            sent.append(notice)
        return sent

    def climb(self) -> None:
        """Everybody is reminded and warned; what comes next is the suspension, which is due now."""
        for days in (14, 5):
            self.look()
            self.post()
            self.review.run(self.clock())
            self.clock.move(days=days)
        self.sync.reconcile()

    def standings(self) -> dict[str, Standing]:
        return {account.id: account.standing for account in self.ledger.reader.accounts()}

    def codes(self, account: str) -> list[str]:
        """The codes of the reasons that the last look left."""
        row = self.ledger.reader.account(account)
        assert row is not None
        return [reason.code for reason in row.reasons]

    def snapshot(self) -> Snapshot:
        return decode(self.snapshot_path.read_bytes())


@contextmanager
def rigged(url: str, folder: Path, *, rules: Rules | None = None, caps: Caps | None = None) -> Iterator[Rig]:
    with opened(url) as ledger:
        yield Rig(ledger, folder, rules=rules, caps=caps)
