"""Which version of the policy judges whom: today's for new cases, and for a running case the one that it began with."""

import structlog

from gatekeeper.config import Settings, SettingsInvalid
from gatekeeper.ledger.policy_book import PolicyBook
from gatekeeper.policy.segments import Policy
from gatekeeper.policy.versions import Policies
from gatekeeper.wiring.policy import load_policy, policy_of

log = structlog.get_logger(__name__)


def open_policies(settings: Settings, book: PolicyBook) -> Policies:
    """Raises SettingsInvalid, where today's cannot be followed. An earlier one that cannot gives way to today's."""

    def earlier(policy_id: str) -> Policy | None:
        document = book.document(policy_id)
        try:
            return None if document is None else policy_of(document, settings, settings.policy.file)
        except SettingsInvalid as fault:
            log.warning("policy.not_followed_any_more", policy=policy_id, because=str(fault))
            return None

    return Policies(load_policy(settings), earlier)
