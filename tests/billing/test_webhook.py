"""What is taken for a delivery of Stripe's, and what it points at: the table of facts/stripe.md, section 1, and case 24."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.billing.stripe.webhook import Delivery, DeliveryRefused, delivery, verify
from tests.billing.events import OTHER, SECRET, body, event, signed, thin_event

PAID = Delivery(event_id="evt_1", kind="invoice.paid", livemode=False, invoice_id="in_1")  # shows no status: settles nothing
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
kinds = st.sampled_from(["invoice.paid", "credit_note.created", "charge.dispute.closed", "refund.created", "customer.a.b"])
odd_events = st.dictionaries(fields, anything, max_size=4).map(lambda changes: event() | changes)
names = st.sampled_from(["id", "object", "invoice", "customer", "payment_intent", "status"])
odd_objects = st.builds(event, kinds, st.dictionaries(names, anything))
contents = st.binary() | anything.map(body) | odd_events.map(body) | odd_objects.map(body)


@given(contents)
def test_any_body_is_a_delivery_or_refused(content: bytes) -> None:
    try:
        found = delivery(content)
    except DeliveryRefused:
        return
    words = (found.event_id, found.kind, found.account, found.invoice_id, found.customer_id, found.dispute_id, found.clock_id)
    for word in (*words, *(found.related or ())):
        assert len(word) <= 255
        assert word.isascii()
        assert word.isprintable()
    assert found.event_id
    assert found.kind
    assert found.invoice_id or not found.settles


@given(contents, st.text() | st.from_regex(r"(t=[0-9]{0,12},)?v[01]=[0-9a-f]{0,64}", fullmatch=True))
def test_no_header_is_a_signature_that_is_none(content: bytes, header: str) -> None:
    assert refused(content, header)


def test_the_signature_of_one_body_is_none_of_another() -> None:
    header = signed(CONTENT)
    for at in range(0, len(CONTENT), 7):
        other = CONTENT[:at] + bytes([CONTENT[at] ^ 1]) + CONTENT[at + 1 :]
        assert refused(other, header)
    assert json.loads(CONTENT)["id"] == "evt_1"
