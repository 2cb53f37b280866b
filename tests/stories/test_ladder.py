"""A long ladder, as an operator writes it, through the real commands: day by day, at noon in Mexico City, for five weeks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.kit.billers import Biller, pay, standin, subscribe
from tests.kit.published import published
from tests.kit.running import Installation
from tests.kit.smtp import MailServer

POLICY = """
[calendar]
contact_hours = ["mon-fri 09:00-17:00"]
closing_hours = ["mon-thu 10:00-15:00"]

[[steps]]
kind = "courtesy"
before = "2 business days"

[[steps]]
kind = "reminder"
after = "1 business day"

[[steps]]
kind = "warning"
name = "before-restriction"
after = "7 days"

[[steps]]
kind = "restrict"
after = "2 business days"
leaves_open = ["/export"]

[[steps]]
kind = "warning"
after = "2 days"

[[steps]]
kind = "suspend"
after = "3 business days"
"""
MEXICO = ZoneInfo("America/Mexico_City")
# A Monday; the Monday after the next is a holiday there (the birth of Benito Juarez)
FIRST_DAY = datetime(2027, 3, 1, 12, 0, tzinfo=MEXICO).astimezone(UTC)


@pytest.fixture
def biller() -> Iterator[Biller]:
    with standin() as opened:
        opened.move_clock_to(FIRST_DAY)
        yield opened


@pytest.fixture
def installation(biller: Biller, post: MailServer, tmp_path: Path) -> Installation:
    (tmp_path / "policy.toml").write_text(POLICY)
    extra = {
        "policy": {"file": str(tmp_path / "policy.toml")},
        "product": {"time_zone": "America/Mexico_City", "country": "MX", "support_hours": ["mon-fri 09:00-18:00"]},
    }
    return Installation(tmp_path / "state", biller.url, post.url, biller.now, extra=extra)


def live(biller: Biller, installation: Installation, post: MailServer, days: int) -> list[tuple[str, str]]:
    """One round a day; what happened on which: a new standing, or the step of which each audience had a letter."""
    diary = []
    for _ in range(days):
        read = len(post.messages)
        looked = installation.json("tick")
        today = biller.now.astimezone(MEXICO).strftime("%a %d %b")
        diary += [(today, change["standing"]) for change in looked["changed"]]
        notices = installation.notices()
        letters = notices[: len(notices) - read]
        assert len(post.messages) == len(notices), "whatever was planned went out, once"
        for step in dict.fromkeys(step for step, _, _ in letters):
            written_to = sorted(address for which, address, _ in letters if which == step)
            assert written_to == ["accounts@acme.example", "user@acme.example"]
            diary.append((today, step))
        biller.move_clock_to(biller.now + timedelta(days=1))
        installation.move_clock_to(biller.now)
    return diary


def snapshot_of(installation: Installation) -> tuple[dict[str, str], dict[str, tuple[str, ...]]]:
    shown = published(installation.folder / "snapshot")
    return {account: standing.value for account, standing in shown.standings.items()}, dict(shown.leaves_open)


def test_a_long_ladder_is_climbed_on_working_days_and_left_with_the_payment(
    biller: Biller, installation: Installation, post: MailServer
) -> None:
    invoice = subscribe(biller, "acme", days_until_due=4)

    before_restriction = live(biller, installation, post, 1)
    foretold = str(installation.json("plan", "--days", "28"))
    before_restriction += live(biller, installation, post, 19)
    restricted = snapshot_of(installation)
    to_the_end = live(biller, installation, post, 8)

    assert before_restriction + to_the_end == [
        ("Wed 03 Mar", "courtesy"),  # due on Friday: it comes two business days before
        ("Fri 05 Mar", "past_due"),
        ("Mon 08 Mar", "reminder"),  # one business day after the due date
        ("Tue 16 Mar", "warning"),  # seven days later is the holiday
        ("Thu 18 Mar", "restricted"),
        ("Thu 18 Mar", "restrict"),
        ("Mon 22 Mar", "warning"),  # two days later is a Saturday
        ("Thu 25 Mar", "suspended"),
        ("Thu 25 Mar", "suspend"),
    ]
    assert "restricted" in foretold
    assert "suspended" in foretold
    assert restricted == ({"acme": "restricted"}, {"acme": ("/export",)})
    pay(biller, invoice)
    assert live(biller, installation, post, 1) == [("Mon 29 Mar", "current"), ("Mon 29 Mar", "restored")]
    assert snapshot_of(installation) == ({}, {})
    assert "in good standing" in installation.command("why", "acme")
