"""What the files for the gates say, read as docs/feed.md tells it."""

from pathlib import Path

from gatekeeper.snapshot import Snapshot, apply, decode, decode_delta


def published(path: Path) -> Snapshot:
    """The snapshot with the changes beside it. Raises SnapshotInvalid, and FileNotFoundError without a snapshot.

    The changes are read first: the snapshot that belongs to them is written before they are, and it may only be newer.
    """
    beside = path.with_name(f"{path.name}.changes")
    changes = beside.read_bytes() if beside.exists() else b""
    return apply(decode(path.read_bytes()), *map(decode_delta, changes.split(b"\n")[:-1]))
