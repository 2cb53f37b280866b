"""Staff who look at the product as a suspended account are let in, by a pass that somebody signed for them (case 106).

A pass opens what is overdue, and nothing else: whoever shows one must still be signed in to the product, as the account that is
judged.
"""

from collections.abc import Callable, Mapping
from typing import Final

import structlog

from gatekeeper.gate.fields import STAFF
from gatekeeper.gate.readers import cookie

log = structlog.get_logger(__name__)

# From a pass: the name that it was given out to; None: it does not hold, or not any more. Must not raise
Holder = Callable[[bytes], str | None]

STAFF_COOKIE: Final = "gatekeeper_staff"
_REMEMBERED: Final = 1000


def nobody(_: bytes) -> None:
    """No pass holds."""


class Staff:
    """Says who of the staff asks, and logs each pass once for each account that it opens."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self._said: set[tuple[bytes, bytes]] = set()

    def vouches(self, fields: Mapping[bytes, bytes], account: bytes) -> bool:
        """Whether this request of an account shows a pass that holds, in the header, else in the cookie.

        A pass that does not hold is as if it were not there; so is one that is shown twice.
        """
        for shown in (fields.get(STAFF, b""), cookie(fields, STAFF_COOKIE.encode())):
            name = self._holder(shown) if shown else None
            if name is not None:
                self._say(shown, name, account)
                return True
        return False

    def _say(self, shown: bytes, name: str, account: bytes) -> None:
        if (shown, account) in self._said:
            return
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said.add((shown, account))
        log.info("staff let in to an account that is closed", staff=name, account=account.decode())
