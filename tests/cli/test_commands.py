"""The commands as an operator runs them: what they say, what they change, and how they end."""

import csv
import getpass
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from gatekeeper.cli import cli
from gatekeeper.ledger.engine import open_engine
from gatekeeper.model import Standing
from tests.kit import billers
from tests.kit.billers import Biller, later, pay, subscribe
from tests.kit.published import published
from tests.kit.running import Installation
from tests.kit.smtp import MailServer

COMMANDS = (
    *("run", "worker", "gate", "web", "demo", "migrate", "check-config", "tick", "arm", "disarm", "halt", "resume"),
    *("doctor", "why", "accounts", "exempt", "promise", "restore", "notices"),
)


@dataclass
class Town:
    """`suspended1` … are suspended since the last day, `reminded1` … were reminded on it, `fresh` owes nothing yet."""

    biller: Biller
    post: MailServer
    installation: Installation

    def move(self, **span: float) -> None:
        self.installation.move_clock_to(later(self.biller, **span))

    def published(self, account: str) -> Standing:
        snapshot = published(self.installation.folder / "snapshot")
        return snapshot.standings.get(account, Standing.CURRENT)

    def audit(self, account: str, kind: str) -> list[str]:
        """Who did such a thing to the account."""
        engine = open_engine(f"sqlite:///{self.installation.folder}/gatekeeper.db")
        with engine.connect() as connection:
            asked = f"SELECT actor FROM audit WHERE account_id = '{account}' AND kind = '{kind}'"
            found = [str(row[0]) for row in connection.exec_driver_sql(asked)]
        engine.dispose()
        return found


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with billers.standin() as biller, MailServer() as post:
        installation = Installation(tmp_path_factory.mktemp("town") / "state", biller.url, post.url, biller.now)
        made = Town(biller, post, installation)
        for number in range(1, 7):
            subscribe(biller, f"suspended{number}")
        installation.command("tick")
        for hours in (7 * 24 + 1, 14 * 24 + 1):
            made.move(hours=hours)
            installation.command("tick")
        for number in range(1, 5):
            subscribe(biller, f"reminded{number}", days_until_due=5)
        made.move(hours=5 * 24 + 1)
        subscribe(biller, "fresh")
        installation.command("tick")
        yield made


# How commands begin and end


def test_help_names_every_command_and_loads_none_of_the_house() -> None:
    heavy = ["sqlalchemy", "alembic", "stripe", "pydantic", "starlette", "uvicorn", "babel", "jinja2", "httpx", "structlog"]
    program = f"""
import sys
sys.argv = ["gatekeeper", "--help"]
from gatekeeper.__main__ import main
try:
    main()
finally:
    print("loaded:", [name for name in {heavy} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"
    assert set(COMMANDS) <= set(re.findall(r"^  ([a-z-]+)", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    said = CliRunner().invoke(cli, [command, "--help"])
    assert said.exit_code == 0
    assert said.output.splitlines()[2].strip()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["why", "nobody"], 1, "no account 'nobody' in the ledger; `gatekeeper accounts list` shows those that it holds"),
        (["accounts", "show", "nobody"], 1, "no account 'nobody'"),
        (["restore", "nobody", "--reason", "x"], 1, "no account 'nobody'"),
        (["exempt", "nobody", "--end"], 1, "no account 'nobody'"),
        (["notices", "resend", "99999"], 1, "There is no notice 99999"),
        (["nonsense"], 2, "No such command"),
        (["why"], 2, "Missing argument"),
        (["restore"], 2, "Name one account, or a batch by --since."),
        (["restore", "fresh"], 2, "Say why with --reason."),
        (["restore", "fresh", "--dry-run"], 2, "--dry-run goes with --since."),
        (["restore", "--since", "yesterday"], 2, "'yesterday' is no instant; write it as 2026-11-22T10:00:00Z"),
        (["exempt", "fresh"], 2, "Give --until and --reason, or --end."),
        (["exempt", "fresh", "--until", "2030-01-01", "--reason", " "], 2, "Give --until and --reason, or --end."),
        (["exempt", "fresh", "--until", "2020-01-01", "--reason", "x"], 1, "an exemption may reach from"),
        (["exempt", "fresh", "--until", "2199-01-01", "--reason", "x"], 1, "an exemption may reach from"),
        (["promise", "fresh", "--on", "2020-01-01", "--by", "Ann"], 1, "a promise may reach from"),
        (["promise", "fresh", "--on", "2199-01-01", "--by", "Ann"], 1, "a promise may reach from"),
        (["promise", "fresh", "--on", "2199-01-01", "--by", "Ann", "--amount", "1"], 2, "Give --amount and --currency"),
        *(
            (["promise", "x", "--on", "2199-01-01", "--by", "Ann", "--amount", amount, "--currency", code], 2, "not an amount")
            for amount, code in (("x", "EUR"), ("inf", "EUR"), ("0.00", "EUR"), ("1.001", "EUR"), ("1", "E"), ("1.5", "JPY"))
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_with_its_exit_code(town: Town, arguments: list[str], code: int, says: str) -> None:
    said = town.installation.command(*arguments, code=code)
    assert says in said
    assert "Traceback" not in said


def test_a_database_that_does_not_answer_can_be_tried_again_and_nothing_of_it_is_shown(tmp_path: Path) -> None:
    made = Installation(tmp_path, "http://127.0.0.1:9", "file:mail", datetime.now(UTC))
    made.database_url = "postgresql+psycopg://nobody:a-password@127.0.0.1:1/nothing"
    made.write_config()
    for command in (["accounts", "list"], ["tick"], ["worker"], ["migrate"]):
        said = made.command(*command, code=75)
        assert said.splitlines()[-1].startswith("gatekeeper: the ledger's database does not answer: ")
        assert "a-password" not in said
        assert "Traceback" not in said


def test_a_round_without_the_billing_system_can_be_tried_again(town: Town, tmp_path: Path) -> None:
    made = Installation(tmp_path, "http://127.0.0.1:9", "file:mail", town.biller.now)
    said = made.command("tick", code=75)
    assert said.startswith("gatekeeper: Stripe cannot be reached")
    assert len(said.splitlines()) == 1


def test_a_ledger_without_a_schema_says_what_to_run(tmp_path: Path, town: Town) -> None:
    made = Installation(tmp_path, town.biller.url, "file:mail", town.biller.now)
    assert "run `gatekeeper migrate`" in made.command("accounts", "list", code=1)
    made.command("migrate")
    made.command("migrate")
    assert made.json("accounts", "list") == []


def test_check_config_names_the_faults_of_settings_policy_and_gate_at_once(tmp_path: Path, town: Town) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('audiences = ["director"]\n[[steps]]\nkind = "suspend"\nafter = "0 days"\n')
    made = Installation(tmp_path, town.biller.url, "file:mail", town.biller.now)
    made.extra = {
        "product": {"time_zone": "Mars/Olympus"},
        "stripe": {"reconcile_every_seconds": "often"},
        "safety": {"mode": "carefully"},
        "policy": {"file": str(policy)},
        "gate": {"listen": "0.0.0.0:8403"},
    }
    made.write_config()
    said = made.command("check-config", code=78)
    for key in ("product.time_zone", "stripe.reconcile_every_seconds", "safety.mode", "gate.edge_secret"):
        assert f"{made.config}: {key}: " in said
    assert f"{policy}: policy.file: line 1: audiences" in said
    assert f"{policy}: policy.file: line 4: steps" in said
    assert made.command("run", code=78) == said


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (None, "cannot be read: No such file"),
        (b"steps = [", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"a = 1", "not a key"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_a_bad_configuration(
    tmp_path: Path, town: Town, policy: bytes | None, says: str
) -> None:
    if policy is not None:
        (tmp_path / "policy.toml").write_bytes(policy)
    made = Installation(tmp_path, town.biller.url, "file:mail", town.biller.now)
    made.extra = {"policy": {"file": str(tmp_path / "policy.toml")}}
    made.write_config()
    said = made.command("check-config", code=78)
    assert f"{tmp_path / 'policy.toml'}: policy.file: " in said
    assert says in said


def test_a_template_that_cannot_be_compiled_is_a_bad_configuration(tmp_path: Path, town: Town) -> None:
    template = tmp_path / "own" / "mail" / "reminder" / "body.txt.j2"
    template.parent.mkdir(parents=True)
    template.write_text("Dear {{ customer")
    made = Installation(tmp_path, town.biller.url, "file:mail", town.biller.now)
    made.extra = {"pages": {"templates": str(tmp_path / "own")}}
    made.write_config()
    assert "pages.templates: mail/reminder/body.txt.j2, line 1: " in made.command("check-config", code=78)


def test_a_simulated_clock_without_an_instant_is_a_bad_configuration(tmp_path: Path, town: Town) -> None:
    made = Installation(tmp_path, town.biller.url, "file:mail", town.biller.now)
    made.clock.write_text("noon")
    assert "must hold one instant, as in 2026-11-22T10:00:00Z" in made.command("tick", code=78)


# Questions


def test_lists_are_json_of_stable_keys(town: Town) -> None:
    rows = town.installation.json("accounts", "list")
    assert {row["standing"] for row in rows} == {"suspended", "past_due", "current"}
    summary = {"account", "name", "standing", "standing_since_at", "reasons", "review_at"}
    assert all(row.keys() == summary for row in rows)
    shown = town.installation.json("accounts", "show", "suspended6")
    assert shown.keys() == summary | {"contacts", "invoices", "notices", "unreachable", "complaints"}
    assert [one.keys() for one in shown["invoices"]] == [{"id", "number", "remaining_minor", "currency", "due_at"}]
    assert [one["step"] for one in shown["notices"]] == [step for step in ("suspend", "warning", "reminder") for _ in range(2)]
    assert town.installation.json("why", "fresh").keys() == (summary - {"review_at"}) | {
        "answer", "codes", "next_standing", "next_look_at", "remedies", "policy", "segment",
    }  # fmt: skip
    (first, *_) = town.installation.json("notices", "list", "--account", "suspended6")
    assert {"id", "account_id", "step", "address", "state", "suspend_on", "detail"} <= first.keys()


def test_why_answers_as_a_colleague_would(town: Town) -> None:
    why = town.installation.command
    fresh = why("why", "fresh")
    assert fresh.startswith("Fresh (fresh) is in good standing.\n\nNothing is overdue.\n\nThe next look is on ")
    reminded = why("why", "reminded4")
    assert reminded.startswith("Reminded4 (reminded4) is past due; access is open.\n\n€49.00 is overdue since ")
    assert "A reminder went to the accountant and user on " in reminded
    assert "The warning is due on " in reminded
    assert "Payment of everything that is overdue ends this case." in reminded
    suspended = why("why", "suspended6")
    assert suspended.startswith("Suspended6 (suspended6) is suspended since ")
    assert " ".join(suspended.split()).count(": access ends on ") == 1
    assert "the invoice is still unpaid: access is suspended." in suspended
    assert "Payment of everything that is overdue opens access at once." in suspended
    assert why("why", "suspended6", "--language", "account") == suspended, "its own language is the product's"
    assert "suspended6" in why("accounts", "list")


def test_an_address_that_refuses_is_shown_at_once(town: Town) -> None:
    town.post.fault("rcpt", "550 5.1.1 no such user", to="user@refusing.example")
    subscribe(town.biller, "refusing", days_until_due=0)
    town.move(hours=1)
    town.installation.command("tick")
    shown = town.installation.command("accounts", "show", "refusing")
    assert "! The user cannot be reached: no address, or every message was refused. A person has to call.\n" in shown
    assert "550 5.1.1 no such user" in shown
    assert town.installation.json("accounts", "show", "refusing")["unreachable"] == ["user"]
    assert "The user cannot be reached" in town.installation.command("why", "refusing")


def test_the_call_list_begins_with_whom_no_letter_reaches(town: Town) -> None:
    subscribe(town.biller, "=lost", days_until_due=0)  # no domain begins like this
    town.move(hours=1)
    town.installation.command("tick")
    lines = town.installation.json("worklist")
    assert lines[0].keys() == {"account", "name", "owed", "overdue_since", "days_overdue", "colour", "missing", "why"}
    (lost,) = [line for line in lines if line["account"] == "=lost"]
    assert {"audience": "user", "addresses": ["user@=lost.example"]} in lost["missing"]
    assert "no letter reaches the user: user@=lost.example failed" in lost["why"]
    reached = [not line["missing"] for line in lines]
    assert reached == sorted(reached)
    ages = [line["days_overdue"] for line in lines if not line["missing"]]
    assert len(ages) > 3
    assert ages == sorted(ages, reverse=True)
    header, *cells = csv.reader(town.installation.command("worklist", "--csv", "-").splitlines())
    assert header[:3] == ["account", "name", "owed"]
    assert "'=lost" in [row[0] for row in cells], "a spreadsheet shows it and does not calculate it (case 117)"
    assert "no letter reaches the user" in town.installation.command("worklist")


# What staff does, without a worker


def test_an_exemption_opens_access_and_its_end_asks_for_a_new_warning(town: Town) -> None:
    until_on = (town.biller.now + timedelta(days=30)).date()
    said = town.installation.command("exempt", "suspended1", "--until", str(until_on), "--reason", "our oldest customer")
    assert said == f"suspended1 is exempt until {until_on}.\n"
    assert town.published("suspended1") is Standing.PAST_DUE
    assert "our oldest customer" in town.installation.command("why", "suspended1")
    assert town.audit("suspended1", "exemption") == [getpass.getuser()]
    said = town.installation.command("exempt", "suspended1", "--end")
    assert said == "suspended1 is no longer exempt; a fresh warning goes out before anything is closed.\n"
    assert town.installation.command("exempt", "suspended1", "--end") == "suspended1 is not exempt.\n"
    assert town.published("suspended1") is Standing.PAST_DUE
    assert "The warning to the accountant and user is on its way" in town.installation.command("why", "suspended1")


def test_a_promise_opens_access_until_its_day(town: Town) -> None:
    due_on = (town.biller.now + timedelta(days=7)).date()
    amount = ("--amount", "49.00", "--currency", "EUR")
    said = town.installation.command("promise", "suspended2", "--on", str(due_on), "--by", "Ann of Suspended2", *amount)
    assert said == f"suspended2: Ann of Suspended2 promised to pay by {due_on}.\n"
    assert town.published("suspended2") is Standing.PAST_DUE
    assert "Ann of Suspended2 promised to pay by " in town.installation.command("why", "suspended2")
    assert town.audit("suspended2", "promise") == [getpass.getuser()]


def test_restore_opens_one_account_at_once(town: Town) -> None:
    said = town.installation.command("restore", "suspended3", "--reason", "spoke to them")
    assert said == "suspended3\n1 opened.\n"
    assert town.published("suspended3") is Standing.PAST_DUE
    assert town.audit("suspended3", "restore") == [getpass.getuser()]
    town.installation.command("tick")
    assert town.published("suspended3") is Standing.PAST_DUE, "not before another warning, and its day"


def test_restore_undoes_a_batch_once(tmp_path: Path) -> None:
    with billers.standin() as biller, MailServer() as post:
        made = Town(biller, post, Installation(tmp_path, biller.url, post.url, biller.now))
        for number in (1, 2, 3):
            subscribe(biller, f"account{number}")
        for hours in (0, 7 * 24 + 1, 14 * 24 + 1, 5 * 24 + 1):
            made.move(hours=hours)
            made.installation.command("tick")
        since = (biller.now - timedelta(minutes=5)).isoformat()
        said = made.installation.command("restore", "--since", since, "--dry-run")
        assert said == "account1\naccount2\naccount3\n3 would be opened.\n"
        assert made.installation.standings() == dict.fromkeys(("account1", "account2", "account3"), "suspended")
        after = (biller.now + timedelta(minutes=5)).isoformat()
        assert made.installation.command("restore", "--since", after, "--reason", "x") == "0 opened.\n"
        said = made.installation.command("restore", "--since", since, "--reason", "a bug of ours")
        assert said == "account1\naccount2\naccount3\n3 opened.\n"
        assert {made.published(f"account{number}") for number in (1, 2, 3)} == {Standing.PAST_DUE}
        assert made.installation.command("restore", "--since", since, "--reason", "a bug of ours") == "0 opened.\n"


# Messages


@pytest.mark.parametrize(
    ("step", "says"),
    [("courtesy", "fall due soon"), ("reminder", "INV-0042"), ("warning", "December 24"), ("restored", "is back")],
)
def test_a_preview_of_each_step(town: Town, tmp_path: Path, step: str, says: str) -> None:
    said = town.installation.command("notices", "preview", step)
    assert said.startswith("Subject: ")
    assert says in said
    out = tmp_path / "letter.html"
    town.installation.command("notices", "preview", step, "--locale", "en-GB", "--out", str(out))
    assert out.read_text().lstrip().startswith("<!doctype html>")


def test_a_test_letter_goes_out_now(town: Town) -> None:
    before = len(town.post.messages)
    assert town.installation.command("notices", "send-test", "me@acme.example", "--step", "warning").startswith("accepted")
    assert town.post.messages[before].envelope_to == ["me@acme.example"]
    town.post.fault("rcpt", "550 no", to="nobody@acme.example")
    assert town.installation.command("notices", "send-test", "nobody@acme.example", code=1).startswith("refused: 550 no")


def test_a_notice_that_was_refused_can_be_sent_again(town: Town) -> None:
    town.post.fault("rcpt", "550 5.2.2 full", to="user@again.example", times=1)
    subscribe(town.biller, "again", days_until_due=0)
    town.move(hours=1)
    town.installation.command("tick")
    (notice,) = [one for one in town.installation.json("notices", "list", "--account", "again") if one["state"] == "refused"]
    said = town.installation.command("notices", "resend", str(notice["id"]))
    assert said == f"Notice {notice['id']} is sent again with the worker's next turn.\n"
    town.move(minutes=1)
    town.installation.command("tick")
    listed = town.installation.json("notices", "list", "--account", "again")
    assert {(one["step"], one["state"]) for one in listed} == {("reminder", "accepted"), ("unreachable", "planned")}
    town.move(days=1)
    town.installation.command("tick")
    listed = town.installation.json("notices", "list", "--account", "again")
    assert {one["state"] for one in listed if one["step"] == "unreachable"} == {"withdrawn"}, "the user was reached after all"


# The brake of the house


def test_a_dry_run_says_what_it_would_do_each_time_and_arming_does_it(tmp_path: Path) -> None:
    with billers.standin() as biller, MailServer() as post:
        made = Town(biller, post, Installation(tmp_path, biller.url, post.url, biller.now))
        made.installation.extra = {"safety": {"mode": "dry_run"}}
        made.installation.write_config()
        subscribe(biller, "acme")
        made.move(days=7, hours=1)
        for _ in range(2):
            said = made.installation.command("tick")
            assert "reminder to accountant, reminder to user, standing past_due" in said
        told = made.installation.json("tick")
        assert told.keys() == {"looked_at", "changed", "withheld"}
        assert told["withheld"] == [{"account": "acme", "would": "reminder to accountant, reminder to user, standing past_due"}]
        why = " ".join(made.installation.command("why", "acme").split())
        assert why.startswith("Acme (acme) is in good standing. ")
        assert "Would now: reminder to accountant, reminder to user, standing past_due" in why
        assert "Run `gatekeeper arm` when this looks right." in why
        assert post.connections == 0
        made.installation.command("arm")
        assert made.installation.json("tick")["changed"] == [{"account": "acme", "standing": "past_due"}]
        assert len(post.messages) == 2
        made.installation.command("disarm")
        made.move(days=14, hours=1)
        assert [one["would"] for one in made.installation.json("tick")["withheld"]] == [
            "warning to accountant, warning to user"
        ]
        made.installation.extra = {"safety": {"mode": "armed"}}
        made.installation.write_config()
        assert made.installation.json("tick")["withheld"], "the last word is that of `disarm`"


def test_a_mode_that_was_changed_in_the_settings_takes_effect(tmp_path: Path) -> None:
    with billers.standin() as biller, MailServer() as post:
        made = Town(biller, post, Installation(tmp_path, biller.url, post.url, biller.now))
        made.installation.extra = {"safety": {"mode": "dry_run"}}
        made.installation.write_config()
        subscribe(biller, "acme")
        made.move(days=7, hours=1)
        made.installation.command("tick")
        made.installation.extra = {}
        made.installation.write_config()
        made.installation.command("tick")
        assert len(post.messages) == 2


def test_halt_and_resume(tmp_path: Path) -> None:
    with billers.standin() as biller, MailServer() as post:
        made = Town(biller, post, Installation(tmp_path, biller.url, post.url, biller.now))
        paid = subscribe(biller, "acme")
        subscribe(biller, "bolt")
        for hours in (0, 7 * 24 + 1, 14 * 24 + 1):
            made.move(hours=hours)
            made.installation.command("tick")
        assert made.installation.command("halt").startswith("Halted (")
        pay(biller, paid)
        made.move(days=5, hours=1)
        made.installation.command("tick")
        assert made.installation.standings() == {"acme": "current", "bolt": "past_due"}
        assert "no notices and no suspensions until `gatekeeper resume`" in made.installation.command("why", "bolt")
        assert made.installation.command("resume") == "Going on.\n"
        made.installation.command("tick")
        assert made.installation.standings() == {"acme": "current", "bolt": "suspended"}


# The clock of a round


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        pytest.param({"stripe": {"api_key": "rk_test_standin"}}, 0, id="a test key"),
        pytest.param({"clock": {"source": "system"}}, 0, id="a test key and the real clock"),
        pytest.param(
            {"stripe": {"api_key": "rk_live_x", "api_base": "https://127.0.0.1:9"}, "clock": {"source": "system"}},
            2,
            id="a live key",
        ),
    ],
)
def test_a_round_may_pretend_another_time_but_never_with_a_live_key(
    tmp_path: Path, town: Town, extra: dict[str, dict[str, str]], code: int
) -> None:
    made = Installation(tmp_path, town.biller.url, f"file:{tmp_path / 'mail'}", town.biller.now)
    made.extra = extra
    made.write_config()
    said = made.command("tick", "--now", (town.biller.now + timedelta(days=1)).isoformat(), code=code)
    assert ("never for a live key" in said) == (code == 2)


def test_a_round_that_pretends_a_later_time_reminds(tmp_path: Path) -> None:
    with billers.standin() as biller, MailServer() as post:
        made = Installation(tmp_path, biller.url, post.url, biller.now)
        subscribe(biller, "acme")
        made.command("tick", "--now", f"{(biller.now + timedelta(days=9)).date()}")
        assert made.standings() == {"acme": "past_due"}
        assert len(post.messages) == 2
