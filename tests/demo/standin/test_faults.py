"""Each fault as the official SDK meets it, and the log of what was asked."""

import time
from typing import Any

import httpx
import pytest
import stripe

from gatekeeper.demo.standin.faults import Fault
from gatekeeper.demo.standin.serve import Standin
from tests.kit.standin import READ_KEY, Teller, driving


@pytest.mark.parametrize(
    ("fault", "error", "status"),
    [
        ({"kind": "unauthorized"}, stripe.AuthenticationError, 401),
        ({"kind": "forbidden"}, stripe.PermissionError, 403),
        ({"kind": "rate_limited"}, stripe.RateLimitError, 429),
        ({"kind": "error"}, stripe.APIError, 500),
        ({"kind": "html"}, stripe.APIError, 200),
        ({"kind": "reset"}, stripe.APIConnectionError, None),
    ],
    ids=lambda value: value.get("kind") if isinstance(value, dict) else "",
)
def test_a_fault_meets_one_request_and_the_next_one_is_answered(
    standin: Standin, sdk: stripe.V1Services, fault: dict[str, Any], error: type[stripe.StripeError], status: int | None
) -> None:
    assert httpx.post(f"{standin.url}/_control/faults", json=fault, trust_env=False).status_code == 204
    with pytest.raises(error) as failure:
        sdk.invoices.list()
    assert failure.value.http_status == status
    assert sdk.invoices.list().data == []


def test_a_rate_limited_call_is_repeated_by_the_sdk_only_where_the_answer_says_so(standin: Standin) -> None:
    with driving(standin.url, retries=1) as client:
        standin.faults.add(Fault(kind="rate_limited", should_retry=True))
        assert client.v1.invoices.list().data == []
        standin.faults.add(Fault(kind="rate_limited"))
        with pytest.raises(stripe.RateLimitError) as failure:
            client.v1.invoices.list()
    assert failure.value.error is not None
    assert failure.value.error.code == "rate_limit"
    assert len(standin.log.entries()) == 3


def test_the_second_page_fails_where_the_first_is_let_through(teller: Teller) -> None:
    bills = [teller.owe() for _ in range(3)][::-1]
    teller.standin.faults.add(Fault(kind="error", path="/v1/invoices", skip=1))
    first = teller.sdk.invoices.list({"limit": 2})
    assert [it.id for it in first.data] == bills[:2]
    with pytest.raises(stripe.APIError):
        first.next_page()
    assert [it.id for it in first.next_page().data] == bills[2:]


def test_an_empty_list_hides_what_is_there(teller: Teller) -> None:
    owed = teller.owe()
    teller.standin.faults.add(Fault(kind="empty", path="/v1/invoices"))
    assert teller.sdk.invoices.list().data == []
    assert [it.id for it in teller.sdk.invoices.list().data] == [owed]


def test_a_slow_answer_is_right_and_late(teller: Teller) -> None:
    owed = teller.owe()
    teller.standin.faults.add(Fault(kind="slow", seconds=0.3))
    begun = time.monotonic()
    assert teller.sdk.invoices.retrieve(owed).id == owed
    assert time.monotonic() - begun >= 0.3


def test_a_429_may_say_when_to_come_again(teller: Teller) -> None:
    for seconds in (None, 7):
        teller.standin.faults.add(Fault(kind="rate_limited", retry_after=seconds))
        with pytest.raises(stripe.RateLimitError) as failure:
            teller.sdk.invoices.list()
        assert (failure.value.headers or {}).get("retry-after") == (None if seconds is None else "7")


def test_a_fault_may_meet_one_list_alone(teller: Teller) -> None:
    lost = teller.sdk.invoices.mark_uncollectible(teller.owe()).id
    owed = teller.owe()
    teller.standin.faults.add(Fault(kind="empty", path="/v1/invoices", query="status=open", times=None))
    assert teller.sdk.invoices.list({"status": "open"}).data == []
    assert [it.id for it in teller.sdk.invoices.list({"status": "uncollectible"}).data] == [lost]
    assert len(teller.sdk.invoices.list({"expand": ["data.customer"]}).data) == 2
    assert owed


def test_an_outage_for_the_reader_alone_lasts_until_it_is_cleared(teller: Teller) -> None:
    teller.standin.faults.add(Fault(kind="error", times=None, key="rk_"))
    with driving(teller.standin.url, READ_KEY) as reader:
        for _ in range(2):
            with pytest.raises(stripe.APIError):
                reader.v1.invoices.list()
        teller.owe()
        assert httpx.delete(f"{teller.standin.url}/_control/faults", trust_env=False).status_code == 204
        assert len(reader.v1.invoices.list().data) == 1


def test_every_request_is_logged_with_the_kind_of_its_key_and_never_the_key(teller: Teller) -> None:
    log = f"{teller.standin.url}/_control/requests"
    httpx.delete(log, trust_env=False)
    with driving(teller.standin.url, READ_KEY) as reader:
        reader.v1.invoices.list({"status": "open"})
    teller.sdk.customers.create({"name": "Acme"})
    asked = httpx.get(log, trust_env=False).json()
    came = [entry.pop("at") for entry in asked]
    assert came == sorted(came)
    assert asked == [
        {"method": "GET", "path": "/v1/invoices", "query": "status=open", "key": "rk"},
        {"method": "POST", "path": "/v1/customers", "query": "", "key": "sk"},
    ]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("books/part_pay", {"invoice_id": "in_1"}, 400),
        ("books/part_pay", {"invoice_id": "in_1", "amount": "much"}, 400),
        ("books/part_pay", {"invoice_id": "in_1", "amount": 1}, 404),
        ("books/delete_customer", {"customer_id": "cus_1"}, 404),
        ("faults", {"kind": "flood"}, 400),
        ("switches", {"webhook": False}, 400),
    ],
)
def test_a_control_that_cannot_be_done_says_why(standin: Standin, path: str, body: dict[str, Any], status: int) -> None:
    answer = httpx.post(f"{standin.url}/_control/{path}", json=body, trust_env=False)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
