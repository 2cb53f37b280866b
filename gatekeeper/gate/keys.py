"""Keeps the public keys of tokens at the newest. Whatever fails, the gate goes on with those that it has."""

import asyncio
from pathlib import Path

import httpx
import structlog

from gatekeeper.gate.readers import TokenReader

log = structlog.get_logger(__name__)

_EVERY_LOOKS = 20
_LOOK_SECONDS = 30.0
_TOTAL_SECONDS = 5.0
_LARGEST = 1 << 18


async def follow_keys(reader: TokenReader) -> None:
    """Read the keys of this source for ever: every ten minutes, and within half a minute after a token names an unknown one."""
    complaint = ""
    look = 0
    while True:
        if reader.tokens.keys_wanted or look % _EVERY_LOOKS == 0:
            try:
                reader.tokens.take_keys(await _read(reader.source.keys))
                complaint = ""
            except Exception as fault:  # noqa: BLE001 - whatever is wrong with keys, requests must go on being answered
                if complaint != repr(fault):
                    complaint = repr(fault)
                    log.warning(
                        "keys of tokens cannot be read: tokens signed by others name nobody until they can", fault=complaint
                    )
        look += 1
        await asyncio.sleep(_LOOK_SECONDS)


async def _read(place: str) -> str:
    if not place.startswith("https:"):
        return await asyncio.to_thread(Path(place).read_text, encoding="utf-8")
    async with httpx.AsyncClient(timeout=_TOTAL_SECONDS, trust_env=False) as client:
        answer = await client.get(place, headers={"Accept": "application/jwk-set+json, application/json"})
    answer.raise_for_status()
    if len(answer.content) > _LARGEST:
        raise ValueError("the document is too large for a JWK set")
    return answer.text
