"""The words of the house, as frozen values. If a word is not here (or in the design's list of words), it is not ours.

Instants are aware datetimes in UTC and end in `_at`; calendar dates end in `_on`; money is an integer of minor units beside
its ISO 4217 code in lower case, as Stripe writes it, and ends in `_minor`. Currencies are never added together.
"""

from gatekeeper.model.account import Contact, Exemption, Facts, Notice, PlannedNotice, Promise
from gatekeeper.model.billing import Customer, Dispute, Identity, Invoice, Reading
from gatekeeper.model.hook import Answered, Hook, HookOutcome, HookState
from gatekeeper.model.paths import is_path, plain_path
from gatekeeper.model.profile import Profile
from gatekeeper.model.returned import Report, Returned, ReturnKind
from gatekeeper.model.verdict import Outcome, Reason, Verdict
from gatekeeper.model.wish import Role, Wish, WishKind
from gatekeeper.model.words import Audience, Mode, Money, NoticeState, Origin, Scope, Standing, Step, is_account_id, sums

__all__ = [
    "Answered",
    "Audience",
    "Contact",
    "Customer",
    "Dispute",
    "Exemption",
    "Facts",
    "Hook",
    "HookOutcome",
    "HookState",
    "Identity",
    "Invoice",
    "Mode",
    "Money",
    "Notice",
    "NoticeState",
    "Origin",
    "Outcome",
    "PlannedNotice",
    "Profile",
    "Promise",
    "Reading",
    "Reason",
    "Report",
    "ReturnKind",
    "Returned",
    "Role",
    "Scope",
    "Standing",
    "Step",
    "Verdict",
    "Wish",
    "WishKind",
    "is_account_id",
    "is_path",
    "plain_path",
    "sums",
]
