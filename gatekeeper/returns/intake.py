"""Takes in what came back, by whichever way."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from gatekeeper.ledger.writer.returns import Returns
from gatekeeper.model import Returned
from gatekeeper.returns.box import Box
from gatekeeper.returns.reading import MAX_BYTES, read

_UNIQUE: Final = re.compile(r"<(gk-[0-9a-f]{32})(?:@[^>]*)?>")

log = structlog.get_logger(__name__)


class Intake:
    """`domain`, `secret`: of our Message-IDs, and of our return paths."""

    def __init__(self, returns: Returns, *, domain: str, secret: bytes, clock: Callable[[], datetime]) -> None:
        self._returns = returns
        self._domain = domain
        self._secret = secret
        self._clock = clock

    def message(self, message: bytes) -> str:
        """One message of a mail server; the account that it changed something of, empty if it is nothing to us.

        Raises what the database does; then it has to come again.
        """
        returned = read(message, domain=self._domain, secret=self._secret)
        return "" if returned is None else self.returned(returned, source="mail")

    def returned(self, returned: Returned, *, source: str) -> str:
        """What a mail server or a provider told; see `message`."""
        whole = replace(returned, message_ids=tuple(dict.fromkeys(self._whole(returned.message_ids))))
        account_id = self._returns.take(whole, source=source, now=self._clock())
        if account_id:
            kinds = sorted({report.kind.value for report in returned.reports})
            log.info("notice.returned", account=account_id, source=source, kinds=kinds)
        return account_id

    def empty(self, box: Box) -> int:
        """Everything that waits in the box; how many messages. Raises BoxUnavailable, and what the database does."""
        return box.empty(self.message, MAX_BYTES)

    def _whole(self, message_ids: Iterable[str]) -> Iterator[str]:
        """Some providers take only the part before the @, or cut off what is long."""
        for message_id in message_ids:
            yield message_id
            if unique := _UNIQUE.fullmatch(message_id):
                yield f"<{unique[1]}@{self._domain}>"
