"""The file between the ledger and the gates: which accounts are not in good standing, and its ever-growing revision.

Line 1 is the format, its version and the SHA-256 of the rest; the rest is one JSON document. A reader takes a file whole or not
at all: a torn, altered or foreign file raises `SnapshotInvalid`, and the reader keeps what it had (cases 88-91).

Version 2 adds restrictions that leave chosen paths open. A file that has none is written as version 1: a gate of the last
release, which cannot read version 2, goes on hearing who has paid for as long as it can understand it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gatekeeper.model import Standing

_MAGIC = b"gatekeeper-snapshot %d "
_WITHOUT_PATHS, _WITH_PATHS = 1, 2
_LISTED = (Standing.PAST_DUE, Standing.RESTRICTED, Standing.SUSPENDED)


class SnapshotInvalid(ValueError):
    """These bytes are no snapshot that this version can read; keep the one that you have."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`standings` holds every account that is not `current`; whoever is not in it is let in.

    `leaves_open`: of the restricted accounts, those that are left chosen paths only, and which; the others may read everything.
    """

    revision: int
    published_at: datetime
    standings: Mapping[str, Standing] = field(default_factory=dict)
    leaves_open: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def encode(snapshot: Snapshot) -> bytes:
    """The bytes of a snapshot file. Accounts that are left the same paths share one list of them."""
    listed: dict[str, list[str]] = {standing.value: [] for standing in _LISTED}
    sharing: dict[tuple[str, ...], list[str]] = {}
    for account_id, standing in sorted(snapshot.standings.items()):
        paths = snapshot.leaves_open.get(account_id) if standing is Standing.RESTRICTED else None
        (sharing.setdefault(paths, []) if paths else listed[standing.value]).append(account_id)
    document: dict[str, Any] = {"revision": snapshot.revision, "published_at": snapshot.published_at.isoformat(), **listed}
    if sharing:
        document["leaves_open"] = [{"paths": paths, "accounts": accounts} for paths, accounts in sharing.items()]
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return _MAGIC % (_WITH_PATHS if sharing else _WITHOUT_PATHS) + _seal(body) + b"\n" + body


def decode(data: bytes) -> Snapshot:
    """The snapshot in these bytes.

    Raises:
        SnapshotInvalid: another format, a checksum that does not fit, or a missing or strange field.
    """
    head, _, body = data.partition(b"\n")
    seal = _seal(body)
    version = {_MAGIC % version + seal: version for version in (_WITHOUT_PATHS, _WITH_PATHS)}.get(head)
    if version is None:
        raise SnapshotInvalid("not a whole gatekeeper snapshot of version 1 or 2: the first line does not fit the rest")
    try:
        document = json.loads(body)
        groups = document["leaves_open"] if version == _WITH_PATHS else ()
        lists: list[tuple[Standing, Any, Any]] = [(standing, document[standing.value], ()) for standing in _LISTED]
        lists += [(Standing.RESTRICTED, group["accounts"], group["paths"]) for group in groups]
        revision, published_at = document["revision"], datetime.fromisoformat(document["published_at"])
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise SnapshotInvalid(f"the snapshot is whole but cannot be read: {fault!r}") from fault
    strange = not all(_are_words(accounts) and _are_words(paths) for _, accounts, paths in lists)
    if not isinstance(revision, int) or revision < 0 or strange:
        raise SnapshotInvalid("the snapshot is whole but cannot be read: its revision or a list is of a strange kind")
    left = [(tuple(paths), accounts) for _, accounts, paths in lists if paths]
    return Snapshot(
        revision=revision,
        published_at=published_at,
        standings={account_id: standing for standing, accounts, _ in lists for account_id in accounts},
        leaves_open={account_id: paths for paths, accounts in left for account_id in accounts},
    )


def _seal(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _are_words(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)
