"""What an answer over HTTP, or its absence, says to whoever has to try again."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from gatekeeper.returns.said import words


def retry_after(headers: Mapping[str, str]) -> int:
    """Seconds (RFC 9110 10.2.3); 0 where the answer has none. A date is read against the answer's own."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return int(asked[:9])
    try:
        pause = parsedate_to_datetime(asked) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return 0
    return max(0, int(pause.total_seconds()))


def described(fault: BaseException) -> str:
    """Only what the system says, or the kind of fault: httpx and h11 quote headers, and our key may stand in one."""
    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return words(cause.strerror)
        cause = cause.__cause__ or cause.__context__
    return type(fault).__name__
