"""Stripe as a `Source`: the official SDK, version pinned, read only, every object checked for its mode."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import httpx
import stripe
import structlog

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.wire import Wire
from gatekeeper.billing.stripe.words import Mapper, Unreadable
from gatekeeper.model import Customer, Identity, Reading

API_VERSION: Final = "2026-10-28.endive"
_RETRIES: Final = 2
_PAGE: Final = 100
_PAYABLE: Final = frozenset({"open", "uncollectible"})
_WITH_PAYMENTS: Final = ["customer", "payments.data.payment.payment_intent"]

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
        return Identity(account=account["id"], livemode=self._livemode)

    def open_invoices(self) -> Iterator[Sequence[Reading]]:
        cursor: dict[str, str] = {}
        while True:
            began_at = self._clock()
            params: Any = {"status": "open", "limit": _PAGE, "expand": ["data.customer"], **cursor}
            page = self._ask(partial(self._stripe.v1.invoices.list, params))
            yield [reading for document in page["data"] if (reading := self._reading(document, began_at)) is not None]
            if not page["has_more"]:
                return
            cursor = {"starting_after": page["data"][-1]["id"]}

    def invoice(self, invoice_id: str) -> Reading | None:
        began_at = self._clock()
        params: Any = {"expand": _WITH_PAYMENTS}
        document = self._find(lambda: self._stripe.v1.invoices.retrieve(invoice_id, params))
        return None if document is None else self._reading(document, began_at)

    def customer(self, customer_id: str) -> Customer | None:
        document = self._find(lambda: self._stripe.v1.customers.retrieve(customer_id))
        return None if document is None else self._mapper.customer(document)

    def payment_page(self, invoice_id: str) -> str | None:
        document = self._find(lambda: self._stripe.v1.invoices.retrieve(invoice_id))
        if document is None or document["status"] not in _PAYABLE or document["amount_remaining"] <= 0:
            return None
        page = document.get("hosted_invoice_url")
        return page if isinstance(page, str) else None

    def _reading(self, document: dict[str, Any], began_at: datetime) -> Reading | None:
        """The reading; None for an invoice whose customer is not one of v1 (Accounts v2), which we cannot map yet."""
        if document.get("livemode") is not self._livemode:
            raise SourceUnavailable(
                "Stripe served an object of the other mode; use a live key for live books, a test key for test books"
            )
        if document.get("customer") is None:
            log.warning("invoice.without_customer", invoice=document.get("id"))
            return None
        try:
            return self._mapper.reading(document, read_at=began_at)
        except Unreadable as fault:
            raise SourceUnavailable(str(fault)) from fault

    def _find(self, question: Callable[[], Any]) -> dict[str, Any] | None:
        """The answer, or None where Stripe says that there is no such object."""
        try:
            return self._ask(question)
        except SourceUnavailable as fault:
            if isinstance(fault.__cause__, stripe.InvalidRequestError) and fault.__cause__.http_status == httpx.codes.NOT_FOUND:
                return None
            raise

    def _ask(self, question: Callable[[], Any]) -> dict[str, Any]:
        """The answer as plain JSON types. Whatever the SDK raises means only that there was no answer."""
        try:
            answer: dict[str, Any] = question().to_dict(for_json=True)
        except stripe.AuthenticationError as fault:
            raise SourceUnavailable("Stripe refuses the key (401); check stripe.api_key") from fault
        except stripe.PermissionError as fault:
            raise SourceUnavailable(
                "the Stripe key may not read this (403); give it read rights, see docs/stripe.md"
            ) from fault
        except stripe.RateLimitError as fault:
            raise SourceUnavailable("Stripe asks for fewer requests (429); gatekeeper tries again later") from fault
        except stripe.APIConnectionError as fault:
            raise SourceUnavailable(
                "Stripe cannot be reached; check the network, stripe.api_base and status.stripe.com"
            ) from fault
        except stripe.StripeError as fault:
            raise SourceUnavailable(f"Stripe answered with an error ({fault.http_status})") from fault
        return answer
