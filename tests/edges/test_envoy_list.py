"""What is Envoy's own about the list of whom to ask about: a file that it may fail to read, when it starts and later."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatekeeper.gate.asklist import AskList
from gatekeeper.gate.envoyfile import EnvoyFile
from gatekeeper.model import Standing
from tests.edges.test_ask_list import book_of, delta, questions
from tests.kit.edges import CONFIGS, Scene, envoy, scene, until, warm
from tests.kit.gates import publish
from tests.kit.shelves import in_envoy

pytestmark = pytest.mark.peer("envoy")

SHIPPED = (CONFIGS / "envoy-list.json").read_text()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Scene]:
    with scene(envoy.LISTING, tmp_path) as built:
        yield warm(built)


def asked(at: Scene) -> bool:
    """Whether the gate is asked about an account in good standing, which comes in either way."""
    before = questions(at)
    assert at.visit("good").status_code == 200
    return questions(at) > before


def test_the_file_that_we_ship_is_the_one_that_a_stopped_gate_leaves(tmp_path: Path) -> None:
    EnvoyFile(tmp_path / "list.json").withdraw()
    assert json.loads((tmp_path / "list.json").read_text()) == json.loads(SHIPPED)


def test_the_operators_rights_on_the_file_stay(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(SHIPPED)
    (tmp_path / "list.json").chmod(0o640)
    EnvoyFile(tmp_path / "list.json").write([b"late"], 1)
    assert stat.S_IMODE((tmp_path / "list.json").stat().st_mode) == 0o640


def test_a_long_list_is_written_seldom_for_envoy_reads_all_of_it(tmp_path: Path) -> None:
    now, book = [0.0], book_of(*(f"acct_{number}" for number in range(10_000)))
    keeper = AskList(EnvoyFile(tmp_path / "list.json"), book, lambda: now[0])
    keeper.look()
    book.apply(delta(1, {"late": Standing.SUSPENDED}))
    for second, written in ((4.9, 1), (5.1, 2)):
        now[0] = second
        keeper.look()
        assert keeper.written == written
    assert in_envoy(tmp_path / "list.json").get("late")


@pytest.mark.parametrize("found", [SHIPPED, "", "{", '{"resources": [{}]}', SHIPPED.replace("append_action", "no_such_field")])
def test_whatever_envoy_finds_when_it_starts_it_asks_and_admits(tmp_path: Path, found: str) -> None:
    with scene(envoy.begun_with(found), tmp_path) as at:
        warm(at)
        assert asked(at)


def test_a_file_that_envoy_cannot_read_changes_nothing_and_the_next_is_taken(own: Scene) -> None:
    listed = envoy.list_file(own.settings.snapshot_path.parent)
    (listed.parent / "wrong").write_text("{")
    (listed.parent / "wrong").replace(listed)
    # The gate, which sees that it is not its own, writes it anew
    until(lambda: re.search('"version_info": "5"', listed.read_text()) is not None)
    assert own.visit("late").status_code == 402
    assert not asked(own)
    publish(own.settings.snapshot_path, 6, good="suspended")
    until(lambda: own.visit("good").status_code == 402)
