"""The lockout page: from the web part, which knows the account's invoices; else from a file; else from here.

Whoever is denied gets a page in about a second, whatever is down (case 87).
"""

import asyncio
from collections.abc import Callable
from typing import Self

import httpx
import structlog

from gatekeeper.gate.answering import Wanted
from gatekeeper.gate.answers import STRICT_POLICY, Document, html, small_page
from gatekeeper.gate.settings import GateSettings

log = structlog.get_logger(__name__)

# From an account, a viewer and a path, as `Wanted` has them
Sign = Callable[[str, str, str], str]

_TOTAL_SECONDS = 1.0
_AT_A_TIME = 64
_PASSED_ON = ("Content-Security-Policy", "Content-Language", "Referrer-Policy")
_TITLE = "Payment overdue"
_SENTENCE = (
    "An invoice for this account has not been paid yet: until then, what you asked for is closed. Nothing has been deleted. "
    "It opens again as soon as the payment has arrived."
)


class LockoutPages:
    """Fetches lockout pages. `sign` makes the token by which the web part knows that the gate asks, and for whom."""

    def __init__(self, settings: GateSettings, sign: Sign) -> None:
        self._settings = settings
        self._sign = sign
        self._client: httpx.AsyncClient | None = None
        self._turn = asyncio.Semaphore(_AT_A_TIME)
        self._fallback: tuple[int, int, Document] | None = None
        self._in_order = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._client:
            await self._client.aclose()

    async def page(self, wanted: Wanted) -> Document:
        """The lockout page of one account for one person. Never raises."""
        try:
            async with asyncio.timeout(_TOTAL_SECONDS), self._turn:
                page = await self._fetch(wanted)
        except Exception as fault:  # noqa: BLE001 - whatever is wrong with the page, its reader must have an answer
            if self._in_order:
                log.warning("the web part gives no lockout page: the gate shows its own until it does", fault=repr(fault))
            self._in_order = False
            return self._own_page()
        self._in_order = True
        return page

    async def _fetch(self, wanted: Wanted) -> Document:
        if self._client is None:
            # No proxy from the environment: the token is for our own web part only
            self._client = httpx.AsyncClient(trust_env=False, timeout=_TOTAL_SECONDS)
        # A viewer is whatever bytes came; what is no address is nobody's
        token = self._sign(wanted.account.decode(), wanted.viewer.decode(errors="replace"), wanted.path.decode()).encode()
        headers = {b"X-Gatekeeper-Page": token, b"Accept": b"text/html", b"Accept-Language": wanted.languages}
        answer = await self._client.get(self._settings.page_url, headers=headers)
        kind = answer.headers.get("Content-Type", "")
        if answer.status_code != httpx.codes.PAYMENT_REQUIRED or not kind.startswith("text/html"):
            raise ValueError(f"{self._settings.page_url} answered {answer.status_code} {kind!r}, not 402 with HTML")
        passed_on = [(name, answer.headers[name]) for name in _PASSED_ON if name in answer.headers]
        return html(answer.content, *passed_on)

    def _own_page(self) -> Document:
        """The file that stands in, read again when it has changed; or the little that is built in."""
        path = self._settings.fallback_page_path
        try:
            status = path.stat()
            if self._fallback is None or self._fallback[:2] != (status.st_mtime_ns, status.st_ino):
                page = html(path.read_bytes(), STRICT_POLICY, ("Referrer-Policy", "no-referrer"))
                self._fallback = (status.st_mtime_ns, status.st_ino, page)
            return self._fallback[2]
        except OSError:
            return small_page(_TITLE, _SENTENCE, mail=self._settings.support_email)
