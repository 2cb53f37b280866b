"""Shelves of the list of whom to ask about, each with a way to see what is on it: a real HAProxy, a folder, Envoy's file."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gatekeeper.gate.askfolder import AskFolder
from gatekeeper.gate.asklist import Shelf
from gatekeeper.gate.envoyfile import EnvoyFile
from gatekeeper.gate.haproxymap import HAProxyMap
from tests.kit.edges import haproxy, until
from tests.kit.edges.running import program
from tests.kit.ports import free_port

_HAPROXY = """
global
    stats socket {socket} mode 600 level user
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend nobody
    bind 127.0.0.1:{port}
    http-request return status 200 if {{ str(-),map({folder}/gatekeeper.map) -m found }}
"""


@dataclass(frozen=True)
class Kept:
    """A shelf, what is on it now (`-` with its revision), and how it is lost as by a start of HAProxy's, or by hand.

    `at_once`: who is added is on it then, and not only when it is marked. `many` is as much as a test may ask of it.
    """

    shelf: Shelf
    on_it: Callable[[], dict[str, str]]
    lose: Callable[[], object]
    at_once: bool = True
    many: int = 100_000


@contextlib.contextmanager
def running_haproxy(folder: Path, named: str = "gatekeeper.map") -> Iterator[Path]:
    """A HAProxy that has the list and nothing else: its runtime socket."""
    folder.mkdir(exist_ok=True)
    (folder / named).write_text("")
    at, port = folder / "runtime.sock", free_port()
    text = _HAPROXY.format(socket=at, port=port, folder=folder)
    (folder / "haproxy.cfg").write_text(text.replace("gatekeeper.map", named))
    with program(["haproxy", "-db", "-f", folder / "haproxy.cfg"], folder, port=port):
        until(at.exists)
        yield at


def in_haproxy(at: Path) -> dict[str, str]:
    """Whatever the list has: each account once, for twice would be one that comes off once only."""
    lines = haproxy.told_at(at, b"show map %s" % bytes(at.parent / "gatekeeper.map")).decode().splitlines()
    found = [line.split(" ", 2)[1:] for line in lines if line]
    assert len(found) == len({account for account, _ in found})
    return dict(found)


def in_folder(folder: Path) -> dict[str, str]:
    if not folder.exists():
        return {}
    files = (file for file in folder.iterdir() if file.name != ".gatekeeper")
    return {file.name: file.read_text().strip() or "ask" for file in files}


def in_envoy(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    content = json.loads(file.read_text())
    matcher = content["resources"][0]["typed_config"]["xds_matcher"]
    if "matcher_list" not in matcher:  # everybody is asked about
        return {}
    listed = matcher.get("on_no_match", {}).get("matcher", {}).get("matcher_tree", {}).get("exact_match_map", {}).get("map", ())
    return {"-": content["version_info"], **dict.fromkeys(listed, "ask")}


@contextlib.contextmanager
def _haproxy(folder: Path) -> Iterator[Kept]:
    with running_haproxy(folder) as at:
        forget = b"clear map %s" % bytes(folder / "gatekeeper.map")
        yield Kept(HAProxyMap(at), lambda: in_haproxy(at), lambda: haproxy.told_at(at, forget))


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[Kept]:
    def lose() -> None:
        for file in folder.iterdir():
            file.unlink()

    yield Kept(AskFolder(folder), lambda: in_folder(folder), lose, many=5_000)


@contextlib.contextmanager
def _envoy(file: Path) -> Iterator[Kept]:
    yield Kept(EnvoyFile(file), lambda: in_envoy(file), file.unlink, at_once=False)


SHELVES: Mapping[str, Callable[[Path], contextlib.AbstractContextManager[Kept]]] = {
    "haproxy": _haproxy,
    "folder": _folder,
    "envoy": _envoy,
}
