"""The lockout page when the web part is slow, strange or gone (case 87): its reader always gets one, soon."""

import contextlib
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from gatekeeper.gate.settings import GateSettings
from tests.kit.gates import HTML, Reply, gate_in_thread, one, publish, settings_in
from tests.kit.origin import Origin, Request, Response


@pytest.mark.parametrize(
    "answer",
    [
        Response(200, {"Content-Type": "text/html"}, b"from the web part"),
        Response(402, {"Content-Type": "application/json"}, b"from the web part"),
        Response(500, {"Content-Type": "text/html"}, b"from the web part"),
        Response(302, {"Content-Type": "text/html", "Location": "/elsewhere"}, b"from the web part"),
        Response(402, {}, b"from the web part"),
    ],
)
def test_whatever_else_the_web_part_says_the_page_is_the_file(gate: GateSettings, web: Origin, answer: Response) -> None:
    gate.fallback_page_path.write_text("<h1>From the file</h1>")
    well, web.answer = web.answer, lambda _: answer
    reply = one(gate, "/gate", X_Account_Id="late", Accept=HTML)
    assert (reply.status, reply.body) == (402, b"<h1>From the file</h1>")
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    web.answer = well
    assert one(gate, "/gate", X_Account_Id="late", Accept=HTML).body == b"<h1>Pago pendiente</h1>"


def test_the_file_is_read_again_when_it_changes_and_without_it_there_is_still_a_page(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    publish(settings.snapshot_path, 7, late="suspended")
    with gate_in_thread(settings):

        def page() -> bytes:
            return one(settings, "/gate", X_Account_Id="late", Accept=HTML).body

        assert b'<html lang="en">' in page()
        assert b'<a href="mailto:support@acme.example">' in page()
        settings.fallback_page_path.write_text("one")
        assert page() == b"one"
        settings.fallback_page_path.write_text("two")
        os.utime(settings.fallback_page_path, (1, 1))
        assert page() == b"two"
        settings.fallback_page_path.unlink()
        assert b"Payment overdue" in page()


def test_a_stranger_gets_a_page_that_speaks_of_no_invoice(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    publish(settings.snapshot_path, 7, late="suspended")
    settings.fallback_page_path.write_text("an invoice")
    with gate_in_thread(settings):

        def page() -> bytes:
            return one(settings, "/gate", X_Account_Id="late", X_Viewer_Email="-", Accept=HTML).body

        assert b"nvoice" not in page()
        assert b"overdue" not in page()
        settings.closed_page_path.write_text("closed")
        assert page() == b"closed"


def test_the_page_in_the_file_may_run_its_own_script_and_nobody_may_frame_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    publish(settings.snapshot_path, 7, late="suspended")
    settings.fallback_page_path.write_text("an invoice")
    with gate_in_thread(settings):
        reply = one(settings, "/gate", X_Account_Id="late", Accept=HTML)
        assert reply.headers["content-security-policy"] == "frame-ancestors 'none'"


def test_a_slow_web_part_delays_its_own_reader_by_a_second_and_nobody_else(gate: GateSettings, web: Origin) -> None:
    release = threading.Event()

    def slow(_: Request) -> Response:
        release.wait(5)
        return Response(500)

    web.answer = slow
    begun = time.monotonic()
    waiting: list[Reply] = []
    reader = threading.Thread(target=lambda: waiting.append(one(gate, "/gate", X_Account_Id="late", Accept=HTML)))
    reader.start()
    try:
        time.sleep(0.1)
        asked = time.monotonic()
        assert one(gate, "/gate/nginx", X_Account_Id="good").status == 200
        assert time.monotonic() - asked < 0.9
        reader.join(5)
    finally:
        release.set()
        reader.join()
    assert 0.9 < time.monotonic() - begun < 4.5
    assert (waiting[0].status, b"Payment overdue" in waiting[0].body) == (402, True)


def test_a_web_part_that_drips_is_given_up_after_a_second(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = settings_in(tmp_path, page_url=f"http://127.0.0.1:{listener.getsockname()[1]}/overdue")
        publish(settings.snapshot_path, 7, late="suspended")

        def drip() -> None:
            wire, _ = listener.accept()
            with wire, contextlib.suppress(ConnectionError):
                wire.sendall(b"HTTP/1.1 402 Payment Required\r\n")
                for _ in range(15):
                    wire.sendall(b"X-Drip: x\r\n")
                    time.sleep(0.3)

        dripping = threading.Thread(target=drip)
        dripping.start()
        with gate_in_thread(settings):
            begun = time.monotonic()
            assert b"Payment overdue" in one(settings, "/gate", X_Account_Id="late", Accept=HTML).body
            assert time.monotonic() - begun < 2.5
        dripping.join()
