"""What has changed since a revision, so that one restoration among 100,000 suspended accounts costs one line.

The file beside the snapshot only grows: a line per publication, `HASH JSON`, where HASH is the first 16 hexadecimal digits of
the SHA-256 of the JSON. A delta names each account whose standing has changed and how it stands at `revision`: it fits whatever
lies between `since` and `revision`, and is nothing new to whoever has `revision` already.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from gatekeeper.model import Standing
from gatekeeper.snapshot.whole import Snapshot, SnapshotInvalid, are_words, as_json, is_count

# An account, how it stands now, and the paths that it is left while restricted; none: it may read everything
Change = tuple[str, Standing, tuple[str, ...]]

_HASHED: Final = 16


@dataclass(frozen=True, slots=True)
class Delta:
    """What has changed from revision `since` of this ledger to `revision`; at most one change for each account."""

    ledger: str
    since: int
    revision: int
    at: datetime
    changes: tuple[Change, ...]


def encode_delta(delta: Delta) -> bytes:
    """The line of a changes file."""
    body = delta_document(delta)
    return b"%s %s\n" % (_seal(body), body)


def delta_document(delta: Delta) -> bytes:
    """The JSON document of a delta, as the feed sends it."""
    told: dict[str, Any] = {"ledger": delta.ledger, "from": delta.since, "revision": delta.revision, "at": delta.at.isoformat()}
    # Without paths, which only what is restricted may have, the third place is left out
    changes = [[account_id, standing.value, *([paths] if paths else [])] for account_id, standing, paths in delta.changes]
    return as_json(told | {"changes": changes})


def decode_delta(line: bytes) -> Delta:
    """The delta of a line, with or without its end.

    Raises:
        SnapshotInvalid: torn, altered, or of a strange kind.
    """
    seal, _, body = line.removesuffix(b"\n").partition(b" ")
    if seal != _seal(body):
        raise SnapshotInvalid("not a whole line of changes: its checksum does not fit the rest")
    return delta_of(body)


def delta_of(body: bytes) -> Delta:
    """The delta in a JSON document of the feed. Raises SnapshotInvalid."""
    try:
        told = json.loads(body)
        changes = tuple(_change(*change) for change in told["changes"])
        ledger, since, revision = told["ledger"], told["from"], told["revision"]
        at = datetime.fromisoformat(told["at"])
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise SnapshotInvalid(f"the changes are whole but cannot be read: {fault!r}") from fault
    if not (is_count(since) and is_count(revision) and isinstance(ledger, str)) or since >= revision:
        raise SnapshotInvalid("the changes are whole but cannot be read: a revision or the ledger is of a strange kind")
    return Delta(ledger, since, revision, at, changes)


def apply(snapshot: Snapshot, *deltas: Delta) -> Snapshot:
    """The snapshot after these changes, one after the other; those that it has already change nothing.

    Raises:
        SnapshotInvalid: they are of another ledger, or something between them is missing: read the whole file.
    """
    standings, leaves_open = dict(snapshot.standings), dict(snapshot.leaves_open)
    revision, at = snapshot.revision, snapshot.published_at
    for delta in deltas:
        if delta.ledger != snapshot.ledger:
            raise SnapshotInvalid(f"the changes are of ledger {delta.ledger}, the snapshot is of {snapshot.ledger}")
        if delta.since > revision:
            raise SnapshotInvalid(f"the changes go on from revision {delta.since}, and only {revision} is known")
        if delta.revision > revision:
            revision, at = delta.revision, delta.at
            for change in delta.changes:
                _take(change, standings, leaves_open)
    return replace(snapshot, revision=revision, published_at=at, standings=standings, leaves_open=leaves_open)


def _take(change: Change, standings: dict[str, Standing], leaves_open: dict[str, tuple[str, ...]]) -> None:
    account_id, standing, paths = change
    standings.pop(account_id, None)
    leaves_open.pop(account_id, None)
    if standing is not Standing.CURRENT:
        standings[account_id] = standing
    if paths:
        leaves_open[account_id] = paths


def _change(account_id: Any, standing: Any, paths: Any = ()) -> Change:
    if not (isinstance(account_id, str) and are_words(paths)) or (paths and standing != Standing.RESTRICTED.value):
        raise TypeError(f"a change of a strange kind: {standing!r}")
    return account_id, Standing(standing), tuple(paths)


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:_HASHED].encode()
