"""POST /webhooks/mail/PROVIDER: verify, write down, answer. What is known already, or is not ours, is answered 200 as well."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

import httpx
import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gatekeeper.bodies import bounded
from gatekeeper.ledger.engine import DatabaseUnavailable
from gatekeeper.returns.intake import Intake
from gatekeeper.returns.providers import PROVIDERS, Delivery, parse_secret
from gatekeeper.returns.providers.shapes import document

MAX_BYTES: Final = 1_000_000
_FETCH_SECONDS: Final = 5.0
_CERTIFICATE_BYTES: Final = 20_000
_CLOSE: Final = {"Connection": "close"}  # the rest of the body is not waited for

log = structlog.get_logger(__name__)


class _Refused(Exception):
    """Not a delivery of this provider."""


def fetched(address: str) -> bytes:
    """What stands at an address; no redirection is followed, and no more is read than a certificate has."""
    with httpx.stream("GET", address, timeout=_FETCH_SECONDS, follow_redirects=False) as answer:
        answer.raise_for_status()
        content = b""
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > _CERTIFICATE_BYTES:
                break
        return content


def routes(
    *,
    intake: Intake,
    secrets: Sequence[str],
    real_clock: Callable[[], datetime],
    wake: Callable[[], None],
    to_confirm: Callable[[str], None],
    fetch: Callable[[str], bytes] = fetched,
) -> list[Route]:
    """The route that providers post to. `secrets` as the settings have them; a provider without one is 404.

    `wake` tells the worker that something has come in that it must look at; `to_confirm` keeps an address for a person to open.
    """
    known: dict[str, list[str]] = defaultdict(list)
    for name, secret in map(parse_secret, secrets):
        known[name].append(secret)
    # Of its own: pages do not wait for a certificate to be fetched
    threads = ThreadPoolExecutor(2, "returns")

    async def receive(request: Request) -> Response:
        name = request.path_params["provider"]
        if name not in known:
            return PlainTextResponse("No secret of this provider is among mail.webhook_secrets.\n", 404, headers=_CLOSE)
        body = await bounded(request, MAX_BYTES)
        if body is None:
            return PlainTextResponse("The body is too large, or did not arrive whole.\n", 400, headers=_CLOSE)
        delivery = Delivery(headers=dict(request.headers.items()), body=body, now=real_clock(), fetch=fetch)
        try:
            work = asyncio.get_running_loop().run_in_executor(threads, _take_in, intake, name, known[name], delivery)
            changed, address = await work
            if changed:
                wake()
            if address:
                to_confirm(address)
                log.warning("returns.subscription_to_confirm", provider=name)
        except _Refused:
            log.warning("returns.refused", provider=name)
            return PlainTextResponse("Not a fresh delivery that this provider signed with a configured secret.\n", 401)
        except (*DatabaseUnavailable, httpx.HTTPError):
            log.error("returns.not_kept", provider=name)  # noqa: TRY400 - its traceback would tell what the delivery holds
            return PlainTextResponse("It could not be kept; send it again.\n", 503)
        return PlainTextResponse("Kept.\n")

    return [Route("/webhooks/mail/{provider}", receive, methods=["POST"])]


def _take_in(intake: Intake, name: str, secrets: Sequence[str], delivery: Delivery) -> tuple[bool, str]:
    """Whether it changed anything, and the address that a person has to open, if there is one."""
    provider = PROVIDERS[name]
    try:
        if not any(provider.check(delivery, secret) for secret in secrets):
            raise _Refused
        said = document(delivery.body)
    except ValueError as fault:
        raise _Refused from fault
    changed = [intake.returned(returned, source=name) for returned in provider.read(said)]
    return any(changed), provider.to_confirm(said)
