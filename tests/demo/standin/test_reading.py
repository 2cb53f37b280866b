"""Reading through the official SDK over HTTP: filters, pages, expansions, refusals."""

import httpx
import pytest
import stripe

from gatekeeper.demo.standin.serve import Standin
from tests.kit.standin import READ_KEY, SECRET_KEY, START, MovableClock, driving

_DAY = 86_400


def bill(standin: Standin, customer: str, amount: int = 1000, *, days: int = 7) -> str:
    """A finalized invoice of its own."""
    draft = standin.books.create_invoice(customer, collection_method="send_invoice", days_until_due=days)
    standin.books.add_line(draft.id, amount)
    return standin.books.finalize(draft.id).id


def ids(listed: stripe.ListObject[stripe.Invoice]) -> list[str]:
    return [it.id for it in listed.data]


def test_the_account_is_the_one_that_was_named(clock: MovableClock) -> None:
    with Standin(clock, account="acct_mine") as standin, driving(standin.url) as client:
        assert client.v1.accounts.retrieve_current().id == "acct_mine"


def test_invoices_are_listed_newest_first_by_every_filter_that_gatekeeper_uses(
    standin: Standin, sdk: stripe.V1Services, clock: MovableClock
) -> None:
    books = standin.books
    payer, other = books.create_customer().id, books.create_customer().id
    price = books.create_price(unit_amount=500).id
    old = bill(standin, payer, days=3)
    clock.move(days=1)
    paid = books.pay(bill(standin, payer)).id
    own = books.create_subscription(other, price, collection_method="send_invoice", days_until_due=30)
    automatic = books.create_invoice(other).id
    now = int(clock().timestamp())

    def found(**params: object) -> list[str]:
        return ids(sdk.invoices.list(params))

    assert found() == [automatic, own.latest_invoice, paid, old]
    assert found(status="open") == [own.latest_invoice, old]
    assert found(status="paid") == [paid]
    assert found(customer=other) == [automatic, own.latest_invoice]
    assert found(subscription=own.id) == [own.latest_invoice]
    assert found(collection_method="charge_automatically") == [automatic]
    assert found(created={"lt": now}) == [old]
    assert found(created={"gte": now}) == [automatic, own.latest_invoice, paid]
    assert found(due_date={"gt": now, "lte": now + 2 * _DAY}) == [old]
    assert found(due_date={"lt": now + 2 * _DAY}) == found(due_date={"gt": now + 30 * _DAY}) == []
    assert found(due_date=int(START.timestamp()) + 3 * _DAY) == [old]
    assert found(status="open", customer=payer, due_date={"lt": now}) == []


def test_pages_follow_one_another_in_both_directions(standin: Standin, sdk: stripe.V1Services) -> None:
    customer = standin.books.create_customer().id
    bills = [bill(standin, customer) for _ in range(7)][::-1]
    first = sdk.invoices.list({"limit": 3})
    assert (ids(first), first.has_more) == (bills[:3], True)
    third = sdk.invoices.list({"limit": 3, "starting_after": bills[5]})
    assert (ids(third), third.has_more) == (bills[6:], False)
    back = sdk.invoices.list({"limit": 3, "ending_before": bills[5]})
    assert (ids(back), back.has_more) == (bills[2:5], True)
    assert [it.id for it in first.auto_paging_iter()] == bills


def test_an_invoice_paid_between_two_pages_neither_breaks_nor_shifts_the_second(
    standin: Standin, sdk: stripe.V1Services
) -> None:
    customer = standin.books.create_customer().id
    bills = [bill(standin, customer) for _ in range(4)][::-1]
    first = sdk.invoices.list({"status": "open", "limit": 2})
    standin.books.pay(bills[1])
    assert ids(first) + ids(first.next_page()) == bills


def test_customers_are_found_by_address_and_leave_the_list_when_deleted(standin: Standin, sdk: stripe.V1Services) -> None:
    kept, gone = standin.books.create_customer(email="a@acme.example"), standin.books.create_customer(email="b@acme.example")
    standin.books.delete_customer(gone.id)
    assert [it.id for it in sdk.customers.list().data] == [kept.id]
    assert [it.id for it in sdk.customers.list({"email": "a@acme.example"}).data] == [kept.id]
    assert sdk.customers.retrieve(gone.id).to_dict() == {"id": gone.id, "object": "customer", "deleted": True}


def test_subscriptions_hide_the_canceled_ones_unless_all_are_asked_for(standin: Standin, sdk: stripe.V1Services) -> None:
    books = standin.books
    customer, price = books.create_customer().id, books.create_price(unit_amount=500).id
    live, dead = books.create_subscription(customer, price).id, books.create_subscription(customer, price).id
    books.cancel(dead)
    assert [it.id for it in sdk.subscriptions.list({"customer": customer}).data] == [live]
    assert [it.id for it in sdk.subscriptions.list({"status": "all"}).data] == [dead, live]
    assert [it.id for it in sdk.subscriptions.list({"status": "canceled"}).data] == [dead]
    assert sdk.subscriptions.retrieve(dead).status == "canceled"


def test_payments_of_an_invoice_are_found_by_invoice_status_and_intent(standin: Standin, sdk: stripe.V1Services) -> None:
    owed = bill(standin, standin.books.create_customer().id)
    standin.books.part_pay(owed, 300)
    (paid,) = sdk.invoice_payments.list({"invoice": owed, "status": "paid"}).data
    assert (paid.amount_paid, paid.payment.type) == (300, "payment_intent")
    by_intent = {"type": "payment_intent", "payment_intent": str(paid.payment.payment_intent)}
    assert [it.id for it in sdk.invoice_payments.list({"payment": by_intent}).data] == [paid.id]
    assert sdk.invoice_payments.list({"payment": {"type": "payment_record"}}).data == []


def test_credit_notes_are_found_by_invoice(standin: Standin, sdk: stripe.V1Services) -> None:
    customer = standin.books.create_customer().id
    one, two = bill(standin, customer), bill(standin, customer)
    note = standin.books.credit(one, 100)
    standin.books.credit(two, 100)
    assert [it.id for it in sdk.credit_notes.list({"invoice": one}).data] == [note.id]


def test_events_go_back_thirty_days_and_are_found_by_type_and_time(
    standin: Standin, sdk: stripe.V1Services, clock: MovableClock
) -> None:
    owed = bill(standin, standin.books.create_customer().id)
    clock.move(days=20)
    standin.books.pay(owed)
    kinds = ["invoice.paid", "invoice.payment_succeeded"]
    assert [it.type for it in sdk.events.list({"types": kinds}).data] == kinds[::-1]
    assert [it.type for it in sdk.events.list({"type": "invoice.*", "limit": 1}).data] == ["invoice.payment_succeeded"]
    since = sdk.events.list({"created": {"gte": int(clock().timestamp())}, "type": "invoice.*"})
    assert [it.type for it in since.data] == ["invoice.payment_succeeded", "invoice.paid", "invoice.updated"]
    clock.move(days=11)
    assert {it.type for it in sdk.events.list({"limit": 100}).data} == {
        "payment_intent.succeeded", "invoice_payment.paid", "invoice.updated", *kinds,
    }  # fmt: skip
    assert sdk.events.retrieve(next(iter(standin.books.events))).type == "customer.created"


def test_expansion_reaches_the_intent_on_one_invoice_and_is_refused_a_level_deeper(
    standin: Standin, sdk: stripe.V1Services
) -> None:
    customer = standin.books.create_customer(email="ap@acme.example").id
    owed = bill(standin, customer)
    plain = sdk.invoices.retrieve(owed)
    assert "payments" not in plain
    assert plain.customer == customer
    standin.books.start_processing(owed)
    opened = sdk.invoices.retrieve(owed, {"expand": ["payments.data.payment.payment_intent", "customer"]}).to_dict()
    assert opened["payments"]["data"][0]["payment"]["payment_intent"]["status"] == "processing"
    assert opened["customer"]["email"] == "ap@acme.example"
    listed = sdk.invoices.list({"expand": ["data.customer", "data.payments"]}).to_dict()["data"][0]
    assert (listed["customer"]["id"], len(listed["payments"]["data"])) == (customer, 1)
    with pytest.raises(stripe.InvalidRequestError, match="4 levels"):
        sdk.invoices.list({"expand": ["data.payments.data.payment.payment_intent"]})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        sdk.invoices.retrieve(owed, {"expand": ["subscription"]})


def test_a_customer_who_was_deleted_expands_to_just_that(standin: Standin, sdk: stripe.V1Services) -> None:
    customer = standin.books.create_customer().id
    owed = bill(standin, customer)
    standin.books.delete_customer(customer)
    assert sdk.invoices.retrieve(owed, {"expand": ["customer"]}).to_dict()["customer"]["deleted"] is True


def test_what_does_not_exist_is_a_404_that_says_so(sdk: stripe.V1Services) -> None:
    for read in (sdk.invoices.retrieve, sdk.customers.retrieve, sdk.subscriptions.retrieve, sdk.events.retrieve):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            read("x_none")
        assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="x_none"):
        sdk.invoices.list({"starting_after": "x_none"})


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("paid=true", "parameter_unknown"),
        ("created[after]=1", "parameter_unknown"),
        ("limit=101", "parameter_invalid"),
        ("status=overdue", "parameter_invalid"),
        ("due_date=tomorrow", "parameter_invalid"),
    ],
)
def test_a_parameter_that_stripe_would_refuse_is_refused(standin: Standin, query: str, code: str) -> None:
    answer = httpx.get(f"{standin.url}/v1/invoices?{query}", headers={"Authorization": f"Bearer {SECRET_KEY}"}, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


def test_every_answer_names_its_request_and_the_version_that_was_asked_for(standin: Standin, sdk: stripe.V1Services) -> None:
    seen = sdk.customers.list().last_response
    assert seen is not None
    assert seen.headers["Stripe-Version"] == "2026-10-28.endive"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        sdk.invoices.retrieve("in_none")
    assert refusal.value.request_id.startswith("req_")


def test_an_unknown_key_is_refused_and_a_restricted_one_can_only_read(standin: Standin) -> None:
    with driving(standin.url, "sk_test_wrong") as client, pytest.raises(stripe.AuthenticationError, match="sk_test_"):
        client.v1.invoices.list()
    with driving(standin.url, READ_KEY) as client:
        assert client.v1.invoices.list().data == []
        with pytest.raises(stripe.PermissionError):
            client.v1.customers.create({"email": "a@acme.example"})


def test_an_address_that_the_api_does_not_have_is_a_404(standin: Standin) -> None:
    answer = httpx.get(f"{standin.url}/v1/nothing", headers={"Authorization": f"Bearer {SECRET_KEY}"}, trust_env=False)
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")
