"""The books of the stand-in: customers, subscriptions, invoices, payments, disputes, and the test clocks that some live by.

Pure state: nothing here knows HTTP, and the moment comes from the clock that is handed in. Time does nothing by itself, but for
those who live by a test clock: what Stripe does of its own accord is done for them when it is advanced.
"""

from collections.abc import Callable, Iterator

from gatekeeper.demo.standin.paying import declines
from gatekeeper.demo.standin.records import Invoice, Refused, Subscription, TestClock
from gatekeeper.demo.standin.store import change, found
from gatekeeper.demo.standin.subscribing import Subscribing

_TRIES = 4

Moment = tuple[int, Callable[[], object]]


class Books(Subscribing):
    """The verbs of test clocks, and with them all verbs."""

    @change
    def create_test_clock(self, frozen_time: int, *, name: str | None = None) -> TestClock:
        it = TestClock(id=self.new_id("clock"), created=self.now(), frozen_time=frozen_time, name=name)
        self.test_clocks[it.id] = it
        self.record("test_helpers.test_clock.created", it)
        return it

    @change
    def advance(self, clock_id: str, frozen_time: int) -> TestClock:
        """Move a test clock on. Its customers' periods end, cards are tried again and due dates pass, each at its moment."""
        it = found(self.test_clocks, "test_clock", clock_id)
        if frozen_time <= it.frozen_time:
            raise Refused("A test clock only goes forwards: frozen_time must be later.", param="frozen_time")
        it.status = "advancing"
        self.record("test_helpers.test_clock.advancing", it)
        while (upcoming := self._next(it)) is not None and upcoming[0] <= frozen_time:
            it.frozen_time, act = upcoming
            act()
        it.frozen_time, it.status = frozen_time, "ready"
        self.record("test_helpers.test_clock.ready", it)
        return it

    @change
    def delete_test_clock(self, clock_id: str) -> TestClock:
        """Its customers go with it."""
        it = found(self.test_clocks, "test_clock", clock_id)
        for own in self.customers.values():
            if own.test_clock == clock_id and not own.deleted:
                self.delete_customer(own.id)
        it.deleted = True
        self.record("test_helpers.test_clock.deleted", it)
        del self.test_clocks[clock_id]
        return it

    def _next(self, it: TestClock) -> Moment | None:
        """What happens next to the customers of this clock, and when."""
        ahead = (moment for moment in self._moments(it.id) if moment[0] > it.frozen_time)
        return min(ahead, key=lambda moment: moment[0], default=None)

    def _moments(self, clock_id: str) -> Iterator[Moment]:
        for own in self.subscriptions.values():
            if own.canceled_at is None and self.clock_of(own.id) == clock_id:
                yield own.current_period_end, lambda own=own: self._end_period(own)  # type: ignore[misc]  # a default binds it
        for bill in self.invoices.values():
            if bill.status == "open" and self.clock_of(bill.id) == clock_id:
                if bill.next_payment_attempt is not None:
                    yield bill.next_payment_attempt, lambda bill=bill: self._try_again(bill)  # type: ignore[misc]  # as above
                if bill.due_date is not None:
                    yield bill.due_date + 1, lambda bill=bill: self._fall_due(bill)  # type: ignore[misc]  # as above

    def _end_period(self, it: Subscription) -> None:
        if it.cancel_at_period_end:
            self.cancel(it.id)
        else:
            self.renew(it.id)

    def _try_again(self, bill: Invoice) -> None:
        if declines(self.customers[bill.customer].payment_method):
            self.fail_payment(bill.id, retry_in_days=3 if bill.attempt_count + 1 < _TRIES else None)
        else:
            self.pay(bill.id)

    def _fall_due(self, bill: Invoice) -> None:
        """The invoice itself does not change, nor does an event tell of it; its subscription becomes `past_due`."""
        own = self.subscriptions.get(bill.subscription or "")
        if own is not None and own.latest_invoice == bill.id:
            self.record("customer.subscription.updated", own)
