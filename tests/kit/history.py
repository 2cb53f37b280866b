"""A ledger's standings through its revisions, and what a publisher says of them: whole, or as what has changed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gatekeeper.model import Standing
from gatekeeper.snapshot import Change, Delta, Snapshot, encode, encode_delta

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
LEDGER = "ledger-1"

State = dict[str, tuple[Standing, tuple[str, ...]]]


def change(account: str, standing: str, *leaves_open: str) -> Change:
    return account, Standing(standing), leaves_open


class History:
    """Revision `n` is the state after the first `n` groups of changes."""

    def __init__(self, *groups: Sequence[Change], accounts: int = 10_000, ledger: str = LEDGER) -> None:
        self._groups = groups
        self._accounts = accounts
        self._ledger = ledger

    @property
    def newest(self) -> int:
        return len(self._groups)

    def state(self, revision: int) -> State:
        """Who is not current."""
        found = {account: (standing, paths) for group in self._groups[:revision] for account, standing, paths in group}
        return {account: entry for account, entry in found.items() if entry[0] is not Standing.CURRENT}

    def whole(self, revision: int) -> Snapshot:
        state = self.state(revision)
        standings = {account: standing for account, (standing, _) in state.items()}
        leaves_open = {account: paths for account, (_, paths) in state.items() if paths}
        return Snapshot(revision, AT, standings, leaves_open, self._ledger, self._accounts)

    def delta(self, since: int, revision: int) -> Delta:
        now = {account: (standing, paths) for group in self._groups[since:revision] for account, standing, paths in group}
        changes = tuple((account, standing, paths) for account, (standing, paths) in now.items())
        return Delta(self._ledger, since, revision, AT, changes)


def lay(path: Path, history: History, revision: int) -> None:
    """Put a whole snapshot in its place, as the publisher does."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(encode(history.whole(revision)))
    fresh.replace(path)


def lay_changes(path: Path, *deltas: Delta) -> None:
    """Put a new changes file in its place."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(b"".join(map(encode_delta, deltas)))
    fresh.replace(changes_of(path))


def append(path: Path, *deltas: Delta) -> None:
    with changes_of(path).open("ab") as file:
        file.write(b"".join(map(encode_delta, deltas)))


def changes_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.changes")
