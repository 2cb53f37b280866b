"""SpamAssassin (Debian's) on messages as they reach a recipient's server, with no network.

One process scores them all: most of its time goes into its start, and a daemon would want a port, a package and an end.
"""

import mailbox
import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

# The rules keep the weights that Debian ships. What earlier mail has taught is left out; and no sender is known to be good:
# addresses for documentation are known to be bad, so that the sender's is a private one, and those are trusted by default.
_PREFERENCES = """
trusted_networks 192.0.2.1
internal_networks 192.0.2.1
report_safe 0
use_bayes 0
fold_headers 0
add_header all Rules _TESTSSCORES_
"""


@dataclass(frozen=True)
class Score:
    """Points (5.0 is spam to most) and the rules that gave them, as `RULE=0.5`."""

    points: float
    rules: tuple[str, ...]


def relayed(message: bytes, domain: str) -> bytes:
    """The message with what the recipient's server writes above it, when the server of `domain` hands it over."""
    dated = re.search(rb"^Date: (.+)\r$", message, re.MULTILINE)
    assert dated, "the message has no date"
    received = (
        f"Return-Path: <bounces@{domain}>\r\n"
        f"Received: from mail.{domain} (mail.{domain} [10.0.0.25])\r\n"
        f"\tby mx.recipient.example (Postfix) with ESMTPS id 4FzQ1;\r\n\t{dated[1].decode()}\r\n"
    )
    return received.encode() + message


def scores(messages: Iterable[bytes]) -> dict[str, Score]:
    """The score of each message, by its Message-ID: SpamAssassin gives them back in an order of its own.

    Raises:
        subprocess.CalledProcessError: SpamAssassin failed.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "preferences").write_text(_PREFERENCES)
        _pack(folder / "messages", messages)
        command = ["spamassassin", "--local", "--nocreate-prefs", "--mbox", f"--prefspath={folder}/preferences"]
        with (folder / "messages").open("rb") as given, (folder / "scored").open("wb") as scored:
            subprocess.run(command, stdin=given, stdout=scored, check=True, timeout=240, env=os.environ | {"HOME": name})
        box = mailbox.mbox(folder / "scored")
        try:
            return {message["Message-ID"]: _score(message) for message in box}
        finally:
            box.close()


def _pack(path: Path, messages: Iterable[bytes]) -> None:
    box = mailbox.mbox(path)
    try:
        for message in messages:
            box.add(message.replace(b"\r\n", b"\n"))
    finally:
        box.close()


def _score(scored: mailbox.mboxMessage) -> Score:
    points = re.search(r"score=(-?[\d.]+)", scored["X-Spam-Status"])
    assert points, "SpamAssassin gave no score"
    return Score(float(points[1]), tuple(re.findall(r"[A-Z0-9_]+=-?[\d.]+", scored["X-Spam-Rules"])))
