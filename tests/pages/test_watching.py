"""Open pages are told when access is back: over a real connection, within bounds, with one look for all of them."""

import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack

import httpx
import pytest
from starlette.applications import Starlette

from gatekeeper.pages.tokens import Visit, token_of
from gatekeeper.pages.watching import Watch, watching
from tests.kit.running import until
from tests.pages.serving import serving
from tests.pages.test_routes import ACTION_SIGNER


class Ledger:
    """Whose access is open, and how often that was asked."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.number, self.revisions, self.standings = 1, 0, 0
        self.down = False

    def let_in(self, account: str) -> None:
        self.open.add(account)
        self.number += 1

    def revision(self) -> int:
        self.revisions += 1
        if self.down:
            raise OSError("the database does not answer")
        return self.number

    def open_among(self, accounts: Collection[str]) -> set[str]:
        self.standings += 1
        return self.open & set(accounts)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def web(ledger: Ledger, stopping: threading.Event) -> Iterator[httpx.Client]:
    app = Starlette(routes=watching(Watch(ledger.revision, ledger.open_among, stopping), ACTION_SIGNER))
    with serving(app) as origin, httpx.Client(base_url=origin, trust_env=False, timeout=20) as client:
        yield client
        stopping.set()


def watcher(web: httpx.Client, until_the_end: ExitStack, account: str = "acme") -> httpx.Response:
    body = {"token": token_of(Visit(account=account), ACTION_SIGNER)}
    return until_the_end.enter_context(web.stream("POST", "/overdue/watch", data=body))


def test_everybody_of_an_account_is_told_and_nobody_else(web: httpx.Client, ledger: Ledger, stopping: threading.Event) -> None:
    with ExitStack() as until_the_end:
        ours = [watcher(web, until_the_end) for _ in range(3)]
        other = watcher(web, until_the_end, "other")
        assert [one.headers["content-type"].partition(";")[0] for one in ours] == ["text/event-stream"] * 3
        assert ours[0].headers["x-accel-buffering"] == "no"
        ledger.let_in("acme")
        assert {one.read() for one in ours} == {b":\n\nevent: open\ndata:\n\n"}
        stopping.set()
        assert other.read() == b":\n\n"


def test_who_comes_when_access_is_open_already_is_told_so(web: httpx.Client, ledger: Ledger) -> None:
    with ExitStack() as until_the_end:
        watcher(web, until_the_end, "other")
        until(lambda: ledger.revisions > 1, what="somebody is being looked for")
        ledger.open.add("acme")
        assert b"event: open" in watcher(web, until_the_end).read()


def test_one_look_serves_all_and_nobody_is_asked_about_while_nothing_moves(web: httpx.Client, ledger: Ledger) -> None:
    with ExitStack() as until_the_end:
        for number in range(10):
            watcher(web, until_the_end, f"account{number}")
        until(lambda: ledger.revisions > 3, what="the ledger is looked at")
        asked = ledger.standings
        looks = ledger.revisions
        until(lambda: ledger.revisions > looks + 3, what="it is looked at some more")
        assert ledger.standings == asked <= 10


def test_an_account_has_twenty_watchers(web: httpx.Client) -> None:
    with ExitStack() as until_the_end:
        assert [watcher(web, until_the_end).status_code for _ in range(21)] == [200] * 20 + [503]
        assert watcher(web, until_the_end, "other").status_code == 200


def test_a_ledger_that_does_not_answer_is_asked_again(web: httpx.Client, ledger: Ledger) -> None:
    ledger.down = True
    with ExitStack() as until_the_end:
        one = watcher(web, until_the_end)
        until(lambda: ledger.revisions > 1, what="it is asked again")
        ledger.let_in("acme")
        ledger.down = False
        assert b"event: open" in one.read()


def test_a_house_that_stops_sends_everybody_home_and_takes_nobody(web: httpx.Client, stopping: threading.Event) -> None:
    with ExitStack() as until_the_end:
        one = watcher(web, until_the_end)
        stopping.set()
        assert one.read() == b":\n\n"
        assert watcher(web, until_the_end).status_code == 503
