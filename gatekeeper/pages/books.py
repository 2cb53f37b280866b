"""What the pages ask the ledger."""

from dataclasses import dataclass
from typing import Protocol

from gatekeeper.wording import LockoutView


@dataclass(frozen=True, slots=True, kw_only=True)
class PayLink:
    """The invoice behind a pay link, and whether something of it is still owed.

    `elsewhere`: where it can be paid if it is billed elsewhere, empty where nobody said; None: the biller is asked.
    """

    invoice_id: str
    owed: bool
    elsewhere: str | None = None


class Books(Protocol):
    """Both are called in a thread of the server's pool, and change nothing."""

    def lockout(self, account_id: str) -> LockoutView | None:
        """What the lockout page says; None when the account is unknown or owes nothing."""

    def pay_link(self, token: str) -> PayLink | None:
        """None for a token that was never given out, or no longer counts."""
