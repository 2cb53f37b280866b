"""Log lines are JSON whoever writes them, and nothing secret or personal survives in one."""

import io
import json
import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from gatekeeper.logs import redacted, set_up

CANARIES = {
    "an address": "wrote to camila.nunez+x@cliente.example today",
    "an address beyond ASCII": "wrote to camila@ñandú.example today",
    "an address in brackets": "<camila@cliente.example>: user unknown",
    "a secret key": "sk_live_51CanaryCanary0 was refused",
    "a restricted key": "Stripe(rk_test_51Canary_Canary)",
    "a signing secret": "whsec_Canary+/Canary= does not fit",
    "a bearer token": "Authorization: Bearer eyJhbGci.Canary-Canary_~x",
    "an invoice's page": "see https://invoice.stripe.com/i/acct_1/live_Canary?s=ap",
    "an invoice's file": "see https://pay.stripe.com/invoice/acct_1/live_Canary/pdf?s=ap",
    "a pay link": "GET https://app.acme.example/pay/Canary-Canary_1 HTTP/1.1",
    "a page token": "GET /overdue?x=1&token=Canary.Canary.Canary&y=2",
    "a database's password": "cannot connect to postgresql+psycopg://acme:Canary#p!w@db/ledger",
    "a mail server's password": "smtp://user:Canary@mail.acme.example",
}


@pytest.fixture
def lines() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers, root.level
    set_up("debug", "json", stream)
    # A server that ran in this process for another test has silenced it for good
    logging.getLogger("uvicorn.access").propagate = True
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, _ = before
    root.setLevel(before[1])
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def test_our_lines_are_events_with_keys(lines: Callable[[], list[dict[str, Any]]]) -> None:
    structlog.contextvars.bind_contextvars(account="acme")
    structlog.get_logger("gatekeeper.review").info("account.suspended", invoices=2, owed={"eur": 12_000})
    structlog.contextvars.clear_contextvars()

    (line,) = lines()
    at = datetime.fromisoformat(line.pop("at"))
    assert abs((at - datetime.now(UTC)).total_seconds()) < 60
    assert line == {
        "event": "account.suspended",
        "level": "info",
        "logger": "gatekeeper.review",
        "account": "acme",
        "invoices": 2,
        "owed": {"eur": 12_000},
    }


def test_lines_of_libraries_look_the_same(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logging.getLogger("uvicorn.error").warning("closing %d connections", 3)

    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("closing 3 connections", "warning", "uvicorn.error")


@pytest.mark.parametrize("name", ["alembic", "httpx", "httpcore", "sqlalchemy", "stripe", "uvicorn.access"])
def test_libraries_that_tell_of_every_request_speak_from_warning_on(
    lines: Callable[[], list[dict[str, Any]]], name: str
) -> None:
    logging.getLogger(name).info("GET https://api.stripe.com/v1/invoices")
    logging.getLogger(name).warning("slow")

    assert [line["event"] for line in lines()] == ["slow"]


def test_the_level_counts_for_everybody(lines: Callable[[], list[dict[str, Any]]]) -> None:
    stream = io.StringIO()
    set_up("error", "json", stream)

    structlog.get_logger("gatekeeper.worker").warning("round.late")
    logging.getLogger("sqlalchemy").warning("slow")
    structlog.get_logger("gatekeeper.worker").error("round.failed")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["round.failed"]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("canary", CANARIES.values(), ids=CANARIES.keys())
def test_no_canary_survives_anywhere(lines: Callable[[], list[dict[str, Any]]], canary: str, form: str) -> None:
    stream = io.StringIO()
    set_up("debug", form, stream)
    log = structlog.get_logger("gatekeeper.test")

    log.info(canary)
    log.info("event", detail=canary, nested=[{"deep": (canary, canary.encode())}], thing=Thing(canary), **{canary: 1})
    logging.getLogger("urllib").warning("failed: %s", canary)
    try:
        fail(canary)
    except ValueError as fault:
        log.exception("it.failed", fault=fault)
        logging.getLogger("uvicorn.error").exception("it failed")

    written = stream.getvalue()
    assert "Canary" not in written
    assert "camila" not in written
    assert written.count("ValueError") >= 2
    assert form == "console" or len([json.loads(line) for line in written.splitlines()]) == 5


def test_the_rest_of_a_line_survives() -> None:
    text = "acct_1 in_2 cus_3 pi_4: due 2026-03-02, 120.00 EUR, https://app.acme.example/overdue?lang=es, 127.0.0.1:8402, a @ b"

    assert redacted(text) == text


@pytest.mark.parametrize(
    "key", ["password", "api_key", "Authorization", "edge_secret", "pay_token", "stripe_signature", "Cookie"]
)
def test_what_a_key_calls_secret_is_hidden_whatever_it_looks_like(key: str) -> None:
    assert redacted({key: "12345", "id": "12345"}) == {key: "***", "id": "12345"}


def test_tracebacks_show_no_local_variables(lines: Callable[[], list[dict[str, Any]]]) -> None:
    set_up("info", "console", stream := io.StringIO())
    name_of_a_person = "Camila" + " Canary"
    try:
        _ = 1 / (len(name_of_a_person) * 0)
    except ZeroDivisionError:
        structlog.get_logger("gatekeeper.test").exception("it.failed")

    assert "ZeroDivisionError" in stream.getvalue()
    assert "Camila Canary" not in stream.getvalue()


def test_a_line_that_cannot_be_written_does_not_show_its_arguments() -> None:
    run = program("json", "import logging; logging.getLogger('careless').warning('%d letters', 'camila@cliente.example')")

    assert json.loads(run.stderr) == {"level": "error", "event": "log.lost", "logger": "careless"}


def test_warnings_are_lines_too() -> None:
    run = program("json", "import warnings; warnings.warn('old', stacklevel=1)")

    assert json.loads(run.stderr)["logger"] == "py.warnings"


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "a@" * 500_000, "=?" * 500_000, "/pay/" * 200_000, "sk_" * 300_000, "://" * 300_000]
)
def test_a_megabyte_takes_no_long_time(text: str) -> None:
    started = time.monotonic()
    redacted(text)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(("form", "first"), [("auto", "{"), ("json", "{"), ("console", "2")])
def test_a_pipe_gets_json_on_standard_error_unless_people_ask(form: str, first: str) -> None:
    run = program(form, "import structlog; structlog.get_logger().info('x')")

    assert run.stdout == ""
    assert run.stderr.startswith(first)


def test_a_terminal_gets_lines_for_people() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    before = logging.getLogger().handlers
    set_up("info", "auto", stream := Terminal())
    structlog.get_logger("gatekeeper.test").info("round.finished", accounts=3)
    logging.getLogger().handlers = before
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()

    assert "round.finished" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def fail(local_variable: str) -> None:
    raise ValueError(local_variable) from sqlite3.OperationalError(local_variable)


def program(form: str, text: str) -> subprocess.CompletedProcess[str]:
    """Run this in a process of its own: pytest has its hand on the logging and the warnings of this one."""
    program = f"from gatekeeper.logs import set_up; set_up('info', {form!r}); {text}"
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)


class Thing:
    """Something that a careless line hands to the log whole."""

    def __init__(self, inside: str) -> None:
        self.inside = inside

    def __repr__(self) -> str:
        return f"Thing({self.inside})"
