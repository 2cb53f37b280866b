"""Webhooks as Stripe sends them: signed, repeated until taken, in no order, some of them twice. Own HMAC, never the SDK's."""

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Sequence
from datetime import datetime
from queue import Empty, Queue
from threading import Condition, Thread, Timer
from typing import Literal, NamedTuple

import httpx

from gatekeeper.demo.standin.events import thin
from gatekeeper.demo.standin.records import Json

_LATEST = 8  # how many later events may overtake one that is out of order


class Attempt(NamedTuple):
    """One POST of one event; `status` is the answer's, 0 where there was none."""

    event_id: str
    type: str
    number: int
    status: int


class _Job(NamedTuple):
    event_id: str
    type: str
    body: bytes
    number: int


class Delivery:
    """A webhook endpoint as Stripe sees it, and the thread that sends to it. Register it: `books.listeners.append(delivery)`.

    secrets: each signs, as after a roll. clock: gives the signature's `t`. form: `snapshot` or `thin`.
    retries: seconds before each further attempt at an event that was not answered 2xx; then it is given up.
    duplicates, losses, disorder: shares of the events (0 to 1) that are sent twice, never, or after 1 to 8 later ones; the seed
        decides which. What is held back for disorder goes out after `patience` seconds without a new event, or at `flush()`.
    on: False drops events, as for an endpoint that Stripe has disabled. on_taken: called with the id of each event taken.
    """

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        *,
        clock: Callable[[], datetime],
        form: Literal["snapshot", "thin"] = "snapshot",
        retries: Sequence[float] = (1.0, 5.0, 25.0),
        duplicates: float = 0.0,
        losses: float = 0.0,
        disorder: float = 0.0,
        seed: int = 0,
        patience: float = 1.0,
        on_taken: Callable[[str], None] | None = None,
    ) -> None:
        self.url, self.secrets, self.on = url, secrets, True
        self.attempts: list[Attempt] = []
        self._clock, self._form, self._retries, self._patience, self._on_taken = clock, form, retries, patience, on_taken
        self._duplicates, self._losses, self._disorder = duplicates, losses, disorder
        self._random = random.Random(seed)
        self._held: list[tuple[int, _Job]] = []
        self._timers: set[Timer] = set()
        self._queue: Queue[_Job | None] = Queue()
        self._unsettled = 0
        self._state = Condition()
        self._client = httpx.Client(timeout=10, follow_redirects=False, trust_env=False)
        self._thread = Thread(target=self._run, name="standin-delivery", daemon=True)
        self._thread.start()

    def __call__(self, event: Json) -> None:
        """Take an event on; it is sent in the shape that it has now."""
        if not self.on:
            return
        job = _Job(event["id"], event["type"], json.dumps(thin(event) if self._form == "thin" else event, indent=2).encode(), 1)
        with self._state:
            copies = 2 if self._random.random() < self._duplicates else 1
            for _ in range(copies):
                lost, late = self._random.random() < self._losses, self._random.random() < self._disorder
                overtaken_by = self._random.randint(1, _LATEST)
                if lost:
                    continue
                self._unsettled += 1
                if late:
                    self._held.append((overtaken_by, job))
                else:
                    self._queue.put(job)
            self._held = [(left - 1, held) for left, held in self._held]
            self._release(lambda left: left < 0)

    def flush(self) -> None:
        """Send what is held back for disorder."""
        with self._state:
            self._release(lambda _: True)

    def wait_idle(self, timeout: float) -> bool:
        """Flush, and wait until every event is taken or given up; False: not within `timeout` seconds."""
        self.flush()
        with self._state:
            return self._state.wait_for(lambda: self._unsettled == 0, timeout)

    def close(self) -> None:
        with self._state:
            for timer in self._timers:
                timer.cancel()
        self._queue.put(None)
        self._thread.join()
        self._client.close()

    def _release(self, due: Callable[[int], bool]) -> None:
        for left, job in self._held:
            if due(left):
                self._queue.put(job)
        self._held = [(left, job) for left, job in self._held if not due(left)]

    def _run(self) -> None:
        while True:
            try:
                job = self._queue.get(timeout=self._patience)
            except Empty:
                self.flush()
                continue
            if job is None:
                return
            self._attempt(job)

    def _attempt(self, job: _Job) -> None:
        status = self._post(job.body)
        self.attempts.append(Attempt(job.event_id, job.type, job.number, status))
        taken = 200 <= status < 300  # noqa: PLR2004 -- the 2xx of HTTP
        if taken and self._on_taken is not None:
            self._on_taken(job.event_id)
        with self._state:
            if taken or job.number > len(self._retries):
                self._unsettled -= 1
                self._state.notify_all()
                return
            again = job._replace(number=job.number + 1)
            timer = Timer(self._retries[job.number - 1], self._queue.put, [again])
            timer.daemon = True
            self._timers.add(timer)
            timer.start()

    def _post(self, body: bytes) -> int:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(body, self.secrets, self._clock()),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            return self._client.post(self.url, content=body, headers=headers).status_code
        except httpx.HTTPError:
            return 0


def signature(body: bytes, secrets: Sequence[str], at: datetime) -> str:
    """The header `Stripe-Signature`: one `v1` a secret, and a `v0` that proves nothing (docs.stripe.com/webhooks/signature)."""
    t = int(at.timestamp())
    signed = [hmac.new(secret.encode(), b"%d." % t + body, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={t}", *(f"v1={value}" for value in signed), f"v0={'0' * 64}"])
