"""A cache in front of an edge, as a content delivery network is one: nobody stays outside because of it (case 94)."""

from pathlib import Path

import httpx
import pytest

from tests.kit.edges import Edge, caddy, each, envoy, haproxy, nginx, scene, traefik, until, warm
from tests.kit.gates import publish
from tests.kit.nginx import nginx as running_nginx
from tests.kit.origin import Request, Response
from tests.kit.ports import free_port
from tests.kit.street import BROWSER

_CACHE = """
user www-data;
events {{ }}
http {{
    access_log off;
    proxy_cache_path {folder}/cache keys_zone=all:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{front};
            proxy_http_version 1.1;
            proxy_cache all;
            proxy_cache_key $request_uri;
            proxy_cache_valid any 1h;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
"""
_EDGES = each(caddy.EDGE, envoy.EDGE, haproxy.EDGE, haproxy.LISTING, nginx.EDGE, traefik.EDGE)


def _product(_: Request) -> Response:
    return Response(200, {"Cache-Control": "public, max-age=3600"}, b"the product")


@pytest.mark.peer("nginx")
@pytest.mark.parametrize("edge", _EDGES)
def test_a_restored_account_sees_the_product_through_a_cache(tmp_path: Path, edge: Edge) -> None:
    port = free_port()
    with scene(edge, tmp_path) as at:
        warm(at).product.answer = _product
        config = _CACHE.format(folder=tmp_path, port=port, front=at.port)
        with running_nginx(config, tmp_path / "cache-in-front", ports=[port]):

            def look(account: str, **headers: str) -> httpx.Response:
                url = f"http://127.0.0.1:{port}/own"
                return httpx.get(url, headers={"X-Account-Id": account, **headers}, trust_env=False, verify=False)

            for headers in (BROWSER, {}):
                assert look("late", **headers).status_code == look("late", **headers).status_code == 402
            publish(at.settings.snapshot_path, 6)
            until(lambda: look("late", **BROWSER).status_code == 200)
            assert look("late").text == "the product"
            # The cache does keep what it may, a moment after it has answered: else this would show nothing
            until(lambda: look("late").headers["x-cache"] == "HIT")
