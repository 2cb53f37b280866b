"""What a request may say: Stripe's form encoding read into nested values, and checked against a model of the parameters."""

from collections.abc import Iterable
from typing import Any, Literal, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gatekeeper.demo.standin.records import Collection, Json, Refused

_CODES = {"extra_forbidden": "parameter_unknown", "missing": "parameter_missing"}
_WORDS = {"extra_forbidden": "Received unknown parameter: {}", "missing": "Missing required param: {}."}


class Params(BaseModel):
    """Every parameter that a request of this kind may have; whatever else it has is refused, as Stripe refuses it."""

    model_config = ConfigDict(extra="forbid")

    expand: list[str] = []


class Span(BaseModel):
    """`created[gte]=…` and its like; bounds are whole seconds since 1970."""

    model_config = ConfigDict(extra="forbid")

    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None

    def holds(self, value: int | None) -> bool:
        return value is not None and (
            (self.gt is None or value > self.gt)
            and (self.gte is None or value >= self.gte)
            and (self.lt is None or value < self.lt)
            and (self.lte is None or value <= self.lte)
        )


class ListParams(Params):
    limit: int = Field(10, ge=1, le=100)
    starting_after: str | None = None
    ending_before: str | None = None
    created: int | Span | None = None


class ListInvoices(ListParams):
    status: Literal["draft", "open", "paid", "uncollectible", "void"] | None = None
    customer: str | None = None
    subscription: str | None = None
    collection_method: Collection | None = None
    due_date: int | Span | None = None


class ListCustomers(ListParams):
    email: str | None = None
    test_clock: str | None = None


class ListDisputes(ListParams):
    charge: str | None = None
    payment_intent: str | None = None


class ListTestClocks(ListParams):
    created: None = None  # the one list that cannot be asked so


class ListSubscriptions(ListParams):
    """Without a status everything but `canceled` is listed; `ended` is canceled or expired, `all` is all."""

    status: str | None = None
    customer: str | None = None
    price: str | None = None
    collection_method: Collection | None = None


class PaymentFilter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["payment_intent", "payment_record"]
    payment_intent: str | None = None
    payment_record: str | None = None


class ListPayments(ListParams):
    invoice: str | None = None
    status: Literal["open", "paid", "canceled"] | None = None
    payment: PaymentFilter | None = None


class ListCreditNotes(ListParams):
    invoice: str | None = None
    customer: str | None = None


class ListEvents(ListParams):
    type: str | None = None
    types: list[str] = Field([], max_length=20)
    delivery_success: bool | None = None


M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], values: Json) -> M:
    """The values as the model has them.

    Raises:
        Refused: an unknown parameter, a missing one, or a value that does not fit.
    """
    try:
        return model.model_validate(values)
    except ValidationError as fault:
        told = fault.errors(include_url=False)  # one for each form that a parameter may have: what is unknown says most
        first = next((one for one in told if one["type"] in _CODES), told[0])
        name = str(first["loc"][0])
        message = _WORDS.get(first["type"], "Invalid {}: " + first["msg"]).format(name)
        raise Refused(message, code=_CODES.get(first["type"], "parameter_invalid"), param=name) from fault


def decoded(form: str) -> Json:
    """`items[0][price]=p&expand[]=customer` as `{"items": [{"price": "p"}], "expand": ["customer"]}`."""
    root: Json = {}
    for key, value in parse_qsl(form, keep_blank_values=True):
        name, *rest = key.replace("]", "").split("[")
        node, last = root, name
        for part in rest:
            node = node.setdefault(last, {})
            if not isinstance(node, dict):
                raise Refused(f"Invalid {name}: it is given both as a value and as a hash.", param=name)
            last = part or str(len(node))
        node[last] = value
    return {name: _listed(value) for name, value in root.items()}


def _listed(value: Any) -> Any:
    """A hash whose keys are all numbers is a list."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(part) for name, part in value.items()}
    return list(inner.values()) if _numbers(inner) else inner


def _numbers(names: Iterable[str]) -> bool:
    return all(name.isdigit() for name in names)
