"""The least that an ASGI application can do for an answer: one header, one look-up, an empty body. Less than the gate does."""

from typing import Any

SUSPENDED = frozenset(f"acct_{number:012d}".encode() for number in range(0, 100_000, 20))


async def app(scope: Any, _receive: Any, send: Any) -> None:
    account = b""
    for name, value in scope["headers"]:
        if name == b"x-account-id":
            account = value
    status = 403 if account in SUSPENDED else 200
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"cache-control", b"no-store"), (b"content-length", b"0")],
        }
    )
    await send({"type": "http.response.body", "body": b""})
