"""docs/feed.md is enough: its client follows a real feed, its examples are what is sent and written, its numbers are ours."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatekeeper import api, publish
from gatekeeper.api import feed
from gatekeeper.ledger.reader import MOST_CHANGES
from gatekeeper.model import Standing
from gatekeeper.snapshot import apply, as_json, decode, decode_delta, delta_of, snapshot_of
from tests.kit.apis import app_of
from tests.kit.builders import invoice
from tests.kit.events import events_in
from tests.kit.ledger import Ledger, a_customer, current, opened, past_due, suspended
from tests.pages.serving import serving

PAGE = (Path(__file__).parents[1] / "docs" / "feed.md").read_text(encoding="utf-8")
WORDS = " ".join(PAGE.split())
TOKEN = api.Token(name="gates", secret="looks-on", scopes=("read",))
NAMES = ("acme", "bolt", "cy")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The client of the page, which waits for nobody here."""
    names: dict[str, Any] = {}
    exec(compile(block("python"), "docs/feed.md", "exec"), names)
    monkeypatch.setattr(names["random"], "uniform", lambda *_: 0.01)
    return names


def test_the_events_on_the_page_are_events_of_ours() -> None:
    whole, change, alive = events_in([*block("text").splitlines(), ""])
    assert [one.kind for one in (whole, change, alive)] == ["snapshot", "change", "alive"]
    assert (whole.id, change.id) == ("41", "42")
    after = apply(snapshot_of(as_json(whole.data)), delta_of(as_json(change.data)))
    assert after.standings == dict.fromkeys(("bolt", "cy", "dee"), Standing.RESTRICTED)
    assert after.leaves_open == {"bolt": ("/reports",), "dee": ("/reports",)}
    assert set(alive.data) == {"ledger", "revision", "at"}
    assert {one.kind for one in (whole, change, alive)} == set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))


def test_the_files_on_the_page_fit_their_checksums() -> None:
    snapshot = decode(block("snapshot").removesuffix("\n").encode())
    assert apply(snapshot, decode_delta(block("changes").encode())).revision == 42


def test_the_numbers_on_the_page_are_ours() -> None:
    assert f"more than {MOST_CHANGES:,} accounts" in WORDS
    assert f"At most {feed._MOST_FOLLOWERS} follow" in WORDS
    assert f"lets {feed._MOST_WAITING} events wait" in WORDS
    assert f"Every {feed._ALIVE_SECONDS:.0f} seconds" in WORDS
    assert f"set every {publish._BEAT_SECONDS:.0f} seconds" in WORDS
    assert f"after {publish._MOST_LINES:,} lines, a megabyte or a day" in WORDS
    assert (publish._MOST_BYTES, publish._OLDEST.days) == (1_000_000, 1)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with opened(f"sqlite:///{tmp_path}/ledger.db") as made:
        for number, name in enumerate(NAMES):
            made.read(invoice(number, customer_id=f"cus_{name}"), customer=a_customer(account_id=name))
        yield made


def test_the_client_of_the_page_knows_what_the_ledger_says(ledger: Ledger, client: dict[str, Any]) -> None:
    access, stopping = client["Access"](), threading.Event()
    ledger.judge(suspended(), account_id="acme")
    with serving(app_of(ledger, TOKEN, stopping=stopping.is_set)) as url:
        following = client["follow"](access, f"{url}/api/v1/access/stream", "looks-on")
        next(following)
        assert access.standings == {"acme": "suspended"}
        ledger.judge(past_due(standing=Standing.RESTRICTED, leaves_open=("/x",)), account_id="bolt")
        next(following)
        ledger.judge(current(), account_id="acme")
        next(following)
        assert (access.standings, access.left) == ({"bolt": "restricted"}, {"bolt": ["/x"]})
        following.close()
        ledger.judge(suspended(), account_id="cy")
        again = client["follow"](access, f"{url}/api/v1/access/stream", "looks-on")
        next(again)
        assert (access.revision, access.standings) == (4, {"bolt": "restricted", "cy": "suspended"})
        ledger.writer.verdicts.raise_revision(1_000)
        next(again)
        assert (access.revision, access.standings) == (1_001, {"bolt": "restricted", "cy": "suspended"})
        again.close()
        stopping.set()


def test_the_client_of_the_page_keeps_what_it_has_until_the_restored_ledger_is_above_it(
    ledger: Ledger, client: dict[str, Any]
) -> None:
    access, stopping = client["Access"](), threading.Event()
    access.ledger, access.revision, access.standings = ledger.reader.state().ledger_id, 50, {"acme": "suspended"}
    ledger.judge(suspended(), account_id="bolt")
    with serving(app_of(ledger, TOKEN, stopping=stopping.is_set)) as url:
        following = client["follow"](access, f"{url}/api/v1/access/stream", "looks-on")
        raising = threading.Timer(0.5, lambda: ledger.writer.verdicts.raise_revision(50 + publish._AHEAD))
        raising.start()
        next(following)
        raising.join()
        assert (access.revision, access.standings) == (51 + publish._AHEAD, {"bolt": "suspended"})
        following.close()
        stopping.set()


def test_the_client_of_the_page_takes_nothing_of_another_ledger_and_nothing_with_a_gap(client: dict[str, Any]) -> None:
    access = client["Access"]()
    whole = json.loads(block("snapshot").partition("\n")[2])
    change = json.loads(block("changes").partition(" ")[2])
    assert access.take("snapshot", whole)
    assert not access.take("change", change | {"from": 42, "revision": 43})
    assert not access.take("change", change | {"ledger": "other"})
    assert not access.take("snapshot", whole | {"revision": 40})
    assert access.take("something new", {"ledger": whole["ledger"]})
    assert (access.revision, access.standings["acme"]) == (41, "suspended")
    assert access.take("change", change | {"from": 3})
    assert access.take("change", change)
    assert (access.revision, "acme" in access.standings) == (42, False)
