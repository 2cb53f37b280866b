"""A gate on another machine than the worker: it follows the feed, and with all else dead starts from what it last knew."""

import time
from collections.abc import Callable
from pathlib import Path

from gatekeeper.gate.settings import GateSettings
from tests.kit.feed import TOKEN, feed_server, of_delta, of_snapshot
from tests.kit.gates import ask, gate_process, get, settings_in
from tests.kit.history import History, change

HISTORY = History([change("late", "suspended"), change("slow", "past_due")], [change("late", "current")])


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end


def _until_status(settings: GateSettings, status: int) -> None:
    _until(lambda: ask(settings, get("/gate/nginx", X_Account_Id="late"))[0].status == status)


def test_a_gate_elsewhere_follows_the_feed_and_starts_from_what_it_last_knew(tmp_path: Path) -> None:
    with feed_server() as feed:
        feed.first = lambda since: of_snapshot(HISTORY.whole(1)) if since is None else b""
        settings = settings_in(tmp_path, feed_url=feed.url, feed_token=TOKEN)
        with gate_process(settings):
            _until_status(settings, 403)
            _until(settings.snapshot_path.exists)
        assert feed.asked.get(timeout=10) == ""
        with gate_process(settings):
            assert ask(settings, get("/gate/nginx", X_Account_Id="late"))[0].status == 403
            assert feed.asked.get(timeout=20) == "since=1"
            feed.say(of_delta(HISTORY.delta(1, 2)))
            _until_status(settings, 200)
    with gate_process(settings):
        assert b'"ready": true' in ask(settings, get("/readyz"))[0].body
