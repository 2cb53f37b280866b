"""What a gate knows of accounts: kept in place, read at every request, and refused where it cannot be right (cases 88-91, 107).

One thread writes; any number read meanwhile. Nothing is held of accounts in good standing, and one look-up finds them.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog

from gatekeeper.model import Standing
from gatekeeper.snapshot import Delta, Snapshot

log = structlog.get_logger(__name__)

STALE_DENY_MAX = timedelta(hours=72)
_BREAKER_SECONDS = 3600.0
# Fewer denials than this in an hour are nothing odd, however few accounts there are; else a fifth of all accounts is
_BREAKER_LEAST = 50
_BREAKER_PART = 5


class Refused(ValueError):
    """What was read cannot be right, or is not ours: the book stays as it is."""


class Gap(ValueError):
    """Something between what the book knows and these changes is missing: read a whole snapshot."""


class Entry(NamedTuple):
    """The standing of an account and the paths that a restriction leaves it; none: it may read everything."""

    standing: Standing
    leaves_open: tuple[str, ...] = ()

    @property
    def denied(self) -> bool:
        return self.standing in _DENIED


CURRENT, SUSPENDED = Entry(Standing.CURRENT), Entry(Standing.SUSPENDED)
_DENIED = frozenset({Standing.RESTRICTED, Standing.SUSPENDED})


class Listed(set[bytes]):
    """Every account that is not current; `others` has the entries of those that are not plainly suspended, who are few."""

    __slots__ = ("others",)

    def __init__(self, accounts: Iterable[bytes] = (), others: Mapping[bytes, Entry] | None = None) -> None:
        super().__init__(accounts)
        self.others = dict(others or {})

    def entry(self, account: bytes) -> Entry:
        if account not in self:
            return CURRENT
        entry = self.others.get(account)
        if entry is not None:
            return entry
        # Asked again: between both looks another thread may have opened it, and that is no suspension
        return SUSPENDED if account in self else CURRENT

    def put(self, account: bytes, entry: Entry) -> None:
        """Readers in other threads see the old entry or the new one, whatever moment they look at."""
        if entry.standing is Standing.SUSPENDED:
            self.add(account)
            self.others.pop(account, None)
        elif entry.standing is Standing.CURRENT:
            self.discard(account)
            self.others.pop(account, None)
        else:
            self.others[account] = entry
            self.add(account)

    def newly_denied(self, before: "Listed") -> dict[bytes, Entry]:
        """Whom this denies and `before` did not. Set arithmetic does most of it: the lists are long and nearly alike."""
        fresh = (self - before) | (before.others.keys() & self)
        entries = ((account, self.entry(account)) for account in fresh)
        return {account: entry for account, entry in entries if entry.denied and not before.entry(account).denied}

    def entries(self) -> Iterable[tuple[bytes, Entry]]:
        return ((account, self.entry(account)) for account in self)


class Book:
    """`listed` is what counts at this moment; it may be another object a moment later, so take it anew for each request.

    `edition` grows whenever an answer may have changed, and `revision` is that of the newest word of the ledger `ledger`.
    `ready`: a snapshot has been taken. `stale`: nothing was heard for `stale_deny_max`, so nobody is denied any more: age lets
    in, and never denies (case 88). `steady` says seconds that only ever grow.

    The breaker (case 90): more new denials within an hour than 50 or a fifth of all accounts are not believed, and kept aside
    with all that follow, until the ledger takes them back. Who is opened by the same word is opened. A first snapshot is taken
    as it is: to confirm what was kept aside, restart the gate, without the file that a feed's client keeps.
    """

    def __init__(self, steady: Callable[[], float], *, stale_deny_max: timedelta = STALE_DENY_MAX) -> None:
        self.listed = self._believed = Listed()
        self.edition = self.revision = 0
        self.ledger = ""
        self.ready = self.stale = False
        self._steady = steady
        self._stale_deny_max = stale_deny_max.total_seconds()
        self._published_at = datetime.min.replace(tzinfo=UTC)
        self._accounts = 0
        self._aside: dict[bytes, Entry] = {}
        # The newest revision of which nothing is kept aside: from there on a restart has to hear everything again
        self._whole_revision = 0
        self._denials: deque[tuple[float, int]] = deque()
        self._lived_at: float | None = None
        self._watchers: list[Callable[[Collection[bytes] | None], None]] = []

    def watch(self, heard: Callable[[Collection[bytes] | None], None]) -> None:
        """Have this called, in the thread that writes, with the accounts whose entries may have changed; None: all of them."""
        self._watchers.append(heard)

    def entry(self, account: bytes) -> Entry:
        return self.listed.entry(account)

    @property
    def refused(self) -> int:
        """How many denials are kept aside."""
        return len(self._aside)

    @property
    def age(self) -> float | None:
        """Seconds since the last sign of life; None: there was none yet."""
        return None if self._lived_at is None else self._steady() - self._lived_at

    def troubles(self) -> tuple[str, ...]:
        """Why more accounts are let in than the ledger says; empty: all is well."""
        found = (
            (not self.ready, "no valid snapshot has been read yet; until then every account is let in"),
            (self.stale, "nothing was heard from the worker for longer than gate.stale_deny_max: every account is let in"),
            (
                bool(self._aside),
                f"{self.refused} accounts would have been denied at once, which is not believed: they are let in",
            ),
        )
        return tuple(text for is_so, text in found if is_so)

    def take(self, snapshot: Snapshot) -> None:
        """Know what this snapshot says, and nothing else. Built aside, then exchanged at once.

        Raises:
            Refused: it is older than what is known, or another ledger's.
            ValueError: an account id that is no text.
        """
        self.check(snapshot.ledger)
        if snapshot.revision < self.revision:
            raise Refused(f"revision {snapshot.revision} is older than revision {self.revision}, which is in force")
        others = {
            account.encode(): Entry(standing, snapshot.leaves_open.get(account, ()))
            for account, standing in snapshot.standings.items()
            if standing is not Standing.SUSPENDED
        }
        fresh = Listed((account.encode() for account in snapshot.standings), others)
        self._accounts = snapshot.accounts or self._accounts
        aside: dict[bytes, Entry] = {}
        if self.ready:
            denied = fresh.newly_denied(self._believed)
            if not self._believe(len(denied), latched=not self._aside.keys().isdisjoint(denied)):
                aside = denied
                for account in denied:
                    fresh.put(account, self._believed.entry(account))
        self._believed = fresh
        self.ledger, self.ready = snapshot.ledger or self.ledger, True
        had, self._aside = bool(self._aside), aside
        self._written(snapshot.revision, snapshot.published_at, had, None)

    def apply(self, delta: Delta) -> None:
        """Know these changes as well; those that are known already change nothing.

        Raises:
            Gap: they go on from a later revision than is known.
            Refused: they are another ledger's.
            ValueError: an account id that is no text.
        """
        self.check(delta.ledger)
        if not self.ready or delta.since > self.revision:
            raise Gap(f"these changes go on from revision {delta.since}; revision {self.revision} is known")
        if delta.revision <= self.revision:
            return
        changes = {account.encode(): Entry(standing, paths) for account, standing, paths in delta.changes}
        believed, aside = self._believed, self._aside
        had = bool(aside)
        for account in [account for account, entry in changes.items() if account in aside and not entry.denied]:
            del aside[account]
        denied = {account for account, entry in changes.items() if entry.denied and not believed.entry(account).denied}
        believe = self._believe(len(denied), latched=bool(aside))
        for account, entry in changes.items():
            if account in denied and not believe:
                aside[account] = entry
            else:
                believed.put(account, entry)
        self._written(delta.revision, delta.at, had, changes.keys())

    def alive(self, ago: float = 0.0) -> None:
        """The worker was alive, and could read the ledger, `ago` seconds ago."""
        lived_at = self._steady() - max(ago, 0.0)
        self._lived_at = lived_at if self._lived_at is None else max(self._lived_at, lived_at)
        self.tend()

    def tend(self) -> None:
        """To be called now and then: drops the denials once nothing was heard for too long, and takes them up again."""
        stale = self.ready and self._lived_at is not None and self._steady() - self._lived_at > self._stale_deny_max
        if stale is self.stale:
            return
        self.stale = stale
        self._show(None)
        if stale:
            log.error(
                "nothing was heard from the worker for too long: every account is let in. Start the worker, or see to the feed"
            )
        else:
            log.info("the worker was heard again: denials count again")

    def snapshot(self) -> Snapshot:
        """What is believed, to start from next time. While denials are kept aside it has the revision before them."""
        entries = {account.decode(): entry for account, entry in self._believed.entries()}
        return Snapshot(
            revision=self._whole_revision,
            published_at=self._published_at,
            standings={account: entry.standing for account, entry in entries.items()},
            leaves_open={account: entry.leaves_open for account, entry in entries.items() if entry.leaves_open},
            ledger=self.ledger,
            accounts=self._accounts,
        )

    def check(self, ledger: str) -> None:
        """Raises Refused: this is another ledger than the one that is followed."""
        if self.ledger and ledger and ledger != self.ledger:
            raise Refused(f"this is of ledger {ledger}, and ledger {self.ledger} is followed; to change over, restart the gate")

    def _believe(self, denials: int, *, latched: bool) -> bool:
        """Whether so many new denials are believed, after those of the last hour; `latched`: none are."""
        now = self._steady()
        while self._denials and now - self._denials[0][0] >= _BREAKER_SECONDS:
            self._denials.popleft()
        recent = sum(count for _, count in self._denials)
        if denials and (latched or recent + denials > max(_BREAKER_LEAST, self._accounts // _BREAKER_PART)):
            return False
        if denials:
            self._denials.append((now, denials))
        return True

    def _written(self, revision: int, at: datetime, had_aside: bool, changed: Collection[bytes] | None) -> None:
        if self._aside and not had_aside:
            log.error(
                "too many accounts would be denied within an hour: the new denials are kept aside, and the accounts let in. "
                "If so many are meant, restart the gate; where it follows a feed, delete the file that it keeps before",
                kept_aside=len(self._aside),
                revision=revision,
            )
        elif had_aside and not self._aside:
            log.info("no denial is kept aside any more", revision=revision)
        self.revision, self._published_at = revision, at
        if not self._aside:
            self._whole_revision = revision
        self._show(changed)

    def _show(self, changed: Collection[bytes] | None) -> None:
        self.listed = Listed() if self.stale else self._believed
        self.edition += 1
        for heard in self._watchers:
            heard(changed)
