"""A real nginx, run from the text of a configuration that was written for a machine of its own."""

import contextlib
import getpass
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.kit.ports import wait_until_listening

_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@dataclass(frozen=True)
class Nginx:
    """A running nginx: its master process and the folder with its logs."""

    process: subprocess.Popen[bytes]
    folder: Path

    def pids(self) -> list[int]:
        """The master and its workers."""
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return [master, *map(int, children)]

    def log(self, name: str = "access.log") -> str:
        return (self.folder / name).read_text()


def moved(config: str, addresses: Mapping[str, str]) -> str:
    """The configuration with other addresses, and nothing else of its text changed.

    Each key of `addresses` (`127.0.0.1:8000`, `80`) becomes its value where it stands in a `listen` line, or in the `server`
    line of an `upstream` block.

    Raises:
        KeyError: the configuration has no such line.
    """
    for old, new in addresses.items():
        line = re.compile(rf"^(\s*(?:server|listen)\s+){re.escape(old)}(?=[\s;])", re.MULTILINE)
        config, count = line.subn(lambda match, new=new: match[1] + new, config)
        if not count:
            raise KeyError(f"no server or listen line of this configuration names {old}")
    return config


@contextlib.contextmanager
def nginx(config: str, folder: Path, *, ports: Sequence[int]) -> Iterator[Nginx]:
    """A running nginx, from this configuration text, until the block ends.

    `folder` (made if need be) takes its logs, pid and temporary files; `ports` are those of its `listen` lines, which are
    waited for. Only what ties the text to a machine is changed: the user, and where files are written.

    Raises:
        AssertionError: `nginx -t` finds a fault in the text, or warns of one.
        TimeoutError: nginx does not listen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = re.sub(r"^user\s+\S+;", f"user {getpass.getuser()};" if os.getuid() == 0 else "", config, flags=re.MULTILINE)
    config = config.replace("/var/log/nginx/", f"{folder}/")
    paths = " ".join(f"{each}_temp_path {folder}/{each};" for each in _TEMPORARY)
    config = re.sub(r"^http\s*\{", f"http {{ {paths}", config, count=1, flags=re.MULTILINE)
    path = folder / "nginx.conf"
    path.write_text(config)
    where = f"pid {folder}/nginx.pid; error_log {folder}/error.log info;"
    command = ["nginx", "-c", str(path), "-p", str(folder), "-e", f"{folder}/error.log", "-g"]
    check = subprocess.run([*command, where, "-t"], check=False, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr
    assert "[warn]" not in check.stderr, check.stderr
    with subprocess.Popen([*command, f"daemon off; {where}"], stderr=subprocess.DEVNULL) as process:
        try:
            for port in ports:
                wait_until_listening(port)
            yield Nginx(process, folder)
        finally:
            process.terminate()
