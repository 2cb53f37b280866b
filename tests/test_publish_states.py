"""Whoever reads the files by the page is never taken back and ends where the ledger is, whatever befalls the publisher."""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from structlog.testing import capture_logs

from gatekeeper import publish
from gatekeeper.model import Standing, Verdict
from gatekeeper.publish import Publisher
from tests.kit.builders import invoice, on
from tests.kit.follower import Follower
from tests.kit.ledger import Ledger, a_customer, opened

NAMES = ("acme", "bolt", "cy")
LEFT = st.sampled_from([(), ("/x",), ("/y", "/z")])
STEPS = ("replace", "replaced", "append", "appended")
SETTINGS = settings(
    max_examples=40, stateful_step_count=30, deadline=None, phases=[Phase.explicit, Phase.generate, Phase.shrink]
)
Stands = dict[str, tuple[Standing, tuple[str, ...]]]


class Crash(BaseException):
    """The process dies here."""


class Publishing(RuleBasedStateMachine):
    """`template`: the file of a ledger with three accounts."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self._open = ExitStack()
        self._open.enter_context(capture_logs())
        self.folder = Path(self._open.enter_context(TemporaryDirectory()))
        self.file = self.folder / "ledger.db"
        shutil.copy(self.template, self.file)
        self.ledger: Ledger = self._open.enter_context(opened(f"sqlite:///{self.file}"))
        self.ledger.hasten()
        self.path = self.folder / "snapshot"
        self.at = 0.0
        self.out = self.a_publisher()
        self.readers = [Follower(self.path)]
        self.said: dict[int, Stands] = {}
        self.remembered = True
        self.came_back = False

    def teardown(self) -> None:
        """All's well in the end."""
        with self._open:
            self.restart()
            self.run_publisher()
            for reader in self.readers:
                self.look(reader)
                self.look(reader)
                assert self.stands(reader) == _stands(self.ledger.reader.snapshot(on(0)))
                assert reader.held.revision == self.ledger.reader.revision()

    def a_publisher(self) -> Publisher:
        return Publisher(self.path, self.ledger.reader, self.ledger.writer.verdicts.raise_revision, lambda: self.at)

    def note_what_is_said(self) -> None:
        snapshot = self.ledger.reader.snapshot(on(0))
        stands = _stands(snapshot)
        assert self.said.setdefault(snapshot.revision, stands) == stands, "one revision is published with two meanings"

    def stands(self, reader: Follower) -> Stands:
        return _stands(reader.held)

    def look(self, reader: Follower) -> None:
        before = reader.held
        reader.look()
        assert reader.held.revision >= before.revision, "a revision went back"
        if reader.held.revision > before.revision:
            assert self.stands(reader) == self.said[reader.held.revision], "one revision says two things"

    def run_publisher(self) -> None:
        self.at += 60
        try:
            self.out.run(on(0, seconds=self.at))
        finally:
            self.note_what_is_said()
        self.remembered, self.came_back = True, False

    @rule(name=st.sampled_from(NAMES), standing=st.sampled_from(Standing), left=LEFT)
    def judge(self, name: str, standing: Standing, left: tuple[str, ...]) -> None:
        leaves_open = left if standing is Standing.RESTRICTED else ()
        self.ledger.judge(Verdict(standing=standing, reasons=(), leaves_open=leaves_open), account_id=name)

    @rule()
    def publish(self) -> None:
        self.run_publisher()

    @rule()
    def publish_while_others_look(self) -> None:
        def look(_step: str) -> None:
            self.note_what_is_said()
            for reader in self.readers:
                self.look(reader)

        with _steps(look):
            self.run_publisher()

    @rule(step=st.sampled_from(STEPS), turn=st.integers(1, 2), left=st.integers(0, 400))
    def die_in_publishing(self, step: str, turn: int, left: int) -> None:
        """At the first or second such step; of a line so many bytes are left."""
        turns = iter(range(1, 9))

        def die(reached: str) -> None:
            if reached == step and next(turns) == turn:
                raise Crash

        with suppress(Crash), _steps(die, left):
            self.run_publisher()
        self.restart()

    @rule()
    def restart(self) -> None:
        self.out = self.a_publisher()

    @rule(place=st.integers(0, 400))
    def cut_the_changes(self, place: int) -> None:
        """A disk that lost its end. The publisher that wrote it goes on, or another does."""
        changes = self.path.with_name("snapshot.changes")
        if changes.exists() and not self.came_back:
            os.truncate(changes, min(place, changes.stat().st_size))
            self.remembered = False

    @rule()
    def lose_the_changes(self) -> None:
        if not self.came_back:
            self.path.with_name("snapshot.changes").unlink(missing_ok=True)
            self.remembered = False

    @rule()
    def lose_the_snapshot(self) -> None:
        if not self.came_back:
            self.path.unlink(missing_ok=True)
            self.remembered = False

    @rule()
    def back_up(self) -> None:
        _copy(self.file, self.folder / "backup.db")

    @rule()
    def restore_backup(self) -> None:
        """It is restored while nobody works on it. If the files are lost too, then or before it has learnt from them how far
        it had been, nobody remembers what was published.
        """
        if (self.folder / "backup.db").exists() and self.remembered:
            self.ledger.engine.dispose()
            _copy(self.folder / "backup.db", self.file)
            self.came_back = True
            self.restart()

    @rule()
    def another_reader(self) -> None:
        if len(self.readers) < 4:
            self.readers.append(Follower(self.path))

    @rule(which=st.integers(0, 3))
    def someone_looks(self, which: int) -> None:
        self.look(self.readers[which % len(self.readers)])


def _stands(snapshot: Any) -> Stands:
    return {name: (standing, snapshot.leaves_open.get(name, ())) for name, standing in snapshot.standings.items()}


def _copy(source: Path, target: Path) -> None:
    with sqlite3.connect(source) as old, sqlite3.connect(target) as new:
        old.backup(new)
    old.close()
    new.close()


@contextmanager
def _steps(reached: Callable[[str], None], left: int = 1_000_000) -> Iterator[None]:
    """Say each step of a publication; of a line that is died in, `left` bytes come to be on the disk."""
    rename, write, sync = Path.replace, os.write, os.fdatasync

    def replace(source: Path, target: Path) -> Path:
        reached("replace")
        done = rename(source, target)
        reached("replaced")
        return done

    def append(file: int, line: bytes) -> int:
        try:
            reached("append")
        except Crash:
            write(file, line[:left])
            raise
        return write(file, line)

    def synced(file: int) -> None:
        sync(file)
        reached("appended")

    with (
        patch.object(Path, "replace", replace),
        patch.object(publish.os, "write", append),
        patch.object(publish.os, "fdatasync", synced),
    ):
        yield


@pytest.fixture
def template(tmp_path: Path) -> Path:
    with opened(f"sqlite:///{tmp_path}/template.db") as ledger:
        for number, name in enumerate(NAMES):
            ledger.read(invoice(number, customer_id=f"cus_{name}"), customer=a_customer(account_id=name))
    return tmp_path / "template.db"


@pytest.mark.parametrize("most_lines", [2, 2_000])
def test_whatever_befalls_the_publisher(template: Path, most_lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "_MOST_LINES", most_lines)
    monkeypatch.setattr(Publishing, "template", template, raising=False)
    run_state_machine_as_test(Publishing, settings=SETTINGS)
