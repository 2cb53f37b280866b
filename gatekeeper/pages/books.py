"""What the pages ask the ledger, and what they have done for those who read them."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from gatekeeper.model import WishKind
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

    def lockout(self, account_id: str, viewer: str = "", /) -> LockoutView | None:
        """What the lockout page says to this viewer; None when the account is unknown or owes nothing."""

    def pay_link(self, token: str) -> PayLink | None:
        """None for a token that was never given out, or no longer counts."""


class Deeds(Protocol):
    """What the buttons do, called in a thread of the server's pool. Each does nothing where the viewer may not, or no more.

    What came of it is in the next `Books.lockout` of the same viewer.
    """

    def check(self, account_id: str, viewer: str) -> None: ...

    def write(self, account_id: str, viewer: str, kind: WishKind) -> None: ...

    def promise(self, account_id: str, viewer: str, due_on: date) -> None: ...

    def transfer(self, account_id: str, viewer: str, paid_on: date, reference: str) -> None: ...

    def review(self, account_id: str, viewer: str, words: str) -> None: ...
