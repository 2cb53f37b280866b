"""gatekeeper as processes: how they start, stop, survive each other, and how soon they act."""

import signal
import socket
import time
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from gatekeeper.demo.standin.faults import Fault
from tests.kit.billers import StandinBiller, later, pay, subscribe
from tests.kit.postgres import Postgres
from tests.kit.processes import children, gone, kill, started
from tests.kit.running import SECRET, Installation, until
from tests.kit.smtp import MailServer


@pytest.fixture
def installation(biller: StandinBiller, post: MailServer, tmp_path: Path) -> Installation:
    return Installation(tmp_path / "state", biller.url, post.url, biller.now)


def move(biller: StandinBiller, installation: Installation, **span: float) -> None:
    installation.move_clock_to(later(biller, **span))


def ask(installation: Installation, account: str) -> int:
    return httpx.get(f"{installation.gate}/gate", headers={"X-Account-Id": account}).status_code


def suspend(biller: StandinBiller, installation: Installation, *accounts: str) -> dict[str, str]:
    """Take these accounts through the whole ladder, by single rounds; the invoice of each."""
    invoices = {account: subscribe(biller, account) for account in accounts}
    for hours in (0, 7 * 24 + 1, 14 * 24 + 1, 5 * 24 + 1):
        move(biller, installation, hours=hours)
        installation.command("tick")
    assert installation.standings() == dict.fromkeys(accounts, "suspended")
    return invoices


# How they end


def test_a_stop_is_clean(installation: Installation) -> None:
    with installation.running() as process:
        (gate,) = children(process.pid)
        began = time.monotonic()
        process.terminate()
        assert process.wait(10) == 0
        assert time.monotonic() - began < 5
        assert gone(gate)
    assert "Traceback" not in installation.log()


def test_a_stop_takes_ten_seconds_at_most_whoever_does_not_answer(
    biller: StandinBiller, post: MailServer, installation: Installation
) -> None:
    subscribe(biller, "acme")
    with installation.running() as process:
        (gate,) = children(process.pid)
        until(lambda: "acme" in installation.standings())
        post.fault("dot", "hang")
        move(biller, installation, days=7, hours=1)
        until(lambda: post.transmitted, what="a letter waits for its answer")
        biller.standin.faults.add(Fault(kind="slow", seconds=30, times=None, key="rk_"))
        move(biller, installation, hours=1)
        time.sleep(1)
        began = time.monotonic()
        process.terminate()
        assert process.wait(12) == 0
        assert time.monotonic() - began < 10
        until(lambda: gone(gate), seconds=20)
        biller.standin.faults.clear()
    assert [state for _, _, state in installation.notices()].count("sending") == 1


def test_a_second_signal_kills(biller: StandinBiller, post: MailServer, installation: Installation) -> None:
    subscribe(biller, "acme")
    with installation.running() as process:
        (gate,) = children(process.pid)
        until(lambda: "acme" in installation.standings())
        post.fault("dot", "hang")
        move(biller, installation, days=7, hours=1)
        until(lambda: post.transmitted)
        process.terminate()
        until(lambda: "house.stopping" in installation.log())
        process.terminate()
        assert process.wait(2) == -signal.SIGTERM
        until(lambda: gone(gate), seconds=20)


@pytest.mark.parametrize("command", ["worker", "web", "gate"])
def test_each_part_alone_stops_cleanly(installation: Installation, command: str) -> None:
    installation.command("migrate")
    begun = {"worker": "worker.running", "web": "web.listening", "gate": "gate listening"}[command]
    with started(installation, command) as process:
        until(lambda: begun in installation.log())
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert "Traceback" not in installation.log()


# How they survive each other


def test_a_gate_that_dies_is_started_again(installation: Installation) -> None:
    with installation.running() as process:
        (first,) = children(process.pid)
        kill(first)
        until(lambda: children(process.pid) not in ([], [first]), what="another gate")
        until(lambda: _answers(installation))
        assert "gate.ended" in installation.log()


def test_a_gate_ends_with_its_parent(installation: Installation) -> None:
    with installation.running() as process:
        (gate,) = children(process.pid)
        kill(process.pid)
        until(lambda: gone(gate), seconds=20)


def test_after_a_kill_it_starts_again_at_once(installation: Installation) -> None:
    for _ in range(2):
        with started(installation, "run", ports=(installation.web_port, installation.gate_port)) as process:
            kill(process.pid)
    with installation.running():
        assert _answers(installation)
    assert "Traceback" not in installation.log()


def _answers(installation: Installation) -> bool:
    try:
        return httpx.get(f"{installation.gate}/livez").status_code == 200
    except httpx.HTTPError:
        return False


def test_two_on_one_state_folder_are_refused_with_the_process_that_is_in_the_way(
    installation: Installation, post: MailServer, tmp_path: Path
) -> None:
    other = Installation(tmp_path / "other", installation.api_base, post.url, installation.now)
    other.extra = {"state": {"folder": str(installation.folder)}}
    other.write_config()
    with installation.running() as process:
        for command in ("run", "tick"):
            said = other.command(command, code=75)
            assert said.splitlines()[-1].startswith(f"gatekeeper: another gatekeeper (process {process.pid}) works in ")
        assert children(process.pid)


@pytest.mark.parametrize(("command", "key"), [("web", "web"), ("gate", "gate"), ("run", "web"), ("run", "gate")])
def test_an_address_that_is_taken_is_said_and_can_be_tried_again(installation: Installation, command: str, key: str) -> None:
    installation.command("migrate")
    port = installation.web_port if key == "web" else installation.gate_port
    with socket.create_server(("127.0.0.1", port)):
        said = installation.command(command, code=75)
    wanted = f"cannot listen on 127.0.0.1:{port} (Address already in use); change {key}.listen, or stop what listens there"
    assert said.splitlines()[-1] == f"gatekeeper: {wanted}"
    assert "Traceback" not in said


def test_a_clock_file_that_becomes_unreadable_is_said_once_and_recovers(
    biller: StandinBiller, post: MailServer, installation: Installation
) -> None:
    subscribe(biller, "acme")
    with installation.running():
        until(lambda: "acme" in installation.standings())
        installation.clock.write_text("half past nine")
        until(lambda: "job.failed" in installation.log())
        time.sleep(2)
        assert installation.log().count('"job": "turn"') == 1
        move(biller, installation, days=7, hours=1)
        until(lambda: len(post.messages) == 2)
        assert "job.recovered" in installation.log()


# How soon they act


def test_halt_needs_no_database_and_holds_within_five_seconds(
    biller: StandinBiller, post: MailServer, installation: Installation, tmp_path: Path
) -> None:
    subscribe(biller, "acme")
    with installation.running():
        until(lambda: "acme" in installation.standings())
        blind = Installation(tmp_path / "blind", installation.api_base, post.url, installation.now)
        blind.extra = {
            "state": {"folder": str(installation.folder)},
            "database": {"url": "postgresql+psycopg://nobody@127.0.0.1:1/nothing"},
            "policy": {"file": "nowhere.toml"},
        }
        blind.write_config()
        blind.command("halt")
        move(biller, installation, days=7, hours=1)
        time.sleep(3)
        assert post.transmitted == []
        assert installation.standings() == {"acme": "current"}
        assert "Halted" in installation.command("why", "acme")
        blind.command("resume")
        until(lambda: len(post.messages) == 2)


def test_a_payment_opens_the_gate_by_its_webhook_alone(biller: StandinBiller, installation: Installation) -> None:
    accounts = [f"account{number}" for number in range(5)]
    invoices = suspend(biller, installation, *accounts)
    with installation.running():  # the clock stands still: nothing is reconciled by it. How long it takes: bench/restore.py
        biller.deliver_to(installation.webhook, SECRET)
        for account in accounts:
            until(lambda: ask(installation, account) == 402)  # noqa: B023 - it is called here and now
            pay(biller, invoices[account])
            until(lambda: ask(installation, account) == 200, seconds=20)  # noqa: B023 - as above


# Where they run


def test_run_does_the_main_job_on_postgres(biller: StandinBiller, post: MailServer, postgres: Postgres, tmp_path: Path) -> None:
    name = postgres.create()
    installation = Installation(tmp_path / "state", biller.url, post.url, biller.now, database_url=postgres.url(name))
    with installation.running():
        _the_main_job(biller, post, installation)
    postgres.drop(name)


def test_three_processes_on_one_postgres_do_the_main_job(
    biller: StandinBiller, post: MailServer, postgres: Postgres, tmp_path: Path
) -> None:
    name = postgres.create()
    installation = Installation(tmp_path / "state", biller.url, post.url, biller.now, database_url=postgres.url(name))
    installation.command("migrate")
    with (
        started(installation, "worker") as worker,
        started(installation, "web", ports=(installation.web_port,)) as web,
        started(installation, "gate", ports=(installation.gate_port,)) as gate,
    ):
        _the_main_job(biller, post, installation)
        _end(worker, web, gate)
    postgres.drop(name)


def _end(*processes: Popen[bytes]) -> None:
    for process in processes:
        process.terminate()
    assert [process.wait(10) for process in processes] == [0] * len(processes)


def _the_main_job(biller: StandinBiller, post: MailServer, installation: Installation) -> None:
    biller.deliver_to(installation.webhook, SECRET)
    invoice = subscribe(biller, "acme")
    until(lambda: "acme" in installation.standings())
    # Two letters each time: the reminder, the warning, the word of the suspension
    for days, letters in ((7, 2), (14, 4), (5, 6)):
        move(biller, installation, days=days, hours=1)
        # Not when the server has them, but when the ledger knows it: the clock is moved next
        until(lambda: [state for _, _, state in installation.notices()].count("accepted") == letters)  # noqa: B023 - called now
    until(lambda: ask(installation, "acme") == 402)
    # On a busy machine the page may come too late at first: then the gate shows the one that needs nobody
    page = {"X-Account-Id": "acme", "Accept": "text/html"}
    until(lambda: "€49.00" in httpx.get(f"{installation.gate}/gate", headers=page).text, what="the page names the amount")
    pay(biller, invoice)
    until(lambda: ask(installation, "acme") == 200)
    until(lambda: len(post.messages) == 8, what="two are told that access is back")
    assert "Traceback" not in installation.log()


def test_the_web_part_refuses_a_ledger_of_another_version(installation: Installation) -> None:
    said = installation.command("web", code=1)
    assert "run `gatekeeper migrate`" in said
