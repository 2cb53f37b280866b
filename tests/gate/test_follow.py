"""The snapshot file, whole, torn, older and gone (cases 88, 89 and 91)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from gatekeeper.gate.follow import Follower
from gatekeeper.model import Standing
from gatekeeper.snapshot import Snapshot
from tests.kit.gates import publish


@pytest.fixture
def taken() -> list[Snapshot]:
    return []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot"


@pytest.fixture
def follower(path: Path, taken: list[Snapshot]) -> Follower:
    return Follower(path, taken.append)


@pytest.fixture
def log() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as events:
        yield events


def test_each_new_file_is_taken_once(follower: Follower, path: Path, taken: list[Snapshot]) -> None:
    publish(path, 1, late="suspended")
    for _ in range(3):
        follower.look()
    assert [snapshot.revision for snapshot in taken] == [1]
    assert taken[0].standings == {"late": Standing.SUSPENDED}
    publish(path, 2)
    follower.look()
    assert [snapshot.revision for snapshot in taken] == [1, 2]


def test_no_file_is_said_once_and_looked_for_again(
    follower: Follower, path: Path, taken: list[Snapshot], log: list[structlog.typing.EventDict]
) -> None:
    for _ in range(3):
        follower.look()
    assert len(log) == 1
    assert str(path) in log[0]["path"]
    publish(path, 1)
    follower.look()
    path.unlink()
    follower.look()
    follower.look()
    assert len(log) == 2
    assert [snapshot.revision for snapshot in taken] == [1]
    publish(path, 1)
    follower.look()
    assert len(log) == 2


def test_an_older_revision_is_refused_once_for_each_change(
    follower: Follower, path: Path, taken: list[Snapshot], log: list[structlog.typing.EventDict]
) -> None:
    publish(path, 5)
    follower.look()
    publish(path, 4, late="suspended")
    follower.look()
    follower.look()
    assert [snapshot.revision for snapshot in taken] == [5]
    assert len(log) == 1
    assert "revision 4 is older than revision 5" in log[0]["fault"]
    publish(path, 6)
    follower.look()
    assert [snapshot.revision for snapshot in taken] == [5, 6]


def test_no_torn_file_and_no_flipped_bit_is_ever_taken(follower: Follower, path: Path, taken: list[Snapshot]) -> None:
    publish(path, 7, late="suspended", half="restricted")
    whole = path.read_bytes()
    spoilt = [whole[:length] for length in range(len(whole))]
    spoilt += [bytes([*whole[:at], whole[at] ^ 1 << at % 8, *whole[at + 1 :]]) for at in range(len(whole))]
    for data in spoilt:
        path.write_bytes(data)
        follower.look()
    assert taken == []
    path.write_bytes(whole)
    follower.look()
    assert [snapshot.revision for snapshot in taken] == [7]


def test_a_snapshot_that_cannot_be_taken_leaves_the_follower_alive(path: Path, log: list[structlog.typing.EventDict]) -> None:
    def refuse(snapshot: Snapshot) -> None:
        raise TypeError(f"cannot take revision {snapshot.revision}")

    follower = Follower(path, refuse)
    publish(path, 1)
    follower.look()
    publish(path, 2)
    follower.look()
    assert [event["fault"] for event in log] == ["TypeError('cannot take revision 1')", "TypeError('cannot take revision 2')"]


def test_a_folder_in_place_of_the_file_is_survived(follower: Follower, path: Path, taken: list[Snapshot]) -> None:
    path.mkdir()
    follower.look()
    path.rmdir()
    publish(path, 1)
    follower.look()
    assert [snapshot.revision for snapshot in taken] == [1]
