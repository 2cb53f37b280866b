"""stripe-world: a stateful fake of Stripe that nobody of this project wrote, as a server process of its own.

It is used where the tools for it are found: in the folder that GATEKEEPER_STRIPE_WORLD names, or in `shared/tools/stripe-world` beside
the repository. Building it takes pip and about half a minute, once a machine; the result is kept in the system's folder for temporary
files. The official SDK drives it and `gatekeeper.demo.standin` alike (`tests.kit.standin.driving`).
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import httpx

from tests.kit.ports import free_port, wait_until_listening

_REPOSITORY = Path(__file__).parents[2]


def tools() -> Path:
    """The folder with `make_world.py`, `serve_world.py` and `event_relay.py`; it need not exist."""
    named = os.environ.get("GATEKEEPER_STRIPE_WORLD")
    return Path(named) if named else _REPOSITORY.parent / "shared" / "tools" / "stripe-world"


def available() -> bool:
    return (tools() / "make_world.py").is_file()


class World:
    """A running world with one fresh account, `account`, whose API is at `url`. Any key that begins `sk_` or `rk_` is let in."""

    def __init__(self) -> None:
        self._folder = _built()
        self._python = self._folder / "venv" / "bin" / "python"
        port = free_port()
        self._base = f"http://127.0.0.1:{port}"
        instance = uuid.uuid4().hex[:12]
        self.account, self.url = f"acct_{instance}", f"{self._base}/worlds/{instance}"
        self._processes = [self._run("serve_world.py", str(port))]
        wait_until_listening(port)

    def move_clock(self, seconds: float) -> None:
        """Set the world's clock to so many seconds from the wall clock. Time does nothing by itself."""
        httpx.get(f"{self._base}/_clock", params={"offset": seconds}, trust_env=False).raise_for_status()

    def relay(self, target: str, secret: str, *, dup: float = 0.0, loss: float = 0.0, shuffle: bool = False) -> None:
        """Post the account's events, past and future, to `target` until the end, signed by the wall clock; `target` has to listen."""
        shuffled = ["--shuffle"] if shuffle else []
        self._processes.append(
            self._run("event_relay.py", self.url, target, secret, "--dup", str(dup), "--loss", str(loss), *shuffled)
        )

    def close(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait()

    def _run(self, script: str, *arguments: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"WORLD_DIR": str(self._folder / "world")}
        command = [self._python, tools() / script, *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _built() -> Path:
    """The folder with the world and its virtual environment, built by whoever comes first; the others wait."""
    recipe, group = tools() / "make_world.py", _requirements()
    key = hashlib.sha256(recipe.read_bytes() + repr((group, sys.version_info[:2])).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"gatekeeper-stripe-world-{os.getuid()}-{key}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with _alone(folder / "lock"):
        done = folder / "done"
        if not done.exists():
            python = folder / "venv" / "bin" / "python"
            for command in (
                [sys.executable, "-m", "venv", "--clear", folder / "venv"],
                [python, "-m", "pip", "install", "--quiet", *group],
                [python, recipe, folder / "world"],
            ):
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            done.touch()
    return folder


def _requirements() -> list[str]:
    with (_REPOSITORY / "pyproject.toml").open("rb") as file:
        group: list[str] = tomllib.load(file)["dependency-groups"]["world"]
    return group


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
