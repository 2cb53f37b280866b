"""The JSON API on a real uvicorn and a real ledger: who may, what it takes, what it says, and what the ledger holds then."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatekeeper import api
from gatekeeper.api.openapi import openapi
from gatekeeper.ledger.migrate import migrate
from gatekeeper.model import Origin
from tests.kit.apis import app_of
from tests.kit.builders import ACCOUNTANT, DUE_AT, USER, invoice, on
from tests.kit.ledger import Ledger, opened, suspended
from tests.kit.standin import MovableClock
from tests.pages.serving import serving

TOKENS = (
    api.Token(name="ops", secret="both-ways", scopes=("read", "write")),
    api.Token(name="reports", secret="looks-on", scopes=("read",)),
    api.Token(name="import", secret="only-in", scopes=("write",)),
)
ANN = {"audience": "accountant", "address": "ann@acme.example", "name": "Ann", "locale": "es"}
CY = {"audience": "user", "address": "cy@acme.example"}
ACCOUNT = {
    "contacts": [ANN, CY],
    "name": "Acme SA",
    "locale": "es-CO",
    "time_zone": "America/Bogota",
    "country": "CO",
    "plan": "team",
    "tags": ["b", "a"],
    "segment": "key",
    "phone": "+57 1",
}
INVOICE = {
    "account": "acme",
    "number": "2026/17",
    "currency": "EUR",
    "total_minor": 5000,
    "remaining_minor": 5000,
    "status": "open",
    "issued_on": "2026-02-16",
    "due_on": "2026-03-02",
    "pay_url": "https://bank.example/pay/17",
}


@dataclass
class Door:
    """A running API. `woken`: how often the worker was told to look."""

    url: str
    ledger: Ledger
    client: httpx.Client
    clock: MovableClock
    woken: list[int] = field(default_factory=list)

    def ask(self, method: str, path: str, document: Any = None, *, token: str | None = "both-ways") -> httpx.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        sent = None if document is None else content
        return self.client.request(method, f"{self.url}/api/v1/{path}", headers=headers, content=sent)

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def put(self, path: str, document: Any) -> Any:
        answer = self.ask("PUT", path, document)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, method: str, path: str, document: Any = None) -> tuple[int, list[tuple[str, str]]]:
        """The status, and what is wrong where."""
        answer = self.ask(method, path, document)
        said = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert (said["status"], answer.headers["cache-control"]) == (answer.status_code, "no-store")
        return answer.status_code, [(one.get("pointer", one.get("parameter")), one["detail"]) for one in said.get("errors", [])]


def run(ledger: Ledger, tokens: tuple[api.Token, ...] = TOKENS, stopping: Callable[[], bool] = lambda: False) -> Iterator[Door]:
    woken: list[int] = []
    clock = MovableClock(DUE_AT)
    app = app_of(ledger, *tokens, clock=clock, wake=lambda: woken.append(1), stopping=stopping)
    with serving(app) as url, httpx.Client(trust_env=False, timeout=30) as client:
        yield Door(url, ledger, client, clock, woken)


@pytest.fixture
def door(database_url: str) -> Iterator[Door]:
    with opened(database_url) as ledger:
        yield from run(ledger)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """One API for tests that look at refusals, which leave nothing behind."""
    with opened(f"sqlite:///{tmp_path_factory.mktemp('lasting')}/ledger.db") as ledger:
        yield from run(ledger)


# Who may


@pytest.mark.parametrize("token", [None, "nobody", "both-wayss", "both-way", "BOTH-WAYS", "é"])
@pytest.mark.parametrize("path", ["accounts/acme", "invoices/A-1", "openapi.json", "nothing", ""])
def test_without_a_known_token_every_address_is_401(lasting: Door, token: str | None, path: str) -> None:
    headers = {} if token is None else {b"authorization": b"Bearer " + token.encode("latin-1")}
    answer = lasting.client.get(f"{lasting.url}/api/v1/{path}", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="gatekeeper"')
    assert answer.json()["type"] == "urn:gatekeeper:problem:not-authorized"


def test_only_bearer_tokens_open(lasting: Door) -> None:
    for header in ("both-ways", "Basic both-ways", "Token both-ways"):
        assert lasting.client.get(lasting.url + "/api/v1/openapi.json", headers={"Authorization": header}).status_code == 401
    for header in ("bearer both-ways", "Bearer  both-ways"):
        assert lasting.client.get(lasting.url + "/api/v1/openapi.json", headers={"Authorization": header}).status_code == 200


def test_with_no_token_in_the_settings_every_address_is_401(tmp_path_factory: pytest.TempPathFactory) -> None:
    with opened(f"sqlite:///{tmp_path_factory.mktemp('closed')}/ledger.db") as ledger:
        for closed in run(ledger, ()):
            for token in (None, "None"):
                assert closed.ask("PUT", "accounts/acme", ACCOUNT, token=token).status_code == 401
            assert ledger.reader.accounts() == []


@pytest.mark.parametrize(
    ("token", "method", "status"),
    [
        ("looks-on", "GET", 404),
        ("looks-on", "HEAD", 404),
        ("looks-on", "PUT", 403),
        ("looks-on", "DELETE", 403),
        ("only-in", "PUT", 422),
        ("only-in", "GET", 403),
        ("only-in", "POST", 405),
        ("both-ways", "DELETE", 405),
    ],
)
@pytest.mark.parametrize("path", ["accounts/nobody", "invoices/none"])
def test_a_token_does_what_its_scopes_say(lasting: Door, token: str, method: str, status: int, path: str) -> None:
    answer = lasting.ask(method, path, {"a": 1} if method == "PUT" else None, token=token)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    if status == 403:
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


# Accounts


def test_what_is_said_of_an_account_is_kept_shown_and_signed(door: Door) -> None:
    shown = door.put("accounts/acme", ACCOUNT)

    assert shown == door.get("accounts/acme")
    assert (shown["id"], shown["standing"]) == ("acme", "current")
    assert shown["told"] == ACCOUNT | {"contacts": [ANN, CY | {"name": "", "locale": None}], "tags": ["a", "b"]}
    assert [(one["address"], one["origin"], one["set_at"]) for one in shown["known"]["contacts"]] == [
        ("ann@acme.example", "api", "2026-03-02T09:00:00Z"),
        ("cy@acme.example", "api", "2026-03-02T09:00:00Z"),
    ]
    facts = door.ledger.facts()
    assert (facts.time_zone, facts.country, facts.plan, facts.tags, facts.segment, facts.mapped) == (
        *("America/Bogota", "CO", "team", ("a", "b"), "key", True),
    )
    (row,) = door.ledger.rows("audit")
    assert (row["account_id"], row["kind"], row["actor"], row["at"]) == ("acme", "told", "ops", DUE_AT)
    assert "ann@" not in str(row["reasons"])
    assert (door.woken, door.ledger.touched()) == ([1], {"acme"})


def test_the_same_said_twice_changes_nothing(door: Door) -> None:
    door.put("accounts/acme", ACCOUNT)
    door.put("invoices/A-1", INVOICE)
    door.ledger.settle_all()
    before = door.ledger.dump()
    door.clock.move(days=1)

    door.put("accounts/acme", ACCOUNT | {"contacts": [CY, ANN], "tags": ["a", "b", "a"]})
    door.put("invoices/A-1", INVOICE)

    after = door.ledger.dump()
    (stated,) = after["invoices"]
    assert stated["read_at"] == on(1)
    for table in (before, after):
        table["invoices"][0] |= {"read_at": None, "version": None}
    assert after == before
    assert len(door.woken) == 2


def test_a_put_takes_the_place_of_all_that_was_said_before(door: Door) -> None:
    door.ledger.read(invoice())
    door.put("accounts/acme", ACCOUNT)

    shown = door.put("accounts/acme", {"plan": "solo", "contacts": [ANN], "locale": "", "phone": None})

    assert shown["told"]["contacts"] == [ANN]
    assert {name for name, said in shown["told"].items() if said is not None} == {"contacts", "plan"}
    assert (shown["known"]["name"], shown["known"]["locale"], shown["known"]["plan"]) == ("Acme", "de", "solo")
    assert {(one["address"], one["origin"]) for one in shown["known"]["contacts"]} == {
        ("ann@acme.example", "api"),
        (ACCOUNTANT, "stripe"),
        (USER, "stripe"),
    }
    assert door.put("accounts/acme", {"contacts": []})["told"]["contacts"] == []


def test_an_account_may_have_any_id_that_an_edge_can_name(door: Door) -> None:
    for account_id, path in (("a/b", "a%2Fb"), ("50%", "50%25"), ("..", "%2E%2E"), ("x" * 128, "x" * 128)):
        assert door.put(f"accounts/{path}", {})["id"] == account_id
        assert door.get(f"accounts/{path}")["id"] == account_id


@pytest.mark.parametrize("path", ["", "a%20b", "a,b", "%C3%A9", "x" * 129, "a%00"])
def test_no_account_has_an_id_that_no_edge_can_name(lasting: Door, path: str) -> None:
    for method, document in (("GET", None), ("PUT", ACCOUNT)):
        status, faults = lasting.refusal(method, f"accounts/{path}", document)
        assert (status, faults[0][0], "printable ASCII" in faults[0][1]) == (422, "id", True)


def test_every_fault_of_a_document_is_told_with_its_place_and_without_its_value(lasting: Door) -> None:
    people = [ANN, {"audience": "boss", "address": "no-address"}, {"audience": "user", "address": "ä@canary.example"}, 7]
    document = {"contacts": people, "time_zone": "canary", "contry": "canary", "tags": "canary", "segment": "can ary"}

    answer = lasting.ask("PUT", "accounts/acme", document)

    assert "canary" not in answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [
        *("/contacts/1/audience", "/contacts/1/address", "/contacts/2/address", "/contacts/3"),
        *("/time_zone", "/tags", "/segment", "/contry"),
    ]
    assert all(re.match("must be: |is no field; known are contacts, ", one["detail"]) for one in answer.json()["errors"])
    assert lasting.ledger.reader.account("acme") is None


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"", 422, "is not JSON"),
        (b"{", 422, "is not JSON"),
        (b"\xff", 422, "is not JSON"),
        (b"[" * 5000, 422, "is not JSON"),
        (b"[]", 422, "must be an object"),
        (b"null", 422, "must be an object"),
        (b'{"plan": "' + b"x" * 100_001 + b'"}', 413, "At most 100000 bytes"),
    ],
)
def test_what_is_no_document_is_refused(lasting: Door, content: bytes, status: int, says: str) -> None:
    for path in ("accounts/acme", "invoices/A-1"):
        answer = lasting.ask("PUT", path, content)
        assert (answer.status_code, says in answer.text) == (status, True)


NAMES = st.sampled_from([*ACCOUNT, *ANN, *INVOICE, "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ACCOUNT, *ANN, *INVOICE, "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["accounts/fuzz", "invoices/fuzz"]),
    changes=st.dictionaries(NAMES, VALUES),
)
def test_no_document_is_answered_but_with_200_409_or_422(lasting: Door, path: str, changes: dict[str, Any]) -> None:
    document = (ACCOUNT if path.startswith("accounts") else INVOICE) | changes
    answer = lasting.ask("PUT", path, document)
    assert answer.status_code in {200, 409, 422}
    if answer.status_code == 200:
        assert lasting.get(path) == answer.json()


# Invoices that are billed elsewhere


def test_an_invoice_is_kept_with_its_days_in_the_products_time_zone(door: Door) -> None:
    shown = door.put("invoices/2026%2F17", INVOICE)

    assert shown == door.get("invoices/2026/17")
    assert shown == INVOICE | {"id": "2026/17", "currency": "eur", "said_at": "2026-03-02T09:00:00Z", "settled_at": None}
    (kept,) = door.ledger.facts().invoices
    assert (kept.origin, kept.customer_id, kept.lineage) == (Origin.STATEMENT, "statement:acme", "2026/17")
    assert kept.created_at.isoformat() == "2026-02-16T05:00:00+00:00"
    assert kept.due_at.isoformat() == "2026-03-03T04:59:59+00:00"
    assert (kept.read_at, kept.automatic, kept.pay_url) == (DUE_AT, False, INVOICE["pay_url"])
    assert len(kept.pay_token) > 20
    (row,) = door.ledger.rows("audit")
    assert (row["kind"], row["actor"], row["account_id"]) == ("statement", "ops", "acme")


def test_what_was_paid_or_voided_stays_so(door: Door) -> None:
    for name, status in (("A-1", "paid"), ("A-2", "void")):
        door.put(f"invoices/{name}", INVOICE)
        door.clock.move(days=1)
        settled = door.put(f"invoices/{name}", INVOICE | {"status": status, "remaining_minor": 0})
        assert settled["settled_at"] == settled["said_at"]
        answer = door.ask("PUT", f"invoices/{name}", INVOICE)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:gatekeeper:problem:invoice-settled")
        assert door.get(f"invoices/{name}") == settled


def test_of_an_invoice_that_was_settled_before_anybody_told_us_nobody_knows_when(door: Door) -> None:
    assert door.put("invoices/A-1", INVOICE | {"status": "paid", "remaining_minor": 0})["settled_at"] is None


def test_what_was_written_off_may_still_be_paid(door: Door) -> None:
    door.put("invoices/A-1", INVOICE)
    assert door.put("invoices/A-1", INVOICE | {"status": "uncollectible"})["settled_at"] is not None
    assert door.put("invoices/A-1", INVOICE)["settled_at"] is None
    assert door.put("invoices/A-1", INVOICE | {"status": "paid", "remaining_minor": 0})["status"] == "paid"


def test_stripes_invoices_and_those_of_other_accounts_are_not_touched(door: Door) -> None:
    door.ledger.read(invoice(id="odd_1", lineage="odd_1"))
    door.put("invoices/A-1", INVOICE)
    before = door.ledger.dump()

    for path, changes in (("odd_1", {}), ("A-1", {"account": "else"})):
        answer = door.ask("PUT", f"invoices/{path}", INVOICE | changes)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:gatekeeper:problem:invoice-taken")
    assert door.refusal("PUT", "invoices/in_1", INVOICE)[0] == 422
    assert door.ask("GET", "invoices/odd_1").status_code == 404
    assert door.ledger.dump() == before


@pytest.mark.parametrize(
    ("changes", "pointer", "says"),
    [
        ({"account": "a b"}, "/account", "1 to 128 printable ASCII"),
        ({"currency": "XXX"}, "/currency", "code of ISO 4217"),
        ({"currency": "DEM"}, "/currency", "code of ISO 4217"),
        ({"total_minor": 10.5}, "/total_minor", "whole number"),
        ({"total_minor": "5000"}, "/total_minor", "whole number"),
        ({"remaining_minor": -1}, "/remaining_minor", "whole number"),
        ({"remaining_minor": 5001}, "", "more remains to be paid than the total"),
        ({"status": "paid"}, "", "something remains to be paid of a paid invoice"),
        ({"status": "draft"}, "/status", "`open`"),
        ({"due_on": "02.03.2026"}, "/due_on", "day as `2026-11-30`"),
        ({"due_on": "2026-3-2"}, "/due_on", "day as `2026-11-30`"),
        ({"due_on": "20260302"}, "/due_on", "day as `2026-11-30`"),
        ({"due_on": "2026-02-29"}, "/due_on", "day as `2026-11-30`"),
        ({"due_on": "9999-12-31"}, "/due_on", "from 2000 to 2199"),
        ({"due_on": 1772409600}, "/due_on", "day as `2026-11-30`"),
        ({"due_on": "2026-02-15"}, "", "due before it was issued"),
        ({"pay_url": "javascript:alert(1)"}, "/pay_url", "http"),
        ({"amount": 1}, "/amount", "is no field; known are account"),
    ],
)
def test_a_wrong_field_is_told_with_what_is_allowed(lasting: Door, changes: dict[str, Any], pointer: str, says: str) -> None:
    status, ((place, detail),) = lasting.refusal("PUT", "invoices/wrong", INVOICE | changes)
    assert (status, place, says in detail) == (422, pointer, True)


# The worker, the database, and what describes all this


def test_a_payment_that_is_stated_wakes_the_worker_to_open_access(door: Door) -> None:
    door.put("invoices/A-1", INVOICE)
    door.ledger.judge(suspended())
    door.ledger.settle_all()
    door.woken.clear()

    door.put("invoices/A-1", INVOICE | {"status": "paid", "remaining_minor": 0})

    assert (door.woken, door.ledger.touched(), door.ledger.facts().invoices) == ([1], {"acme"}, ())


def test_a_ledger_that_does_not_answer_is_503(lasting: Door) -> None:
    with lasting.ledger.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE accounts RENAME TO hidden")
    try:
        answer = lasting.ask("GET", "accounts/acme")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "accounts" not in answer.text
    finally:
        with lasting.ledger.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO accounts")
        migrate(lasting.ledger.engine)


def test_the_openapi_document_describes_what_there_is(lasting: Door) -> None:
    described = lasting.get("openapi.json")
    assert described == openapi()
    assert (described["openapi"], described["security"]) == ("3.1.0", [{"token": []}])
    resources = {"accounts/{id}", "invoices/{id}", "access/stream", "access/snapshot", "openapi.json"}
    assert set(described["paths"]) == {f"/api/v1/{name}" for name in resources}
    assert set(described["webhooks"]) == {"account.standing_changed"}

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from [value["$ref"]] if "$ref" in value else []
            value = list(value.values())
        for inner in value if isinstance(value, list) else []:
            yield from references(inner)

    names = {reference.removeprefix("#/components/schemas/") for reference in references(described)}
    assert names <= set(described["components"]["schemas"])
    operations = [
        operation for path in described["paths"].values() for name, operation in path.items() if name in {"get", "put"}
    ]
    assert len({operation["operationId"] for operation in operations}) == len(operations) == 7
    for operation in operations:
        assert {"200", "401", "403"} <= set(operation["responses"])
        assert all(response["description"] for response in operation["responses"].values())


def test_the_schemas_name_the_fields_that_are_taken(lasting: Door) -> None:
    schemas = lasting.get("openapi.json")["components"]["schemas"]
    for schema, document in (("AccountDocument", ACCOUNT), ("AccountPerson", ANN), ("Statement", INVOICE)):
        assert set(schemas[schema]["properties"]) == set(document)
        assert schemas[schema]["additionalProperties"] is False
        assert all(described.get("description") for described in schemas[schema]["properties"].values())
