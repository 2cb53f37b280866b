"""Webhooks over real sockets: signed so that the SDK believes them, repeated, doubled, lost and out of order by a seed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import pytest
import stripe

from gatekeeper.demo.standin.events import thin
from gatekeeper.demo.standin.serve import Standin
from tests.kit.standin import Inbox, MovableClock, Teller, listening

_NEW, _OLD = "whsec_new", "whsec_old"


def wall() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with listening() as one:
        yield one


def test_every_event_arrives_signed_by_every_secret(teller: Teller, inbox: Inbox) -> None:
    delivery = teller.standin.deliver_to(inbox.url, [_OLD, _NEW], clock=wall)
    teller.sdk.invoices.pay(teller.owe())
    assert delivery.wait_idle(5)
    assert inbox.types[-2:] == ["invoice.paid", "invoice.payment_succeeded"]
    for body, header in inbox.got:
        for secret in (_OLD, _NEW):
            assert stripe.Webhook.construct_event(body, header, secret)["object"] == "event"
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, header, "whsec_other")
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body + b" ", header, _NEW)
        assert header.endswith(f",v0={'0' * 64}")


def test_the_body_is_printed_as_stripe_prints_it(teller: Teller, inbox: Inbox) -> None:
    delivery = teller.standin.deliver_to(inbox.url, [_NEW])
    teller.owe()
    delivery.wait_idle(5)
    body, _ = inbox.got[0]
    assert body.startswith(b'{\n  "id": "evt_')
    assert json.loads(body)["pending_webhooks"] == 1


def test_the_signature_carries_the_time_of_the_clock_that_was_handed_in(teller: Teller, inbox: Inbox) -> None:
    delivery = teller.standin.deliver_to(inbox.url, [_NEW])
    teller.owe()
    delivery.wait_idle(5)
    body, header = inbox.got[0]
    assert header.startswith(f"t={int(teller.clock().timestamp())},")
    with pytest.raises(stripe.SignatureVerificationError, match="tolerance"):
        stripe.Webhook.construct_event(body, header, _NEW)


def test_thin_events_name_the_object_and_show_nothing_of_it(teller: Teller, inbox: Inbox) -> None:
    delivery = teller.standin.deliver_to(inbox.url, [_NEW], clock=wall, form="thin")
    owed = teller.owe()
    teller.sdk.invoices.pay(owed)
    delivery.wait_idle(5)
    client = stripe.StripeClient("sk_test_x")
    told = [client.parse_event_notification(body, header, _NEW) for body, header in inbox.got]
    assert {type(it).__name__ for it in told} >= {"V1InvoicePaidEventNotification", "V1InvoiceFinalizedEventNotification"}
    assert "UnknownEventNotification" not in {type(it).__name__ for it in told if "invoice" in it.type}
    paid = next(it for it in told if it.type == "v1.invoice.paid")
    assert (paid.related_object.id, paid.related_object.url) == (owed, f"/v1/invoices/{owed}")
    assert not set(inbox.ids) & set(teller.standin.books.events)
    assert all(b"amount" not in body for body, _ in inbox.got)


def test_every_event_has_a_thin_form(teller: Teller) -> None:
    teller.subscribe()
    teller.owe()
    teller.control("part_pay", invoice_id=teller.id, amount=10)
    teller.sdk.credit_notes.create({"invoice": teller.id, "amount": 10})
    for event in teller.standin.books.events.values():
        assert thin(event)["related_object"]["url"].endswith(f"s/{event['data']['object']['id']}")


def test_an_endpoint_of_an_older_version_gets_objects_of_that_version(inbox: Inbox, clock: MovableClock) -> None:
    with Standin(clock, api_version="2024-09-30.acacia") as standin:
        delivery = standin.deliver_to(inbox.url, [_NEW])
        price = standin.books.create_price(unit_amount=100).id
        own = standin.books.create_subscription(standin.books.create_customer().id, price)
        delivery.wait_idle(5)
    bodies = {event["type"]: event for event in (json.loads(body) for body, _ in inbox.got)}
    bill = bodies["invoice.paid"]["data"]["object"]
    assert bodies["invoice.paid"]["api_version"] == "2024-09-30.acacia"
    assert (bill["subscription"], bill["paid"], "parent" in bill) == (own.id, True, False)
    assert bodies["customer.subscription.created"]["data"]["object"]["current_period_start"] == own.current_period_start


@pytest.mark.parametrize("refusal", [307, 400, 500])
def test_what_is_not_taken_is_sent_again_with_another_signature(teller: Teller, inbox: Inbox, refusal: int) -> None:
    inbox.answers = [refusal, refusal]
    delivery = teller.standin.deliver_to(inbox.url, [_NEW], retries=(0.01, 0.01))
    teller.sdk.customers.update(teller.customer, {"name": "Acme Ltd"})
    assert delivery.wait_idle(5)
    assert [(it.number, it.status) for it in delivery.attempts] == [(1, refusal), (2, refusal), (3, 200)]
    assert len({body for body, _ in inbox.got}) == 1
    assert teller.sdk.events.list({"delivery_success": False, "type": "customer.updated"}).data == []


def test_what_is_never_taken_is_given_up_and_listed_as_undelivered(teller: Teller, inbox: Inbox) -> None:
    inbox.answers = [500, 500]
    delivery = teller.standin.deliver_to(inbox.url, [_NEW], retries=(0.01,))
    teller.sdk.customers.update(teller.customer, {"name": "Acme Ltd"})
    assert delivery.wait_idle(5)
    assert len(inbox.got) == 2
    assert len(teller.sdk.events.list({"delivery_success": False}).data) == 1


def test_an_endpoint_that_is_down_counts_as_a_refusal(teller: Teller) -> None:
    with listening() as inbox:
        url = inbox.url
    delivery = teller.standin.deliver_to(url, [_NEW], retries=())
    teller.sdk.customers.update(teller.customer, {"name": "Acme Ltd"})
    assert delivery.wait_idle(5)
    assert [it.status for it in delivery.attempts] == [0]


def test_webhooks_that_are_switched_off_are_not_sent_later_either(teller: Teller, inbox: Inbox) -> None:
    delivery = teller.standin.deliver_to(inbox.url, [_NEW])
    for on in (False, True):
        assert httpx.post(f"{teller.standin.url}/_control/switches", json={"webhooks": on}, trust_env=False).status_code == 204
        teller.sdk.customers.update(teller.customer, {"name": f"Acme {on}"})
    assert delivery.wait_idle(5)
    assert len(inbox.got) == 1


def run(clock: MovableClock, **chaos: float) -> tuple[list[str], list[str]]:
    """The ids of the events as they happened, and as they arrived."""
    with listening() as inbox, Standin(clock) as standin:
        delivery = standin.deliver_to(inbox.url, [_NEW], patience=60, **chaos)
        for number in range(60):
            standin.books.create_customer(name=str(number))
        assert delivery.wait_idle(10)
        return list(standin.books.events), inbox.ids


CHAOS: dict[str, tuple[dict[str, float], Callable[[list[str], list[str]], bool]]] = {
    "some arrive twice": ({"duplicates": 0.3}, lambda sent, got: len(got) > len(sent) and set(got) == set(sent)),
    "some never arrive": ({"losses": 0.3}, lambda sent, got: 20 < len(got) < len(sent)),
    "some are overtaken": ({"disorder": 0.3}, lambda sent, got: sorted(got) == sorted(sent) and got != sent),
    "all of it at once": ({"duplicates": 0.2, "losses": 0.2, "disorder": 0.5}, lambda sent, got: set(got) < set(sent)),
}


@pytest.mark.parametrize("sentence", CHAOS)
def test_chaos_is_the_same_for_the_same_seed(clock: MovableClock, sentence: str) -> None:
    chaos, holds = CHAOS[sentence]
    sent, got = run(clock, **chaos, seed=7)
    assert holds(sent, got)
    assert run(clock, **chaos, seed=7) == (sent, got)
    assert run(clock, **chaos, seed=8)[1] != got


def test_without_chaos_events_arrive_once_and_in_order(clock: MovableClock) -> None:
    sent, got = run(clock)
    assert got == sent


def test_what_is_held_back_goes_out_when_nothing_follows(teller: Teller, inbox: Inbox) -> None:
    delivery = teller.standin.deliver_to(inbox.url, [_NEW], disorder=1.0, patience=0.05)
    teller.sdk.customers.update(teller.customer, {"name": "Acme Ltd"})
    assert inbox.until(lambda: delivery.attempts)
    assert len(inbox.got) == 1
