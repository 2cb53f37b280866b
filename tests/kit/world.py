"""stripe-world: a stateful fake of Stripe that nobody of this project wrote, as a server process of its own.

It is used where its tools are found: in the folder that GATEKEEPER_STRIPE_WORLD names, or in `shared/tools/stripe-world` beside
the repository. Building it takes pip and about half a minute, once a machine; what was built stays in the system's folder for
temporary files. One story can drive it and `gatekeeper.demo.standin` alike (`tests.kit.standin.driving`), if it knows that in
this world, other than in the stand-in (which does as Stripe does, unless said otherwise):

* the first invoice of a `send_invoice` subscription is a draft: finalize or send it (the stand-in sends it at once, unless
  `books.finalizes_first` is False; Stripe takes about an hour). Finalizing leaves `invoice.sent` too, and no `invoice.updated`;
* an invoice is in US dollars unless it names its currency, at its creation and on each item (the stand-in: euros);
* paying by card needs a payment method made there: `pay` takes no `payment_method` parameter and answers 200 with the invoice
  still `open` when there is none. `paid_out_of_band` works in both;
* an uncollectible invoice cannot be paid (400), and a credit note leaves `amount_due` as it was (in Stripe it is reduced);
* there are no part payments, bank debits, revisions (`from_invoice`), `invoice_payments`; expanding `payments` is accepted and
  shows nothing;
* a deleted customer's subscriptions go on, and an expanded one is shown whole (Stripe: only `deleted: true`);
* a subscription never becomes `past_due` by the passing of a due date; `subscriptions.list` shows canceled ones unasked;
* a past `due_date` is accepted; every key may do everything, restricted ones included; faults cannot be set.
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
    """A running world with one fresh account, `account`, whose API is at `url`."""

    def __init__(self) -> None:
        self._folder = _built()
        self._python = self._folder / "venv" / "bin" / "python"
        port = free_port()
        self._base = f"http://127.0.0.1:{port}"
        instance = uuid.uuid4().hex[:12]
        self.account, self.url = f"acct_{instance}", f"{self._base}/worlds/{instance}"
        self._server = self._run("serve_world.py", str(port))
        wait_until_listening(port)

    def move_clock(self, seconds: float) -> None:
        """Set the world's clock to so many seconds from the wall clock. Time does nothing by itself."""
        httpx.get(f"{self._base}/_clock", params={"offset": seconds}, trust_env=False).raise_for_status()

    @contextmanager
    def relay(self, target: str, secret: str, *, dup: float = 0.0, loss: float = 0.0, shuffle: bool = False) -> Iterator[None]:
        """Within the block the account's events, past and future, are posted to `target`, signed by the wall clock.

        The relay gives up for good when nobody listens at `target`.
        """
        shuffled = ["--shuffle"] if shuffle else []
        process = self._run("event_relay.py", self.url, target, secret, "--dup", str(dup), "--loss", str(loss), *shuffled)
        try:
            yield
        finally:
            _stop(process)

    def close(self) -> None:
        _stop(self._server)

    def _run(self, script: str, *arguments: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"WORLD_DIR": str(self._folder / "world")}
        command = [self._python, tools() / script, *arguments]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


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
                [python, "-m", "pip", "install", "--quiet", "--quiet", *group],
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
