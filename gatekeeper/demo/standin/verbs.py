"""Which address of the API takes which parameters and does what."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gatekeeper.demo.standin import params, reading, writing
from gatekeeper.demo.standin.books import Books
from gatekeeper.demo.standin.params import Params
from gatekeeper.demo.standin.records import Json
from gatekeeper.demo.standin.store import found

Act = Callable[[Books, Any, str], Json]


@dataclass(frozen=True, slots=True)
class Verb:
    """`act` gets the books, the parameters as `params` has them, and the id of the path (empty where the path has none)."""

    method: str
    path: str
    params: type[Params]
    act: Act


def _all(act: Callable[[Books, Any], Json]) -> Act:
    """On a whole table: the path has no id."""
    return lambda books, p, _: act(books, p)


def _one(table: str, noun: str) -> Act:
    return lambda books, _, object_id: books.write(found(getattr(books, table), noun, object_id))


def _do(verb: Callable[[Books, str], Any]) -> Act:
    """A verb of the books that needs to know no more than on what."""
    return lambda books, _, object_id: books.write(verb(books, object_id))


VERBS = (
    Verb("GET", "/v1/invoices", params.ListInvoices, _all(reading.invoices)),
    Verb("GET", "/v1/invoices/{id}", Params, _one("invoices", "invoice")),
    Verb("GET", "/v1/customers", params.ListCustomers, _all(reading.customers)),
    Verb("GET", "/v1/customers/{id}", Params, _one("customers", "customer")),
    Verb("GET", "/v1/subscriptions", params.ListSubscriptions, _all(reading.subscriptions)),
    Verb("GET", "/v1/subscriptions/{id}", Params, _one("subscriptions", "subscription")),
    Verb("GET", "/v1/invoice_payments", params.ListPayments, _all(reading.invoice_payments)),
    Verb("GET", "/v1/invoice_payments/{id}", Params, _one("payments", "invoice_payment")),
    Verb("GET", "/v1/payment_intents/{id}", Params, _one("intents", "payment_intent")),
    Verb("GET", "/v1/charges/{id}", Params, _one("charges", "charge")),
    Verb("GET", "/v1/disputes", params.ListDisputes, _all(reading.disputes)),
    Verb("GET", "/v1/disputes/{id}", Params, _one("disputes", "dispute")),
    Verb("GET", "/v1/test_helpers/test_clocks", params.ListTestClocks, _all(reading.test_clocks)),
    Verb("GET", "/v1/test_helpers/test_clocks/{id}", Params, _one("test_clocks", "test_clock")),
    Verb("GET", "/v1/credit_notes", params.ListCreditNotes, _all(reading.credit_notes)),
    Verb("GET", "/v1/credit_notes/{id}", Params, _one("credit_notes", "credit note")),
    Verb("GET", "/v1/prices/{id}", Params, _one("prices", "price")),
    Verb("GET", "/v1/events", params.ListEvents, _all(reading.events)),
    Verb("GET", "/v1/events/{id}", Params, lambda books, _, it: reading.event(books, it)),
    Verb("POST", "/v1/customers", writing.CustomerParams, _all(writing.create_customer)),
    Verb("POST", "/v1/customers/{id}", writing.CustomerParams, writing.update_customer),
    Verb("DELETE", "/v1/customers/{id}", Params, _do(Books.delete_customer)),
    Verb("POST", "/v1/products", writing.ProductParams, _all(writing.create_product)),
    Verb("POST", "/v1/prices", writing.PriceParams, _all(writing.create_price)),
    Verb("POST", "/v1/subscriptions", writing.SubscriptionParams, _all(writing.create_subscription)),
    Verb("POST", "/v1/subscriptions/{id}", writing.SubscriptionChange, writing.update_subscription),
    Verb("DELETE", "/v1/subscriptions/{id}", Params, _do(Books.cancel)),
    Verb("POST", "/v1/invoiceitems", writing.InvoiceItemParams, _all(writing.create_invoice_item)),
    Verb("POST", "/v1/invoices", writing.InvoiceParams, _all(writing.create_invoice)),
    Verb("DELETE", "/v1/invoices/{id}", Params, writing.delete_invoice),
    Verb("POST", "/v1/invoices/{id}/finalize", writing.FinalizeParams, _do(Books.finalize)),
    Verb("POST", "/v1/invoices/{id}/send", Params, _do(Books.send)),
    Verb("POST", "/v1/invoices/{id}/pay", writing.PayParams, writing.pay),
    Verb("POST", "/v1/invoices/{id}/void", Params, _do(Books.void)),
    Verb("POST", "/v1/invoices/{id}/mark_uncollectible", Params, _do(Books.mark_uncollectible)),
    Verb("POST", "/v1/invoices/{id}/attach_payment", writing.AttachParams, writing.attach_payment),
    Verb("POST", "/v1/payment_intents", writing.IntentParams, _all(writing.create_intent)),
    Verb("POST", "/v1/test_helpers/test_clocks", writing.TestClockParams, _all(writing.create_test_clock)),
    Verb("POST", "/v1/test_helpers/test_clocks/{id}/advance", writing.AdvanceParams, writing.advance),
    Verb("DELETE", "/v1/test_helpers/test_clocks/{id}", Params, _do(Books.delete_test_clock)),
    Verb("POST", "/v1/credit_notes", writing.CreditNoteParams, _all(writing.create_credit_note)),
)
