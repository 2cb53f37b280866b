"""Cases of group E that no other test of the gate or the page shows by itself."""

import gc
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from markupsafe import escape

from gatekeeper.gate.answering import Gate
from gatekeeper.gate.book import Book
from gatekeeper.gate.refusing import PageWanted
from gatekeeper.model import Standing
from gatekeeper.snapshot import Delta, Snapshot, decode_delta, encode_delta
from gatekeeper.wiring.clock import steady_seconds, system_clock
from gatekeeper.wording import Wording
from tests.kit.gates import settings_in
from tests.wording.samples import LOCKOUTS, PRODUCT

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _gate(folder: Path, suspended: int) -> tuple[Gate, Book]:
    book = Book(steady_seconds)
    gate = Gate(settings_in(folder), book, system_clock)
    standings = {f"acct_{number}": Standing.SUSPENDED for number in range(suspended)}
    book.take(Snapshot(1, AT, standings, ledger="one", accounts=1_000_000))
    gate.renew()
    return gate, book


def _status(gate: Gate, account: bytes) -> int:
    answer = gate.answer(b"/gate/nginx", b"GET", {b"x-account-id": account})
    assert not isinstance(answer, PageWanted)
    return int(answer[0][9:12])


def test_case_92_accounts_that_nobody_knows_are_let_in_and_leave_nothing_behind(tmp_path: Path) -> None:
    gate, book = _gate(tmp_path, 10)
    names = [b"X-Account-Id", b"Host"]
    assert _status(gate, b"first") == 200
    gc.collect()
    tracemalloc.start()
    for number in range(100_000):
        account = b"unknown-%d" % number
        assert gate.let_in_at_once(b"/gate/nginx", account) is not None
        if not number % 10:
            assert _status(gate, account) == 200
            gate.shapes[(*names, b"X-%d" % number)]
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 1_000_000
    assert len(book.listed) == 10


def test_case_104_five_thousand_restorations_are_one_line_and_the_gate_shows_them_all(tmp_path: Path) -> None:
    gate, book = _gate(tmp_path, 5_000)
    assert _status(gate, b"acct_4999") == 403
    changes = tuple((f"acct_{number}", Standing.CURRENT, ()) for number in range(5_000))
    line = encode_delta(Delta("one", 1, 2, AT, changes))
    assert line.count(b"\n") == 1
    book.apply(decode_delta(line))
    gate.renew()
    assert {_status(gate, b"acct_%d" % number) for number in range(5_000)} == {200}


@pytest.mark.parametrize(
    "words", ["<script>alert(1)</script>", "{{7*7}}", "{% raw %}", '" onmouseover="alert(1)', "javascript:alert(1)"]
)
def test_case_100_what_stripe_calls_an_account_is_shown_and_never_run(words: str) -> None:
    wording = Wording(PRODUCT)
    page = wording.page("overdue", replace(next(iter(LOCKOUTS.values())), account_name=words), "en_GB")
    assert escape(words) in page
    assert "<script>alert" not in page
    assert 'href="javascript:' not in page
    assert "default-src 'none'" in wording.content_security_policy
