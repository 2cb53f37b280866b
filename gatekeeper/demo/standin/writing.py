"""The writing half of the API, as far as a story needs it: the verbs of `Books` under the names and parameters of Stripe."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gatekeeper.demo.standin.books import Books
from gatekeeper.demo.standin.invoice_shapes import invoice_item
from gatekeeper.demo.standin.params import Params
from gatekeeper.demo.standin.records import Collection, Json, Refused

Metadata = Annotated[dict[str, str], Field(default_factory=dict)]


class Part(BaseModel):
    """A hash within the parameters."""

    model_config = ConfigDict(extra="forbid")


class InvoiceSettings(Part):
    default_payment_method: str | None = None


class Address(Part):
    """Of an address only the country is kept."""

    country: str | None = None
    city: str | None = None
    line1: str | None = None
    line2: str | None = None
    postal_code: str | None = None
    state: str | None = None


class CustomerParams(Params):
    """An empty value removes the field's."""

    email: str | None = None
    name: str | None = None
    phone: str | None = None
    description: str | None = None
    metadata: Metadata
    preferred_locales: list[str] | Literal[""] = Field(default_factory=list)
    invoice_settings: InvoiceSettings = InvoiceSettings()
    address: Address | Literal[""] = ""
    test_clock: str | None = None

    def changes(self) -> dict[str, Any]:
        """What was said, under the names of the books."""
        said = {name: getattr(self, name) for name in self.model_fields_set - {"expand", "invoice_settings", "address"}}
        if "invoice_settings" in self.model_fields_set:
            said["payment_method"] = self.invoice_settings.default_payment_method or None
        if "address" in self.model_fields_set:
            said["country"] = (self.address and self.address.country) or None
        if "preferred_locales" in said:
            said["preferred_locales"] = said["preferred_locales"] or []
        return said | {name: None for name, value in said.items() if value == ""}


class ProductParams(Params):
    name: str


class ProductData(Part):
    name: str


class Recurring(Part):
    interval: Literal["day", "week", "month", "year"]
    interval_count: int = 1


class PriceParams(Params):
    currency: str
    unit_amount: int
    recurring: Recurring | None = None
    product: str | None = None
    product_data: ProductData | None = None


class Item(Part):
    price: str
    quantity: int = 1


class SubscriptionParams(Params):
    customer: str
    items: list[Item] = Field(min_length=1, max_length=1)
    collection_method: Collection = "charge_automatically"
    days_until_due: int | None = None
    description: str | None = None
    metadata: Metadata


class SubscriptionChange(Params):
    cancel_at_period_end: bool = False
    days_until_due: int | None = None
    description: str | None = None
    metadata: Metadata


class FromInvoice(Part):
    action: Literal["revision"]
    invoice: str


class InvoiceParams(Params):
    customer: str | None = None
    currency: str = "eur"
    collection_method: Collection = "charge_automatically"
    days_until_due: int | None = None
    due_date: int | None = None
    description: str | None = None
    metadata: Metadata
    auto_advance: bool = False
    from_invoice: FromInvoice | None = None


class InvoiceItemParams(Params):
    """The stand-in keeps no pending items: an item says which draft it belongs to."""

    customer: str
    invoice: str
    amount: int
    currency: str = "eur"
    description: str = ""


class FinalizeParams(Params):
    auto_advance: bool | None = None


class PayParams(Params):
    paid_out_of_band: bool = False
    payment_method: str | None = None


class AttachParams(Params):
    payment_intent: str


class IntentParams(Params):
    amount: int
    currency: str
    customer: str | None = None
    payment_method: str | None = None
    confirm: bool = False


class TestClockParams(Params):
    frozen_time: int
    name: str | None = None


class AdvanceParams(Params):
    frozen_time: int


class CreditNoteParams(Params):
    """Of the three ways in which paid money is given back only the sum matters here."""

    invoice: str
    amount: int
    memo: str | None = None
    reason: Literal["duplicate", "fraudulent", "order_change", "product_unsatisfactory"] | None = None
    out_of_band_amount: int | None = None
    refund_amount: int | None = None
    credit_amount: int | None = None


def create_customer(books: Books, p: CustomerParams) -> Json:
    return books.write(books.create_customer(**p.changes()))


def update_customer(books: Books, p: CustomerParams, customer_id: str) -> Json:
    return books.write(books.update_customer(customer_id, p.changes()))


def create_product(books: Books, p: ProductParams) -> Json:
    return books.write(books.create_product(p.name))


def create_price(books: Books, p: PriceParams) -> Json:
    if (p.product is None) == (p.product_data is None):
        raise Refused("Pass product or product_data, one of them.", param="product")
    recurring = p.recurring
    price = books.create_price(
        unit_amount=p.unit_amount,
        currency=p.currency,
        interval=None if recurring is None else recurring.interval,
        interval_count=1 if recurring is None else recurring.interval_count,
        product=p.product,
        product_name=None if p.product_data is None else p.product_data.name,
    )
    return books.write(price)


def create_subscription(books: Books, p: SubscriptionParams) -> Json:
    (item,) = p.items
    terms = p.model_dump(exclude={"customer", "items", "expand"})
    return books.write(books.create_subscription(p.customer, item.price, quantity=item.quantity, **terms))


def update_subscription(books: Books, p: SubscriptionChange, subscription_id: str) -> Json:
    changes = p.model_dump(exclude_unset=True, exclude={"expand"})
    return books.write(books.update_subscription(subscription_id, changes))


def create_invoice(books: Books, p: InvoiceParams) -> Json:
    if p.from_invoice is not None:
        terms = {"days_until_due": p.days_until_due, "due_date": p.due_date}
        return books.write(books.create_revision(p.from_invoice.invoice, **terms))
    if p.customer is None:
        raise Refused("Missing required param: customer.", code="parameter_missing", param="customer")
    return books.write(books.create_invoice(p.customer, **p.model_dump(exclude={"customer", "from_invoice", "expand"})))


def create_invoice_item(books: Books, p: InvoiceItemParams) -> Json:
    it = books.invoice(p.invoice)
    if (p.customer, p.currency) != (it.customer, it.currency):
        raise Refused("The item and its invoice need the same customer and currency.", param="invoice")
    return invoice_item(books.add_line(it.id, p.amount, description=p.description), it, books.frame())


def pay(books: Books, p: PayParams, invoice_id: str) -> Json:
    return books.write(books.pay(invoice_id, out_of_band=p.paid_out_of_band, payment_method=p.payment_method))


def attach_payment(books: Books, p: AttachParams, invoice_id: str) -> Json:
    return books.write(books.attach_payment(invoice_id, p.payment_intent))


def create_credit_note(books: Books, p: CreditNoteParams) -> Json:
    note = books.credit(p.invoice, p.amount, memo=p.memo, reason=p.reason, out_of_band=p.out_of_band_amount)
    return books.write(note)


def create_intent(books: Books, p: IntentParams) -> Json:
    return books.write(books.create_intent(**p.model_dump(exclude={"expand"})))


def create_test_clock(books: Books, p: TestClockParams) -> Json:
    return books.write(books.create_test_clock(p.frozen_time, name=p.name))


def advance(books: Books, p: AdvanceParams, clock_id: str) -> Json:
    return books.write(books.advance(clock_id, p.frozen_time))


def delete_invoice(books: Books, _: Params, invoice_id: str) -> Json:
    books.delete_draft(invoice_id)
    return {"id": invoice_id, "object": "invoice", "deleted": True}
