"""One story, told by the official SDK to the stand-in and to a fake that others wrote, ends in the same state on both."""

from collections.abc import Iterator

import pytest
import stripe

from tests.kit.standin import driving, listening
from tests.kit.world import World

_DAY = 86_400


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as running:
        yield running


@pytest.fixture(params=["stand-in", pytest.param("stripe-world", marks=pytest.mark.peer("stripe-world"))])
def stripe_of_either_kind(request: pytest.FixtureRequest) -> Iterator[stripe.V1Services]:
    if request.param == "stand-in":
        yield request.getfixturevalue("sdk")
        return
    with driving(request.getfixturevalue("world").url) as client:
        yield client.v1


def test_a_subscription_is_billed_owed_and_paid(stripe_of_either_kind: stripe.V1Services) -> None:
    api = stripe_of_either_kind
    customer = api.customers.create({"email": "ap@acme.example", "metadata": {"account_id": "acme"}}).id
    price = api.prices.create(
        {"currency": "eur", "unit_amount": 1000, "recurring": {"interval": "month"}, "product_data": {"name": "Pro"}}
    ).id
    own = api.subscriptions.create(
        {"customer": customer, "items": [{"price": price}], "collection_method": "send_invoice", "days_until_due": 7}
    )
    bill = str(own.latest_invoice)
    if api.invoices.retrieve(bill).status == "draft":
        api.invoices.finalize_invoice(bill)
    owed = api.invoices.send_invoice(bill)
    assert (owed.status, owed.amount_remaining, owed.due_date) == ("open", 1000, owed.created + 7 * _DAY)
    assert [it.id for it in api.invoices.list({"status": "open", "customer": customer}).data] == [bill]
    paid = api.invoices.pay(bill, {"paid_out_of_band": True})
    assert (paid.status, paid.amount_remaining, paid.attempted) == ("paid", 0, False)
    assert paid.parent is not None
    assert paid.parent.subscription_details is not None
    assert paid.parent.subscription_details.subscription == own.id
    told = {event.type for event in api.events.list({"limit": 100}).data}
    assert told >= {"customer.created", "customer.subscription.created", "invoice.finalized", "invoice.sent", "invoice.paid"}
    assert "invoice.payment_succeeded" not in told
    assert api.customers.delete(customer).deleted is True
    assert api.customers.retrieve(customer).to_dict() == {"id": customer, "object": "customer", "deleted": True}


@pytest.mark.peer("stripe-world")
def test_the_clock_of_the_world_is_moved_and_its_account_is_fresh(world: World) -> None:
    with driving(world.url) as client:
        before = client.v1.customers.create({"name": "Acme"}).created
        world.move_clock(8 * _DAY)
        assert 0 <= client.v1.customers.create({"name": "Acme"}).created - before - 8 * _DAY < 10
        world.move_clock(0)
        assert client.v1.accounts.retrieve_current().id == world.account


@pytest.mark.peer("stripe-world")
def test_the_events_of_the_world_are_relayed_signed(world: World) -> None:
    with listening() as inbox, driving(world.url) as client:
        created = client.v1.customers.create({"name": "Relayed"}).id
        with world.relay(inbox.url, "whsec_world", dup=0.2, shuffle=True):
            assert inbox.until(lambda: any(created.encode() in body for body, _ in inbox.got))
        assert all(stripe.Webhook.construct_event(*one, "whsec_world")["id"] for one in inbox.got)
