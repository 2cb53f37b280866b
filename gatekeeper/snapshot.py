"""The file between the ledger and the gates: which accounts are not in good standing, and its ever-growing revision.

Line 1 is the format, its version and the SHA-256 of the rest; the rest is one JSON document. A reader takes a file whole or not
at all: a torn, altered or foreign file raises `SnapshotInvalid`, and the reader keeps what it had (cases 88-91).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gatekeeper.model import Standing

_MAGIC = b"gatekeeper-snapshot 1 "
_LISTED = (Standing.PAST_DUE, Standing.RESTRICTED, Standing.SUSPENDED)


class SnapshotInvalid(ValueError):
    """These bytes are no snapshot that this version can read; keep the one that you have."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`standings` holds every account that is not `current`; whoever is not in it is let in."""

    revision: int
    published_at: datetime
    standings: Mapping[str, Standing] = field(default_factory=dict)


def encode(snapshot: Snapshot) -> bytes:
    """The bytes of a snapshot file."""
    listed: dict[str, list[str]] = {standing.value: [] for standing in _LISTED}
    for account_id, standing in sorted(snapshot.standings.items()):
        listed[standing.value].append(account_id)
    document = {"revision": snapshot.revision, "published_at": snapshot.published_at.isoformat(), **listed}
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def decode(data: bytes) -> Snapshot:
    """The snapshot in these bytes.

    Raises:
        SnapshotInvalid: another format, a checksum that does not fit, or a missing or strange field.
    """
    head, _, body = data.partition(b"\n")
    if head != _MAGIC + hashlib.sha256(body).hexdigest().encode():
        raise SnapshotInvalid("not a whole gatekeeper snapshot of version 1: the first line does not fit the rest")
    try:
        document = json.loads(body)
        lists = {standing: document[standing.value] for standing in _LISTED}
        revision, published_at = document["revision"], datetime.fromisoformat(document["published_at"])
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise SnapshotInvalid(f"the snapshot is whole but cannot be read: {fault!r}") from fault
    if not isinstance(revision, int) or revision < 0 or not all(map(_is_list_of_ids, lists.values())):
        raise SnapshotInvalid("the snapshot is whole but cannot be read: its revision or a list is of a strange kind")
    standings = {account_id: standing for standing, ids in lists.items() for account_id in ids}
    return Snapshot(revision=revision, published_at=published_at, standings=standings)


def _is_list_of_ids(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(account_id, str) for account_id in value)
