"""Which addresses of the product stay open to every account: sign-in, payment, export (cases 84, 85 and 93).

A path is compared only if every server reads it alike. Anything else matches nothing, and then the account decides.
"""

import re
from collections.abc import Iterable

_LONGEST = 4096
# Unreserved characters and sub-delimiters of RFC 3986 but `;`, which some servers cut at. No percent sign: some servers look at
# what it stands for, and some do not.
_PLAIN = re.compile(rb"(?:/[A-Za-z0-9._~!$&'()*+,=:@-]+)*/?")
_DOT_SEGMENT = re.compile(rb"/\.{1,2}(?:/|$)")


class OpenPaths:
    """A list of paths, each open with all that is below it."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Take the paths as they are written in the settings.

        Raises:
            ValueError: one of them is no plain path, so no request would match it.
        """
        self._exact: set[bytes] = set()
        for path in paths:
            raw = path.encode().removesuffix(b"/")
            if not raw or plain_path(raw) != raw:
                raise ValueError(f"{path!r} cannot stay open: write a plain path, such as /login")
            self._exact.add(raw)
        self._below = tuple(path + b"/" for path in self._exact)

    def cover(self, uri: bytes) -> bool:
        """Whether the request target `uri` (a path, perhaps with a query) is on the list or below an entry."""
        path = plain_path(uri)
        return path is not None and (path in self._exact or path.startswith(self._below))


def plain_path(uri: bytes) -> bytes | None:
    """The path of a request target without its query, or None where two servers may read it differently."""
    if len(uri) > _LONGEST:
        return None
    path, _, _ = uri.partition(b"?")
    if not path or not _PLAIN.fullmatch(path) or _DOT_SEGMENT.search(path):
        return None
    return path
