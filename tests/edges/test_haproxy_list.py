"""The list of whom HAProxy asks about: kept in a real HAProxy over its runtime socket, through restarts of either side."""

import contextlib
import itertools
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gatekeeper.gate.asklist import AskList
from gatekeeper.gate.book import Book
from gatekeeper.gate.identity import is_account
from gatekeeper.model import Standing
from gatekeeper.snapshot import Delta, Snapshot
from tests.edges.test_scenario import IDENTITIES, status, told
from tests.kit.edges import Scene, haproxy, owned, scene, until, warm
from tests.kit.edges.running import program
from tests.kit.gates import gate_process, publish
from tests.kit.ports import free_port

pytestmark = pytest.mark.peer("haproxy")

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)

_ALONE = """
global
    stats socket {socket} mode 600 level user
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend nobody
    bind 127.0.0.1:{port}
    http-request return status 200 if {{ str(-),map({folder}/gatekeeper.map) -m found }}
"""


@contextlib.contextmanager
def running(folder: Path, named: str = "gatekeeper.map") -> Iterator[Path]:
    """A HAProxy that has the list and nothing else: its runtime socket."""
    folder.mkdir(exist_ok=True)
    (folder / named).write_text("")
    at, port = folder / "runtime.sock", free_port()
    text = _ALONE.format(socket=at, port=port, folder=folder)
    (folder / "haproxy.cfg").write_text(text.replace("gatekeeper.map", named))
    with program(["haproxy", "-db", "-f", folder / "haproxy.cfg"], folder, port=port):
        until(at.exists)
        yield at


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with running(tmp_path_factory.mktemp("h") / "alone") as at:
        yield at


def on_list(at: Path) -> dict[str, str]:
    """Whatever the list has: each account once, for twice would be one that comes off once only."""
    lines = haproxy.told_at(at, b"show map %s" % bytes(at.parent / "gatekeeper.map")).decode().splitlines()
    found = [line.split(" ", 2)[1:] for line in lines if line]
    assert len(found) == len({account for account, _ in found})
    return dict(found)


def snapshot(revision: int, accounts: dict[str, Standing]) -> Snapshot:
    return Snapshot(revision, AT, {account: standing for account, standing in accounts.items() if standing != "current"})


def delta(since: int, changes: dict[str, Standing]) -> Delta:
    return Delta(
        since=since,
        revision=since + 1,
        at=AT,
        ledger="",
        changes=tuple((account, standing, ()) for account, standing in changes.items()),
    )


accounts = st.one_of(
    st.from_regex(r"acct_[0-9]{1,3}", fullmatch=True),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128),
    st.sampled_from(
        ["a", "b", "#1", "@1", "<<", "a;b", "a\\", "\\", "a<<", "--", "-a", "a" * 128, "%d", "$x", "{}", "0x1", "~", "=", "!"]
    ),
).filter(lambda account: is_account(account.encode()))
standings = st.dictionaries(accounts, st.sampled_from(list(Standing)), max_size=30)


@settings(max_examples=60)
@example({"a": Standing.SUSPENDED, "a;b": Standing.SUSPENDED}, [{"a;b": Standing.CURRENT}])
@given(standings, st.lists(st.one_of(standings, st.sampled_from(["again", "forgets", "stale"])), max_size=6))
def test_whatever_happens_who_is_listed_is_asked_about_and_who_is_plainly_not_is_not(
    alone: Path, first: dict[str, Standing], steps: list[dict[str, Standing] | str]
) -> None:
    now = [0.0]
    book = Book(lambda: now[0])
    kept = AskList(alone, book, lambda: now[0])
    book.take(snapshot(1, first))
    kept.look()
    for step in [{}, *steps]:
        now[0] += 1
        if step == "again":
            book.take(snapshot(book.revision, {account.decode(): entry.standing for account, entry in book.listed.entries()}))
        elif step == "forgets":  # as after a start of its own
            haproxy.told_at(alone, b"clear map %s" % bytes(alone.parent / "gatekeeper.map"))
        elif step == "stale":
            book.alive()
            now[0] += timedelta(days=30).total_seconds()
            book.tend()
        elif isinstance(step, dict):
            book.apply(delta(book.revision, step))
        kept.look()
        found = on_list(alone)
        assert found.pop("-") == str(book.revision) == str(kept.written)
        listed = {account.decode() for account in book.listed}
        assert listed <= found.keys()
        assert not [account for account in found.keys() - listed if re.fullmatch(r"\w+", account)]


def test_a_hundred_thousand_are_written_and_whoever_pays_comes_off(alone: Path) -> None:
    book = Book(lambda: 0.0)
    everybody = [f"acct_{number:012d}" for number in range(100_000)]
    book.take(snapshot(1, dict.fromkeys(everybody, Standing.SUSPENDED)))
    kept = AskList(alone, book, itertools.count().__next__)
    kept.look()
    assert len(on_list(alone)) == 100_001
    for leaving in (everybody[:1], everybody[1:2_000]):
        book.apply(
            delta(book.revision, dict.fromkeys(leaving, Standing.CURRENT) | {f"fresh_{len(leaving)}": Standing.SUSPENDED})
        )
        kept.look()
        found = on_list(alone)
        assert found.pop("-") == str(book.revision)
        assert found.keys() == {account.decode() for account in book.listed}


def test_who_is_suspended_is_written_at_once_and_who_pays_comes_off_within_a_second(alone: Path) -> None:
    now = [0.0]
    book = Book(lambda: 0.0)
    book.take(snapshot(1, {"late": Standing.SUSPENDED, "again": Standing.SUSPENDED}))
    kept = AskList(alone, book, lambda: now[0])
    kept.look()
    book.apply(delta(1, {"half": Standing.RESTRICTED}))
    kept.look()
    assert on_list(alone) == {"-": "2", "late": "ask", "again": "ask", "half": "ask"}
    now[0] = 0.5
    book.apply(delta(2, {"late": Standing.CURRENT, "again": Standing.CURRENT, "slow": Standing.PAST_DUE}))
    kept.look()
    assert on_list(alone) == {"-": "2", "late": "ask", "again": "ask", "half": "ask", "slow": "ask"}
    book.apply(delta(3, {"again": Standing.SUSPENDED}))
    now[0] = 1.0
    kept.look()
    assert on_list(alone) == {"-": "4", "again": "ask", "half": "ask", "slow": "ask"}


def test_what_changes_while_the_list_is_written_is_written_too(alone: Path) -> None:
    book = Book(lambda: 0.0)
    book.take(snapshot(1, {f"acct_{number:012d}": Standing.SUSPENDED for number in range(100_000)}))
    kept, stop = AskList(alone, book, time.monotonic), threading.Event()
    thread = threading.Thread(target=kept.run, args=(stop,))
    thread.start()
    try:
        for number in range(200):
            book.apply(delta(number + 1, {f"fresh_{number}": Standing.SUSPENDED, f"acct_{number:012d}": Standing.CURRENT}))
        until(lambda: kept.written == 201)
    finally:
        stop.set()
        kept.wake()
        thread.join()
    kept.look()
    assert on_list(alone).keys() == {"-"} | {account.decode() for account in book.listed}


def test_before_the_gate_knows_anybody_the_list_is_left_alone(tmp_path: Path) -> None:
    with running(tmp_path / "h") as at:
        kept = AskList(at, Book(lambda: 0.0), lambda: 0.0)
        kept.look()
        assert (kept.written, on_list(at)) == (0, {})


def test_a_haproxy_that_has_no_such_list_is_named_once(tmp_path: Path) -> None:
    book = Book(lambda: 0.0)
    book.take(snapshot(1, {"late": Standing.SUSPENDED}))
    with running(tmp_path / "h", named="other.map") as at, capture_logs() as logs:
        kept = AskList(at, book, itertools.count().__next__)
        for _ in range(3):
            kept.look()
    (line,) = logs
    assert line["log_level"] == "warning"
    assert "config/edges/haproxy.cfg" in line["fault"]
    assert kept.written == 0


def test_without_a_haproxy_the_gate_goes_on_and_the_list_comes_with_it(tmp_path: Path) -> None:
    book = Book(lambda: 0.0)
    book.take(snapshot(1, {"late": Standing.SUSPENDED}))
    kept = AskList(tmp_path / "h/runtime.sock", book, lambda: 0.0)
    with capture_logs() as logs:
        kept.look()
        kept.look()
    assert [line["log_level"] for line in logs] == ["warning"]
    with running(tmp_path / "h") as at:
        kept.look()
        assert on_list(at) == {"-": "1", "late": "ask"}


# ---- The whole way -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Scene]:
    with scene(haproxy.LISTING, tmp_path) as built:
        yield warm(built)


def metrics(at: Scene) -> str:
    return httpx.get(f"http://127.0.0.1:{at.settings.port}/metrics", trust_env=False).text


def questions(at: Scene) -> int:
    return sum(map(int, re.findall(r"gatekeeper_gate_requests_total\{.*\} (\d+)", metrics(at))))


def test_nobody_is_asked_about_who_is_in_good_standing(own: Scene) -> None:
    before = questions(own)
    for _ in range(5):
        assert own.visit("good").status_code == 200
        assert owned(own.product.requests[-1]) == told("good")
    assert questions(own) == before
    assert "gatekeeper_gate_haproxy_list_revision 5\n" in metrics(own)
    for account in ("late", "half", "slow", "-"):
        own.visit(account)
    # The page of those that are refused is a question more
    assert questions(own) >= before + 4


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Scene]]:
    with (
        scene(haproxy.EDGE, tmp_path_factory.mktemp("asking")) as asking,
        scene(haproxy.LISTING, tmp_path_factory.mktemp("listing")) as listing,
    ):
        yield warm(asking), warm(listing)


@pytest.mark.parametrize("case", IDENTITIES)
def test_with_the_list_a_name_is_read_as_without_it(both: tuple[Scene, Scene], case: str) -> None:
    """Whoever comes first in a case, and whether that one is listed."""
    sent, _ = IDENTITIES[case]
    for late, good in ((b"late", b"good"), (b"good", b"late"), (b"good", b"friend")):
        lines = [line.replace(b"late", b"\0").replace(b"good", good).replace(b"\0", late) for line in sent]
        answers = []
        for at in both:
            at.product.requests.clear()
            answer = status(at.raw("GET / HTTP/1.1", "Host: x", *lines))
            answers.append((answer, [owned(seen) for seen in at.product.requests]))
        assert answers[0] == answers[1], lines


def test_with_the_gate_dead_the_list_is_not_believed_either(own: Scene) -> None:
    own.gate.kill()
    own.gate.wait()
    until(lambda: own.visit("good").headers.get("x-gatekeeper-decision") == "fail-open")


def test_who_is_suspended_is_refused_and_who_has_paid_is_in_at_once(own: Scene) -> None:
    path = own.settings.snapshot_path
    publish(path, 6, good="suspended")
    until(lambda: own.visit("good").status_code == 402)
    assert own.visit("late").status_code == 200
    publish(path, 7, late="suspended")
    until(lambda: own.visit("good").status_code == 200)
    until(lambda: own.visit("late").status_code == 402)
    before = questions(own)
    until(lambda: own.visit("good").status_code == 200 and owned(own.product.requests[-1]) == told("good", revision=7))
    assert questions(own) - before <= 1


def test_a_haproxy_that_begins_anew_asks_about_everybody_until_the_list_is_back(own: Scene) -> None:
    runtime, listed = own.settings.haproxy_socket, own.settings.snapshot_path.parent / "haproxy/gatekeeper.map"
    haproxy.told_at(Path(runtime), b"clear map %s" % bytes(listed))
    before = questions(own)
    assert own.visit("late").status_code == 402
    assert own.visit("good").status_code == 200
    assert questions(own) > before
    until(lambda: haproxy.has_list(Path(runtime), listed))
    assert own.visit("late").status_code == 402


def test_a_gate_that_restarts_knows_nothing_of_its_old_list(own: Scene) -> None:
    own.gate.terminate()
    own.gate.wait()
    publish(own.settings.snapshot_path, 9, good="suspended")
    with gate_process(own.settings):
        until(lambda: own.visit("good").status_code == 402)
        until(lambda: own.visit("late").status_code == 200 and owned(own.product.requests[-1]) == told("late", revision=9))
