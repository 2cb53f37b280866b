"""What lies between the ledger and the gates: which accounts are not in good standing, whole and as what has changed.

Two files, and the feed says the same: docs/feed.md. The format is public, and pure; who reads and writes it is elsewhere.
"""

from gatekeeper.snapshot.changes import (
    Change,
    Delta,
    apply,
    decode_delta,
    delta_document,
    delta_of,
    encode_delta,
)
from gatekeeper.snapshot.whole import Snapshot, SnapshotInvalid, as_json, decode, document, encode, head, snapshot_of

__all__ = [
    "Change",
    "Delta",
    "Snapshot",
    "SnapshotInvalid",
    "apply",
    "as_json",
    "decode",
    "decode_delta",
    "delta_document",
    "delta_of",
    "document",
    "encode",
    "encode_delta",
    "head",
    "snapshot_of",
]
