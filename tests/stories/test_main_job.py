"""The main job, end to end on real parts: a Stripe over HTTP, signed webhooks, a mail server, nginx, a browser.

Twice: against our stand-in, and against stripe-world, which nobody of this project wrote.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.kit import billers
from tests.kit.billers import Biller, later, pay, subscribe
from tests.kit.nginx import moved, nginx
from tests.kit.origin import Response, origin
from tests.kit.ports import free_port
from tests.kit.running import SECRET, Installation, until
from tests.kit.smtp import MailServer

NGINX = Path(__file__).parents[2] / "config" / "edges" / "nginx.conf"


@pytest.fixture(params=[pytest.param("standin"), pytest.param("stripe_world", marks=pytest.mark.peer("stripe-world"))])
def biller(request: pytest.FixtureRequest) -> Iterator[Biller]:
    with getattr(billers, request.param)() as opened:
        yield opened


@contextmanager
def edge(installation: Installation, folder: Path) -> Iterator[str]:
    """The shipped nginx.conf before a product; the address of the customer `acme`."""
    port = free_port()
    with origin(lambda _request: Response(body=b"<h1>The work</h1>", headers={"Content-Type": "text/html"})) as product:
        moves = {
            "127.0.0.1:8000": f"127.0.0.1:{product.port}",
            "127.0.0.1:8403": f"127.0.0.1:{installation.gate_port}",
            "127.0.0.1:8402": f"127.0.0.1:{installation.web_port}",
            "80": f"127.0.0.1:{port}",
        }
        with nginx(moved(NGINX.read_text(), moves), folder, ports=[port]):
            yield f"http://acme.localhost:{port}"


def letters(post: MailServer, subject: str) -> list[str]:
    """To whom letters of this subject went."""
    return sorted(str(letter["To"]) for letter in post.messages if re.search(subject, str(letter["Subject"])))


def both(account: str) -> list[str]:
    return [f"accounts@{account}.example", f"user@{account}.example"]


def accepted(installation: Installation, step: str) -> list[str]:
    """To whom notices of this step went, and the ledger knows that they were taken: from then on time counts."""
    return sorted(address for which, address, state in installation.notices() if (which, state) == (step, "accepted"))


def addresses(sent_to: list[str]) -> list[str]:
    return sorted(re.search(r"[^<\s]+@[^>\s]+", to)[0] for to in sent_to)


def reloaded(page: Page) -> str:
    """The text of the page once it has been loaded again."""
    page.reload()
    return page.inner_text("body")


def move(biller: Biller, installation: Installation, **span: float) -> None:
    installation.move_clock_to(later(biller, **span))


@pytest.mark.peer("nginx")
@pytest.mark.peer("chromium")
def test_from_an_overdue_invoice_to_the_page_and_back(
    biller: Biller, post: MailServer, browser: Browser, tmp_path: Path
) -> None:
    installation = Installation(tmp_path / "state", biller.url, post.url, biller.now)
    with installation.running(), edge(installation, tmp_path / "nginx") as site:
        biller.deliver_to(installation.webhook, SECRET)
        invoice = subscribe(biller, "acme")
        until(lambda: "acme" in installation.standings(), what="the account is known")
        page = browser.new_context().new_page()

        move(biller, installation, days=7, hours=1)
        until(lambda: accepted(installation, "reminder") == both("acme"), what="both are reminded")
        assert addresses(letters(post, "reminder about")) == both("acme")
        assert page.goto(f"{site}/work").status == 200

        move(biller, installation, days=13)
        assert "warning is due" in installation.command("why", "acme")
        assert not letters(post, "Please read before")

        move(biller, installation, days=1)
        until(lambda: accepted(installation, "warning") == both("acme"), what="both are warned on day 14")
        assert addresses(letters(post, "Please read before")) == both("acme")
        assert page.goto(f"{site}/work").status == 200

        move(biller, installation, days=4, hours=20)
        assert "will be suspended" in installation.command("why", "acme")
        assert page.goto(f"{site}/work").status == 200

        move(biller, installation, hours=5)
        until(lambda: httpx.get(f"{installation.gate}/gate", headers={"X-Account-Id": "acme"}).status_code == 402)
        until(lambda: accepted(installation, "suspend") == both("acme"), what="both are told that access is suspended")
        answer = page.goto(f"{site}/work?q=1")
        assert answer is not None
        assert answer.status == 402
        assert page.url == f"{site}/work?q=1"
        # On a busy machine the page may come too late at first: the one that stands in for it names no amount
        until(lambda: "€49.00" in reloaded(page), what="the page names the amount")
        text = page.inner_text("body")
        assert "a•••@acme.example" in text
        assert "u•••@acme.example" in text
        pay_link = page.get_by_role("link", name=re.compile("Pay")).first.get_attribute("href")
        assert pay_link is not None
        redirect = httpx.get(pay_link)
        assert redirect.status_code == 303
        assert redirect.headers["location"].startswith("http")

        pay(biller, invoice)
        page.wait_for_url(f"{site}/work?q=1")
        until(lambda: page.locator("body").inner_text() != text, what="the page reloads itself")
        assert page.goto(f"{site}/work").status == 200
        until(lambda: accepted(installation, "restored") == both("acme"), what="both are told that access is back")
        assert addresses(letters(post, "is back")) == both("acme")
    assert len(post.messages) == 8, "reminder, warning, word of the suspension and of its end, each to both"
    assert "Traceback" not in installation.log()


def test_without_any_webhook_the_end_is_the_same(biller: Biller, post: MailServer, tmp_path: Path) -> None:
    installation = Installation(tmp_path / "state", biller.url, post.url, biller.now)
    invoice = subscribe(biller, "acme")
    for hours in (0, 7 * 24 + 1, 14 * 24 + 1, 5 * 24 + 1):
        move(biller, installation, hours=hours)
        installation.command("tick")
    assert installation.standings() == {"acme": "suspended"}
    pay(biller, invoice)
    move(biller, installation, seconds=1)
    installation.command("tick")
    assert installation.standings() == {"acme": "current"}
    assert len(post.messages) == 8, "reminder, warning, word of the suspension and of its end, each to both"


def test_with_lost_doubled_and_shuffled_events_the_end_is_the_same(biller: Biller, post: MailServer, tmp_path: Path) -> None:
    installation = Installation(tmp_path / "state", biller.url, post.url, biller.now)
    with installation.running():
        biller.deliver_to(installation.webhook, SECRET, dup=0.2, loss=0.1, shuffle=True)
        accounts = [f"account{number}" for number in range(8)]
        invoices = {account: subscribe(biller, account) for account in accounts}
        # Each time two letters to each account: the reminder, the warning, the word of the suspension
        for hours, taken in ((7 * 24 + 1, 16), (14 * 24 + 1, 32), (5 * 24 + 1, 48)):
            move(biller, installation, hours=hours)
            until(lambda taken=taken: count_accepted(installation) == taken, what=f"{taken} letters are taken")
        until(lambda: installation.standings() == dict.fromkeys(accounts, "suspended"), what="who has not paid is out")
        for account in accounts[:5]:
            pay(biller, invoices[account])
        move(biller, installation, minutes=11)
        paid, unpaid = dict.fromkeys(accounts[:5], "current"), dict.fromkeys(accounts[5:], "suspended")
        until(lambda: installation.standings() == paid | unpaid, what="who has paid is in, who has not is out")
        until(lambda: count_accepted(installation) == 8 * 6 + 5 * 2, what="each letter is taken")
    assert len(post.messages) == 8 * 6 + 5 * 2, "and none was sent twice"


def count_accepted(installation: Installation) -> int:
    return sum(state == "accepted" for _, _, state in installation.notices())
