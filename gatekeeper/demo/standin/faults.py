"""What goes wrong on the way to the books: settable from Python, and at `/_control/faults`."""

from threading import Lock
from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["unauthorized", "forbidden", "rate_limited", "error", "html", "slow", "reset", "empty"]


class Fault(BaseModel):
    """One thing that goes wrong with the requests that it meets.

    kind: `unauthorized` 401, `forbidden` 403, `rate_limited` 429, `error` 500, `html` 200 with a page and
        no JSON, `slow` the right answer after `seconds`, `reset` the connection ends within the answer, `empty` an empty list.
    times: how many requests it meets; None: all, until it is cleared.
    skip: how many it lets through first. `path="/v1/invoices", skip=1` meets the second page of one listing.
    path: only requests whose path begins so. query: only those whose query holds this ("status=open").
    key: only those whose API key begins so ("rk_": gatekeeper's, not the test's own).
    should_retry, retry_after: the headers `Stripe-Should-Retry` and `Retry-After` of a 429; None: no such header.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    times: int | None = 1
    skip: int = 0
    path: str = "/v1/"
    query: str = ""
    key: str = ""
    seconds: float = 0.0
    should_retry: bool | None = None
    retry_after: int | None = None


class Faults:
    """The faults that are set; of several that meet a request the one set first takes it."""

    def __init__(self) -> None:
        self._set: list[Fault] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._set.append(fault.model_copy())

    def clear(self) -> None:
        with self._lock:
            self._set.clear()

    def meet(self, path: str, key: str, query: str = "") -> Fault | None:
        """The fault of this request, counted."""
        with self._lock:
            for fault in self._set:
                meets = path.startswith(fault.path) and key.startswith(fault.key) and fault.query in query
                if fault.times == 0 or not meets:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
