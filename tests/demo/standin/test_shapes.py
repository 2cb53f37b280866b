"""What the stand-in serves has the shape that the official SDK annotates for the current API: each required field is there,
each value is of its type, and there is no field that the API does not know.
"""

import inspect
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar, ForwardRef, Literal, Union, get_args, get_origin

import httpx
import pytest
import stripe
from stripe import ListObject, StripeObject
from stripe._stripe_object import UntypedStripeObject

from gatekeeper.demo.standin.books import Books
from gatekeeper.demo.standin.serve import Standin
from tests.kit.standin import SECRET_KEY, MovableClock


def object_faults(value: Any, cls: type[Any], where: str) -> Iterator[str]:
    """What of a JSON object does not fit the annotations of the SDK's class."""
    parts = cls.__mro__[: cls.__mro__.index(StripeObject)]
    hints = {name: hint for part in reversed(parts) for name, hint in vars(part).get("__annotations__", {}).items()}
    known = {name: hint for name, hint in hints.items() if not name.startswith("_") and get_origin(hint) is not ClassVar}
    yield from (f"{where}.{name}: the API has no such field" for name in value if name not in known)
    for name, hint in known.items():
        if name in value:
            yield from faults(value[name], hint, f"{where}.{name}")
        elif type(None) not in get_args(hint):
            yield f"{where}.{name}: missing"


def faults(value: Any, hint: Any, where: str) -> Iterator[str]:
    """What of the value does not fit the annotation."""
    hint = ForwardRef(hint) if isinstance(hint, str) else hint
    if get_origin(hint) is Union:
        options = [list(faults(value, part, where)) for part in get_args(hint)]
        yield from [] if [] in options else max(options, key=len)
    elif get_origin(hint) in {list, ListObject}:
        yield from _list_faults(value, hint, where)
    elif isinstance(hint, ForwardRef) or (inspect.isclass(hint) and issubclass(hint, StripeObject)):
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is no object"
        else:
            yield from object_faults(
                value, getattr(stripe, hint.__forward_arg__) if isinstance(hint, ForwardRef) else hint, where
            )
    elif hint is not Any and not _plain(value, hint):
        yield f"{where}: {value!r} is no {hint}"


def _list_faults(value: Any, hint: Any, where: str) -> Iterator[str]:
    if get_origin(hint) is ListObject:
        if not isinstance(value, dict) or value.keys() != {"object", "data", "has_more", "url"}:
            yield f"{where}: not the envelope of a list"
            return
        value, where = value["data"], f"{where}.data"
    if not isinstance(value, list):
        yield f"{where}: {value!r} is no list"
        return
    for index, item in enumerate(value):
        yield from faults(item, get_args(hint)[0], f"{where}[{index}]")


def _plain(value: Any, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if get_origin(hint) is UntypedStripeObject:
        return isinstance(value, dict)
    return type(value) is (str if hint is Decimal else hint)


def lived_in(books: Books, clock: MovableClock) -> None:
    """Every kind of object in every state that the books have a verb for."""
    price = books.create_price(unit_amount=1200, product_name="Pro").id
    debtor = books.create_customer(
        email="ap@acme.example", name="Acme", metadata={"account_id": "acme"}, preferred_locales=["es"]
    )
    declining = books.create_customer(payment_method="pm_card_chargeCustomerFail")
    invoiced = books.create_subscription(
        debtor.id, price, collection_method="send_invoice", days_until_due=7, metadata={"a": "b"}
    )
    charged = books.create_subscription(declining.id, price)
    paying = books.create_subscription(books.create_customer().id, price, quantity=3)
    bills = [books.renew(invoiced.id).id for _ in range(7)]
    books.pay(bills[0], out_of_band=True)
    books.part_pay(bills[1], 500)
    books.void(bills[2])
    books.mark_uncollectible(bills[3])
    books.credit(bills[4], 200)
    books.revise(bills[5], amount=900)
    books.start_processing(bills[6])
    books.part_pay(books.renew(invoiced.id).id, 2000)
    books.fail_payment(books.renew(charged.id).id)
    books.credit(paying.latest_invoice or "", 100, memo="sorry", reason="product_unsatisfactory", out_of_band=100)
    draft = books.create_invoice(debtor.id, collection_method="send_invoice", days_until_due=3)
    books.add_line(draft.id, 100, description="Training")
    books.update_customer(debtor.id, {"email": "new@acme.example"})
    disputed = books.dispute(paying.latest_invoice or "")
    books.close_dispute(disputed.id, "won")
    books.refund(paying.latest_invoice or "", 100)
    own_clock = books.create_test_clock(books.now(), name="rehearsal").id
    rehearsing = books.create_customer(test_clock=own_clock, country="CO").id
    books.create_subscription(rehearsing, price, collection_method="send_invoice", days_until_due=7)
    books.advance(own_clock, books.now() + 40 * 86_400)
    clock.move(days=8)
    books.cancel(paying.id)


@pytest.fixture(scope="module")
def world() -> Iterator[Standin]:
    clock = MovableClock()
    with Standin(clock) as standin:
        lived_in(standin.books, clock)
        yield standin


def get(standin: Standin, path: str, **params: str | int | list[str]) -> Any:
    answer = httpx.get(
        f"{standin.url}{path}", params=params, headers={"Authorization": f"Bearer {SECRET_KEY}"}, trust_env=False
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


SERVED = {
    "/v1/invoices": stripe.Invoice,
    "/v1/customers": stripe.Customer,
    "/v1/subscriptions": stripe.Subscription,
    "/v1/invoice_payments": stripe.InvoicePayment,
    "/v1/credit_notes": stripe.CreditNote,
    "/v1/disputes": stripe.Dispute,
    "/v1/test_helpers/test_clocks": stripe.test_helpers.TestClock,
    "/v1/events": stripe.Event,
}


@pytest.mark.parametrize(("path", "cls"), SERVED.items())
def test_every_object_of_a_list_has_the_shape_that_the_sdk_expects(world: Standin, path: str, cls: type[Any]) -> None:
    params: dict[str, Any] = {"limit": 100} | ({"status": "all"} if "subscriptions" in path else {})
    served = get(world, path, **params)
    assert served["data"]
    assert list(faults(served, ListObject[cls], path)) == []


def test_an_expanded_invoice_has_the_shape_that_the_sdk_expects(world: Standin) -> None:
    expand = ["payments.data.payment.payment_intent", "customer", "parent.subscription_details.subscription"]
    for it in world.books.invoices:
        served = get(world, f"/v1/invoices/{it}", **{"expand[]": expand} if world.books.invoices[it].subscription else {})
        assert list(faults(served, stripe.Invoice, it)) == []


@pytest.mark.parametrize(
    ("prefix", "cls"),
    [
        ("invoice.", stripe.Invoice),
        ("customer.subscription.", stripe.Subscription),
        ("invoice_payment.", stripe.InvoicePayment),
        ("credit_note.", stripe.CreditNote),
        ("payment_intent.", stripe.PaymentIntent),
        ("charge.refunded", stripe.Charge),
        ("charge.dispute.", stripe.Dispute),
        ("test_helpers.test_clock.", stripe.test_helpers.TestClock),
        ("price.", stripe.Price),
        ("product.", stripe.Product),
    ],
)
def test_the_object_within_an_event_has_the_shape_that_the_sdk_expects(world: Standin, prefix: str, cls: type[Any]) -> None:
    bodies = [event for event in world.books.events.values() if event["type"].startswith(prefix)]
    assert bodies
    assert [fault for event in bodies for fault in faults(event["data"]["object"], cls, event["type"])] == []


def test_the_account_has_the_shape_that_the_sdk_expects(world: Standin) -> None:
    assert list(faults(get(world, "/v1/account"), stripe.Account, "account")) == []


def test_the_check_itself_finds_a_missing_an_unknown_and_a_wrong_field(world: Standin) -> None:
    bill = get(world, "/v1/invoices", limit=1)["data"][0]
    del bill["amount_remaining"]
    bill |= {"subscription": "sub_1", "due_date": "2026-03-09"}
    told = sorted(faults(bill, stripe.Invoice, "in"))
    assert told == [
        "in.amount_remaining: missing",
        "in.due_date: '2026-03-09' is no <class 'int'>",
        "in.subscription: the API has no such field",
    ]
