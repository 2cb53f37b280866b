"""Whatever becomes of the shape of an object on its way: it is read as it was, or not at all (case 26)."""

import copy
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatekeeper.billing.stripe.shapes import Unreadable
from gatekeeper.demo.standin.serve import Standin
from gatekeeper.model import Reading
from tests.billing.reading import MAPPER, shown
from tests.billing.test_words import KINDS
from tests.kit.standin import START, MovableClock

READ = {
    "id", "customer", "status", "currency", "total", "amount_remaining", "created", "number", "from_invoice", "latest_revision",
    "status_transitions", "due_date", "collection_method", "attempted", "attempt_count", "next_payment_attempt",
    "billing_reason",
}  # fmt: skip
READ_OF_CUSTOMER = {"id", "name", "email", "metadata", "preferred_locales", "address", "test_clock"}
# Where null is a word of Stripe's, and says: empty
NULLABLE = {
    ("number",), ("from_invoice",), ("latest_revision",), ("due_date",), ("next_payment_attempt",), ("billing_reason",),
    ("status_transitions", "finalized_at"), ("status_transitions", "paid_at"), ("status_transitions", "voided_at"),
    ("status_transitions", "marked_uncollectible_at"), ("customer", "address"), ("customer", "address", "country"),
    ("customer", "test_clock"), ("customer", "name"), ("customer", "email"), ("customer", "preferred_locales"),
}  # fmt: skip
OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    7,
    2**63,
    -(10**30),
    1.5,
    float("nan"),
    "",
    "x",
    "\ud83d",
    "a\0b",
    [],
    [1],
    {},
    {"id": "x"},
)

Path = tuple[str | int, ...]


class Mutation(NamedTuple):
    """`value` takes the place of what is at `path`; a name to give it instead, or "": it is gone."""

    path: Path
    renamed: str | None = None
    value: Any = None


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    """An invoice of every kind, with customer and payments expanded, and one of a deleted customer."""
    with Standin(MovableClock()) as standin:
        made = {kind: make(standin) for kind, (make, _) in KINDS.items()}
        made["of a deleted customer"] = KINDS["sent"][0](standin)
        standin.books.delete_customer(standin.books.invoice(made["of a deleted customer"]).customer)
        expand = ("customer", "payments.data.payment.payment_intent")
        return {kind: shown(standin, f"/v1/invoices/{one}", *expand) for kind, one in made.items()}


def read(document: Any) -> Reading | None:
    """The reading; None: it cannot be read. Anything else that is raised is a fault."""
    try:
        return MAPPER.reading(document, read_at=START)
    except Unreadable:
        return None


def paths(node: Any, here: Path = ()) -> Iterator[Path]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*here, key)
        yield from paths(value, (*here, key))


def at(document: Any, path: Sequence[str | int]) -> Any:
    return reduce(lambda node, key: node[key], path, document)


def mutated(document: Any, mutation: Mutation) -> Any:
    new = copy.deepcopy(document)
    *way, last = mutation.path
    node = at(new, way)
    if mutation.renamed is None:
        node[last] = mutation.value
    else:
        value = node.pop(last)
        if mutation.renamed:
            node[mutation.renamed] = value
    return new


@st.composite
def mutations(draw: st.DrawFn, document: Any) -> Mutation:
    """Of a field that it is gone, or has another name; of any value that it is of another type."""
    path = draw(st.sampled_from(sorted(paths(document), key=str)))
    value = at(document, path)
    if isinstance(path[-1], str) and draw(st.booleans()):
        return Mutation(path, renamed=draw(st.sampled_from(["", f"{path[-1]}_2"])))
    return Mutation(path, value=draw(st.sampled_from([other for other in OTHERS if type(other) is not type(value)])))


def may_differ(document: Any, mutation: Mutation) -> bool:
    """Metadata is the product's own; and what was empty may be filled, what was filled may be empty."""
    in_metadata = mutation.path[:2] == ("customer", "metadata")
    emptied = mutation.path in NULLABLE and None in (mutation.value, at(document, mutation.path))
    return in_metadata or (mutation.renamed is None and emptied)


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutated_object_is_read_as_it_was_or_not_at_all(documents: dict[str, Any], data: st.DataObject) -> None:
    document = documents[data.draw(st.sampled_from(sorted(documents)))]
    mutation = data.draw(mutations(document))
    before, after = read(document), read(mutated(document, mutation))
    assert before is not None
    if after is not None:
        assert after.invoice.owed == before.invoice.owed
        assert after == before or may_differ(document, mutation)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_json_at_all_is_read_or_refused(documents: dict[str, Any], data: st.DataObject) -> None:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
    document = documents[data.draw(st.sampled_from(sorted(documents)))]
    fields = data.draw(st.dictionaries(st.sampled_from(sorted(document)), anything, max_size=4))
    read(data.draw(anything) if data.draw(st.booleans()) else document | fields)


@pytest.mark.parametrize("name", sorted(READ))
def test_each_field_that_is_read_must_be_there_under_its_name(documents: dict[str, Any], name: str) -> None:
    for document in documents.values():
        assert read(mutated(document, Mutation((name,), renamed=""))) is None
        assert read(mutated(document, Mutation((name,), renamed=f"{name}_2"))) is None


@pytest.mark.parametrize("name", sorted(READ_OF_CUSTOMER))
def test_each_field_of_a_customer_that_is_read_must_be_there(documents: dict[str, Any], name: str) -> None:
    assert read(mutated(documents["sent"], Mutation(("customer", name), renamed=""))) is None


def test_what_cannot_be_read_is_named_and_nothing_of_it_is_told(documents: dict[str, Any]) -> None:
    document = documents["sent"] | {"amount_remaining": "12 secret", "number": ["secret"]}
    with pytest.raises(Unreadable) as fault:
        MAPPER.reading(document, read_at=START)
    said = str(fault.value)
    assert f"invoice {document['id']}" in said
    assert "amount_remaining: " in said
    assert "number: " in said
    assert "secret" not in said
    assert fault.value.__cause__ is None
    assert fault.value.__suppress_context__
