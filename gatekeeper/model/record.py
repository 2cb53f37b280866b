"""What happened to one account, as the ledger wrote it down: its cases, its notices, and the audit."""

from dataclasses import dataclass
from datetime import datetime

from gatekeeper.model.account import Notice
from gatekeeper.model.billing import Invoice
from gatekeeper.model.verdict import Reason
from gatekeeper.model.words import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """One case; `closed_at` is None while it lasts."""

    id: int
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the audit. Of kind `standing`: a change of standing, `before` and `after`, and the reasons of the verdict."""

    at: datetime
    kind: str
    before: str
    after: str
    case_id: int | None
    actor: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All of it, oldest first. `invoices`: those that any notice names."""

    account_id: str
    name: str
    standing: Standing
    standing_since_at: datetime | None
    spells: tuple[Spell, ...]
    notices: tuple[Notice, ...]
    entries: tuple[Entry, ...]
    invoices: tuple[Invoice, ...]
