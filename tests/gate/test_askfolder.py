"""The folder with the list of whom to ask about: whose it is, what it shows, and what becomes of it in trouble."""

import os
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gatekeeper.gate.askfolder import AskFolder
from gatekeeper.gate.asklist import AskList
from gatekeeper.model import Standing
from tests.edges.test_ask_list import book_of, delta


def keeper(folder: Path, *accounts: str) -> AskList:
    return AskList(AskFolder(folder), book_of(*accounts), lambda: 0.0)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()} - {".gatekeeper"}


def test_it_may_be_looked_into_by_whoever_knows_a_name_and_shows_none(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        keeper(tmp_path / "list", "late").look()
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "list").stat().st_mode) == 0o711
    assert names(tmp_path / "list") == {"-", "late"}


def test_a_folder_that_the_operator_made_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "list").mkdir(mode=0o750)
    keeper(tmp_path / "list", "late").look()
    assert stat.S_IMODE((tmp_path / "list").stat().st_mode) == 0o750


def test_a_folder_in_which_others_keep_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "passwd").write_text("")
    with capture_logs() as logs:
        kept = keeper(tmp_path, "late")
        kept.look()
        kept.look()
    (line,) = logs
    assert "gate.list_folder" in line["fault"]
    assert [file.name for file in tmp_path.iterdir()] == ["passwd"]
    assert kept.written == 0


def test_without_its_folder_the_gate_goes_on_and_the_list_comes_with_it(tmp_path: Path) -> None:
    kept = keeper(tmp_path / "run/list", "late")
    with capture_logs() as logs:
        kept.look()
    assert str(tmp_path / "run/list") in logs[0]["fault"]
    (tmp_path / "run").mkdir()
    kept.look()
    assert names(tmp_path / "run/list") == {"-", "late"}


def test_what_an_earlier_gate_left_is_taken_over_and_corrected(tmp_path: Path) -> None:
    keeper(tmp_path / "list", "late", "old").look()
    before = (tmp_path / "list/late").stat().st_ino
    keeper(tmp_path / "list", "late", "new").look()
    assert names(tmp_path / "list") == {"-", "late", "new"}
    assert (tmp_path / "list/late").stat().st_ino == before


def test_when_one_cannot_be_written_everybody_is_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, book = tmp_path / "list", book_of("late")
    kept = AskList(AskFolder(folder), book, lambda: 0.0)
    kept.look()
    # As on a disk that is full: what is in the way of the new file is nothing that it could replace
    (folder / "half").mkdir()
    book.apply(delta(1, {"half": Standing.RESTRICTED}))
    with capture_logs() as logs:
        kept.look()
    assert [line["log_level"] for line in logs] == ["warning"]
    assert (names(folder), kept.written) == ({"late", "half"}, 0)
    (folder / "half").rmdir()
    kept.look()
    assert names(folder) == {"-", "late", "half"}


def test_an_id_that_leads_elsewhere_touches_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("")
    now, ids = [0.0], ("../kept", "/" + str(tmp_path / "kept"), "..", "/", ".gatekeeper", "-new", "../made")
    book = book_of(*ids)
    kept = AskList(AskFolder(tmp_path / "list"), book, lambda: now[0])
    kept.look()
    book.apply(delta(1, dict.fromkeys(ids, Standing.CURRENT)))
    now[0] = 1.0
    with capture_logs() as logs:
        kept.look()
    assert logs == []
    assert (names(tmp_path), names(tmp_path / "list")) == ({"kept", "list"}, {"-"})
