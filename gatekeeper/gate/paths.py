"""Which addresses of the product stay open: sign-in, payment and export to every account, and what a restriction leaves open.

A path is compared only if every server reads it alike (`model.plain_path`). Anything else matches nothing.
"""

from collections.abc import Iterable

from gatekeeper.model import is_path, plain_path


class OpenPaths:
    """A list of paths, each open with all that is below it."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Take the paths as they are written in the settings.

        Raises:
            ValueError: one of them is no plain path, so no request would match it.
        """
        self._exact: set[bytes] = set()
        for path in paths:
            if not is_path(path):
                raise ValueError(f"{path!r} cannot stay open: write a plain path, such as /login")
            self._exact.add(path.encode().removesuffix(b"/"))
        self._below = tuple(path + b"/" for path in self._exact)

    def cover(self, uri: bytes) -> bool:
        """Whether the request target `uri` (a path, perhaps with a query) is on the list or below an entry."""
        path = plain_path(uri)
        return path is not None and (path in self._exact or path.startswith(self._below))
