"""What is HAProxy's own about the list of whom to ask about: it is in its memory, and it may be down or have no such map."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gatekeeper.gate.asklist import AskList
from gatekeeper.gate.haproxymap import HAProxyMap
from tests.edges.test_ask_list import book_of, questions
from tests.kit.edges import Scene, haproxy, scene, until, warm
from tests.kit.shelves import in_haproxy, running_haproxy

pytestmark = pytest.mark.peer("haproxy")


def test_a_haproxy_that_has_no_such_list_is_named_once(tmp_path: Path) -> None:
    with running_haproxy(tmp_path / "h", named="other.map") as at, capture_logs() as logs:
        kept = AskList(HAProxyMap(at), book_of("late"), itertools.count().__next__)
        for _ in range(3):
            kept.look()
    (line,) = logs
    assert line["log_level"] == "warning"
    assert "config/edges/haproxy.cfg" in line["fault"]
    assert kept.written == 0


def test_without_a_haproxy_the_gate_goes_on_and_the_list_comes_with_it(tmp_path: Path) -> None:
    kept = AskList(HAProxyMap(tmp_path / "h/runtime.sock"), book_of("late"), lambda: 0.0)
    with capture_logs() as logs:
        kept.look()
        kept.look()
    assert [line["log_level"] for line in logs] == ["warning"]
    with running_haproxy(tmp_path / "h") as at:
        kept.look()
        assert in_haproxy(at) == {"-": "1", "late": "ask"}


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Scene]:
    with scene(haproxy.LISTING, tmp_path) as built:
        yield warm(built)


def test_with_the_gate_dead_the_list_is_not_believed_either(own: Scene) -> None:
    own.gate.kill()
    own.gate.wait()
    until(lambda: own.visit("good").headers.get("x-gatekeeper-decision") == "fail-open")


def test_a_haproxy_that_begins_anew_asks_about_everybody_until_the_list_is_back(own: Scene) -> None:
    runtime, listed = Path(own.settings.haproxy_socket), own.settings.snapshot_path.parent / "haproxy/gatekeeper.map"
    haproxy.told_at(runtime, b"clear map %s" % bytes(listed))
    before = questions(own)
    assert own.visit("late").status_code == 402
    assert own.visit("good").status_code == 200
    assert questions(own) > before
    until(lambda: haproxy.has_list(runtime, listed))
    assert own.visit("late").status_code == 402
