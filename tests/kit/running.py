"""gatekeeper itself, as an operator runs it: a settings file, a process, and what it says."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.reader import Reader
from tests.kit.ports import free_ports, wait_until_listening

SECRET = "whsec_story"


@dataclass
class Installation:
    """A folder with the smallest configuration of contract.md. `extra` adds keys, as `{"safety": {"mode": "dry_run"}}`."""

    folder: Path
    api_base: str
    mail_url: str
    now: datetime
    database_url: str = ""
    extra: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.web_port, self.gate_port = free_ports(2)
        self.clock = self.folder / "clock"
        self.config = self.folder / "gatekeeper.toml"
        self.move_clock_to(self.now)
        self.write_config()

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def gate(self) -> str:
        return f"http://127.0.0.1:{self.gate_port}"

    @property
    def webhook(self) -> str:
        return f"{self.web}/webhooks/stripe"

    def move_clock_to(self, now: datetime) -> None:
        self.now = now
        beside = self.folder / "clock.new"
        beside.write_text(now.isoformat())
        beside.replace(self.clock)

    def move_clock(self, **span: float) -> None:
        self.move_clock_to(self.now + timedelta(**span))

    def write_config(self) -> None:
        sections: dict[str, dict[str, Any]] = {
            "product": {"name": "Acme Cloud", "url": "https://app.acme.example", "support_email": "support@acme.example"},
            "database": {"url": self.database_url or f"sqlite:///{self.folder}/gatekeeper.db"},
            "state": {"folder": str(self.folder)},
            "clock": {"source": "simulated", "file": str(self.clock)},
            "stripe": {
                "api_key": "rk_test_standin",
                "api_base": self.api_base,
                "webhook_secrets": [SECRET],
                "account_id_from": "metadata.account_id",
                "contacts_from": {"accountant": "email", "user": "metadata.user_email"},
                "reconcile_every_seconds": 600,
            },
            "mail": {"url": self.mail_url, "from": "Acme Billing <billing@acme.example>"},
            "policy": {"file": "config/policies/default.toml"},
            "safety": {"mode": "armed"},
            "web": {"listen": f"127.0.0.1:{self.web_port}", "public_url": self.web},
            "gate": {"listen": f"127.0.0.1:{self.gate_port}", "always_allow": ["/login", "/logout"]},
        }
        for section, keys in self.extra.items():
            sections[section] = sections.get(section, {}) | keys
        lines = []
        for section, keys in sections.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {_toml(value)}" for key, value in keys.items()]
        self.config.write_text("\n".join(lines) + "\n")

    def command(self, *arguments: str, code: int = 0, given: str = "") -> str:
        """Run one command to its end, with `given` on its standard input; what it printed. Its exit code must be `code`."""
        done = subprocess.run(
            self._call(*arguments), input=given, capture_output=True, text=True, timeout=60, check=False, env=_environment()
        )
        assert done.returncode == code, f"{arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout if code == 0 else done.stdout + done.stderr

    def json(self, *arguments: str) -> Any:
        return json.loads(self.command(*arguments, "--json"))

    def standings(self) -> dict[str, str]:
        """The standing of every account, read from the ledger."""
        with self._reader() as reader:
            return {account.id: account.standing.value for account in reader.accounts()}

    def notices(self) -> list[tuple[str, str, str]]:
        """Step, address and state of every notice, newest first."""
        with self._reader() as reader:
            return [(notice.step.value, notice.address, notice.state.value) for notice in reader.notices_of(limit=10_000)]

    @contextmanager
    def _reader(self) -> Iterator[Reader]:
        engine = open_engine(self.database_url or f"sqlite:///{self.folder}/gatekeeper.db")
        try:
            yield Reader(engine)
        finally:
            engine.dispose()

    @contextmanager
    def running(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """`gatekeeper run` (or another command) until the end of the block, listening; its log is in `log`."""
        with (
            (self.folder / "log").open("ab") as log,
            subprocess.Popen(self._call(*(arguments or ("run",))), stderr=log, stdout=log, env=_environment()) as process,
        ):
            try:
                if arguments != ("gate",):
                    wait_until_listening(self.web_port, seconds=20)
                if arguments != ("web",):
                    wait_until_listening(self.gate_port, seconds=20)
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.wait(20)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def _call(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "gatekeeper", "--config", str(self.config), *arguments]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONWARNINGS": "error"}


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def until(true: Callable[[], Any], *, seconds: float = 60.0, what: str = "") -> Any:
    """Wait until `true()` is, and give back what it said.

    Raises:
        TimeoutError: it is not, after `seconds`.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if said := true():
            return said
        time.sleep(0.05)
    raise TimeoutError(f"not within {seconds} s: {what or true}")
