"""The product's own directory: whom of an account to write to, asked over HTTP and kept for a while. docs/contacts.md.

Where it gives no answer nothing follows, for or against anyone: what it said before stays, and only suspension waits.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

import httpx
import structlog
from pydantic import ValidationError

from gatekeeper.documents import Described, DocumentRefused, faults_of
from gatekeeper.model import Facts, Origin, Profile

PLACEHOLDER: Final = "{account}"

_MOST_BYTES: Final = 100_000
_PAUSE: Final = timedelta(minutes=1)
_REFUSING: Final = frozenset({401, 403, 429, 503})
_NOTHING: Final = Profile()

log = structlog.get_logger(__name__)


class _NoAnswer(Exception):
    """Why there is none. `for_all`: no other account would get one either."""

    def __init__(self, why: str, *, for_all: bool) -> None:
        super().__init__(why)
        self.for_all = for_all


class Directory:
    """`url` has `{account}` where the account's id belongs; without it the id is added as the query parameter `account`.

    `look_up` writes an answer into the ledger (`Profiles.look_up`). After a failure nobody is asked about for a minute, or,
    where only this account's answer was none, not about this account: a directory that is down costs one time-out a minute.
    """

    def __init__(
        self,
        *,
        url: str,
        token: str,
        cache: timedelta,
        timeout_seconds: float,
        client: httpx.Client,
        look_up: Callable[[str, Profile, datetime], object],
    ) -> None:
        self._url = url
        self._token = token
        self._cache = cache
        self._timeout = timeout_seconds
        self._client = client
        self._look_up = look_up
        self._failed_at: datetime | None = None
        self._failed_for: dict[str, datetime] = {}

    def is_fresh(self, facts: Facts, now: datetime) -> bool:
        """Whether its last answer about this account is young enough to suspend upon."""
        return facts.directory_at is not None and timedelta() <= now - facts.directory_at < self._cache

    def refresh(self, account_id: str, now: datetime) -> bool:
        """Ask about one account and write down the answer; whether there was one. That it knows no such account is one."""
        self._failed_for = {name: at for name, at in self._failed_for.items() if _pausing(at, now)}
        if _pausing(self._failed_at, now) or account_id in self._failed_for:
            return False
        try:
            profile = self._ask(account_id)
        except _NoAnswer as fault:
            log.warning("directory.no_answer", account=account_id, because=str(fault), asked_again_after_seconds=60)
            if fault.for_all:
                self._failed_at = now
            else:
                self._failed_for[account_id] = now
            return False
        self._look_up(account_id, profile, now)
        return True

    def _ask(self, account_id: str) -> Profile:
        # No redirects: they would hand the token to whoever is named there
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            with self._client.stream(
                "GET", self._address(account_id), headers=headers, timeout=self._timeout, follow_redirects=False
            ) as answer:
                return self._profile(answer)
        except httpx.HTTPError as fault:  # its text may show the address, and the token that stands in it
            raise _NoAnswer(f"it cannot be reached, or is too slow ({type(fault).__name__})", for_all=True) from None

    def _profile(self, answer: httpx.Response) -> Profile:
        if answer.status_code == httpx.codes.NOT_FOUND:
            return _NOTHING
        if answer.status_code != httpx.codes.OK:
            refuses = answer.status_code in _REFUSING
            raise _NoAnswer(f"it answered {answer.status_code}; 200 or 404 is allowed", for_all=refuses)
        body = bytearray()
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise _NoAnswer(f"its answer is larger than {_MOST_BYTES} bytes", for_all=False)
        try:
            return Described.model_validate_json(bytes(body), extra="ignore").profile(Origin.DIRECTORY)
        except ValidationError as refusal:
            told = str(DocumentRefused(faults_of(refusal, Described)))
            raise _NoAnswer(f"its answer cannot be taken: {told}", for_all=False) from None

    def _address(self, account_id: str) -> str:
        name = quote(account_id, safe="")
        if set(name) == {"."}:  # a path segment that would lead elsewhere
            name = name.replace(".", "%2E")
        if PLACEHOLDER in self._url:
            return self._url.replace(PLACEHOLDER, name)
        return f"{self._url}{'&' if '?' in self._url else '?'}account={name}"


def _pausing(failed_at: datetime | None, now: datetime) -> bool:
    return failed_at is not None and timedelta() <= now - failed_at < _PAUSE
