"""docs/hooks.md says what is sent and what becomes of it; its receiver runs as it stands there."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from gatekeeper.config.hooks import hook_key
from gatekeeper.perform import messenger
from gatekeeper.perform.hooks import ChangedStanding, StandingChanged, headers_of
from gatekeeper.perform.messenger import Messenger, try_out
from gatekeeper.policy.explain import SENTENCES
from tests.kit.builders import DUE_AT, invoice
from tests.kit.ledger import Ledger, current, opened, past_due, suspended
from tests.kit.ports import free_port, wait_until_listening

PAGE = (Path(__file__).parents[1] / "docs/hooks.md").read_text(encoding="utf-8")
SECRET = "whsec_" + "bmV3" * 8


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@contextmanager
def receiver(folder: Path) -> Iterator[str]:
    """The receiver of the page, in a process of its own that works in this folder; its address."""
    (folder / "receiver.py").write_text(block("python"))
    port = free_port()
    environment = os.environ | {"HOOK_SECRET": SECRET, "PORT": str(port)}
    process = subprocess.Popen([sys.executable, "receiver.py"], cwd=folder, env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_until_listening(port, seconds=30)
        yield f"http://127.0.0.1:{port}/hooks/gatekeeper"
    finally:
        process.kill()
        process.wait()


def standings(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / "standings.db")) as database:
        return dict(database.execute("SELECT account, standing FROM standings"))


def deliver(ledger: Ledger, url: str) -> None:
    made = Messenger(
        url=url,
        keys=[hook_key(SECRET)],
        hooks=ledger.writer.hooks,
        sentence=lambda reason: reason.code,
        withheld=lambda: None,
        clock=lambda: DUE_AT,
        real_clock=lambda: datetime.now(UTC),
    )
    made.deliver(threading.Event())


def test_the_receiver_of_the_page_keeps_the_last_standing_and_believes_nobody_else(tmp_path: Path) -> None:
    with receiver(tmp_path) as url, opened(f"sqlite:///{tmp_path / 'ledger.db'}", announced=True) as ledger:
        ledger.read(invoice())
        seen = []
        for verdict in (past_due(), suspended(), current()):
            ledger.judge(verdict)
            deliver(ledger, url)
            seen.append(standings(tmp_path)["acme"])
        assert seen == ["past_due", "suspended", "current"]
        assert {row["state"] for row in ledger.rows("hooks")} == {"taken"}

        late = json.dumps(
            {"type": "account.standing_changed", "data": {"account": "acme", "standing": "suspended", "revision": 2}}
        )
        signed = headers_of("msg_late", late.encode(), [hook_key(SECRET)], datetime.now(UTC))
        assert httpx.post(url, content=late, headers=signed, trust_env=False).status_code == 204
        assert try_out(url, [hook_key(SECRET)], datetime.now(UTC)).detail == "answered 204"
        assert try_out(url, [b"another" * 4], datetime.now(UTC)).detail == "answered 401"
        for headers in (
            {},
            signed | {"webhook-id": "msg_other"},
            {"webhook-id": "a", "webhook-timestamp": "b", "webhook-signature": "c"},
        ):
            assert httpx.post(url, content=late, headers=headers, trust_env=False).status_code == 401
        assert standings(tmp_path) == {"acme": "current"}


def test_the_example_and_the_table_are_what_is_sent() -> None:
    example = StandingChanged.model_validate_json(block("json"))
    assert json.loads(example.model_dump_json()) == json.loads(block("json"))
    rows = re.findall(r"^\| (`[^|]+) \|", PAGE.partition("field of `data`")[2].partition("\n\n")[0], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == set(ChangedStanding.model_fields)


def test_every_answer_that_is_treated_apart_is_told() -> None:
    table = PAGE.partition("| the product answers | then |")[2].partition("\n\n")[0]
    assert {int(code) for code in re.findall(r"\b\d{3}\b", table)} == {410, *messenger._BUSY}
    assert f"within {messenger._ANSWER_SECONDS} seconds" in PAGE


@pytest.mark.parametrize("code", SENTENCES)
def test_whatever_a_reason_says_is_known_to_be_of_people_or_not(code: str) -> None:
    """Whoever adds a sentence that names somebody has to say so (`perform.hooks`), or the product would log it."""
    plain = {
        *("total", "since", "number", "until", "on", "why", "audience", "day", "dispute", "what"),
        *("wanted", "allowed", "past_due", "limit", "hours", "minutes"),
    }
    personal = {"by", "author", "reason"}
    assert set(re.findall(r"%\((\w+)\)s", SENTENCES[code])) <= plain | personal
