"""`gatekeeper hooks`: what the product was told and was not, and how a person has it told again."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatekeeper.model import Answered, HookOutcome
from tests.kit.builders import invoice
from tests.kit.ledger import opened, past_due, suspended
from tests.kit.ports import free_port
from tests.kit.product import product
from tests.kit.running import Installation

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SECRET = "whsec_" + "bmV3" * 8


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    hooks = {"url": f"http://127.0.0.1:{free_port()}/hooks", "secrets": [SECRET]}
    return Installation(tmp_path / "state", "http://127.0.0.1:9", f"file:{tmp_path / 'mail'}", NOW, extra={"hooks": hooks})


def test_what_was_told_is_listed_and_told_again(installation: Installation) -> None:
    with opened(f"sqlite:///{installation.folder}/gatekeeper.db", announced=True) as ledger:
        ledger.read(invoice())
        for verdict in (past_due(), suspended()):
            ledger.judge(verdict, NOW)
        for answered, detail in ((Answered.TAKEN, "answered 204"), (Answered.GONE, "answered 410")):
            (hook,) = ledger.writer.hooks.claim(NOW, "address", 1)
            ledger.writer.hooks.settle(hook, HookOutcome(answered=answered, detail=detail), NOW, "address")
    assert installation.command("hooks", "list").splitlines() == [
        "The product has answered 410: it is told nothing more, until `gatekeeper hooks resend`.",
        "",
        "ID  ACCOUNT  CHANGED           FROM      TO         STATE    ATTEMPTS  DETAIL",
        "2   acme     2026-11-22 10:00  past_due  suspended  waiting  1         answered 410",
        "1   acme     2026-11-22 10:00  current   past_due   taken    1         answered 204",
    ]
    assert installation.json("hooks", "list", "--account", "beta") == []
    assert "the last is 2" in installation.command("hooks", "resend", "1", code=1).lower()
    assert "there is no hook 7" in installation.command("hooks", "resend", "7", code=1)
    assert installation.command("hooks", "resend", "2") == "acme: the word that it is suspended goes out again.\n"
    assert "410:" not in installation.command("hooks", "list")


def test_the_doctor_says_whether_the_product_takes_its_hooks(installation: Installation) -> None:
    with product() as told:
        installation.extra["hooks"]["url"] = told.url
        installation.write_config()
        for answer, sign in ((204, "found"), (401, "missing")):
            told.answers("", answer)
            said = installation.command("doctor", "--dns", f"127.0.0.1:{free_port()}", code=0 if answer == 204 else 1)
            assert said.splitlines()[-1].split(maxsplit=2) == [
                "hooks.url",
                sign,
                f"a signed test of the product: answered {answer}",
            ]
        assert told.attempts[0].verified(SECRET)["type"] == "gatekeeper.test"
