"""Hooks in the ledger: one row for each change of standing, in its own transaction; claimed in order, once at a time."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gatekeeper.ledger.hook_reader import HookReader
from gatekeeper.ledger.writer.hooks import LEASE, ResendRefused
from gatekeeper.model import Answered, Hook, HookOutcome, HookState, Reason, Standing, Verdict
from tests.kit.builders import DUE_AT, invoice
from tests.kit.ledger import Ledger, a_customer, at_once, current, opened, past_due, suspended

ADDRESS = "fingerprint of the address"
TAKEN = HookOutcome(answered=Answered.TAKEN, detail="answered 204")
FAILED = HookOutcome(answered=Answered.FAILED, detail="answered 500")
GONE = HookOutcome(answered=Answered.GONE, detail="answered 410")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with opened(database_url, announced=True) as made:
        yield made


def known(ledger: Ledger, *accounts: str) -> None:
    for number, account in enumerate(accounts):
        customer = a_customer(id=f"cus_{account}", account_id=account)
        ledger.read(invoice(number, account_id=account, customer_id=f"cus_{account}"), customer=customer)


def climbed(ledger: Ledger, *accounts: str) -> None:
    """These accounts fall past due, and are suspended."""
    known(ledger, *accounts)
    for account in accounts:
        assert ledger.judge(past_due(), account_id=account)
        assert ledger.judge(suspended(), account_id=account)


def claim(ledger: Ledger, now: Any = DUE_AT, **only: bool) -> Hook | None:
    found = ledger.writer.hooks.claim(now, ADDRESS, 1, **only)
    return found[0] if found else None


def claimed(ledger: Ledger, now: Any = DUE_AT) -> Hook:
    found = claim(ledger, now)
    assert found is not None
    return found


def settle(ledger: Ledger, hook: Hook, outcome: HookOutcome = TAKEN, now: Any = DUE_AT) -> HookState | None:
    return ledger.writer.hooks.settle(hook, outcome, now, ADDRESS)


def deliver_all(ledger: Ledger, outcome: HookOutcome = TAKEN, now: Any = DUE_AT) -> list[tuple[str, str, str]]:
    """Each hook that is due is answered so; which they were, in their order."""
    told = []
    while hook := claim(ledger, now):
        settle(ledger, hook, outcome, now)
        told.append((hook.account_id, hook.before.value, hook.after.value))
    return told


def test_each_change_of_standing_writes_one_hook_and_nothing_else_does(ledger: Ledger) -> None:
    known(ledger, "acme")
    why = (Reason(code="owes", params=(("total", "50"), ("since", DUE_AT.date()))),)
    ledger.judge(past_due(reasons=why))
    ledger.judge(past_due(), DUE_AT + HOUR)
    restricted = Verdict(standing=Standing.RESTRICTED, reasons=(), leaves_open=("/export",))
    ledger.judge(restricted, DUE_AT + DAY)
    ledger.judge(restricted._replace(leaves_open=("/export", "/help")), DUE_AT + DAY)
    changes = ledger.rows("audit", kind="standing")
    hooks = ledger.rows("hooks")
    assert [hook["audit_id"] for hook in hooks] == [change["id"] for change in changes]
    assert [hook["leaves_open"] for hook in hooks] == [[], ["/export"]]
    assert [hook["revision"] for hook in hooks] == [1, 2]
    first = claimed(ledger)
    assert (first.before, first.after, first.reasons, first.changed_at) == ("current", "past_due", why, DUE_AT)


def test_a_product_that_wants_to_hear_nothing_costs_no_row(database_url: str) -> None:
    with opened(database_url) as ledger:
        climbed(ledger, "acme")
        assert ledger.rows("hooks") == []


def test_a_change_that_is_not_kept_leaves_no_hook(ledger: Ledger) -> None:
    """Both are one transaction: what the database refuses at its end was never said."""
    known(ledger, "acme")
    with ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE state RENAME COLUMN revision TO revised"))
    with pytest.raises(Exception, match="revision"):
        ledger.judge(past_due())
    with ledger.engine.begin() as connection:
        connection.execute(text("ALTER TABLE state RENAME COLUMN revised TO revision"))
    assert (ledger.rows("hooks"), ledger.rows("audit", kind="standing")) == ([], [])


def test_of_each_account_the_oldest_goes_first_and_the_next_waits_for_it(ledger: Ledger) -> None:
    climbed(ledger, "acme", "beta")
    first, other = claimed(ledger), claimed(ledger)
    assert {first.account_id, other.account_id} == {"acme", "beta"}
    assert {first.after, other.after} == {"past_due"}
    assert claim(ledger) is None
    settle(ledger, first)
    assert claimed(ledger).after == "suspended"
    assert claim(ledger) is None


def test_many_are_taken_at_once_and_of_each_account_one(ledger: Ledger) -> None:
    climbed(ledger, "acme", "beta", "cecil")
    some, rest = (ledger.writer.hooks.claim(DUE_AT, ADDRESS, 2) for _ in range(2))
    assert [hook.account_id for hook in (*some, *rest)] == ["acme", "beta", "cecil"]
    assert {hook.after for hook in (*some, *rest)} == {"past_due"}


def test_what_opens_access_goes_before_everything_that_closes_it(ledger: Ledger) -> None:
    climbed(ledger, "acme", "beta", "cecil")
    while hook := claim(ledger):
        settle(ledger, hook)
    ledger.judge(current(), account_id="cecil")
    known(ledger, "delta")
    ledger.judge(past_due(), account_id="delta")
    ledger.judge(current(), account_id="acme")
    assert [account for account, _, _ in deliver_all(ledger)] == ["cecil", "acme", "delta"]


def test_while_closings_are_withheld_only_openings_are_told(ledger: Ledger) -> None:
    climbed(ledger, "acme")
    deliver_all(ledger)
    climbed(ledger, "beta")
    ledger.judge(current(), account_id="acme")
    opening = claim(ledger, only_openings=True)
    assert opening is not None
    assert (opening.account_id, opening.after) == ("acme", "current")
    ledger.judge(current(), account_id="beta")
    opening = claim(ledger, only_openings=True)
    assert opening is not None
    assert (opening.account_id, opening.after) == ("beta", "current")
    assert claim(ledger, only_openings=True) is None


def test_a_failed_attempt_is_repeated_ever_later_under_the_same_id_and_given_up_after_three_days(ledger: Ledger) -> None:
    climbed(ledger, "acme")
    now, pauses, ids = DUE_AT, [], set()
    while (hook := claim(ledger, now)) is not None and hook.after == "past_due":
        ids.add(hook.message_id)
        state = settle(ledger, hook, FAILED, now)
        (row,) = ledger.rows("hooks", id=hook.id)
        if row["next_try_at"] is None:
            break
        pauses.append((row["next_try_at"] - now).total_seconds())
        now = row["next_try_at"]
        assert claim(ledger, now - timedelta(seconds=1)) is None
    assert len(ids) == 1
    for pause, least in zip(pauses, [5, 60, 300, 1800] + [3600] * len(pauses), strict=False):
        assert least <= pause <= least * 4 / 3
    assert timedelta(days=3) <= now - DUE_AT <= timedelta(days=4, hours=6)
    assert state is HookState.GIVEN_UP
    assert claimed(ledger, now).after == "suspended"


def test_what_the_product_asks_for_is_waited_for_but_no_longer_than_an_hour(ledger: Ledger) -> None:
    climbed(ledger, "acme", "beta")
    for seconds, pause in ((40, timedelta(seconds=40)), (10**9, HOUR)):
        hook = claimed(ledger)
        settle(ledger, hook, HookOutcome(answered=Answered.BUSY, detail="", retry_after_seconds=seconds))
        (row,) = ledger.rows("hooks", id=hook.id)
        assert row["next_try_at"] == DUE_AT + pause


def test_once_access_was_given_back_what_the_product_has_not_taken_is_not_told_any_more(ledger: Ledger) -> None:
    """It would close there an account that has paid, and whoever has paid would wait behind it."""
    climbed(ledger, "acme", "beta")
    now = DUE_AT
    for _ in range(6):
        assert deliver_all(ledger, FAILED, now)
        now += HOUR * 2
    ledger.judge(current(), now - HOUR, account_id="acme")
    assert deliver_all(ledger, now=now - HOUR) == [("acme", "suspended", "current")]
    assert [row["state"] for row in ledger.rows("hooks", account_id="acme")] == ["overtaken", "overtaken", "taken"]
    assert [row["state"] for row in ledger.rows("hooks", account_id="beta")] == ["waiting", "waiting"]


@pytest.mark.parametrize("ends", [TAKEN, FAILED, None])
def test_what_is_being_sent_when_access_is_given_back_is_waited_for_and_not_repeated(
    ledger: Ledger, ends: HookOutcome | None
) -> None:
    """`None`: its worker died."""
    climbed(ledger, "acme")
    settle(ledger, claimed(ledger))
    closing, now = claimed(ledger), DUE_AT
    ledger.judge(current())
    assert claim(ledger) is None
    if ends is None:
        now += LEASE
        assert claim(ledger, now) is None
    else:
        settle(ledger, closing, ends)
    assert deliver_all(ledger, now=now) == [("acme", "suspended", "current")]
    state = "taken" if ends is TAKEN else "overtaken"
    assert [row["state"] for row in ledger.rows("hooks")] == ["taken", state, "taken"]


def test_a_claim_whose_worker_died_is_taken_again_after_its_lease_with_the_same_id(ledger: Ledger) -> None:
    climbed(ledger, "acme")
    lost = claimed(ledger)
    assert claim(ledger, DUE_AT + LEASE - timedelta(seconds=1)) is None
    again = claimed(ledger, DUE_AT + LEASE)
    assert (again.id, again.message_id, again.attempts) == (lost.id, lost.message_id, 2)
    assert settle(ledger, lost, FAILED) is None
    assert settle(ledger, again) is HookState.TAKEN
    assert settle(ledger, lost, FAILED) is None
    assert [row["state"] for row in ledger.rows("hooks")] == ["taken", "waiting"]


def test_two_workers_never_have_one_hook_or_one_account_at_the_same_time(ledger: Ledger, database_url: str) -> None:
    accounts = [f"account-{number}" for number in range(12)]
    climbed(ledger, *accounts)

    def work() -> list[Hook]:
        with opened(database_url, announced=True) as mine:
            found = []
            while hook := claim(mine):
                found.append(hook)
            return found

    for standing in ("past_due", "suspended"):
        hooks = [hook for found in at_once(work, work, work) for hook in found]
        assert sorted(hook.account_id for hook in hooks) == sorted(accounts)
        assert {hook.after for hook in hooks} == {standing}
        for hook in hooks:
            settle(ledger, hook)


def test_an_attempt_that_fails_at_the_very_moment_when_access_is_given_back_is_not_in_the_way(ledger: Ledger) -> None:
    accounts = [f"account-{number}" for number in range(10)]
    climbed(ledger, *accounts)
    for _ in accounts:
        while (hook := claimed(ledger)).after != "suspended":
            settle(ledger, hook)
        at_once(
            lambda hook=hook: settle(ledger, hook, FAILED), lambda of=hook.account_id: ledger.judge(current(), account_id=of)
        )
    deliver_all(ledger)
    for account in accounts:
        assert [row["state"] for row in ledger.rows("hooks", account_id=account)] == ["taken", "overtaken", "taken"]


def test_who_answers_410_is_left_alone_until_it_is_another_address_or_somebody_says_resend(ledger: Ledger) -> None:
    climbed(ledger, "acme", "beta")
    assert settle(ledger, claimed(ledger), GONE) is HookState.WAITING
    assert claim(ledger) is None
    assert claim(ledger, DUE_AT + DAY) is None
    assert HookReader(ledger.engine).telling().gone is True
    assert ledger.writer.hooks.claim(DUE_AT, "another address", 1)
    last = ledger.rows("hooks", account_id="beta")[-1]["id"]
    ledger.writer.hooks.resend(last, DUE_AT)
    assert HookReader(ledger.engine).telling().gone is False
    assert claimed(ledger).after == "past_due"


def test_only_the_last_hook_of_an_account_is_sent_again(ledger: Ledger) -> None:
    """An older one would close, in the product, an account that has paid."""
    climbed(ledger, "acme")
    ledger.judge(current())
    deliver_all(ledger)
    fell, closed, opened_again = (row["id"] for row in ledger.rows("hooks"))
    for old in (fell, closed):
        with pytest.raises(ResendRefused, match=f"hooks resend {opened_again}"):
            ledger.writer.hooks.resend(old, DUE_AT)
    with pytest.raises(ResendRefused, match="there is no hook 999"):
        ledger.writer.hooks.resend(999, DUE_AT)
    before = ledger.rows("hooks")[-1]["message_id"]
    assert ledger.writer.hooks.resend(opened_again, DUE_AT).after == "current"
    assert claimed(ledger).message_id == before


def test_one_that_is_just_being_sent_is_not_sent_beside_itself(ledger: Ledger) -> None:
    known(ledger, "acme")
    ledger.judge(past_due())
    hook = claimed(ledger)
    ledger.writer.hooks.resend(hook.id, DUE_AT)
    assert claim(ledger) is None
    assert settle(ledger, hook) is HookState.TAKEN


def test_how_the_telling_goes_is_known(ledger: Ledger) -> None:
    reader = HookReader(ledger.engine)
    assert (reader.telling().waiting, reader.telling().waiting_since_at, reader.latest()) == (0, None, [])
    climbed(ledger, "acme", "beta")
    assert (reader.telling().waiting, reader.telling().waiting_since_at) == (4, DUE_AT)
    now = DUE_AT
    while reader.telling().waiting:
        deliver_all(ledger, FAILED, now)
        now += 2 * HOUR
    assert (reader.telling().given_up, reader.telling().waiting_since_at) == (2, None)
    ledger.judge(current(), now)
    assert reader.telling().given_up == 1
    deliver_all(ledger, TAKEN, now)
    assert [(hook.after, hook.state) for hook in reader.latest("acme")] == [
        ("current", "taken"),
        ("suspended", "given_up"),
        ("past_due", "given_up"),
    ]


def test_after_an_old_backup_no_id_comes_a_second_time_for_something_else(ledger: Ledger) -> None:
    known(ledger, "acme")
    ids = []
    for hours in (0, 1):
        ledger.judge(past_due(), DUE_AT + hours * HOUR)
        ids.append(ledger.rows("hooks")[-1]["message_id"])
        with ledger.engine.begin() as connection:  # the ledger as it was before, down to the numbers that come next
            connection.execute(text("DELETE FROM hooks"))
            connection.execute(text("DELETE FROM audit WHERE kind = 'standing'"))
            connection.execute(text("UPDATE accounts SET standing = 'current', case_id = NULL"))
            if ledger.engine.dialect.name == "postgresql":
                connection.execute(text("SELECT setval('audit_id_seq', COALESCE((SELECT max(id) FROM audit), 0) + 1, false)"))
    assert len(set(ids)) == 2


@given(doings=st.lists(st.sampled_from(["taken", "failed", "lost", "hour", "close", "open"]), max_size=40))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_fails_the_product_ends_with_what_is_so_and_is_never_told_of_a_closing_that_has_ended(
    tmp_path_factory: Any, doings: list[str]
) -> None:
    """A property of both databases, tried on the one that is quick to make."""
    folder = tmp_path_factory.mktemp("ledger")
    with opened(f"sqlite:///{folder / 'ledger.db'}", announced=True) as ledger:
        ledger.hasten()
        known(ledger, "acme", "beta")
        now = DUE_AT
        taken: dict[str, list[int]] = {"acme": [], "beta": []}
        for number, doing in enumerate([*doings, *["hour", "taken"] * 12]):
            now += timedelta(seconds=1)
            account = ("acme", "beta")[number % 2]
            standing = ledger.facts(account).standing
            if doing == "hour":
                now += HOUR * 3 / 2
            elif doing == "close" and standing is not Standing.SUSPENDED:
                ledger.judge(past_due() if standing is Standing.CURRENT else suspended(), now, account_id=account)
            elif doing == "open" and standing is not Standing.CURRENT:
                ledger.judge(current(), now, account_id=account)
            elif hook := claim(ledger, now):
                present = ledger.facts(hook.account_id).standing
                assert hook.after is not Standing.SUSPENDED or present is Standing.SUSPENDED
                if doing == "taken":
                    settle(ledger, hook, TAKEN, now)
                    taken[hook.account_id].append(hook.id)
                elif doing == "failed":
                    settle(ledger, hook, FAILED, now)
        deliver_all(ledger, now=now + HOUR * 2)
        for account, ids in taken.items():
            assert ids == sorted(ids)
            assert {row["next_try_at"] for row in ledger.rows("hooks", account_id=account)} <= {None}
        told = {row["account_id"]: row for row in ledger.rows("hooks") if row["state"] == "taken"}
        last = {row["account_id"]: row for row in ledger.rows("hooks")}
        assert told == last
