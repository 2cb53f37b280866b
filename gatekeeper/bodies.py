"""Bodies of requests that strangers send."""

from starlette.requests import ClientDisconnect, Request


async def bounded(request: Request, most_bytes: int) -> bytes | None:
    """The body; None as soon as it is larger than that, or its sender is gone."""
    chunks, size = [], 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most_bytes:
                return None
            chunks.append(chunk)
    except ClientDisconnect:
        return None
    return b"".join(chunks)
