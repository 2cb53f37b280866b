"""The file that says it all: which accounts are not in good standing, of which ledger, and its ever-growing revision.

Line 1 is the format, its version, the SHA-256 of the rest and the revision; the rest is one JSON document. A reader takes a
file whole or not at all: a torn, altered or foreign one raises `SnapshotInvalid`, and the reader keeps what it had (case 89).

Versions 1 and 2 named neither ledger nor revision in line 1, and version 1 no paths; they are read, and version 3 is written.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from gatekeeper.model import Standing

_MAGIC: Final = b"gatekeeper-snapshot %d "
_WITHOUT_PATHS, _WITHOUT_LEDGER, _NEWEST = 1, 2, 3
_HEAD: Final = re.compile(rb"gatekeeper-snapshot 3 [0-9a-f]{64} (0|[1-9][0-9]{0,18})\n")
_LISTED: Final = (Standing.PAST_DUE, Standing.RESTRICTED, Standing.SUSPENDED)


class SnapshotInvalid(ValueError):
    """These bytes are no snapshot or change that this version can read; keep the one that you have."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`standings` holds every account that is not `current`; whoever is not in it is let in.

    `leaves_open`: of the restricted accounts, those that are left chosen paths only, and which; the others may read everything.
    `ledger`: the id of the ledger that it was made of. `accounts`: how many that ledger knew in all. A file of version 1 or 2
    says neither: "" and 0.
    """

    revision: int
    published_at: datetime
    standings: Mapping[str, Standing] = field(default_factory=dict)
    leaves_open: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ledger: str = ""
    accounts: int = 0


def encode(snapshot: Snapshot) -> bytes:
    """The bytes of a snapshot file."""
    body = document(snapshot)
    return _head(_NEWEST, body, snapshot.revision) + body


def document(snapshot: Snapshot) -> bytes:
    """The JSON document of a snapshot, as the feed sends it. Accounts that are left the same paths share one list of them."""
    listed: dict[str, list[str]] = {standing.value: [] for standing in _LISTED}
    sharing: dict[tuple[str, ...], list[str]] = {}
    for account_id, standing in sorted(snapshot.standings.items()):
        paths = snapshot.leaves_open.get(account_id) if standing is Standing.RESTRICTED else None
        (sharing.setdefault(paths, []) if paths else listed[standing.value]).append(account_id)
    return as_json(
        {
            "ledger": snapshot.ledger,
            "revision": snapshot.revision,
            "published_at": snapshot.published_at.isoformat(),
            "accounts": snapshot.accounts,
            **listed,
            "leaves_open": [{"paths": paths, "accounts": accounts} for paths, accounts in sharing.items()],
        }
    )


def head(data: bytes) -> int | None:
    """The revision that the first line of a file of version 3 names, unproved; None: it is no such line."""
    found = _HEAD.match(data)
    return None if found is None else int(found[1])


def decode(data: bytes) -> Snapshot:
    """The snapshot in these bytes.

    Raises:
        SnapshotInvalid: another format, a checksum that does not fit, or a missing or strange field.
    """
    first, _, body = data.partition(b"\n")
    line, named = first + b"\n", head(data)
    heads = {_head(version, body, named or 0): version for version in (_WITHOUT_PATHS, _WITHOUT_LEDGER, _NEWEST)}
    version = heads.get(line)
    if version is None:
        raise SnapshotInvalid("not a whole gatekeeper snapshot of version 1, 2 or 3: the first line does not fit the rest")
    snapshot = _read(body, version)
    if version == _NEWEST and snapshot.revision != named:
        raise SnapshotInvalid(f"the first line names revision {named}, the rest is revision {snapshot.revision}")
    return snapshot


def snapshot_of(body: bytes) -> Snapshot:
    """The snapshot in a JSON document of the feed. Raises SnapshotInvalid."""
    return _read(body, _NEWEST)


def _read(body: bytes, version: int) -> Snapshot:
    try:
        told = json.loads(body)
        groups = () if version == _WITHOUT_PATHS else told["leaves_open"]
        ledger, accounts = (told["ledger"], told["accounts"]) if version == _NEWEST else ("", 0)
        lists: list[tuple[Standing, Any, Any]] = [(standing, told[standing.value], ()) for standing in _LISTED]
        lists += [(Standing.RESTRICTED, group["accounts"], group["paths"]) for group in groups]
        revision, published_at = told["revision"], datetime.fromisoformat(told["published_at"])
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise SnapshotInvalid(f"the snapshot is whole but cannot be read: {fault!r}") from fault
    strange = not all(are_words(named) and are_words(paths) for _, named, paths in lists)
    if not (is_count(revision) and is_count(accounts) and isinstance(ledger, str)) or strange:
        raise SnapshotInvalid("the snapshot is whole but cannot be read: a number, its ledger or a list is of a strange kind")
    left = [(tuple(paths), named) for _, named, paths in lists if paths]
    return Snapshot(
        revision=revision,
        published_at=published_at,
        standings={account_id: standing for standing, named, _ in lists for account_id in named},
        leaves_open={account_id: paths for paths, named in left for account_id in named},
        ledger=ledger,
        accounts=accounts,
    )


def as_json(told: object) -> bytes:
    """On one line, and without white space."""
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()


def is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def are_words(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)


def _head(version: int, body: bytes, revision: int) -> bytes:
    seal = _MAGIC % version + hashlib.sha256(body).hexdigest().encode()
    return seal + (b" %d\n" % revision if version == _NEWEST else b"\n")
