"""The files for the gates: whole or not at all, never a revision that goes back, and a line for what has changed."""

import os
import pwd
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from gatekeeper.ledger.engine import DatabaseUnavailable, open_engine
from gatekeeper.model import Standing
from gatekeeper.publish import Publisher, replace_file
from gatekeeper.snapshot import Delta, Snapshot, SnapshotInvalid, decode, decode_delta, encode
from tests.kit.builders import DUE_AT, invoice, on
from tests.kit.ledger import Ledger, a_customer, current, opened, past_due, statements, suspended
from tests.kit.published import published

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


@dataclass
class Seconds:
    """A clock that only ever grows, when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def publisher(ledger: Ledger, path: Path, seconds: Callable[[], float] = lambda: 0.0) -> Publisher:
    return Publisher(path, ledger.reader, ledger.writer.verdicts.raise_revision, seconds)


def shown(path: Path) -> tuple[int, dict[str, Standing]]:
    snapshot = published(path)
    return snapshot.revision, dict(snapshot.standings)


def changes_of(path: Path) -> Path:
    return path.with_name("snapshot.changes")


def lines(path: Path) -> list[Delta]:
    return [decode_delta(line) for line in changes_of(path).read_bytes().splitlines()]


def written_whole(path: Path) -> tuple[int, dict[str, Standing]]:
    """What the snapshot says, beside which there are no changes."""
    assert lines(path) == []
    snapshot = decode(path.read_bytes())
    return snapshot.revision, dict(snapshot.standings)


def test_the_file_lists_who_is_not_current_and_the_revision_of_the_ledger(ledger: Ledger, path: Path) -> None:
    out = publisher(ledger, path)
    assert out.run(AT)
    assert shown(path) == (0, {})
    ledger.judge(past_due())
    assert out.run(AT)
    assert shown(path) == (1, {"acme": Standing.PAST_DUE})
    ledger.judge(current())
    assert out.run(AT)
    assert shown(path) == (2, {})


def test_the_snapshot_names_its_ledger_and_how_many_accounts_that_knows(ledger: Ledger, path: Path) -> None:
    ledger.read(invoice(2, customer_id="cus_2"), customer=a_customer(account_id="bolt"))
    publisher(ledger, path).run(AT)
    snapshot = decode(path.read_bytes())
    assert (snapshot.ledger, snapshot.accounts, snapshot.published_at) == (ledger.reader.state().ledger_id, 2, AT)


def test_what_has_changed_is_one_line_and_the_snapshot_stays(ledger: Ledger, path: Path) -> None:
    ledger.read(invoice(2, customer_id="cus_2"), customer=a_customer(account_id="bolt"))
    out = publisher(ledger, path)
    out.run(AT)
    before = path.read_bytes()
    for verdict, account_id in ((past_due(), "acme"), (suspended(), "bolt"), (suspended(), "acme")):
        ledger.judge(verdict, account_id=account_id)
    assert out.run(on(0, seconds=1))
    ledger.judge(current(), account_id="bolt")
    assert out.run(on(0, seconds=2))
    ledger_id = ledger.reader.state().ledger_id
    assert lines(path) == [
        Delta(ledger_id, 0, 3, on(0, seconds=1), (("bolt", Standing.SUSPENDED, ()), ("acme", Standing.SUSPENDED, ()))),
        Delta(ledger_id, 3, 4, on(0, seconds=2), (("bolt", Standing.CURRENT, ()),)),
    ]
    assert path.read_bytes() == before
    assert shown(path) == (4, {"acme": Standing.SUSPENDED})


def test_one_restoration_costs_one_look_at_the_accounts_that_have_changed(ledger: Ledger, path: Path) -> None:
    out = publisher(ledger, path)
    out.run(AT)
    ledger.judge(suspended())
    with statements(ledger.engine) as sent:
        out.run(AT)
    asked = [statement for statement, _ in sent if "accounts" in statement]
    assert len(asked) == 1
    assert "changed_in >" in asked[0]


def test_nothing_is_written_when_nothing_has_changed(ledger: Ledger, path: Path) -> None:
    def files() -> list[tuple[int, int]]:
        return [(one.stat().st_ino, one.stat().st_size) for one in (path, changes_of(path))]

    out = publisher(ledger, path)
    out.run(AT)
    ledger.judge(past_due())
    out.run(AT)
    before = files()
    assert not out.run(AT)
    assert not publisher(ledger, path).run(AT), "nor by another process, or after a restart"
    assert files() == before


def test_a_restart_goes_on_with_a_line(ledger: Ledger, path: Path) -> None:
    publisher(ledger, path).run(AT)
    ledger.judge(suspended())
    assert publisher(ledger, path).run(AT)
    assert [(delta.since, delta.revision) for delta in lines(path)] == [(0, 1)]
    ledger.judge(current())
    first, second = publisher(ledger, path), publisher(ledger, path)
    assert first.run(AT)
    ledger.judge(past_due())
    assert second.run(AT)
    ledger.judge(suspended())
    assert first.run(AT), "also when another process has published meanwhile"
    assert [(delta.since, delta.revision) for delta in lines(path)] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert shown(path) == (4, {"acme": Standing.SUSPENDED})


def test_a_file_of_an_earlier_version_is_taken_over_with_its_revision(ledger: Ledger, path: Path) -> None:
    ledger.judge(past_due())
    path.parent.mkdir()
    body = b'{"revision":1,"published_at":"2026-03-02T09:00:00+00:00","past_due":["acme"],"restricted":[],"suspended":[]}'
    path.write_bytes(b"gatekeeper-snapshot 1 " + sha256(body).hexdigest().encode() + b"\n" + body)
    assert publisher(ledger, path).run(AT)
    assert written_whole(path) == (1, {"acme": Standing.PAST_DUE})
    assert path.read_bytes().startswith(b"gatekeeper-snapshot 3 ")


def test_the_files_of_another_ledger_are_gone_over(database_url: str, ledger: Ledger, path: Path, tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/other.db") as other:
        other.read(invoice(9), customer=a_customer(account_id="theirs"))
        other.judge(suspended(), account_id="theirs")
        out = publisher(other, path)
        out.run(AT)
        other.judge(past_due(), account_id="theirs")
        out.run(AT)
    ledger.judge(past_due())
    assert publisher(ledger, path).run(AT)
    revision, listed = written_whole(path)
    assert revision > 2
    assert listed == {"acme": Standing.PAST_DUE}


@pytest.mark.parametrize(("bound", "value"), [("_MOST_LINES", 3), ("_MOST_BYTES", 400), ("_OLDEST", timedelta(days=3))])
def test_changes_that_have_grown_over_a_bound_become_a_new_snapshot(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: object
) -> None:
    monkeypatch.setattr(f"gatekeeper.publish.{bound}", value)
    out = publisher(ledger, path)
    out.run(AT)
    seen = []
    for number in range(1, 9):
        ledger.judge(past_due() if number % 2 else suspended())
        out.run(on(number) if bound == "_OLDEST" else on(0, seconds=number))
        seen.append((decode(path.read_bytes()).revision, len(lines(path))))
        assert shown(path)[0] == number
    assert seen[:4] == [(0, 1), (0, 2), (3, 0), (3, 1)] if bound != "_MOST_LINES" else [(0, 1), (0, 2), (0, 3), (4, 0)]


def test_more_changes_than_are_worth_a_line_become_a_new_snapshot(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gatekeeper.publish.MOST_CHANGES", 0)
    publisher(ledger, path).run(AT)
    ledger.judge(past_due())
    assert publisher(ledger, path).run(AT)
    assert written_whole(path) == (1, {"acme": Standing.PAST_DUE})


def test_every_five_seconds_the_time_of_the_file_says_that_the_ledger_could_be_read(ledger: Ledger, path: Path) -> None:
    seconds = Seconds()
    out = publisher(ledger, path, seconds)

    def beats() -> bool:
        """Whether this run says that it could read the ledger."""
        os.utime(path, (0, 0))
        out.run(AT)
        return path.stat().st_mtime > 1

    out.run(AT)
    found = []
    for now in (4.9, 5.0, 9.9, 10.0):
        seconds.now = now
        found.append(beats())
    assert found == [False, True, False, True]
    seconds.now = 20
    os.utime(path, (0, 0))
    kept, ledger.reader._engine = ledger.reader._engine, open_engine(f"sqlite:///{path.parent}/empty.db")
    with pytest.raises(DatabaseUnavailable):
        out.run(AT)
    ledger.reader._engine.dispose()
    ledger.reader._engine = kept
    assert path.stat().st_mtime == 0, "of a ledger that cannot be read nothing is known"


def test_a_file_that_was_deleted_comes_back_with_the_same_revision(ledger: Ledger, path: Path) -> None:
    out = publisher(ledger, path)
    ledger.judge(past_due())
    out.run(AT)
    path.unlink()
    assert out.run(AT)
    assert shown(path) == (1, {"acme": Standing.PAST_DUE})


def test_what_a_restricted_account_is_left_is_published_and_nothing_of_it_once_it_is_not(ledger: Ledger, path: Path) -> None:
    def left() -> dict[str, tuple[str, ...]]:
        return dict(published(path).leaves_open)

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
    assert (shown(path)[1], left()) == ({"acme": Standing.SUSPENDED}, {})


def test_a_restored_ledger_with_another_restriction_does_not_give_one_revision_two_meanings(ledger: Ledger, path: Path) -> None:
    ledger.judge(past_due(standing=Standing.RESTRICTED))
    publisher(ledger, path).run(AT)
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET leaves_open = '[\"/x\"]'"))
    assert publisher(ledger, path).run(AT)
    revision, listed = written_whole(path)
    assert revision > 1
    assert listed == {"acme": Standing.RESTRICTED}


@pytest.mark.parametrize("restarted", [True, False])
def test_a_ledger_restored_from_a_backup_goes_on_above_what_was_published(ledger: Ledger, path: Path, restarted: bool) -> None:
    out = publisher(ledger, path)
    for _ in range(3):
        ledger.judge(past_due())
        ledger.judge(current())
    out.run(AT)
    assert shown(path) == (6, {})
    _restore_backup(ledger, revision=2, standing="suspended")
    out = publisher(ledger, path) if restarted else out
    assert out.run(AT)
    revision, listed = written_whole(path)
    assert revision > 6 + 500, "readers of the feed may have heard more than was published"
    assert listed == {"acme": Standing.SUSPENDED}
    ledger.judge(current())
    out.run(AT)
    assert shown(path) == (revision + 1, {})


def test_a_restored_ledger_that_has_caught_up_does_not_give_one_revision_two_meanings(ledger: Ledger, path: Path) -> None:
    ledger.judge(past_due())
    publisher(ledger, path).run(AT)
    _restore_backup(ledger, revision=1, standing="current")
    assert publisher(ledger, path).run(AT)
    revision, listed = written_whole(path)
    assert revision > 1
    assert listed == {}


def test_a_restored_ledger_that_has_gone_past_what_was_published_goes_on_with_nothing_of_it(ledger: Ledger, path: Path) -> None:
    """The past that was published had `acme` suspended; in this one nobody ever was, and no change says so."""
    ledger.read(invoice(2, customer_id="cus_2"), customer=a_customer(account_id="bolt"))
    ledger.judge(suspended())
    publisher(ledger, path).run(AT)
    _restore_backup(ledger, revision=0, standing="current")
    for _ in range(3):
        ledger.judge(past_due(), account_id="bolt")
        ledger.judge(current(), account_id="bolt")
    with ledger.engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET changed_in = 0 WHERE id = 'acme'"))
    assert publisher(ledger, path).run(AT)
    revision, listed = written_whole(path)
    assert listed == {}
    assert ledger.reader.changes_since(revision - 1, AT) is None, "nor may a reader of the feed go on from there"


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
    assert shown(path) == (1, {"acme": Standing.PAST_DUE})


@pytest.mark.parametrize("torn", [b"rubbish\n", b"half a li", b"\0" * 50])
def test_changes_that_cannot_be_read_are_begun_anew_above_what_could(ledger: Ledger, path: Path, torn: bytes) -> None:
    publisher(ledger, path).run(AT)
    ledger.judge(past_due())
    publisher(ledger, path).run(AT)
    with changes_of(path).open("ab") as file:
        file.write(torn)
    out = publisher(ledger, path)
    assert out.run(AT)
    assert written_whole(path)[1] == {"acme": Standing.PAST_DUE}
    with changes_of(path).open("ab") as file:
        file.write(torn)
    ledger.judge(suspended())
    assert out.run(AT), "also by whoever has written them"
    assert written_whole(path)[1] == {"acme": Standing.SUSPENDED}


def test_changes_that_cannot_be_read_do_not_hide_that_a_backup_was_restored(ledger: Ledger, path: Path) -> None:
    publisher(ledger, path).run(AT)
    ledger.judge(past_due())
    publisher(ledger, path).run(AT)
    with changes_of(path).open("ab") as file:
        file.write(b"half a li")
    _restore_backup(ledger, revision=0, standing="current")
    publisher(ledger, path).run(AT)
    assert written_whole(path)[0] > 1


def test_a_write_that_fails_leaves_the_old_files_and_is_tried_again(ledger: Ledger, path: Path) -> None:
    out = publisher(ledger, path)
    out.run(AT)
    ledger.judge(past_due())
    changes_of(path).unlink()
    path.with_name(".snapshot.new").symlink_to("/dev/full")  # every write to it says that the disk is full
    with pytest.raises(OSError, match="No space left"):
        out.run(AT)
    assert decode(path.read_bytes()).revision == 0
    assert sorted(one.name for one in path.parent.iterdir()) == [".snapshot.lock", "snapshot"]
    assert out.run(AT)
    assert written_whole(path) == (1, {"acme": Standing.PAST_DUE})


def test_a_line_that_cannot_be_written_becomes_a_new_snapshot(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    out = publisher(ledger, path)
    out.run(AT)
    ledger.judge(past_due())
    monkeypatch.setattr("os.fdatasync", fail)  # it is not tried again on the same file (case 71)
    assert out.run(AT)
    assert written_whole(path) == (1, {"acme": Standing.PAST_DUE})


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
            if path.exists() and (revision := published(path).revision) != seen[-1]:
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
    assert shown(path) == (50, {})
    assert [delta.revision for delta in lines(path)] == sorted({delta.revision for delta in lines(path)})
