"""Stripe as a `Source`: the official SDK, version pinned, read only, every object checked for its mode."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import httpx
import stripe
import structlog

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe import words
from gatekeeper.billing.stripe.wire import Wire
from gatekeeper.billing.stripe.words import API_VERSION, Mapper
from gatekeeper.model import Customer, Identity, Reading

_RETRIES: Final = 2
_PAGE: Final = 100
_WITH_PAYMENTS: Final = ["customer", "payments.data.payment.payment_intent"]
_ADVICE: Final = (
    (stripe.AuthenticationError, "Stripe refuses the key ({}); put a valid one into stripe.api_key and start again"),
    (stripe.PermissionError, "the Stripe key may not read this ({}); give it {right}"),
    (stripe.RateLimitError, "Stripe asks for fewer requests ({}); gatekeeper tries again later"),
    (stripe.APIConnectionError, "Stripe cannot be reached ({}); check the network, stripe.api_base and status.stripe.com"),
    (stripe.InvalidRequestError, "Stripe refuses the question ({}); check stripe.api_base, and look for a newer gatekeeper"),
)
_OWN_FAULT: Final = "Stripe has a fault of its own ({}); gatekeeper tries again later, see status.stripe.com"
_NOT_STRIPE: Final = "what answers at stripe.api_base is not Stripe's API ({}); check that address, and the proxies before it"

stripe.enable_telemetry = False

log = structlog.get_logger(__name__)


class StripeBooks:
    """Stripe's billing objects, read through `client`. `clock` says at which instant a fetch began."""

    def __init__(
        self, *, api_key: str, api_base: str, mapper: Mapper, client: httpx.Client, clock: Callable[[], datetime]
    ) -> None:
        self._livemode = "_live_" in api_key
        self._mapper = mapper
        self._clock = clock
        self._stripe = stripe.StripeClient(
            api_key,
            stripe_version=API_VERSION,
            base_addresses={"api": api_base.rstrip("/")},
            max_network_retries=_RETRIES,
            http_client=Wire(client),
        )

    def identity(self) -> Identity:
        account = self._ask(self._stripe.v1.accounts.retrieve_current)
        return Identity(account=words.account_id(account), livemode=self._livemode)

    def open_invoices(self) -> Iterator[Sequence[Reading]]:
        params: Any = {"status": "open", "limit": _PAGE, "expand": ["data.customer"]}
        more = True
        while more:
            began_at = self._clock()
            documents, last = words.page(self._ask(partial(self._stripe.v1.invoices.list, params)))
            read = [self._reading(self._ours(document), began_at, listed=True) for document in documents]
            yield [reading for reading in read if reading is not None]
            params, more = params | {"starting_after": last}, last is not None

    def invoice(self, invoice_id: str) -> Reading | None:
        began_at = self._clock()
        params: Any = {"expand": _WITH_PAYMENTS}
        document = self._find(partial(self._stripe.v1.invoices.retrieve, invoice_id, params))
        if document is None:
            return None
        if words.hides_payments(document):
            params = {"invoice": invoice_id, "status": "open", "limit": _PAGE, "expand": ["data.payment.payment_intent"]}
            document["payments"] = self._ask(partial(self._stripe.v1.invoice_payments.list, params))
        return self._reading(document, began_at)

    def customer(self, customer_id: str) -> Customer | None:
        document = self._find(partial(self._stripe.v1.customers.retrieve, customer_id))
        return None if document is None else self._mapper.customer(document)

    def payment_page(self, invoice_id: str) -> str | None:
        document = self._find(partial(self._stripe.v1.invoices.retrieve, invoice_id))
        return None if document is None else words.payment_page(document)

    def _reading(self, document: dict[str, Any], began_at: datetime, *, listed: bool = False) -> Reading | None:
        """The reading; None for an invoice whose customer is not one of v1 (Accounts v2), which we cannot map yet."""
        if document.get("customer", "") is None and document.get("customer_account") is not None:
            log.warning("invoice.without_customer", invoice=document.get("id"))
            return None
        return self._mapper.reading(document, read_at=began_at, listed=listed)

    def _find(self, question: Callable[[], Any]) -> dict[str, Any] | None:
        """The object, of our mode; None where Stripe says that there is none of this id."""
        try:
            document = self._ask(question)
        except SourceUnavailable as fault:
            # An address that Stripe does not know is a 404 as well, and says nothing about an object
            if isinstance(fault.__cause__, stripe.StripeError) and fault.__cause__.code == "resource_missing":
                return None
            raise
        return self._ours(document)

    def _ours(self, document: dict[str, Any]) -> dict[str, Any]:
        """The object, if it is of the mode of our key; a deleted customer does not say of which it is."""
        if document.get("livemode") is not self._livemode and not document.get("deleted"):
            raise SourceUnavailable(
                "Stripe served an object of the other mode; use a live key for live books, a test key for test books"
            )
        return document

    def _ask(self, question: Callable[[], Any]) -> dict[str, Any]:
        """The answer as plain JSON types. Whatever the SDK raises means only that there was no answer."""
        try:
            answer: dict[str, Any] = question().to_dict(for_json=True)
        except stripe.StripeError as fault:
            raise SourceUnavailable(_advice(fault)) from fault
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as fault:
            # The SDK stumbles over a body that is JSON and no object, or no text
            raise SourceUnavailable(_NOT_STRIPE.format(type(fault).__name__)) from fault
        return answer


def _advice(fault: stripe.StripeError) -> str:
    """What happened, and what to do about it. Of Stripe's own words only the name of a permission: they may show the key."""
    status = fault.http_status or 0
    otherwise = _OWN_FAULT if status >= httpx.codes.INTERNAL_SERVER_ERROR else _NOT_STRIPE
    text = next((text for kind, text in _ADVICE if isinstance(fault, kind)), otherwise)
    lacking = re.search(r"\brak_\w+", str(fault))
    right = f"the permission {lacking[0]}" if lacking else "the read permissions of docs/stripe.md"
    return text.format(status or type(fault.__cause__).__name__, right=right)
