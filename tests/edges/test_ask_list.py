"""The list of whom the edges ask about: on its shelves, and before a visitor of each edge that looks at it."""

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

from gatekeeper.gate.asklist import AskList
from gatekeeper.gate.book import Book
from gatekeeper.gate.identity import is_account
from gatekeeper.model import Standing
from gatekeeper.snapshot import Delta, Snapshot
from tests.edges.test_scenario import IDENTITIES, status
from tests.kit.edges import Edge, Scene, caddy, each, envoy, haproxy, nginx, owned, scene, until, warm
from tests.kit.gates import gate_process, publish
from tests.kit.shelves import SHELVES, Kept

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=[pytest.mark.peer(name)] * (name == "haproxy")) for name in SHELVES]
)
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with SHELVES[request.param](tmp_path_factory.mktemp("shelf") / "list") as found:
        yield found


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


def book_of(*accounts: str) -> Book:
    book = Book(lambda: 0.0)
    book.take(snapshot(1, dict.fromkeys(accounts, Standing.SUSPENDED)))
    return book


accounts = st.one_of(
    st.from_regex(r"acct_[0-9]{1,3}", fullmatch=True),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128),
    st.sampled_from(
        ["a", "b", "#1", "@1", "<<", "a;b", "a\\", "\\", "a<<", "--", "-a", "a" * 128, "%d", "$x", "{}", "0x1", "~", "=", "!"]
    ),
    st.sampled_from([".", "..", "../x", "a/b", "/etc", "-new", ".gatekeeper", "A", "a.", "a:b", "@", "_", "+", "é"]),
).filter(lambda account: is_account(account.encode()))
standings = st.dictionaries(accounts, st.sampled_from(list(Standing)), max_size=30)
# What the edges' own pattern takes for a plain name; whoever has another is asked about, on the list or not
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+=~-]{0,127}")


@settings(max_examples=60)
@example({"a": Standing.SUSPENDED, "a;b": Standing.SUSPENDED}, [{"a;b": Standing.CURRENT}])
@given(standings, st.lists(st.one_of(standings, st.sampled_from(["again", "forgets", "stale"])), max_size=6))
def test_whatever_happens_who_is_listed_is_asked_about_and_who_is_plainly_not_is_not(
    kept: Kept, first: dict[str, Standing], steps: list[dict[str, Standing] | str]
) -> None:
    now = [0.0]
    book = Book(lambda: now[0])
    keeper = AskList(kept.shelf, book, lambda: now[0])
    book.take(snapshot(1, first))
    keeper.look()
    for step in [{}, *steps]:
        now[0] += 1
        if step == "again":
            book.take(snapshot(book.revision, {account.decode(): entry.standing for account, entry in book.listed.entries()}))
        elif step == "forgets":
            kept.lose()
        elif step == "stale":
            book.alive()
            now[0] += timedelta(days=30).total_seconds()
            book.tend()
        elif isinstance(step, dict):
            book.apply(delta(book.revision, step))
        keeper.look()
        found = kept.on_it()
        assert found.pop("-") == str(book.revision) == str(keeper.written)
        listed = {account.decode() for account in book.listed}
        assert {account for account in listed if PLAIN.fullmatch(account)} <= found.keys()
        assert not [account for account in found.keys() - listed if re.fullmatch(r"\w+", account)]


def test_very_many_are_written_and_whoever_pays_comes_off(kept: Kept) -> None:
    everybody = [f"acct_{number:012d}" for number in range(kept.many)]
    book = book_of(*everybody)
    keeper = AskList(kept.shelf, book, itertools.count(step=1000).__next__)
    keeper.look()
    assert len(kept.on_it()) == kept.many + 1
    for leaving in (everybody[:1], everybody[1:2_000]):
        book.apply(
            delta(book.revision, dict.fromkeys(leaving, Standing.CURRENT) | {f"fresh_{len(leaving)}": Standing.SUSPENDED})
        )
        keeper.look()
        found = kept.on_it()
        assert found.pop("-") == str(book.revision)
        assert found.keys() == {account.decode() for account in book.listed}


def test_who_is_suspended_is_written_at_once_and_who_pays_comes_off_within_a_second(kept: Kept) -> None:
    now = [0.0]
    book = book_of("late", "again")
    keeper = AskList(kept.shelf, book, lambda: now[0])
    keeper.look()
    now[0] = 0.5
    book.apply(delta(1, {"half": Standing.RESTRICTED}))
    keeper.look()
    book.apply(delta(2, {"late": Standing.CURRENT, "again": Standing.CURRENT, "slow": Standing.PAST_DUE}))
    keeper.look()
    at_once = {"half": "ask", "slow": "ask"} if kept.at_once else {}
    assert kept.on_it() == {"-": "1", "late": "ask", "again": "ask"} | at_once
    book.apply(delta(3, {"again": Standing.SUSPENDED}))
    now[0] = 1.0
    keeper.look()
    assert kept.on_it() == {"-": "4", "again": "ask", "half": "ask", "slow": "ask"}


def test_what_changes_while_the_list_is_written_is_written_too_and_with_its_keeper_it_goes(kept: Kept) -> None:
    book = book_of(*(f"acct_{number:012d}" for number in range(kept.many)))
    keeper, stop = AskList(kept.shelf, book, lambda: time.monotonic() * 1000), threading.Event()
    thread = threading.Thread(target=keeper.run, args=(stop,))
    thread.start()
    try:
        for number in range(200):
            book.apply(delta(number + 1, {f"fresh_{number}": Standing.SUSPENDED, f"acct_{number:012d}": Standing.CURRENT}))
        until(lambda: keeper.written == 201)
    finally:
        stop.set()
        keeper.wake()
        thread.join()
    assert "-" not in kept.on_it()
    keeper.look()
    assert kept.on_it().keys() == {"-"} | {account.decode() for account in book.listed}


def test_before_the_gate_knows_anybody_the_list_is_left_alone(kept: Kept) -> None:
    before = kept.on_it()
    keeper = AskList(kept.shelf, Book(lambda: 0.0), lambda: 0.0)
    keeper.look()
    assert (keeper.written, kept.on_it()) == (0, before)


# ---- The whole way -----------------------------------------------------------------------------------------------------------

LISTINGS = each(caddy.LISTING, envoy.LISTING, haproxy.LISTING, nginx.LISTING)


@pytest.fixture(params=LISTINGS)
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    with scene(request.param, tmp_path) as built:
        yield warm(built)


def metrics(at: Scene) -> str:
    return httpx.get(f"http://127.0.0.1:{at.settings.port}/metrics", trust_env=False).text


def questions(at: Scene) -> int:
    return sum(map(int, re.findall(r"gatekeeper_gate_requests_total\{.*\} (\d+)", metrics(at))))


def test_nobody_is_asked_about_who_is_in_good_standing(own: Scene) -> None:
    before = questions(own)
    for _ in range(5):
        assert own.visit("good").status_code == 200
        assert own.heard(own.product.requests[-1]) == own.told("good")
    assert questions(own) == before
    assert re.search(r'gatekeeper_gate_list_revision\{list="(haproxy|folder|envoy)"\} 5\n', metrics(own))
    for account in ("late", "half", "slow", "-"):
        own.visit(account)
    # The page of those that are refused is a question more
    assert questions(own) >= before + 4


@pytest.fixture(scope="module", params=each(caddy.EDGE, envoy.EDGE, haproxy.EDGE, nginx.EDGE))
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Scene]]:
    """The same edge without the list, and with it."""
    asking: Edge = request.param
    (listing,) = (edge for edge in (caddy.LISTING, envoy.LISTING, haproxy.LISTING, nginx.LISTING) if edge.peer == asking.name)
    with (
        scene(asking, tmp_path_factory.mktemp("asking")) as one,
        scene(listing, tmp_path_factory.mktemp("listing")) as other,
    ):
        yield warm(one), warm(other)


# Odder spellings than X_Account_Id and X.Account.Id reach the product, beside the account that was read
LEFT = {("caddy", "aliased by tildes"): "x~account~id"}


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
            heard = [at.heard(seen) for seen in at.product.requests]
            for headers in heard:  # of who is asked about as well
                if not both[1].edge.tells_revision:
                    headers.pop("x-gatekeeper-revision", None)
            answers.append((answer, heard))
        if alias := LEFT.get((both[0].edge.name, case)):
            if answers[0] != answers[1]:
                _, (headers,) = answers[1]
                assert headers.pop(alias)
                assert headers == both[1].told(late.decode())
            continue
        assert answers[0] == answers[1], lines


def test_with_the_gate_dead_nobody_meets_an_error_and_who_is_asked_about_is_let_in_and_it_shows(own: Scene) -> None:
    own.gate.kill()
    own.gate.wait()
    assert own.visit("good").status_code == 200
    until(lambda: own.visit("late").headers.get("x-gatekeeper-decision") == "fail-open")


def test_an_id_that_is_no_plain_name_is_asked_about_on_the_list_or_not(own: Scene) -> None:
    publish(own.settings.snapshot_path, 6, **{"a/b": "suspended", "..": "suspended"})
    until(lambda: own.visit("a/b").status_code == own.visit("..").status_code == 402)
    publish(own.settings.snapshot_path, 7)
    until(lambda: own.visit("a/b").status_code == own.visit("..").status_code == 200)
    before = questions(own)
    assert own.visit("#1").status_code == 200
    assert own.edge.peer == "haproxy" or questions(own) > before


def test_a_gate_that_is_stopped_takes_its_list_with_it(own: Scene) -> None:
    own.gate.terminate()
    own.gate.wait()
    assert own.visit("good").headers.get("x-gatekeeper-decision") == "fail-open"


def test_who_is_suspended_is_refused_and_who_has_paid_is_in_at_once(own: Scene) -> None:
    path = own.settings.snapshot_path
    publish(path, 6, good="suspended")
    until(lambda: own.visit("good").status_code == 402)
    assert own.visit("late").status_code == 200
    publish(path, 7, late="suspended")
    until(lambda: own.visit("good").status_code == 200)
    until(lambda: own.visit("late").status_code == 402)
    before = questions(own)
    until(lambda: own.visit("good").status_code == 200 and own.heard(own.product.requests[-1]) == own.told("good", revision=7))
    assert questions(own) - before <= 1


def test_a_gate_that_restarts_knows_nothing_of_its_old_list(own: Scene) -> None:
    own.gate.kill()
    own.gate.wait()
    publish(own.settings.snapshot_path, 9, good="suspended")
    with gate_process(own.settings):
        until(lambda: own.visit("good").status_code == 402)
        until(
            lambda: (
                own.visit("late").status_code == 200
                and own.heard(own.product.requests[-1]) == own.told("late", revision=9)
                and owned(own.product.requests[-1]).get("x-gatekeeper-standing") == ["current"]
            )
        )
