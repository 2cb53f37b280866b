"""What is taken for a delivery of Stripe's, and what it points at: the table of facts/stripe.md, section 1, and case 24."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.billing.stripe.webhook import Delivery, DeliveryRefused, delivery, verify
from gatekeeper.demo.standin.events import snapshot
from gatekeeper.demo.standin.serve import Standin
from tests.billing.events import OTHER, SECRET, body, event, signed, thin_event
from tests.billing.reading import bill, debtor

PAID = Delivery(event_id="evt_1", kind="invoice.paid", livemode=False, invoice_id="in_1")
CONTENT = body(event())


def refused(content: bytes, header: str, *secrets: str) -> str:
    with pytest.raises(DeliveryRefused) as refusal:
        verify(content, header, secrets or (SECRET,))
    return str(refusal.value)


def edited(header: str, old: str, new: str) -> str:
    assert old in header
    return header.replace(old, new)


def test_what_one_of_the_secrets_signed_is_taken() -> None:
    assert verify(CONTENT, signed(CONTENT), [SECRET]) == PAID
    assert verify(CONTENT, signed(CONTENT), [OTHER, SECRET]) == PAID
    assert verify(CONTENT, signed(CONTENT, OTHER, SECRET), [SECRET]) == PAID
    assert verify(CONTENT, signed(CONTENT, SECRET, OTHER), [SECRET]) == PAID


@pytest.mark.parametrize("ago", [290, -290])
def test_clocks_may_be_five_minutes_apart(ago: float) -> None:
    assert verify(CONTENT, signed(CONTENT, ago=ago), [SECRET]) == PAID


@pytest.mark.parametrize("ago", [310, 86_400, -310, -86_400])
def test_what_was_signed_long_ago_or_far_ahead_is_refused(ago: float) -> None:
    """The SDK takes what was signed ahead of now, by however much."""
    assert "within 300 seconds" in refused(CONTENT, signed(CONTENT, ago=ago))


SPOILT: dict[str, Callable[[str], str]] = {
    "missing": lambda _: "",
    "garbage": lambda _: "garbage",
    "another secret": lambda _: signed(CONTENT, OTHER),
    "another body": lambda _: signed(CONTENT + b" "),
    "v0 only": lambda good: edited(good, ",v1=", ",v0="),
    "no time": lambda good: edited(good, "t=", "s="),
    "time is no number": lambda good: edited(good, "t=", "t=x"),
    "time is endless": lambda good: edited(good, "t=", "t=" + "9" * 5000),
    "another time": lambda good: re.sub(r"t=(\d+)", lambda time: f"t={int(time[1]) - 1}", good),
    "not ASCII": lambda good: edited(good, "v1=", "v1=é"),
    "not ASCII at all": lambda _: "é" * 40,
    "empty values": lambda _: "t=,v1=",
    "no values": lambda _: "t,v1",
    "NUL": lambda _: "\0",
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_not_signed_is_refused(how: str) -> None:
    assert refused(CONTENT, SPOILT[how](signed(CONTENT)))


def test_without_a_secret_nothing_is_taken() -> None:
    with pytest.raises(DeliveryRefused, match=r"no secret of stripe\.webhook_secrets"):
        verify(CONTENT, signed(CONTENT), [])
    assert refused(CONTENT, signed(CONTENT, ""), "")


NO_EVENTS = {
    "bytes": (b"", b"\xff\xfe", b"not JSON", b'{"id": ' + b"9" * 5000 + b"}", b"[" * 200_000, b'{"a":' * 100_000),
    "other JSON": (b"[]", b'"text"', b"5", b"null", b"{}"),
    "id": [body(event(id=odd)) for odd in (None, "", 7, ["a"], "e" * 256, "evt\0", "evt_\ud83d", "evt 1")],
    "type": [body(event(type=odd)) for odd in (None, "", 7, ["a"], "t" * 256, "a\0b", "\ud83d")],
    "data": [body(event(data=odd)) for odd in (None, {}, [], {"object": []}, {"object": "in_1"}, {"object": None})],
    "related object": [body(thin_event(related_object=odd)) for odd in ("in_1", [1], 7)],
}


@pytest.mark.parametrize("kind", NO_EVENTS)
def test_what_is_no_event_is_refused_though_it_is_signed(kind: str) -> None:
    for content in NO_EVENTS[kind]:
        assert "the body is not" in refused(content, signed(content))


@pytest.mark.parametrize(
    ("kind", "about", "invoice_id", "customer_id"),
    [
        ("invoice.created", {"id": "in_1"}, "in_1", ""),
        ("invoice.deleted", {"id": "in_1"}, "in_1", ""),
        ("invoice.a_new_word", {"id": "in_1"}, "in_1", ""),
        ("invoice.upcoming", {"object": "invoice", "customer": "cus_1"}, "", ""),
        ("invoice.upcoming", {"object": "invoice", "id": "upcoming_in_1"}, "", ""),
        ("invoice.paid", {}, "", ""),
        ("invoice.paid", {"id": None}, "", ""),
        ("invoice.paid", {"id": {"id": "in_1"}}, "", ""),
        ("invoice.paid", {"id": "in_\ud83d"}, "", ""),
        ("invoice.paid", {"id": "i" * 300}, "", ""),
        ("invoice_payment.paid", {"id": "inpay_1", "invoice": "in_1"}, "in_1", ""),
        ("credit_note.created", {"id": "cn_1", "invoice": "in_1"}, "in_1", ""),
        ("customer.created", {"id": "cus_1"}, "", "cus_1"),
        ("customer.updated", {"id": "cus_1"}, "", "cus_1"),
        ("customer.deleted", {"id": "cus_1"}, "", "cus_1"),
        ("customer.subscription.updated", {"id": "sub_1"}, "", ""),
        ("customer.tax_id.created", {"id": "txi_1"}, "", ""),
        ("invoiceitem.created", {"id": "ii_1"}, "", ""),
        ("plan.created", {"id": "plan_1"}, "", ""),
        ("charge.dispute.created", {"id": "dp_1"}, "", ""),
        ("something.new.altogether", {}, "", ""),
    ],
)  # fmt: skip
def test_an_event_points_at_an_invoice_or_a_customer_or_nothing(
    kind: str, about: Any, invoice_id: str, customer_id: str
) -> None:
    found = delivery(body(event(kind, about)))
    assert (found.kind, found.invoice_id, found.customer_id) == (kind, invoice_id, customer_id)


@pytest.mark.parametrize(
    "version", ["2020-03-02", "2020-08-27", "2022-11-15", "2024-09-30.acacia", "2025-03-31.basil", "2026-10-28.endive", None]
)
def test_events_of_every_api_version_point_at_the_same(standin: Standin, version: str | None) -> None:
    """The body has the shape of the endpoint's version (2020: `subscription`, `paid`, `charge` at the top; 2026: `parent`)."""
    one = bill(standin, debtor(standin))
    about = standin.books.write(standin.books.invoice(one))
    made = snapshot("evt_9", "invoice.paid", about, created=0, api_version=version or "2020-03-02", request=(None, None))
    found = delivery(body(made | {"api_version": version}))
    assert found == Delivery(event_id="evt_9", kind="invoice.paid", livemode=False, invoice_id=one)


def test_a_thin_event_points_at_what_its_snapshot_does() -> None:
    content = body(thin_event())
    found = verify(content, signed(content), [SECRET])
    assert found == Delivery(event_id="evt_thin_1", kind="v1.invoice.paid", livemode=False, invoice_id="in_1")
    of_a_customer = thin_event("customer.updated", related_object={"id": "cus_1", "type": "customer"})
    assert delivery(body(of_a_customer)).customer_id == "cus_1"
    of_a_payment = thin_event("invoice_payment.paid", related_object={"id": "inpay_1", "type": "invoice_payment"})
    assert delivery(body(of_a_payment)).invoice_id == ""
    assert delivery(body(thin_event(related_object=None))).invoice_id == ""
    assert delivery(body(thin_event("v2.core.account.updated"))).invoice_id == ""


def test_the_mode_is_live_only_where_the_event_says_so() -> None:
    for said, live in ((True, True), (False, False), (None, False), ("true", False), (1, False)):
        assert delivery(body(event(livemode=said))).livemode is live
    without = event()
    del without["livemode"]
    assert delivery(body(without)).livemode is False


@pytest.mark.parametrize(
    ("document", "account"),
    [
        (event(), ""),
        (event(account="acct_2"), "acct_2"),
        (event(account=None), ""),
        (thin_event(context="acct_2"), "acct_2"),
        (thin_event(context="org_1/acct_2"), "acct_2"),
        (thin_event(context=None), ""),
    ],
)
def test_an_event_of_connect_says_whose_it_is(document: Any, account: str) -> None:
    assert delivery(body(document)).account == account


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6)
fields = st.sampled_from(["id", "type", "object", "data", "livemode", "account", "context", "related_object"])
odd_events = st.dictionaries(fields, anything, max_size=4).map(lambda changes: event() | changes)
contents = st.binary() | anything.map(body) | odd_events.map(body)


@given(contents)
def test_any_body_is_a_delivery_or_refused(content: bytes) -> None:
    try:
        found = delivery(content)
    except DeliveryRefused:
        return
    for word in (found.event_id, found.kind, found.account, found.invoice_id, found.customer_id):
        assert len(word) <= 255
        assert word.isascii()
        assert word.isprintable()
    assert found.event_id
    assert found.kind


@given(contents, st.text() | st.from_regex(r"(t=[0-9]{0,12},)?v[01]=[0-9a-f]{0,64}", fullmatch=True))
def test_no_header_is_a_signature_that_is_none(content: bytes, header: str) -> None:
    assert refused(content, header)


def test_the_signature_of_one_body_is_none_of_another() -> None:
    header = signed(CONTENT)
    for at in range(0, len(CONTENT), 7):
        other = CONTENT[:at] + bytes([CONTENT[at] ^ 1]) + CONTENT[at + 1 :]
        assert refused(other, header)
    assert json.loads(CONTENT)["id"] == "evt_1"
