"""Customers, prices and subscriptions, on top of invoices and payments.

What Stripe does of its own accord (the next period's invoice, a failed attempt) is a verb here.
"""

from datetime import UTC, datetime

from gatekeeper.demo.standin.invoicing import Invoicing
from gatekeeper.demo.standin.paying import declines
from gatekeeper.demo.standin.records import Collection, Customer, Invoice, Price, Product, Refused, Subscription
from gatekeeper.demo.standin.store import change, found

_LONGEST_PERIOD = {"day": 1, "week": 7, "month": 31, "year": 366}


class Subscribing(Invoicing):
    """`finalizes_first`: whether the first invoice of a `send_invoice` subscription is finalized and sent together with it.
    Real Stripe leaves it a draft for about an hour, and so do the books with False.
    """

    finalizes_first = True

    @change
    def create_customer(
        self,
        *,
        email: str | None = None,
        name: str | None = None,
        phone: str | None = None,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        preferred_locales: list[str] | None = None,
        payment_method: str | None = None,
        country: str | None = None,
        test_clock: str | None = None,
    ) -> Customer:
        """`payment_method`: `pm_card_chargeCustomerFail` declines every charge, any other or none pays.

        `country`: of its address. `test_clock`: in whose time it lives, with all that is its own.
        """
        if test_clock is not None:
            found(self.test_clocks, "test_clock", test_clock)
        it = Customer(
            id=self.new_id("cus", 14),
            created=self.now(),
            invoice_prefix=self.new_id("", 8)[1:].upper(),
            email=email,
            name=name,
            phone=phone,
            description=description,
            metadata=metadata or {},
            preferred_locales=preferred_locales or [],
            payment_method=payment_method,
            country=country,
            test_clock=test_clock,
        )
        self.customers[it.id] = it
        self.record("customer.created", it)
        return it

    @change
    def update_customer(self, customer_id: str, changes: dict[str, object]) -> Customer:
        """`changes`: new values of fields; those of `metadata` are laid over the old ones, and an empty one removes its key."""
        it = self.customer(customer_id)
        for name, value in changes.items():
            if name == "metadata":
                it.metadata = overlaid(it.metadata, value)
            else:
                setattr(it, name, value)
        self.record("customer.updated", it)
        return it

    @change
    def delete_customer(self, customer_id: str) -> Customer:
        """Its subscriptions end at once, its invoices stay as they are."""
        it = self.customer(customer_id)
        for own in list(self.subscriptions.values()):
            if own.customer == customer_id and own.canceled_at is None:
                self.cancel(own.id)
        self.record("customer.deleted", it)
        it.deleted = True
        return it

    @change
    def create_product(self, name: str) -> Product:
        it = Product(id=self.new_id("prod", 14), created=self.now(), name=name)
        self.products[it.id] = it
        self.record("product.created", it)
        return it

    @change
    def create_price(
        self,
        *,
        unit_amount: int,
        currency: str = "eur",
        interval: str | None = "month",
        interval_count: int = 1,
        product: str | None = None,
        product_name: str | None = None,
    ) -> Price:
        """For a product that exists, or for a new one of that name."""
        if product is None:
            product = self.create_product(product_name or "Product").id
        found(self.products, "product", product)
        it = Price(
            id=self.new_id("price"),
            created=self.now(),
            product=product,
            currency=currency,
            unit_amount=unit_amount,
            interval=interval,
            interval_count=interval_count,
        )
        self.prices[it.id] = it
        self.record("price.created", it)
        return it

    @change
    def create_subscription(
        self,
        customer: str,
        price: str,
        *,
        quantity: int = 1,
        collection_method: Collection = "charge_automatically",
        days_until_due: int | None = None,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
    ) -> Subscription:
        """A subscription and its first invoice, which is charged at once, or sent at once (see `finalizes_first`)."""
        payer, rate, now = self.customer(customer), found(self.prices, "price", price), self.now()
        if rate.interval is None:
            raise Refused("The price is a one-time price: a subscription needs a recurring one.", param="items[0][price]")
        if (collection_method == "send_invoice") != (days_until_due is not None):
            raise Refused("days_until_due belongs to collection_method=send_invoice, which needs it.", param="days_until_due")
        it = Subscription(
            id=self.new_id("sub"),
            created=now,
            item=self.new_id("si", 14),
            customer=payer.id,
            price=rate,
            quantity=quantity,
            collection_method=collection_method,
            days_until_due=days_until_due,
            description=description,
            metadata=metadata or {},
            current_period_start=now,
            current_period_end=after(now, rate),
        )
        self.subscriptions[it.id] = it
        first = self._bill(it, "subscription_create")
        self.record("customer.subscription.created", it)
        if collection_method == "send_invoice" and self.finalizes_first:
            self.send(first.id)
        elif collection_method == "charge_automatically":
            self._charge(first)
        return it

    @change
    def update_subscription(self, subscription_id: str, changes: dict[str, object]) -> Subscription:
        """As `update_customer`."""
        it = self.subscription(subscription_id)
        if it.canceled_at is not None:
            raise Refused("A canceled subscription can only have its metadata changed.")
        for name, value in changes.items():
            if name == "metadata":
                it.metadata = overlaid(it.metadata, value)
            else:
                setattr(it, name, value)
        self.record("customer.subscription.updated", it)
        return it

    @change
    def cancel(self, subscription_id: str) -> Subscription:
        """End it at once. What it billed stays owed."""
        it = self.subscription(subscription_id)
        if it.canceled_at is not None:
            raise Refused(f"No such subscription: '{subscription_id}'", status=404, code="resource_missing", param="id")
        it.canceled_at = self.now()
        self.record("customer.subscription.deleted", it)
        return it

    @change
    def renew(self, subscription_id: str) -> Invoice:
        """Begin the next period from now and bill it: an automatic one is charged at once, the other is finalized and sent."""
        it = self.subscription(subscription_id)
        if it.canceled_at is not None:
            raise Refused("A canceled subscription has no next period.", param="subscription")
        it.current_period_start = self.now()
        it.current_period_end = after(it.current_period_start, it.price)
        bill = self._bill(it, "subscription_cycle")
        self.record("customer.subscription.updated", it)
        if it.collection_method == "send_invoice":
            return self.send(bill.id)
        return self._charge(bill)

    def _bill(self, it: Subscription, reason: str) -> Invoice:
        bill = self.create_invoice(
            it.customer,
            currency=it.price.currency,
            collection_method=it.collection_method,
            days_until_due=it.days_until_due,
            subscription=it.id,
            billing_reason=reason,
            auto_advance=True,
        )
        product = self.products[it.price.product].name
        self.add_line(
            bill.id,
            it.price.unit_amount * it.quantity,
            description=f"{it.quantity} x {product}",
            price=it.price,
            quantity=it.quantity,
            item=it.item,
            period=(it.current_period_start, it.current_period_end),
        )
        it.latest_invoice = bill.id
        return bill

    def _charge(self, bill: Invoice) -> Invoice:
        self.finalize(bill.id)
        if bill.status != "open":
            return bill
        if declines(self.customers[bill.customer].payment_method):
            first = bill.billing_reason == "subscription_create"
            return self.fail_payment(bill.id, retry_in_days=None if first else 3)
        return self.pay(bill.id)


def overlaid(old: dict[str, str], new: object) -> dict[str, str]:
    merged = old | (new if isinstance(new, dict) else {})
    return {key: value for key, value in merged.items() if value != ""}


def after(start: int, price: Price) -> int:
    """The end of a period that begins at `start`; the 31st becomes the last day of a shorter month."""
    begun = datetime.fromtimestamp(start, UTC)
    if price.interval in {"day", "week"}:
        return start + _LONGEST_PERIOD[price.interval] * price.interval_count * 86_400
    months = begun.month - 1 + price.interval_count * (12 if price.interval == "year" else 1)
    year, month = begun.year + months // 12, months % 12 + 1
    for day in (begun.day, 30, 29, 28):
        try:
            return int(begun.replace(year=year, month=month, day=day).timestamp())
        except ValueError:
            continue
    raise AssertionError(f"no day of {year}-{month:02} after {begun:%Y-%m-%d}")
