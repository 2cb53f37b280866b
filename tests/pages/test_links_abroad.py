"""What a link is worth to whoever comes by it, and whose addresses our own pages and letters name (cases 57, 58)."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gatekeeper.cli.opening import opened
from gatekeeper.pages import PAGE_HEADER
from tests.kit import ledger as kit
from tests.kit.billers import Biller, later, pay, subscribe
from tests.kit.running import Installation, until
from tests.kit.smtp import MailServer

# In most fonts the name of the product, by two Cyrillic letters; and what somebody would like us to link to
HOMOGRAPH = "\u0410cme \u0421loud"
NAME = f"{HOMOGRAPH} Billing <a href=https://evil.example>"
FORGED = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example;proto=http"}


@pytest.fixture
def place(biller: Biller, post: MailServer, tmp_path: Path) -> Iterator[Installation]:
    """A running house, in which both people of `late` were reminded."""
    invoice = biller.sdk.v1.invoices.retrieve(subscribe(biller, "late"))
    biller.sdk.v1.customers.update(str(invoice.customer), {"name": NAME})
    made = Installation(tmp_path / "state", biller.url, post.url, later(biller, days=7, hours=1))
    with made.running():
        until(lambda: [state for *_, state in made.notices()] == ["accepted"] * 2, what="both are reminded")
        yield made


def without_time(page: str) -> str:
    """The page without its signed tokens, which hold the second that they were made in."""
    return re.sub(r"[\w-]+\.[\w-]{6}\.[\w-]{27}", "", page)


def pay_token(place: Installation) -> str:
    with kit.opened(f"sqlite:///{place.folder}/gatekeeper.db") as ledger:
        return str(ledger.rows("invoices")[0]["pay_token"])


def page_token(place: Installation) -> str:
    with opened(place.config) as house:
        return str(house.state.page_signer().dumps("late"))


def test_case_57_a_link_that_leaks_shows_nothing_of_anybody_and_opens_nothing_else(biller: Biller, place: Installation) -> None:
    token, page = pay_token(place), page_token(place)
    assert len(token) * 6 >= 128, "bits, in the alphabet of 64 characters"
    personal = re.compile(rf"\blate\b|{HOMOGRAPH}|@late|49[.,]00")
    with httpx.Client(base_url=place.web, trust_env=False) as stranger:
        answer = stranger.get(f"/pay/{token}")
        assert (answer.status_code, answer.headers["referrer-policy"]) == (303, "no-referrer")
        assert not personal.search(answer.text)
        assert stranger.get(f"/overdue?token={token}").status_code == 403
        assert stranger.get("/overdue", headers={PAGE_HEADER: token}).status_code == 403
        assert stranger.get(f"/pay/{page}").status_code == 404
        assert stranger.get(f"/pay/{token[:-1]}").status_code == 404
        shown = stranger.get(f"/overdue?token={page}")
        assert shown.status_code == 402
        assert personal.search(shown.text), "it would be found"
        (invoice,) = biller.sdk.v1.invoices.list().data
        pay(biller, str(invoice.id))
        settled = stranger.get(f"/pay/{token}")
        assert "Thank you" in settled.text
        assert not personal.search(settled.text)
    for secret in (token, page):
        assert secret not in place.log()


def test_case_58_nobody_but_the_settings_says_whose_name_and_links_we_show(place: Installation, post: MailServer) -> None:
    ours = (f"{place.web}/pay/", "https://app.acme.example", "mailto:support@acme.example")
    for message in post.messages:
        assert message["From"] == "Acme Billing <billing@acme.example>"
        text, html = (part.get_content() for part in message.iter_parts())
        assert HOMOGRAPH in text, "the name is there, as a name"
        links = re.findall(r'href="([^"]*)"', html)
        assert len(links) >= 3
        assert all(link.startswith(ours) for link in links)
    with httpx.Client(base_url=place.web, trust_env=False) as client:
        honest, forged = (
            client.get("/overdue", headers={PAGE_HEADER: page_token(place)} | headers) for headers in ({}, FORGED)
        )
        assert without_time(forged.text) == without_time(honest.text)
        assert {name: value for name, value in forged.headers.items() if "evil" in value} == {}
        links = re.findall(r'href="([^"]*)"', forged.text)
        assert any(link.startswith(ours[0]) for link in links)
        assert all(link.startswith((*ours, "/", "#", "tel:")) for link in links)
        moved = client.get(f"/pay/{pay_token(place)}", headers=FORGED)
        assert "evil" not in moved.headers["location"]
