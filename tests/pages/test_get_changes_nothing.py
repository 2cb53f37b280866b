"""Mail scanners press every link: GET and HEAD change nothing, whatever the address and whoever asks (case 56)."""

import itertools
import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.routing import BaseRoute, Mount, Route

from gatekeeper.cli.opening import opened
from gatekeeper.pages import PAGE_HEADER
from gatekeeper.wiring.web import web_of
from tests.cli.test_commands import later, subscribe
from tests.kit import billers
from tests.kit import ledger as kit
from tests.kit.running import Installation
from tests.kit.smtp import MailServer
from tests.pages.serving import serving

TOKEN = "a token of the API that may do everything"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`late` was reminded, by a letter with links; the API may be asked."""
    with billers.standin() as biller, MailServer() as post:
        made = Installation(tmp_path_factory.mktemp("place"), biller.url, post.url, biller.now)
        made.extra = {"api": {"tokens": [{"name": "ops", "token": TOKEN, "scopes": ["read", "write"]}]}}
        made.write_config()
        subscribe(biller, "late")
        made.command("tick")
        made.move_clock_to(later(biller, hours=7 * 24 + 1))
        made.command("tick")
        yield made


def dump(place: Installation) -> dict[str, list[dict[str, object]]]:
    with kit.opened(f"sqlite:///{place.folder}/gatekeeper.db") as ledger:
        return ledger.dump()


def paths(routes: list[BaseRoute], prefix: str = "") -> Iterator[str]:
    for route in routes:
        if isinstance(route, Route):
            yield prefix + route.path
        elif isinstance(route, Mount):
            yield from paths(list(route.routes), prefix + route.path)


def test_get_and_head_change_nothing_at_any_address(place: Installation) -> None:
    before = dump(place)
    values = {"token": str(before["invoices"][0]["pay_token"]), "provider": "postmark"}
    with opened(place.config) as house, serving(web_of(house)) as url, httpx.Client(base_url=url, trust_env=False) as client:
        page = {PAGE_HEADER: str(house.state.page_signer().dumps("late"))}
        asked = list(paths(list(web_of(house).routes)))
        assert {"/overdue", "/pay/{token}", "/webhooks/stripe"} <= set(asked)
        for path in (re.sub(r"{(\w+)[^}]*}", lambda found: values.get(found[1], "late"), one) for one in asked):
            for method, headers in itertools.product(("GET", "HEAD"), ({}, page, {"Authorization": f"Bearer {TOKEN}"})):
                if not path.endswith("/stream"):  # it does not end
                    assert client.request(method, path, headers=headers).status_code != 500, path
    assert dump(place) == before
