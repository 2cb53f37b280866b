"""The snapshot file: whole or not at all, never a revision that goes back, and nothing written when nothing has changed."""

import os
import pwd
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gatekeeper.model import Standing
from gatekeeper.publish import Publisher, replace_file
from gatekeeper.snapshot import Snapshot, SnapshotInvalid, decode, encode
from tests.kit.builders import DUE_AT, invoice
from tests.kit.ledger import Ledger, current, opened, past_due, suspended

AT = DUE_AT


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """A ledger with one account."""
    with opened(database_url) as made:
        made.read(invoice())
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "snapshot"


def publisher(ledger: Ledger, path: Path) -> Publisher:
    return Publisher(path, ledger.reader, ledger.writer.verdicts.raise_revision)


def published(path: Path) -> tuple[int, dict[str, Standing]]:
    snapshot = decode(path.read_bytes())
    return snapshot.revision, dict(snapshot.standings)


def test_the_file_lists_who_is_not_current_and_the_revision_of_the_ledger(ledger: Ledger, path: Path) -> None:
    out = publisher(ledger, path)
    assert out.run(AT)
    assert published(path) == (0, {})
    ledger.judge(past_due())
    assert out.run(AT)
    assert published(path) == (1, {"acme": Standing.PAST_DUE})
    ledger.judge(current())
    assert out.run(AT)
    assert published(path) == (2, {})


def test_nothing_is_written_when_nothing_has_changed(ledger: Ledger, path: Path) -> None:
    out = publisher(ledger, path)
    out.run(AT)
    before = path.stat()
    assert not out.run(AT)
    assert not publisher(ledger, path).run(AT), "nor by another process, or after a restart"
    assert path.stat().st_ino == before.st_ino
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_that_was_deleted_comes_back_with_the_same_revision(ledger: Ledger, path: Path) -> None:
    out = publisher(ledger, path)
    ledger.judge(past_due())
    out.run(AT)
    path.unlink()
    assert out.run(AT)
    assert published(path) == (1, {"acme": Standing.PAST_DUE})


def test_what_a_restricted_account_is_left_is_published_and_nothing_of_it_once_it_is_not(ledger: Ledger, path: Path) -> None:
    def left() -> dict[str, tuple[str, ...]]:
        return dict(decode(path.read_bytes()).leaves_open)

    out = publisher(ledger, path)
    ledger.judge(past_due(standing=Standing.RESTRICTED))
    out.run(AT)
    assert left() == {}
    assert not publisher(ledger, path).run(AT), "a restart finds it published"
    ledger.judge(past_due())
    ledger.judge(past_due(standing=Standing.RESTRICTED, leaves_open=("/reports", "/export")))
    assert out.run(AT)
    assert left() == {"acme": ("/reports", "/export")}
    assert not publisher(ledger, path).run(AT), "and this as well"
    ledger.judge(suspended())
    out.run(AT)
    assert (published(path)[1], left()) == ({"acme": Standing.SUSPENDED}, {})


def test_a_restored_ledger_with_another_restriction_does_not_give_one_revision_two_meanings(ledger: Ledger, path: Path) -> None:
    ledger.judge(past_due(standing=Standing.RESTRICTED))
    publisher(ledger, path).run(AT)
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET leaves_open = '[\"/x\"]'"))
    assert publisher(ledger, path).run(AT)
    assert published(path) == (2, {"acme": Standing.RESTRICTED})


@pytest.mark.parametrize("restarted", [True, False])
def test_a_ledger_restored_from_a_backup_goes_on_above_what_was_published(ledger: Ledger, path: Path, restarted: bool) -> None:
    out = publisher(ledger, path)
    for _ in range(3):
        ledger.judge(past_due())
        ledger.judge(current())
    out.run(AT)
    assert published(path) == (6, {})
    _restore_backup(ledger, revision=2, standing="suspended")
    out = publisher(ledger, path) if restarted else out
    assert out.run(AT)
    assert published(path) == (7, {"acme": Standing.SUSPENDED})
    ledger.judge(current())
    out.run(AT)
    assert published(path) == (8, {})


def test_a_restored_ledger_that_has_caught_up_does_not_give_one_revision_two_meanings(ledger: Ledger, path: Path) -> None:
    ledger.judge(past_due())
    publisher(ledger, path).run(AT)
    _restore_backup(ledger, revision=1, standing="current")
    assert publisher(ledger, path).run(AT)
    assert published(path) == (2, {})


def _restore_backup(ledger: Ledger, *, revision: int, standing: str) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE state SET revision = :revision"), {"revision": revision})
        connection.execute(text("UPDATE accounts SET standing = :standing"), {"standing": standing})


@pytest.mark.parametrize("found", [b"", b"rubbish", encode(Snapshot(9, AT))[:-1], os.urandom(500)])
def test_a_file_that_cannot_be_read_is_replaced(ledger: Ledger, path: Path, found: bytes) -> None:
    ledger.judge(past_due())
    path.parent.mkdir()
    path.write_bytes(found)
    assert publisher(ledger, path).run(AT)
    assert published(path) == (1, {"acme": Standing.PAST_DUE})


def test_a_write_that_fails_leaves_the_old_file_and_is_tried_again(ledger: Ledger, path: Path) -> None:
    out = publisher(ledger, path)
    out.run(AT)
    ledger.judge(past_due())
    beside = path.with_name(".snapshot.new")
    beside.symlink_to("/dev/full")  # every write to it says that the disk is full
    with pytest.raises(OSError, match="No space left"):
        out.run(AT)
    assert published(path) == (0, {})
    assert sorted(one.name for one in path.parent.iterdir()) == [".snapshot.lock", "snapshot"]
    assert out.run(AT)
    assert published(path) == (1, {"acme": Standing.PAST_DUE})


_AS_NOBODY = """
import os, sys
from pathlib import Path
from gatekeeper.publish import replace_file
os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
try:
    replace_file(Path(sys.argv[1]), b"new")
except PermissionError as fault:
    print("refused")
"""


def test_a_folder_without_rights_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "snapshot"
    target.write_bytes(b"old")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and "pytest" in folder.name:
            folder.chmod(0o755)
    nobody = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
    if nobody == os.getuid():
        tmp_path.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, target, str(nobody)], capture_output=True, text=True, check=False, cwd=Path.cwd()
    )
    tmp_path.chmod(0o755)
    assert done.stdout == "refused\n", done.stderr
    assert target.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["snapshot"]


def test_a_reader_sees_the_old_file_or_the_new_one_and_never_a_piece(tmp_path: Path) -> None:
    target = tmp_path / "snapshot"
    big = {f"account{number}": Standing.SUSPENDED for number in range(20_000)}
    replace_file(target, encode(Snapshot(0, AT, big)))
    done = threading.Event()

    def write() -> None:
        for revision in range(1, 30):
            replace_file(target, encode(Snapshot(revision, AT, big if revision % 2 else {})))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while not done.is_set():
        try:
            seen.append(decode(target.read_bytes()).revision)
        except SnapshotInvalid:
            seen.append(-1)
    writer.join()
    assert -1 not in seen
    assert seen == sorted(seen)


def test_publishers_of_several_processes_never_take_a_revision_back(database_url: str, ledger: Ledger, path: Path) -> None:
    """A worker and `gatekeeper restore` publish at one moment; the last to write has read the newest."""
    stop, seen = threading.Event(), [0]

    def publish() -> None:
        with opened(database_url) as own:
            out = publisher(own, path)
            while not stop.is_set():
                out.run(AT)

    def watch() -> None:
        while not stop.is_set():
            if path.exists() and (revision := decode(path.read_bytes()).revision) != seen[-1]:
                seen.append(revision)

    threads = [threading.Thread(target=work) for work in (publish, publish, watch)]
    for thread in threads:
        thread.start()
    for _ in range(25):
        ledger.judge(past_due())
        ledger.judge(current())
    stop.set()
    for thread in threads:
        thread.join()
    publisher(ledger, path).run(AT)
    assert seen == sorted(seen)
    assert published(path) == (50, {})
