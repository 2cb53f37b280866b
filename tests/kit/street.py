"""A visitor, nginx as we ship it, the gate, a product and a web part, all real but the last two."""

import base64
import contextlib
import hashlib
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from gatekeeper.gate.settings import GateSettings
from tests.kit.gates import gate_process, publish, read_all, settings_in
from tests.kit.nginx import Nginx, moved, nginx
from tests.kit.origin import Origin, Request, Response, origin
from tests.kit.ports import free_port

SHIPPED = (Path(__file__).resolve().parents[2] / "config/edges/nginx.conf").read_text()
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "de", "Sec-Fetch-Mode": "navigate"}
PAGE = b"<h1>The lockout page</h1>"


def _product(request: Request) -> Response:
    path = request.target.partition("?")[0]
    if path == "/own-403":
        return Response(403, {"Content-Type": "text/plain"}, b"the product says no")
    if path == "/own-500":
        return Response(500, {"X-Gatekeeper-Decision": "forged"}, b"the product has a fault")
    if path == "/session/account":
        signed_in = [cookie.removeprefix("session=") for cookie in request.header("Cookie")]
        return Response(204, {"X-Account-Id": signed_in[0]} if signed_in else {})
    if path == "/file" and request.header("Range") == ["bytes=2-3"]:
        return Response(206, {"Content-Range": "bytes 2-3/11"}, b"cd")
    if request.header("Upgrade"):
        # RFC 6455, section 1.3; HAProxy sees to it
        key = "".join(request.header("Sec-WebSocket-Key")) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        return Response(101, {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept})
    return Response(200, {"Content-Type": "text/plain"}, b"the product")


def _web(request: Request) -> Response:
    if request.target == "/overdue" and request.header("X-Gatekeeper-Page"):
        return Response(402, {"Content-Type": "text/html", "Content-Language": "de"}, PAGE)
    return Response(200, {"Content-Type": "text/plain"}, b"the web part")


@dataclass(frozen=True)
class Street:
    """Everything from the visitor to the product."""

    port: int
    product: Origin
    web: Origin
    gate: subprocess.Popen[bytes]
    settings: GateSettings
    front: Nginx

    def visit(
        self, account: str, path: str = "/", *, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> httpx.Response:
        """One request for `path`, at the sub-domain of the account."""
        url = f"http://127.0.0.1:{self.port}{path}"
        given = {"Host": f"{account}.app.example"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(method, url, headers=given, content=body, timeout=10, trust_env=False)

    def raw(self, sent: bytes) -> bytes:
        """The whole answer to these bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as wire:
            wire.sendall(sent)
            return read_all(wire)


@dataclass(frozen=True)
class Neighbours:
    """What stands behind an edge."""

    product: Origin
    web: Origin
    gate: subprocess.Popen[bytes]
    settings: GateSettings


@contextlib.contextmanager
def neighbours(folder: Path, **changes: object) -> Iterator[Neighbours]:
    """A product, a web part, and a gate, which `changes` are to the settings of.

    The accounts: `late` is suspended, `half` and `part` are restricted (`part` to `/reports`), `slow` is past due.
    """
    with origin(_product) as product, origin(_web) as web:
        settings = settings_in(folder, **({"page_url": f"{web.url}/overdue", "always_allow": ("/login",)} | changes))
        settings.fallback_page_path.write_bytes(b"<h1>The page in the file</h1>")
        settings.closed_page_path.write_bytes(b"<h1>The page for strangers</h1>")
        standings = {"late": "suspended", "half": "restricted", "part": "restricted", "slow": "past_due"}
        publish(settings.snapshot_path, 5, leaves_open={"part": ("/reports",)}, **standings)
        with gate_process(settings) as gate:
            yield Neighbours(product, web, gate, settings)


@contextlib.contextmanager
def built_street(folder: Path, config: str = SHIPPED, **changes: object) -> Iterator[Street]:
    """A street with the accounts of `neighbours`. `changes` are to the gate's settings."""
    port = free_port()
    with neighbours(folder, **changes) as behind:
        places = {
            "80": f"127.0.0.1:{port}",
            "127.0.0.1:8000": f"127.0.0.1:{behind.product.port}",
            "127.0.0.1:8402": f"127.0.0.1:{behind.web.port}",
            "127.0.0.1:8403": f"127.0.0.1:{behind.settings.port}",
        }
        config = config.replace("/run/nginx-gated.sock", str(folder / "gated.sock"))
        with nginx(moved(config, places), folder / "nginx", ports=[port]) as front:
            behind.product.requests.clear()
            yield Street(port, behind.product, behind.web, behind.gate, behind.settings, front)
