"""A gate alone, on another machine than the worker: it starts with what it uses, and nobody finds a key of Stripe there."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.kit.feed import TOKEN, feed_server, of_snapshot
from tests.kit.gates import publish
from tests.kit.history import History, change
from tests.kit.ports import free_port, wait_until_listening
from tests.kit.running import until

OPERATIONS = Path(__file__).parents[2] / "docs/operations.md"
LATE = {"X-Account-Id": "late", "Accept": "text/html"}
NEEDED_ELSEWHERE = """\
  {file}: product.name: is missing; must be: text
  {file}: product.url: is missing; must be: address with `http://` or `https://`
  {file}: stripe.api_key: is missing; must be: key that starts with `rk_test_`, `rk_live_`, `sk_test_` or `sk_live_`
  {file}: mail.from: is missing; must be: `Name <name@domain>`, or the address alone
"""
OTHERS = (
    *(["run"], ["worker"], ["web"], ["tick"], ["migrate"], ["check-config"], ["doctor"], ["arm"], ["halt"], ["plan"]),
    *(["why", "acme"], ["accounts", "list"], ["staff-pass", "Jo"]),
)

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "gatekeeper.toml"
        path.write_text(text)
        return path

    return write


def environment(**given: str) -> dict[str, str]:
    """Nothing of ours, and nothing of Stripe's, but what is given."""
    kept = {name: value for name, value in os.environ.items() if not re.search("gatekeeper|stripe", name, re.IGNORECASE)}
    return kept | {"PYTHONWARNINGS": "error"} | given


def call(file: Path, *command: str) -> list[str]:
    return [sys.executable, "-m", "gatekeeper", "--config", str(file), *command]


@contextmanager
def gate(file: Path, port: int, **given: str) -> Iterator[subprocess.Popen[bytes]]:
    """`gatekeeper gate` with this file, listening; it must end by itself when it is told to."""
    with subprocess.Popen(call(file, "gate"), env=environment(**given)) as process:
        try:
            wait_until_listening(port, seconds=20)
            yield process
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()


def refused(file: Path, *command: str) -> str:
    """What the command says on standard error, ending with 78 at once."""
    done = subprocess.run(call(file, *command), env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (78, ""), done.stderr
    return done.stderr


def example(folder: Path, feed_url: str, port: int) -> str:
    """The settings that the guide says are enough, with the addresses of this test."""
    found = re.search(r"## A gate on another machine.*?```toml\n(.*?)```", OPERATIONS.read_text(), re.DOTALL)
    assert found is not None
    text = found[1].replace("/var/lib/gatekeeper", str(folder)).replace("https://gatekeeper.internal", feed_url)
    return text + f'listen = "127.0.0.1:{port}"\n'


def test_with_what_the_guide_says_a_gate_elsewhere_follows_the_feed(tmp_path: Path, write: Write) -> None:
    port, token = free_port(), tmp_path / "token"
    token.write_text(TOKEN)
    with feed_server() as feed:
        feed.first = lambda _: of_snapshot(History([change("late", "suspended")]).whole(1))
        file = write(example(tmp_path / "state", feed.url, port))
        with gate(file, port, GATEKEEPER__GATE__FEED_TOKEN_FILE=str(token)) as process:
            held = Path(f"/proc/{process.pid}/environ").read_bytes() + file.read_bytes()
            assert re.search(b"stripe|[rs]k_(test|live)_|database|mail__", held, re.IGNORECASE) is None
            assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
            until(lambda: httpx.get(f"http://127.0.0.1:{port}/gate", headers=LATE).status_code == 402)
            assert httpx.get(f"http://127.0.0.1:{port}/gate", headers={"X-Account-Id": "good"}).status_code == 200
            # The feed of this test has no pages: the gate shows its own
            assert "support@acme.example" in httpx.get(f"http://127.0.0.1:{port}/gate", headers=LATE).text


def test_a_gate_alone_beside_the_snapshot_needs_no_more(tmp_path: Path, write: Write) -> None:
    port = free_port()
    publish(tmp_path / "snapshot", 1, late="suspended")
    needed = '[product]\nsupport_email = "support@acme.example"\n'
    file = write(f'{needed}[state]\nfolder = "{tmp_path}"\n[gate]\nlisten = "127.0.0.1:{port}"\n')
    with gate(file, port):
        assert httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
        assert httpx.get(f"http://127.0.0.1:{port}/gate", headers=LATE).status_code == 402
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize("command", OTHERS, ids=" ".join)
def test_every_other_command_asks_for_the_rest(tmp_path: Path, write: Write, command: list[str]) -> None:
    file = write(example(tmp_path / "state", "https://gatekeeper.internal", 8403).replace("feed_url", "# feed_url"))

    said = refused(file, *command)

    assert said == "gatekeeper: the settings cannot be used:\n" + NEEDED_ELSEWHERE.format(file=file)
    assert not (tmp_path / "state").exists()


def test_a_gate_says_what_it_lacks(write: Write) -> None:
    file = write('[gate]\nfeed_url = "https://gatekeeper.internal"\n')

    assert refused(file, "gate").splitlines() == [
        "gatekeeper: the settings cannot be used:",
        f"  {file}: product.support_email: is missing; must be: `name@domain`",
        f"  {file}: gate.feed_token: gate.feed_token is missing, or no printable ASCII: the feed is not for everybody",
    ]


def test_a_gate_refuses_a_wrong_value_and_an_unknown_key_of_what_it_does_not_use(write: Write) -> None:
    needed = '[product]\nsupport_email = "support@acme.example"\n'
    file = write(f'{needed}[stripe]\napi_key = "pk_live_1"\naccuont = "acct_1"\n')

    head, *said = refused(file, "gate").splitlines()

    assert head == "gatekeeper: the settings cannot be used:"
    assert [line.split(": ")[1] for line in said] == ["stripe.api_key", "stripe.accuont"]
