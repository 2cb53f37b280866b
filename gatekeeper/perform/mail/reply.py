"""What a server said, as it may stand in the ledger and in a log."""

_LIMIT = 200


def words(reply: bytes | str) -> str:
    """Short, on one line, without addresses."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    kept = "".join(c if c.isprintable() else " " for c in text).split()
    text = " ".join("(address)" if "@" in word else word for word in kept)
    return text if len(text) <= _LIMIT else text[: _LIMIT - 1] + "…"
