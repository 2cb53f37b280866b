"""Case 94: a cache in front of the edge, as a content delivery network is one, keeps nobody out who has paid."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.kit.gates import one, publish
from tests.kit.nginx import nginx
from tests.kit.origin import Request, Response
from tests.kit.ports import free_port
from tests.kit.running import until
from tests.kit.street import BROWSER, Street, built_street

pytestmark = pytest.mark.peer("nginx")

# One entry for each host and address; what the headers say of storing goes before what is said here
_CACHE = """
user www-data;
events {{ }}
http {{
    access_log off;
    proxy_cache_path {folder}/kept keys_zone=kept:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{front};
            proxy_set_header Host $host;
            proxy_cache kept;
            proxy_cache_key $host$request_uri;
            proxy_cache_valid 200 402 1h;
            {more}
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
"""
PROGRAM = {"Accept": "application/json"}
READERS = pytest.mark.parametrize("reader", [BROWSER, PROGRAM], ids=["browser", "program"])


def _cacheable(_: Request) -> Response:
    return Response(200, {"Cache-Control": "public, max-age=3600", "Content-Type": "text/plain"}, b"the product")


@dataclass(frozen=True)
class Cached:
    """A street, and a cache between it and its visitors."""

    street: Street
    port: int
    folder: Path

    def visit(self, path: str, headers: dict[str, str], account: str = "late") -> httpx.Response:
        url = f"http://127.0.0.1:{self.port}{path}"
        return httpx.get(url, headers={"Host": f"{account}.app.example", **headers}, trust_env=False, timeout=10)

    def kept(self) -> list[bytes]:
        """What the cache has stored."""
        return [file.read_bytes() for file in (self.folder / "kept").rglob("*") if file.is_file()]

    def when_kept(self, count: int) -> list[bytes]:
        """It stores a page a moment after it has shown it."""
        until(lambda: len(self.kept()) == count)
        return self.kept()

    def set_standings(self, revision: int, **standings: str) -> None:
        """Publish, and wait for the gate: not for any visitor."""
        publish(self.street.settings.snapshot_path, revision, **standings)
        until(lambda: one(self.street.settings, "/livez").headers["x-gatekeeper-revision"] == str(revision))


Cache = Callable[..., AbstractContextManager[Cached]]


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Builds a cache in front of a product whose pages may all be stored; `more` are further lines of its location."""

    @contextmanager
    def build(more: str = "") -> Iterator[Cached]:
        port = free_port()
        with built_street(tmp_path) as street:
            street.product.answer = _cacheable
            config = _CACHE.format(folder=tmp_path, port=port, front=street.port, more=more)
            with nginx(config, tmp_path / "cache", ports=[port]):
                yield Cached(street, port, tmp_path)

    return build


@READERS
def test_who_has_paid_sees_the_product_with_the_next_request(cache: Cache, reader: dict[str, str]) -> None:
    with cache() as cached:
        for _ in range(2):
            refused = cached.visit("/projects", reader)
            assert (refused.status_code, refused.headers["x-cache"]) == (402, "MISS")
            assert refused.headers["cache-control"] == "no-store"
            assert {"Accept", "Accept-Language", "Sec-Fetch-Mode"} <= set(refused.headers["vary"].split(", "))
        assert cached.kept() == []

        cached.set_standings(6)
        for status in ("MISS", "HIT"):
            open_again = cached.visit("/projects", reader)
            assert (open_again.status_code, open_again.text, open_again.headers["x-cache"]) == (200, "the product", status)
            cached.when_kept(1)
            assert open_again.headers["cache-control"] == "public, max-age=3600"


@READERS
def test_a_page_that_is_overdue_never_takes_the_place_of_the_product(cache: Cache, reader: dict[str, str]) -> None:
    """In the order of a customer's life: in, out, and in again, at addresses that were stored and at others."""
    with cache() as cached:
        cached.set_standings(6)
        assert cached.visit("/known", reader).text == "the product"
        cached.when_kept(1)
        cached.set_standings(7, late="suspended")
        # The product said that whoever asks may be shown this for an hour: a cache that does so has not asked the edge
        assert (cached.visit("/known", reader).text, cached.visit("/new", reader).status_code) == ("the product", 402)
        assert cached.visit("/new", reader, account="good").text == "the product"
        assert cached.visit("/new", reader).status_code == 402
        cached.set_standings(8)
        for path in ("/known", "/new"):
            assert cached.visit(path, reader).text == "the product"
        for stored in cached.when_kept(3):
            assert stored.endswith(b"\r\n\r\nthe product")


def test_nothing_but_our_own_word_keeps_the_page_out_of_the_cache(cache: Cache) -> None:
    """Else the tests above would show nothing: a cache that does not hear `no-store` goes on showing the page."""
    with cache("proxy_ignore_headers Cache-Control Vary;") as cached:
        assert cached.visit("/projects", PROGRAM).status_code == 402
        cached.when_kept(1)
        cached.set_standings(6)
        kept = cached.visit("/projects", PROGRAM)
        assert (kept.status_code, kept.headers["x-cache"]) == (402, "HIT")
