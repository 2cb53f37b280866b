"""Which paths name one place of the product for every server that reads them (cases 84, 85 and 93)."""

import re

_LONGEST = 4096
# Unreserved characters and sub-delimiters of RFC 3986 but `;`, which some servers cut at. No percent sign: some servers look at
# what it stands for, and some do not.
_PLAIN = re.compile(rb"(?:/[A-Za-z0-9._~!$&'()*+,=:@-]+)*/?")
_DOT_SEGMENT = re.compile(rb"/\.{1,2}(?:/|$)")


def plain_path(uri: bytes) -> bytes | None:
    """The path of a request target without its query, or None where two servers may read it differently."""
    if len(uri) > _LONGEST:
        return None
    path, _, _ = uri.partition(b"?")
    if not path or not _PLAIN.fullmatch(path) or _DOT_SEGMENT.search(path):
        return None
    return path


def is_path(text: str) -> bool:
    """Whether `text` can stay open, with all that is below it: a plain path, such as `/login`, and more than `/`.

    One slash at its end says nothing.
    """
    path = text.removesuffix("/").encode(errors="replace")
    return not path.endswith(b"/") and plain_path(path) == path
