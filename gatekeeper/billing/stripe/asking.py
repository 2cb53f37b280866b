"""One question to Stripe, through the official SDK: plain JSON of our own mode, or SourceUnavailable with a text for people."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx
import stripe

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.pace import Pace
from gatekeeper.billing.stripe.shapes import API_VERSION, Named, read, read_list, unreadable
from gatekeeper.billing.stripe.wire import Wire

_RETRIES: Final = 2
_PAGE: Final = 100
# How often one question is asked that Stripe answers with 429: a list has time, and whoever waits for one object has not
_TRIES_OF_ONE: Final = 3
_TRIES_OF_LIST: Final = 6
_ADVICE: Final = (
    (stripe.AuthenticationError, "Stripe refuses the key ({}); put a valid one into stripe.api_key and start again"),
    (stripe.PermissionError, "the Stripe key may not read this ({}); give it {right}"),
    (
        stripe.RateLimitError,
        "Stripe asks for fewer requests ({}), though gatekeeper has paused between them; it tries again later",
    ),
    (stripe.APIConnectionError, "Stripe cannot be reached ({}); check the network, stripe.api_base and status.stripe.com"),
    (stripe.InvalidRequestError, "Stripe refuses the question ({}); check stripe.api_base, and look for a newer gatekeeper"),
)
_OWN_FAULT: Final = "Stripe has a fault of its own ({}); gatekeeper tries again later, see status.stripe.com"
_NOT_STRIPE: Final = "what answers at stripe.api_base is not Stripe's API ({}); check that address, and the proxies before it"

stripe.enable_telemetry = False


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list. `began_at`: when it was asked for. `last`: the id behind which the list goes on; empty: it ends."""

    documents: list[dict[str, Any]]
    began_at: datetime
    last: str


class Asking:
    """Stripe, over the wire. `client` belongs to the caller; `clock` says at which instant a fetch began."""

    def __init__(self, *, api_key: str, api_base: str, client: httpx.Client, clock: Callable[[], datetime], pace: Pace) -> None:
        self.livemode = "_live_" in api_key
        self._clock = clock
        self._pace = pace

        def speaking(turn: Callable[[], None]) -> stripe.StripeClient:
            return stripe.StripeClient(
                api_key,
                stripe_version=API_VERSION,
                base_addresses={"api": api_base.rstrip("/")},
                max_network_retries=_RETRIES,
                http_client=Wire(client, turn),
            )

        self._first, self._after = speaking(pace.first), speaking(pace.after)

    def account(self) -> dict[str, Any]:
        """Whose books the key opens; an account does not say of which mode it is."""
        return self._ask(self._first, _TRIES_OF_ONE, "/v1/account", {})

    def one(self, kind: str, object_id: str, **params: Any) -> dict[str, Any] | None:
        """The object at `/v1/KIND/ID`; None: Stripe says that there is none of this id."""
        try:
            document = self._ask(self._first, _TRIES_OF_ONE, f"/v1/{kind}/{quote(object_id, safe='')}", params)
        except SourceUnavailable as fault:
            # An address that Stripe does not know is a 404 as well, and says nothing about an object
            if is_missing(fault):
                return None
            raise
        if read(Named, document, "object").id != object_id:
            raise unreadable(document, "object", "id: another one was asked for")
        return self._ours(document)

    def first_of(self, kind: str, **params: Any) -> dict[str, Any]:
        """The first page of a list that belongs to one object, as quickly as one object. The list itself is not checked."""
        return self._ask(self._first, _TRIES_OF_ONE, f"/v1/{kind}", {"limit": _PAGE} | params)

    def pages(self, kind: str, *, behind: str = "", **params: Any) -> Iterator[ListPage]:
        """Every page of a list, newest first, from behind this id on."""
        while True:
            began_at = self._clock()
            cursor = {"starting_after": behind} if behind else {}
            documents, last = read_list(
                self._ask(self._after, _TRIES_OF_LIST, f"/v1/{kind}", {"limit": _PAGE} | params | cursor)
            )
            if last and last == behind:
                raise unreadable({}, "list", "data: the same page again")
            yield ListPage([self._ours(document) for document in documents], began_at, last)
            if not last:
                return
            behind = last

    def _ours(self, document: dict[str, Any]) -> dict[str, Any]:
        """The object, if it is of the mode of our key; a deleted customer does not say of which it is."""
        if document.get("livemode") is not self.livemode and not document.get("deleted"):
            raise SourceUnavailable(
                "Stripe served an object of the other mode; use a live key for live books, a test key for test books"
            )
        return document

    def _ask(self, through: stripe.StripeClient, tries: int, path: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer. Whatever the SDK raises means only that there was none; 429 it leaves to us, and so we pause."""
        tried = 0
        while True:
            tried += 1
            try:
                answer: dict[str, Any] = through.raw_request("get", path, **params).data
            except stripe.RateLimitError as fault:
                if tried == tries:
                    raise SourceUnavailable(_advice(fault)) from fault
                self._pace.back_off(tried, _retry_after(fault))
            except stripe.StripeError as fault:
                raise SourceUnavailable(_advice(fault)) from fault
            except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as fault:
                # The SDK stumbles over a body that is JSON and no object, or no text
                raise SourceUnavailable(_NOT_STRIPE.format(type(fault).__name__)) from fault
            else:
                return answer


def is_missing(fault: SourceUnavailable) -> bool:
    """Whether Stripe itself says that there is no object of this id."""
    return isinstance(fault.__cause__, stripe.StripeError) and fault.__cause__.code == "resource_missing"


def refuses_cursor(fault: SourceUnavailable) -> bool:
    """Whether there is no object (any more) behind which a list was to go on."""
    return isinstance(fault.__cause__, stripe.InvalidRequestError) and fault.__cause__.param == "starting_after"


def is_denied(fault: SourceUnavailable) -> bool:
    """Whether the key has no right to this."""
    return isinstance(fault.__cause__, stripe.PermissionError)


def is_unknown_address(fault: SourceUnavailable) -> bool:
    """Whether what answers has no such part of the API, which some fakes of Stripe have not."""
    cause = fault.__cause__
    return isinstance(cause, stripe.InvalidRequestError) and cause.http_status == httpx.codes.NOT_FOUND and not cause.code


def _retry_after(fault: stripe.StripeError) -> float:
    seconds = (fault.headers or {}).get("retry-after", "")
    return float(seconds) if re.fullmatch(r"[0-9]{1,4}", seconds) else 0.0


def _advice(fault: stripe.StripeError) -> str:
    """What happened, and what to do about it. Of Stripe's own words only the name of a permission: they may show the key."""
    status = fault.http_status or 0
    otherwise = _OWN_FAULT if status >= httpx.codes.INTERNAL_SERVER_ERROR else _NOT_STRIPE
    text = next((text for kind, text in _ADVICE if isinstance(fault, kind)), otherwise)
    lacking = re.search(r"\brak_\w+", str(fault))
    right = f"the permission {lacking[0]}" if lacking else "the read permissions of docs/stripe.md"
    return text.format(status or type(fault.__cause__).__name__, right=right)
