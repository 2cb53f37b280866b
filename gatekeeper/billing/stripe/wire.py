"""The SDK's HTTP over our own httpx client: one time-out policy, one pace, one seam for tests, and nothing but GET."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import stripe


class WriteRefused(RuntimeError):
    """Something tried to change the billing system. gatekeeper never does (rule 12); this is a fault of ours."""


def _no_answer(fault: httpx.HTTPError) -> stripe.APIConnectionError:
    text = f"no answer from the billing system ({type(fault).__name__})"
    return stripe.APIConnectionError(text, should_retry=True)  # type: ignore[no-untyped-call]  # the SDK leaves it untyped


class Wire(stripe.HTTPClient):
    """A `stripe.HTTPClient` on an httpx client that the caller opens and closes. `turn` waits until a request may go out."""

    name = "httpx"

    def __init__(self, client: httpx.Client, turn: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._client = client
        self._turn = turn

    def request(  # type: ignore[override]  # the SDK's annotation says str where its own clients return bytes
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        if method.lower() != "get" or post_data:
            raise WriteRefused(f"refused to send {method.upper()} to the billing system")
        self._turn()
        try:
            answer = self._client.get(url, headers=headers)
        except httpx.HTTPError as fault:
            raise _no_answer(fault) from fault
        return answer.content, answer.status_code, answer.headers

    def close(self) -> None:
        """The client belongs to whoever opened it."""
