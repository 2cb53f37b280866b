"""Which version of the policy judges whom: the one in force for new cases, and for a running case the one that it began with.

A changed file that would at once write to, or close, more accounts than a day may see suspended is not put in force until a
person accepts it (case 125): until then the version before it stays, and the rest of the house goes on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from gatekeeper.config import Settings, SettingsInvalid
from gatekeeper.ledger.history import History
from gatekeeper.ledger.policy_book import PolicyBook
from gatekeeper.model import Facts
from gatekeeper.policy.forecast import Jump, jump
from gatekeeper.policy.segments import Policy
from gatekeeper.policy.versions import Policies
from gatekeeper.wiring.policy import load_policy, policy_document, policy_of

_STRETCH = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Adoption:
    """`refused`: what the file that the settings name would change at once, where that is too much; it is not in force then."""

    policies: Policies
    refused: Jump | None = None


class Versions:
    """The versions that the ledger keeps, and the one in the file that the settings name."""

    def __init__(self, settings: Settings, book: PolicyBook, history: History) -> None:
        self._settings = settings
        self._book = book
        self._history = history

    def adopt(self, now: datetime) -> Adoption:
        """Put the file's version in force, unless it would change too much at once. Raises SettingsInvalid."""
        stated = load_policy(self._settings)
        in_force = self._book.in_force()
        if in_force == stated.id:
            return Adoption(Policies(stated, self.earlier))
        before = None if in_force is None else self.earlier(in_force)
        if before is not None:
            change = self._change(before, stated, now)
            if len(change.accounts) > self._settings.safety.suspensions_per_day:
                log.error("policy.refused", stays=in_force, would_write_to=len(change.written), would_close=len(change.closed))
                return Adoption(Policies(before, self.earlier), change)
        self.accept(author="gatekeeper", reason="its file changed", now=now)
        return Adoption(Policies(stated, self.earlier))

    def accept(self, *, author: str, reason: str, now: datetime) -> None:
        """Put the file's version in force, whatever it changes."""
        document: Mapping[str, Any] = policy_document(self._settings)
        self._book.adopt(load_policy(self._settings).id, document, author=author, reason=reason, now=now)

    def _change(self, before: Policy, after: Policy, now: datetime) -> Jump:
        known: dict[str, Policy] = {before.id: before}

        def earlier(policy_id: str) -> Policy | None:
            return known.get(policy_id) or self.earlier(policy_id)

        return jump(Policies(before, earlier).rules_for, Policies(after, earlier).rules_for, self._concerned(), now)

    def _concerned(self) -> Iterator[Facts]:
        for stretch in self._history.stretches(_STRETCH):
            yield from self._history.concerned(stretch)

    def earlier(self, policy_id: str) -> Policy | None:
        """A version by its id; None: nobody has kept it, or this program cannot follow it any more."""
        document = self._book.document(policy_id)
        try:
            return None if document is None else policy_of(document, self._settings, self._settings.policy.file)
        except SettingsInvalid as fault:
            log.warning("policy.not_followed_any_more", policy=policy_id, because=str(fault))
            return None
