"""The list of failpoints is whole, and a death at each of them is one that a path can ask for."""

import os
from pathlib import Path

import pytest

from gatekeeper.ledger import writer
from gatekeeper.publish import replace_file
from tests.torture.failpoints import OUTSIDE, Crash, Points, every_point, snapshots, writing_methods

WRITERS = Path(writer.__file__).parent


def test_every_method_of_the_ledger_that_writes_has_its_points() -> None:
    """A begin of a transaction in a writer that the list does not know would be a place where nobody ever died."""
    begins = sum(path.read_text().count("_engine.begin()") for path in WRITERS.glob("*.py"))
    found = writing_methods()
    assert begins > 30
    assert len(found) == len(set(found)) >= begins - 4  # some open theirs through a method of their own
    assert {"Verdicts.record", "Readings.record", "Inbox.store", "Desk.hold", "Outbox.settle"} <= set(found)
    assert len(every_point()) == 2 * len(found) + len(OUTSIDE)


def test_whoever_dies_before_the_rename_leaves_the_old_snapshot(tmp_path: Path) -> None:
    points, shown = Points(), list[Path]()
    target = tmp_path / "snapshot"
    replace_file(target, b"old")
    kept = os.replace
    with snapshots(points, shown.append):
        for name, left in ((OUTSIDE[4], b"old"), (OUTSIDE[5], b"new")):
            points.armed = name
            with pytest.raises(Crash, match=name):
                replace_file(target, b"new")
            assert target.read_bytes() == left
    assert (shown, os.replace) == ([target], kept)
