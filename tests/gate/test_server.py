"""The gate as a process: what it refuses to start with, where it listens, how it leaves (case 102)."""

import contextlib
import os
import signal
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from gatekeeper.gate.settings import GateRefused
from gatekeeper.gate.sources import CookieSource, HeaderSource, HostSource
from tests.kit.gates import ask, gate_in_thread, gate_process, get, one, publish, read_all, replies, settings_in
from tests.kit.history import History, append, change, lay
from tests.kit.origin import Response, origin


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "", "gate.internal", "127.0.0.1.example"])
def test_an_address_that_others_can_reach_is_refused_without_a_secret(tmp_path: Path, host: str) -> None:
    settings = settings_in(tmp_path, host=host)
    with pytest.raises(GateRefused, match=r"Set gate\.edge_secret"), gate_in_thread(settings):
        pass
    settings_in(tmp_path, host=host, edge_secret="s3cret").check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_the_loopback_needs_no_secret(tmp_path: Path, host: str) -> None:
    settings_in(tmp_path, host=host).check()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"identity": ()}, "gate.identity"),
        ({"viewer_header": "X Viewer"}, "gate.viewer"),
        ({"haproxy_socket": "/run/h.sock", "identity": (HostSource("{account}.app.example"),)}, "gate.haproxy_socket"),
        ({"haproxy_socket": "/run/h.sock", "identity": (HeaderSource("X-Tenant"),)}, "gate.haproxy_socket"),
        ({"haproxy_socket": "/run/h.sock", "identity": (CookieSource("x-account-id", ("s" * 32,)),)}, "gate.haproxy_socket"),
        ({"list_folder": "/run/list", "identity": (HeaderSource("X-Tenant"),)}, "gate.list_folder"),
        ({"envoy_list": "/run/list.json", "identity": (HostSource("{account}.app.example"),)}, "gate.envoy_list"),
        ({"feed_url": "https://gatekeeper.example"}, "gate.feed_token"),
        ({"identity": (HeaderSource("X_Account"),)}, "gate.identity"),
        ({"identity": (HeaderSource("X-Account\r\n"),)}, "gate.identity"),
        ({"always_allow": ("/",)}, "gate.always_allow"),
        ({"always_allow": ("/login", "/a/../b")}, "gate.always_allow"),
        ({"edge_secret": "été"}, "gate.edge_secret"),
        ({"edge_secret": " s"}, "gate.edge_secret"),
        ({"edge_secret": "a\nb"}, "gate.edge_secret"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(tmp_path: Path, changes: dict[str, object], word: str) -> None:
    with pytest.raises(GateRefused, match=word):
        settings_in(tmp_path, **changes).check()


def test_the_secret_is_not_shown(tmp_path: Path) -> None:
    assert "s3cret" not in repr(settings_in(tmp_path, edge_secret="s3cret"))


def test_a_stranger_is_told_nothing_about_any_account(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, edge_secret="s3cret")
    publish(settings.snapshot_path, 1, late="suspended")
    with gate_in_thread(settings):
        for target in ("/gate", "/gate/nginx", "/gate/nginx/page"):
            for secret in ({}, {"X_Gatekeeper_Edge": "wrong"}, {"X_Gatekeeper_Edge": "s3cret\r\nX-Gatekeeper-Edge: s3cret"}):
                for account in ("late", "good", "a,b"):
                    (reply,) = ask(settings, get(target, X_Account_Id=account, Accept="text/html", **secret))
                    assert (reply.status, reply.body) == (401, b"")
                    assert reply.headers["x-gatekeeper-account"] == reply.headers["x-gatekeeper-standing"] == ""
        assert ask(settings, get("/gate/nginx", X_Account_Id="late", X_Gatekeeper_Edge="s3cret"))[0].status == 403
        assert ask(settings, get("/gate/nginx", X_Account_Id="good", X_Gatekeeper_Edge="s3cret"))[0].status == 200
        assert [ask(settings, get(target))[0].status for target in ("/livez", "/readyz")] == [200, 200]


def test_the_unix_socket_is_for_its_owner_and_group_and_goes_with_the_gate(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    settings = settings_in(tmp_path, socket=str(path))
    mask = os.umask(0)
    try:
        with gate_in_thread(settings):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            with socket.socket(socket.AF_UNIX) as wire:
                wire.settimeout(10)
                wire.connect(str(path))
                wire.sendall(get("/gate/nginx", X_Account_Id="-"))
                wire.shutdown(socket.SHUT_WR)
                assert [reply.status for reply in replies(read_all(wire))] == [200]
        assert not path.exists()
    finally:
        os.umask(mask)


def test_a_unix_socket_that_a_killed_gate_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "gate.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with gate_in_thread(settings_in(tmp_path, socket=str(path))):
        pass


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_gate_that_is_told_to_go_finishes_its_answers_and_exits_with_0(tmp_path: Path, told: signal.Signals) -> None:
    asked, release = threading.Event(), threading.Event()

    def slow(_: object) -> Response:
        asked.set()
        release.wait(5)
        return Response(402, {"Content-Type": "text/html"}, b"the page")

    with origin(slow) as web:
        settings = settings_in(tmp_path, page_url=web.url)
        publish(settings.snapshot_path, 1, late="suspended")
        with (
            gate_process(settings) as process,
            socket.create_connection(("127.0.0.1", settings.port), timeout=10) as idle,
            socket.create_connection(("127.0.0.1", settings.port), timeout=10) as wire,
        ):
            idle.sendall(get("/gate/nginx", X_Account_Id="-"))
            assert idle.recv(65536).startswith(b"HTTP/1.1 200")
            wire.sendall(get("/gate", X_Account_Id="late", Accept="text/html"))
            assert asked.wait(5)
            process.send_signal(told)
            assert idle.recv(1) == b""
            release.set()
            assert [(reply.status, reply.body) for reply in replies(read_all(wire))] == [(402, b"the page")]
            idle.close()
            wire.close()
            assert process.wait(5) == 0


def test_a_gate_that_is_told_to_go_waits_for_no_idle_edge(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with gate_process(settings) as process, socket.create_connection(("127.0.0.1", settings.port)) as idle:
        idle.sendall(get("/gate/nginx", X_Account_Id="-"))
        assert idle.recv(65536)
        begun = time.monotonic()
        process.terminate()
        assert process.wait(10) == 0
        assert time.monotonic() - begun < 5


def test_sixteen_gates_show_a_restoration_from_its_line_of_changes_on_and_none_goes_back(tmp_path: Path) -> None:
    history = History([change("late", "suspended"), change("other", "suspended")], [change("late", "current")], [])
    path = tmp_path / "snapshot"
    lay(path, history, 1)
    gates = [settings_in(tmp_path) for _ in range(16)]
    with contextlib.ExitStack() as running:
        for settings in gates:
            running.enter_context(gate_in_thread(settings))
            assert one(settings, "/gate/nginx", X_Account_Id="late").status == 403
        append(path, history.delta(1, 2))
        for settings in gates:
            while (reply := one(settings, "/gate/nginx", X_Account_Id="late")).headers["x-gatekeeper-revision"] != "2":
                pass
            assert reply.status == 200
        for step in (lambda: lay(path, history, 1), lambda: lay(path, history, 2), lambda: append(path, history.delta(2, 3))):
            step()
            for settings in gates:
                for account, status in (("late", 200), ("other", 403)):
                    assert one(settings, "/gate/nginx", X_Account_Id=account).status == status
