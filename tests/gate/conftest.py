"""A gate in a thread, with a web part that has a lockout page in Spanish."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gatekeeper.gate.settings import GateSettings
from tests.kit.gates import gate_in_thread, publish, settings_in
from tests.kit.origin import Origin, Request, Response, origin


def _page(_: Request) -> Response:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "default-src 'self'",
        "Content-Language": "es",
        "Referrer-Policy": "same-origin",
        "Set-Cookie": "not=ours",
        "X-Gatekeeper-Standing": "current",
    }
    return Response(402, headers, b"<h1>Pago pendiente</h1>")


@pytest.fixture
def web() -> Iterator[Origin]:
    with origin(_page) as server:
        yield server


@pytest.fixture
def gate(tmp_path: Path, web: Origin) -> Iterator[GateSettings]:
    settings = settings_in(tmp_path, page_url=f"{web.url}/overdue", always_allow=("/login",))
    standings = {"late": "suspended", "half": "restricted", "part": "restricted", "slow": "past_due"}
    publish(settings.snapshot_path, 7, leaves_open={"part": ("/reports", "/export")}, **standings)
    with gate_in_thread(settings):
        yield settings
