"""The product hears of every change of standing from a gatekeeper that runs, and is killed: nothing is lost or out of order."""

from pathlib import Path

from tests.kit.billers import StandinBiller, later, pay, subscribe
from tests.kit.processes import kill, started
from tests.kit.product import Product
from tests.kit.running import SECRET, Installation, until
from tests.kit.smtp import MailServer

HOOK_SECRET = "whsec_" + "bmV3" * 8
CLIMBED = [("current", "past_due"), ("past_due", "suspended")]


def installed(folder: Path, biller: StandinBiller, post: MailServer, told: Product, database_url: str = "") -> Installation:
    hooks = {"url": told.url, "secrets": [HOOK_SECRET]}
    made = Installation(folder, biller.url, post.url, biller.now, database_url=database_url, extra={"hooks": hooks})
    biller.deliver_to(made.webhook, SECRET)
    return made


def test_killed_while_the_product_does_not_answer_it_says_the_same_again_and_then_that_access_is_back(
    biller: StandinBiller, post: MailServer, told: Product, tmp_path: Path, database_url: str
) -> None:
    installation = installed(tmp_path / "state", biller, post, told, database_url)
    invoice = subscribe(biller, "acme")
    for hours in (0, 7 * 24 + 1, 14 * 24 + 1):
        installation.move_clock_to(later(biller, hours=hours))
        installation.command("tick")
    assert told.heard("acme") == CLIMBED[:1]
    told.answers("acme", "hang")
    installation.move_clock_to(later(biller, days=5, hours=1))
    with started(installation, "run", ports=(installation.web_port,)) as process:
        until(lambda: told.asked("acme") == 2, what="the product is being told of the suspension")
        kill(process.pid)
    told.answers("acme", 204)
    installation.move_clock_to(later(biller, minutes=1))
    with started(installation, "run", ports=(installation.web_port, installation.gate_port)) as process:
        until(lambda: told.heard("acme") == CLIMBED)
        interrupted, repeated = told.attempts[1:]
        assert interrupted.headers["webhook-id"] == repeated.headers["webhook-id"]
        assert interrupted.body == repeated.body
        pay(biller, invoice)
        until(lambda: told.heard("acme") == [*CLIMBED, ("suspended", "current")])
        until(lambda: {hook["state"] for hook in installation.json("hooks", "list")} == {"taken"})
    for one in told.attempts:
        assert one.verified(HOOK_SECRET)["data"]["reasons"]
    first = installation.json("hooks", "list")[-1]["id"]
    assert "gatekeeper hooks resend" in installation.command("hooks", "resend", str(first), code=1)
    assert HOOK_SECRET not in installation.log()
    assert told.url not in installation.log()


def test_in_a_dry_run_no_word_leaves_the_house(biller: StandinBiller, post: MailServer, told: Product, tmp_path: Path) -> None:
    """Case 129."""
    installation = installed(tmp_path / "state", biller, post, told)
    installation.extra["safety"] = {"mode": "dry_run"}
    installation.write_config()
    subscribe(biller, "acme")
    for hours in (0, 7 * 24 + 1, 14 * 24 + 1, 5 * 24 + 1):
        installation.move_clock_to(later(biller, hours=hours))
        installation.command("tick")
    assert told.attempts == []
    assert installation.json("hooks", "list") == []
