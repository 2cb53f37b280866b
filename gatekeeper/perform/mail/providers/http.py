"""Delivery through a provider's HTTP API: what all of them have in common.

As with SMTP the moment of a failure decides: before the whole request has been handed to the kernel the provider cannot have
taken the letter (`DEFERRED`); from then until it has said yes or no it may have (`UNCERTAIN`, cases 42 and 43).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx

from gatekeeper.model import NoticeState, Outcome
from gatekeeper.perform.http import described, retry_after
from gatekeeper.perform.mail.letter import Letter
from gatekeeper.returns.said import words

# What a provider gives back with a bounce, so that it finds its notice: see `notice_of` and `tag_of`.
NOTICE: Final = "gatekeeper-notice"

_MOST_BYTES: Final = 64_000
_CONNECT_SECONDS: Final = 10.0
# A gateway's word that it lost sight of the provider: no word of the provider's own (RFC 9110 15.6.3, 15.6.5; Cloudflare).
_LOST_BEHIND_A_GATEWAY: Final = frozenset({502, 504, 520, 524})
_NOT_LET_IN: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """`body` is the answer's JSON object; empty where it is anything else, as behind a proxy that answers in HTML."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    def text(self, name: str) -> str:
        """The text under this name; "" where there is none, or something else."""
        found = self.body.get(name)
        return found if isinstance(found, str) else ""


class Provider(Protocol):
    """What differs from one provider to the next."""

    @property
    def name(self) -> str: ...

    def request(self, letter: Letter, /) -> httpx.Request:
        """The request that hands over this letter. Raises LetterRefused: see `compose`."""

    def taken_as(self, answer: Answer, /) -> str:
        """The provider's id of a letter that it took; "" where this answer to a 2xx names none."""

    def complaint(self, answer: Answer, /) -> str:
        """What it says is wrong; "" if it says nothing."""

    def blames_recipient(self, answer: Answer, /) -> bool:
        """Whether it refuses this recipient, for good: not our key, our sender, our quota or its own trouble."""


class HttpTransport:
    """Delivers over one client, which is made when needed and kept until `close`. For one thread. Follows no redirect."""

    def __init__(self, provider: Provider, *, timeout_seconds: float) -> None:
        self._provider = provider
        self._timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, _CONNECT_SECONDS))
        self._client: httpx.Client | None = None

    def deliver(self, letter: Letter) -> Outcome:
        """Try once. `REFUSED` only where the provider blames the recipient; the rest is `DEFERRED`.

        Raises:
            LetterRefused: see `compose`.
        """
        request = self._provider.request(letter)
        progress = _Progress()
        request.extensions = {"timeout": self._timeout.as_dict(), "trace": progress}
        try:
            answer = self._ask(request)
        except httpx.HTTPError as fault:
            self.close()
            if progress.whole_request_sent:
                detail = f"the whole message was sent to {self._provider.name}, but no answer came: {described(fault)}"
                return Outcome(state=NoticeState.UNCERTAIN, detail=detail)
            return Outcome(
                state=NoticeState.DEFERRED, detail=f"{self._provider.name} ({request.url.host}): {described(fault)}", ours=True
            )
        return self._outcome(answer)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _ask(self, request: httpx.Request) -> Answer:
        if self._client is None:
            self._client = httpx.Client()
        response = self._client.send(request, stream=True, follow_redirects=False)
        try:
            body = b"".join(_up_to(_MOST_BYTES, response.iter_raw()))
        finally:
            response.close()
        return Answer(status=response.status_code, headers=response.headers, body=_object(body))

    def _outcome(self, answer: Answer) -> Outcome:
        name, status = self._provider.name, answer.status
        said = words(self._provider.complaint(answer)) or "nothing that we understand"
        if httpx.codes.is_success(status):
            taken_as = words(self._provider.taken_as(answer))
            if taken_as:
                return Outcome(state=NoticeState.ACCEPTED, detail=f"{name} took it as {taken_as}")
        if httpx.codes.is_success(status) or status in _LOST_BEHIND_A_GATEWAY or status == httpx.codes.CONFLICT:
            detail = f"the whole message was sent to {name}, but the answer was {status}: {said}"
            return Outcome(state=NoticeState.UNCERTAIN, detail=detail)
        if httpx.codes.is_client_error(status) and self._provider.blames_recipient(answer):
            return Outcome(state=NoticeState.REFUSED, detail=f"{name}: {status} {said}")
        hint = ", look at mail.url and mail.from" if status in _NOT_LET_IN else ""
        return Outcome(
            state=NoticeState.DEFERRED,
            detail=f"{name}{hint}: {status} {said}",
            ours=True,
            retry_after_seconds=retry_after(answer.headers),
        )


class _Progress:
    """Hears from httpcore how far a request has come. A proxy's CONNECT goes before it, and does not count."""

    def __init__(self) -> None:
        self._ours = False
        self.whole_request_sent = False

    def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(".send_request_body.started"):
            self._ours = info["request"].method == b"POST"
        elif event.endswith(".send_request_body.complete") and self._ours:
            self.whole_request_sent = True


def notice_of(letter: Letter) -> str:
    """What `NOTICE` says to providers that take any text: the Message-ID without its brackets."""
    return letter.message_id.strip("<>")


def tag_of(letter: Letter) -> str:
    """What `NOTICE` says to providers that take letters, digits, `-` and `_` only: the part of the Message-ID before the @."""
    return notice_of(letter).partition("@")[0]


def _up_to(most: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:most]
        most -= len(chunk)
        if most <= 0:
            return


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
