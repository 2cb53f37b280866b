"""The lockout page: from the web part, which knows the account's invoices; else from a file; else from here.

Whoever is denied gets a page before the edge loses its patience, whatever is down (case 87).
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Self

import httpx
import structlog

from gatekeeper.gate.answers import Document, html, small_page
from gatekeeper.gate.refusing import Wanted
from gatekeeper.gate.settings import GateSettings

log = structlog.get_logger(__name__)

# From an account, a viewer and a path, as `Wanted` has them
Sign = Callable[[str, str, str], str]

_LONGEST_SECONDS = 1.0
_AT_A_TIME = 64
# What an edge says of a person who is nobody of the account
STRANGER = b"-"
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
        # Now, for it takes longer than an edge waits for an answer. No proxy from the environment: the token is for our own
        # web part only
        self._client = httpx.AsyncClient(trust_env=False, timeout=_LONGEST_SECONDS)
        self._turn = asyncio.Semaphore(_AT_A_TIME)
        self._for_strangers = _PageFile(settings.closed_page_path, built_in_closed_page(settings.support_email))
        self._for_others = _PageFile(settings.fallback_page_path, built_in_page(settings.support_email))
        self._in_order = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def page(self, wanted: Wanted) -> Document:
        """The lockout page of one account for one person. Never raises."""
        try:
            async with asyncio.timeout(wanted.patience_seconds), self._turn:
                page = await self._fetch(wanted)
        except Exception as fault:  # noqa: BLE001 - whatever is wrong with the page, its reader must have an answer
            if self._in_order:
                log.warning("the web part gives no lockout page: the gate shows its own until it does", fault=repr(fault))
            self._in_order = False
            return (self._for_strangers if wanted.viewer == STRANGER else self._for_others).read()
        self._in_order = True
        return page

    async def _fetch(self, wanted: Wanted) -> Document:
        # A viewer is whatever bytes came; what is no address is nobody's
        token = self._sign(wanted.account.decode(), wanted.viewer.decode(errors="replace"), wanted.path.decode()).encode()
        headers = {b"X-Gatekeeper-Page": token, b"Accept": b"text/html", b"Accept-Language": wanted.languages}
        answer = await self._client.get(self._settings.page_url, headers=headers)
        kind = answer.headers.get("Content-Type", "")
        if answer.status_code != httpx.codes.PAYMENT_REQUIRED or not kind.startswith("text/html"):
            raise ValueError(f"{self._settings.page_url} answered {answer.status_code} {kind!r}, not 402 with HTML")
        passed_on = [(name, answer.headers[name]) for name in _PASSED_ON if name in answer.headers]
        return html(answer.content, *passed_on)


class _PageFile:
    """A page that the worker has laid out, read again when it has changed; `instead` where there is none."""

    def __init__(self, path: Path, instead: Document) -> None:
        self._path = path
        self._instead = instead
        self._seen: tuple[int, int] | None = None
        self._page = instead

    def read(self) -> Document:
        try:
            status = self._path.stat()
            if self._seen != (status.st_mtime_ns, status.st_ino):
                # The rest of its policy, with what its script may do, stands in the page; this cannot (CSP 3, section 3.3)
                fields = ("Content-Security-Policy", "frame-ancestors 'none'"), ("Referrer-Policy", "no-referrer")
                self._page = html(self._path.read_bytes(), *fields)
                self._seen = (status.st_mtime_ns, status.st_ino)
        except OSError:
            return self._instead
        return self._page


def built_in_page(mail: str) -> Document:
    """What is shown where there is no other page; `mail` is an address to write to."""
    return small_page(_TITLE, _SENTENCE, mail=mail)


def built_in_closed_page(mail: str) -> Document:
    """The same for a stranger, who is not told that anything is owed (case 103)."""
    return small_page(
        "Not available at the moment", "What you asked for cannot be opened now. If you belong to it, write to us.", mail=mail
    )
