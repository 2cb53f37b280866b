"""Delivers hooks: claim one, sign it, hand it over, settle. Many at once, so that nobody waits for somebody else's answer.

The product answers as Standard Webhooks says ("Delivery success and failure"): 2xx has taken it, 410 wants no hooks any more,
429, 502 and 504 want rest; anything else, a redirect too, is tried again later.
"""

import asyncio
import hashlib
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

import httpx
import structlog

from gatekeeper.ledger.writer.hooks import LONGEST_PAUSE, Hooks
from gatekeeper.model import Answered, Hook, HookOutcome, HookState, Reason
from gatekeeper.perform.hooks import body_of, headers_of, trial_body
from gatekeeper.perform.http import described, retry_after

# Standard Webhooks, "Request timeouts": 15 to 30 seconds
_ANSWER_SECONDS: Final = 20
_AT_ONCE: Final = 32
_LOOK_SECONDS: Final = 0.2
_GRACE_SECONDS: Final = 4
_REST: Final = timedelta(seconds=10)
_BUSY: Final = frozenset({429, 502, 504})

log = structlog.get_logger(__name__)


class Messenger:
    """`sentence` puts a reason into words, `withheld` says why nothing may be sent at the moment, `real_clock` dates attempts:
    the product checks them against its own clock, and does not know of a simulated one.
    """

    def __init__(
        self,
        *,
        url: str,
        keys: Sequence[bytes],
        hooks: Hooks,
        sentence: Callable[[Reason], str],
        withheld: Callable[[], Reason | None],
        clock: Callable[[], datetime],
        real_clock: Callable[[], datetime],
    ) -> None:
        self._url = url
        self._address = hashlib.sha256(url.encode()).hexdigest()[:32]
        self._keys = keys
        self._hooks = hooks
        self._sentence = sentence
        self._withheld = withheld
        self._clock = clock
        self._real_clock = real_clock
        self._tls = httpx.create_ssl_context()
        self._rest_until: datetime | None = None

    def deliver(self, stop: threading.Event) -> None:
        """Deliver hooks until none is due or under way, or `stop` is set: what is under way then has a few seconds left."""
        claimed = self._claim(_AT_ONCE)
        if claimed:
            asyncio.run(self._deliver(claimed, stop))

    async def _deliver(self, claimed: list[Hook], stop: threading.Event) -> None:
        async with _client(self._tls) as client:
            under_way: set[asyncio.Task[None]] = set()
            try:
                while claimed or under_way:
                    under_way |= {asyncio.create_task(self._tell(client, hook)) for hook in claimed}
                    done, under_way = await asyncio.wait(under_way, timeout=_LOOK_SECONDS, return_when="FIRST_COMPLETED")
                    for task in done:
                        task.result()
                    if stop.is_set():
                        return
                    claimed = await asyncio.to_thread(self._claim, _AT_ONCE - len(under_way))
            finally:
                if under_way:
                    await asyncio.wait(under_way, timeout=_GRACE_SECONDS)

    def _claim(self, at_most: int) -> list[Hook]:
        """In a dry run none (case 129). Whatever else withholds closings withholds the word of them, and of no restoration."""
        why, now = self._withheld(), self._clock()
        # Not for longer than a rest can last: the clock may have been set back
        resting = self._rest_until is not None and now < self._rest_until <= now + LONGEST_PAUSE
        if not at_most or resting or (why is not None and why.code == "dry_run"):
            return []
        return self._hooks.claim(now, self._address, at_most, only_openings=why is not None)

    async def _tell(self, client: httpx.AsyncClient, hook: Hook) -> None:
        said = {"hook": hook.id, "account": hook.account_id, "standing": hook.after, "attempt": hook.attempts}
        try:
            outcome = await self._ask(client, hook)
        except Exception:  # what cannot be written must not keep the other accounts from being told
            log.exception("hook.unwritten", **said)
            outcome = HookOutcome(answered=Answered.FAILED, detail="it could not be written; the log says why")
        now = self._clock()
        if outcome.answered is Answered.BUSY:
            self._rest_until = now + max(_REST, min(timedelta(seconds=outcome.retry_after_seconds), LONGEST_PAUSE))
        state = await asyncio.to_thread(self._hooks.settle, hook, outcome, now, self._address)
        match outcome.answered, state:
            case _, None:
                log.warning("hook.late", because="its answer came after its lease: it is delivered again", **said)
            case Answered.GONE, _:
                log.error("hooks.gone", because="the product answered 410; `gatekeeper hooks resend` begins again", **said)
            case _, HookState.TAKEN:
                log.info("hook.taken", **said)
            case _, HookState.OVERTAKEN:
                log.info("hook.overtaken", because="access was given back", **said)
            case _, HookState.GIVEN_UP:
                log.error("hook.given_up", because=outcome.detail, **said)
            case _:
                log.warning("hook.postponed", because=outcome.detail, **said)

    async def _ask(self, client: httpx.AsyncClient, hook: Hook) -> HookOutcome:
        body = body_of(hook, self._sentence)
        return await _post(client, self._url, body, headers_of(hook.message_id, body, self._keys, self._real_clock()))


def try_out(url: str, keys: Sequence[bytes], now: datetime) -> HookOutcome:
    """Send the product a signed hook that tells of nothing: whether it listens there, and believes us."""

    async def ask() -> HookOutcome:
        async with _client(httpx.create_ssl_context()) as client:
            body = trial_body(now)
            return await _post(client, url, body, headers_of(f"msg_test_{uuid4().hex}", body, keys, now))

    return asyncio.run(ask())


def _client(tls: ssl.SSLContext) -> httpx.AsyncClient:
    # No proxy of the environment: the product is often on this machine
    transport = httpx.AsyncHTTPTransport(verify=tls, limits=httpx.Limits(max_keepalive_connections=0))
    return httpx.AsyncClient(transport=transport, timeout=None, trust_env=False)  # noqa: S113 - see `_post`


async def _post(client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]) -> HookOutcome:
    """One attempt. Of the answer only its head is read; all of it together may take `_ANSWER_SECONDS`."""
    try:
        async with (
            asyncio.timeout(_ANSWER_SECONDS),
            client.stream("POST", url, content=body, headers=headers, follow_redirects=False) as answer,
        ):
            return _outcome(answer.status_code, answer.headers)
    except TimeoutError:
        return HookOutcome(answered=Answered.FAILED, detail=f"no answer within {_ANSWER_SECONDS} seconds")
    except httpx.HTTPError as fault:
        return HookOutcome(answered=Answered.FAILED, detail=f"no answer: {described(fault)}")


def _outcome(status: int, headers: Mapping[str, str]) -> HookOutcome:
    answered = Answered.FAILED
    if httpx.codes.is_success(status):
        answered = Answered.TAKEN
    elif status == httpx.codes.GONE:
        answered = Answered.GONE
    elif status in _BUSY:
        answered = Answered.BUSY
    hint = ", a redirect: name the new address in hooks.url" if httpx.codes.is_redirect(status) else ""
    return HookOutcome(answered=answered, detail=f"answered {status}{hint}", retry_after_seconds=retry_after(headers))
