"""A real `gatekeeper demo` as a process of its own, and a visitor with an HTTP client who presses its buttons."""

import html
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import httpx

from tests.kit.ports import free_port

ROOT = Path(__file__).parents[2]
BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}


class Visitor:
    """`panel` and `shop` are addresses; the client follows no redirects unless asked."""

    def __init__(self, process: subprocess.Popen[str], port: int, client: httpx.Client, announced: str) -> None:
        self.process, self.port, self.client, self.announced = process, port, client, announced
        self.panel, self.shop = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"

    def page(self, path: str = "/") -> str:
        answer = self.client.get(self.panel + path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def said(self, page: str) -> str:
        """What the panel says of the last thing that was done."""
        found = re.search(r'role="status">(.*?)</p>', page, re.DOTALL)
        return html.unescape(found[1]) if found else ""

    def press(self, action: str) -> str:
        """Press a button of the panel; the page that comes next."""
        answer = self.client.post(self.panel + action, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return answer.text

    def let_pass(self, *jumps: str) -> None:
        for jump in jumps:
            self.press(f"/clock/{jump}")

    def card(self, account_id: str, page: str | None = None) -> str:
        """What the panel says of one account, as text."""
        found = re.search(rf'<li class="card" id="{account_id}">(.*?)</details>', page or self.page(), re.DOTALL)
        assert found, f"the panel does not list {account_id}"
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[1])).split())

    def invoices(self, account_id: str) -> list[str]:
        """The ids of its open invoices, oldest first."""
        found = re.search(rf'id="{account_id}">(.*?)</details>', self.page(), re.DOTALL)
        assert found
        return list(dict.fromkeys(re.findall(r'action="/invoices/(in_\w+)/', found[1])))

    def letters(self, address: str) -> list[str]:
        """The subjects of the letters to this address, newest first."""
        return [subject for subject, _ in self.dated_letters(address)]

    def dated_letters(self, address: str) -> list[tuple[str, datetime]]:
        """The subjects of the letters to this address, newest first, and when each was sent, to the minute."""
        listed = re.findall(r'<li>\s*<a href="/mail/[^"]+"><bdi>(.*?)</bdi></a>(.*?)</li>', self.page("/mail"), re.DOTALL)
        sent = re.compile(r'<span class="quiet when">(.*?)</span>')
        theirs = [(subject, sent.findall(rest)[0]) for subject, rest in listed if f"<bdi>{address}</bdi>" in rest]
        return [(html.unescape(subject), datetime.strptime(f"{at} +0000", "%a %d %b %Y, %H:%M %z")) for subject, at in theirs]

    def open_as(self, account_id: str, path: str = "/", **headers: str) -> httpx.Response:
        """Ask the shop for a page as somebody of this account."""
        signed_in = self.client.get(f"{self.shop}/login/{account_id}", headers=BROWSER)
        assert signed_in.status_code == 303
        return self.client.get(self.shop + path, headers=BROWSER | headers)

    def stop(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Its exit code and what else it said."""
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=20)
        return self.process.returncode, said

    def listens(self) -> list[int]:
        """Which of its four ports somebody listens on."""
        found = []
        for port in range(self.port, self.port + 4):
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=1):
                found.append(port)
        return found


def until(holds: object, *, seconds: float) -> float:
    """Wait until a callable gives something true; after how many seconds it did."""
    assert callable(holds)
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - began


def four_free_ports() -> int:
    """The first of four ports in a row that nobody listens on."""
    while True:
        first = free_port()
        with suppress(OSError, OverflowError):
            for port in range(first, first + 4):
                socket.create_server(("127.0.0.1", port)).close()
            return first


def starting(folder: Path, port: int, **environment: str) -> subprocess.Popen[str]:
    """The command, just begun, as the leader of a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "gatekeeper", "demo", "--port", str(port)],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def demo(folder: Path, **environment: str) -> Iterator[Visitor]:
    """A demo that keeps its temporary files in `folder`, once it has said where it is; killed at the end if it still lives."""
    port = four_free_ports()
    with starting(folder, port, **environment) as process:
        try:
            assert process.stdout is not None
            announced = ""
            for line in process.stdout:
                announced += line
                if line.startswith("Ctrl-C"):
                    break
            assert process.poll() is None, announced
            with httpx.Client(trust_env=False, timeout=30) as client:
                yield Visitor(process, port, client, announced)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
