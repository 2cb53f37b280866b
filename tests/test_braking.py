"""The brake on a real ledger: what engages it, what a release lets through, and two who want to close at one moment."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from structlog.testing import capture_logs

from gatekeeper.braking import Brake
from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.engine import for_writing
from gatekeeper.ledger.tables import accounts, audit, days, state
from gatekeeper.ledger.writer import open_writer
from gatekeeper.ledger.writer.brakes import Brakes, may_close
from gatekeeper.model import Reason, Standing
from gatekeeper.policy.brake import DAY, HOUR, Caps, Cause, Engaged, Limits
from gatekeeper.worker import Worker
from tests.kit.builders import wanting
from tests.kit.ledger import Ledger, at_once, opened, statements
from tests.kit.rig import Rig, rigged
from tests.kit.standin import START, MovableClock

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
LIMITS = Limits(caps=Caps(per_hour=10, per_day=30))


class House:
    """A ledger with a brake, its clocks, and what a test wants to have happened in one line."""

    def __init__(self, ledger: Ledger, limits: Limits = LIMITS) -> None:
        self.ledger, self.limits = ledger, limits
        self.clock, self.seconds = MovableClock(), 0.0
        self.reader = BrakeReader(ledger.engine)
        self.brakes = Brakes(for_writing(ledger.engine), limits)
        self.brake = self.another_worker()

    def another_worker(self, *, by_hand: bool = False) -> Brake:
        return Brake(
            reader=self.reader,
            brakes=self.brakes,
            limits=self.limits,
            clock=self.clock,
            steady_seconds=lambda: self.seconds,
            by_hand=by_hand,
        )

    def live(self, span: timedelta) -> None:
        """Time goes on, and both clocks say so."""
        self.clock.now += span
        self.seconds += span.total_seconds()

    def causes(self) -> list[Cause]:
        return [one.cause for one in self.reader.engaged()]

    def is_blind(self) -> bool:
        """PostgreSQL's own clock cannot be moved along, so that the brake may doubt ours as well."""
        return Cause.BLIND in self.causes()

    def release(self, *causes: Cause, reason: str = "looked at it") -> list[Cause]:
        released = self.brakes.release(causes or list(Cause), reason=reason, author="Ann", now=self.clock())
        return [one.cause for one in released]

    def close(self, number: int = 1, *, before: str = "past_due", after: str = "suspended", guarded: bool = False) -> int:
        """So many changes of standing, each in a transaction of its own; how many the guard let through."""
        return sum(_close(self.brakes, self.limits.caps, self.clock(), before, after, guarded) for _ in range(number))

    def past_due(self, number: int, *, of: int = 0) -> None:
        """From now on so many accounts are past due, of so many."""
        with self.ledger.engine.begin() as connection:
            connection.execute(accounts.delete())
            for index in range(max(number, of)):
                standing = "past_due" if index < number else "current"
                connection.execute(insert(accounts).values(id=f"a{index}", standing=standing, touched=False))

    def had(self, *past_due: int) -> None:
        """The days before today, the last one yesterday."""
        with self.ledger.engine.begin() as connection:
            for back, number in enumerate(reversed(past_due), 1):
                on = self.clock().date() - timedelta(days=back)
                connection.execute(insert(days).values(on=on, accounts=1000, past_due=number))

    def read_whole(self) -> None:
        with self.ledger.engine.begin() as connection:
            connection.execute(state.update().values(reconciled_at=self.clock()))

    def audited(self) -> list[tuple[str, str, str]]:
        return [(row["before"], row["after"], row["actor"]) for row in self.ledger.rows("audit", kind="brake")]


def _close(brakes: Brakes, caps: Caps, now: datetime, before: str, after: str, guarded: bool) -> bool:
    with brakes._engine.begin() as connection:
        if guarded and not may_close(connection, caps, now):
            return False
        row = {"at": now, "kind": "standing", "before": before, "after": after, "actor": "gatekeeper", "account_id": "acme"}
        connection.execute(insert(audit).values(**row, reasons=[]))
        return True


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with opened(database_url) as made:
        yield made


@pytest.fixture
def house(ledger: Ledger) -> House:
    made = House(ledger)
    if (now := made.reader.database_clock()) is not None:
        made.clock.now = now  # so that the two agree, as they should
    return made


# Cap


def test_as_many_as_the_cap_may_begin_and_nothing_is_written_down(house: House) -> None:
    assert house.brake.hold(wanting(10)) is None
    assert (house.causes(), house.audited()) == ([], [])


def test_who_was_closed_by_another_worker_meanwhile_is_not_counted_twice(house: House) -> None:
    house.past_due(8)
    seen = {f"a{number}": Standing.PAST_DUE for number in range(8)}
    with house.ledger.engine.begin() as connection:
        connection.execute(accounts.update().where(accounts.c.id.in_([*seen][:5])).values(standing="suspended"))
    house.close(5)
    assert house.brake.hold(seen) is None  # three are left, of ten
    assert house.brake.hold(seen | wanting(3)) == Reason(code="brake", params=(("wanted", 6), ("allowed", 5)))


def test_one_more_engages_the_brake_which_then_holds_a_single_one_too_until_somebody_lets_go(house: House) -> None:
    why = house.brake.hold(wanting(11))
    assert why == Reason(code="brake", params=(("wanted", 11), ("allowed", 10)))
    house.live(3 * DAY)
    assert house.brake.hold(wanting(1)) == why
    assert house.reader.engaged()[0].set_at == house.clock() - 3 * DAY
    assert house.release() == [Cause.CAP]
    assert house.brake.hold(wanting(1)) is None
    assert house.audited() == [("", "cap", "gatekeeper"), ("cap", "released", "Ann")]


@pytest.mark.parametrize(
    ("before", "after", "counted"),
    [
        ("past_due", "suspended", 1),
        ("past_due", "restricted", 1),
        ("restricted", "suspended", 1),
        ("current", "restricted", 1),
        ("suspended", "restricted", 0),
        ("suspended", "current", 0),
        ("restricted", "past_due", 0),
        ("current", "past_due", 0),
    ],
)
def test_every_closing_counts_and_no_opening(house: House, before: str, after: str, counted: int) -> None:
    house.close(before=before, after=after)
    used = house.reader.usage(house.clock())
    assert (used.last_hour, used.last_day) == (counted, counted)


def test_a_release_lets_through_what_was_wanted_then_and_the_caps_hold_again(house: House) -> None:
    house.brake.hold(wanting(25))
    house.release()
    assert house.brake.hold(wanting(25)) is None
    assert house.close(25, guarded=True) == 25
    assert house.brake.hold(wanting(10)) is None
    assert house.close(11, guarded=True) == 10
    assert house.brake.hold(wanting(1)) is not None


def test_what_was_released_lapses_after_a_day(house: House) -> None:
    house.brake.hold(wanting(25))
    house.release()
    house.live(DAY)
    assert house.close(25, guarded=True) == 10
    assert house.brake.hold(wanting(15)) is not None


def test_releasing_another_cause_takes_nothing_from_what_a_cap_allows(house: House) -> None:
    house.brake.hold(wanting(25))
    house.brakes.engage(Cause.CLOCK, Reason(code="brake_clock", params=(("minutes", 90),)), house.clock())
    assert house.release(Cause.CAP) == [Cause.CAP]
    assert house.brake.hold(wanting(1)) == Reason(code="brake_clock", params=(("minutes", 90),))
    assert house.release() == [Cause.CLOCK]
    assert house.close(25, guarded=True) == 25


def test_while_any_brake_holds_the_guard_lets_nothing_through(house: House) -> None:
    house.brakes.engage(Cause.CLOCK, Reason(code="brake_clock", params=(("minutes", 90),)), house.clock())
    assert house.close(guarded=True) == 0


# Anomaly


def test_twice_as_many_as_usual_hold_every_closing(house: House) -> None:
    house.had(6, 5, 7)
    house.past_due(13)
    assert house.brake.hold(wanting(1)) == Reason(code="brake_anomaly", params=(("past_due", 13), ("limit", 12)))


def test_before_three_days_are_stored_the_cap_alone_guards(house: House) -> None:
    house.had(0, 0)
    house.past_due(500)
    assert house.brake.hold(wanting(10)) is None
    assert house.brake.hold(wanting(11)) is not None


def test_what_a_person_accepted_engages_again_when_it_has_grown_by_another_half(house: House) -> None:
    house.had(0, 0, 0)
    house.past_due(40)
    house.brake.hold(wanting(1))
    house.past_due(60)
    assert house.release() == [Cause.ANOMALY]
    house.past_due(90)
    assert house.brake.hold(wanting(1)) is None
    house.past_due(91)
    assert house.brake.hold(wanting(1)) is not None


def test_what_was_accepted_two_weeks_ago_says_nothing_any_more(house: House) -> None:
    house.had(0, 0, 0)
    house.past_due(40)
    house.brake.hold(wanting(1))
    house.release()
    house.live(timedelta(days=14) + SECOND)
    assert house.brake.hold(wanting(1)) is not None


def test_a_batch_that_is_too_big_and_unusual_needs_one_release(house: House) -> None:
    house.had(0, 0, 0)
    house.past_due(40)
    house.brake.hold(wanting(40))
    assert house.causes() == [Cause.CAP, Cause.ANOMALY]
    assert house.release() == [Cause.CAP, Cause.ANOMALY]
    assert house.brake.hold(wanting(40)) is None


def test_a_day_is_added_to_the_baseline_once_and_compared_with_those_before(house: House) -> None:
    house.read_whole()
    house.past_due(4, of=10)
    for number in range(3):
        house.brake.keep_day()
        house.past_due(5 + number, of=10)
        house.another_worker().keep_day()
        house.live(DAY)
    stored = [(row["accounts"], row["past_due"]) for row in house.ledger.rows("days")]
    assert stored == [(10, 4), (10, 5), (10, 6)]
    assert house.causes() == []
    house.past_due(11)
    house.brake.keep_day()
    assert house.causes() == [Cause.ANOMALY]
    assert house.reader.level(house.clock()).baseline == (6, 5, 4)
    house.live(DAY)
    assert house.reader.level(house.clock()).baseline == (11, 6, 5, 4)


def test_the_baseline_is_made_of_the_last_fourteen_days(house: House) -> None:
    house.had(900, *range(14))
    assert house.reader.level(house.clock()).baseline == tuple(range(13, -1, -1))


def test_before_the_books_were_read_whole_no_day_is_kept(house: House) -> None:
    house.brake.keep_day()
    assert house.ledger.rows("days") == []
    house.read_whole()
    house.brake.keep_day()
    assert len(house.ledger.rows("days")) == 1


# Blind


def test_books_that_nobody_read_for_over_a_day_hold_every_closing_also_after_they_were_read_again(house: House) -> None:
    house.read_whole()
    since = house.clock()
    house.brake.watch()
    house.live(DAY)
    house.brake.watch()
    assert not house.is_blind()
    house.live(MINUTE)
    house.brake.watch()
    house.read_whole()
    house.brake.watch()
    assert house.is_blind()
    assert Reason(code="brake_blind", params=(("hours", 24), ("since", since))) in [one.why for one in house.reader.engaged()]


def test_a_worker_that_comes_back_after_weeks_sees_it_before_it_reads_anything(house: House) -> None:
    house.read_whole()
    house.live(timedelta(days=20))
    house.another_worker().watch()
    assert house.is_blind()


def test_a_first_start_is_not_blind(house: House) -> None:
    house.brake.watch()
    house.live(timedelta(days=20))
    house.brake.watch()
    assert not house.is_blind()


def test_who_says_go_on_while_the_books_are_still_unread_is_asked_again_a_day_later(house: House) -> None:
    house.read_whole()
    house.live(2 * DAY)
    house.brake.watch()
    house.release()
    for _ in range(24):
        house.live(HOUR)
        house.brake.watch()
    assert not house.is_blind()
    house.live(HOUR)
    house.brake.watch()
    assert house.is_blind()


# Clock


@pytest.fixture
def lonely(tmp_path: Path) -> Iterator[House]:
    with opened(f"sqlite:///{tmp_path / 'ledger.db'}") as made:
        yield House(made)


@pytest.mark.parametrize("jump", [timedelta(days=40), HOUR + SECOND, -HOUR - SECOND, timedelta(days=-3)])
def test_a_wall_clock_that_moves_by_itself_holds_every_closing(lonely: House, jump: timedelta) -> None:
    lonely.brake.watch()
    lonely.live(SECOND)
    lonely.clock.now += jump
    lonely.brake.watch()
    assert lonely.causes() == [Cause.CLOCK]
    lonely.live(DAY)
    lonely.brake.watch()
    assert lonely.release() == [Cause.CLOCK]
    lonely.live(SECOND)
    lonely.brake.watch()
    assert lonely.causes() == []


@pytest.mark.parametrize("drift", [HOUR, -HOUR, timedelta(seconds=3)])
def test_an_hour_is_borne_and_so_is_a_turn_that_takes_days(lonely: House, drift: timedelta) -> None:
    lonely.brake.watch()
    lonely.live(3 * DAY)
    lonely.clock.now += drift
    lonely.brake.watch()
    assert lonely.causes() == []


def test_a_clock_that_was_set_back_while_nobody_watched_stops_the_post_too_until_a_person_lets_go(lonely: House) -> None:
    lonely.brake.watch()
    lonely.clock.now -= 3 * DAY
    fresh = lonely.another_worker()
    assert fresh.set_back() is not None
    fresh.watch()
    assert lonely.causes() == [Cause.CLOCK]
    lonely.release()
    assert fresh.set_back() is None
    lonely.live(MINUTE)
    fresh.watch()
    assert lonely.causes() == []


def test_a_jump_forwards_that_is_undone_does_not_stop_the_post(lonely: House) -> None:
    lonely.brake.watch()
    lonely.clock.now += timedelta(days=40)
    for _ in range(3):
        lonely.live(MINUTE)
        lonely.brake.watch()
    lonely.clock.now -= timedelta(days=40)
    lonely.brake.watch()
    assert lonely.brake.set_back() is None
    assert lonely.causes() == [Cause.CLOCK]


def test_time_that_is_moved_by_hand_says_nothing(lonely: House) -> None:
    by_hand = lonely.another_worker(by_hand=True)
    lonely.brake.watch()
    lonely.read_whole()
    for days_on in (40, -80, 40):
        lonely.clock.move(days=days_on)
        by_hand.watch()
        assert by_hand.set_back() is None
    assert lonely.causes() == []
    assert lonely.ledger.rows("state")[0]["seen_at"] == START


def test_a_machine_whose_clock_differs_from_the_databases_may_not_close(house: House) -> None:
    if house.reader.database_clock() is None:
        pytest.skip("SQLite has no clock of its own")
    house.brake.watch()
    assert house.causes() == []
    house.live(11 * MINUTE)
    house.brake.watch()
    assert house.causes() == [Cause.CLOCK]
    assert dict(house.reader.engaged()[0].why.params)["minutes"] == 11


# Release


def test_releasing_nothing_writes_nothing(house: House) -> None:
    assert house.release() == []
    house.brake.hold(wanting(11))
    assert house.release(Cause.BLIND) == []
    assert house.release() == [Cause.CAP]
    assert house.release() == []
    assert len(house.audited()) == 2


def test_what_was_held_is_looked_at_at_once_after_a_release(house: House) -> None:
    house.past_due(2)
    house.brake.hold(wanting(11))
    with house.ledger.engine.begin() as connection:
        held = [{"code": "brake", "params": {"wanted": 11, "allowed": 10}}]
        connection.execute(accounts.update().where(accounts.c.id == "a1").values(withheld=True, reasons=held))
    assert house.reader.waiting() == 1
    assert house.ledger.reader.due_accounts(house.clock(), 10) == []
    house.release()
    assert house.ledger.reader.due_accounts(house.clock(), 10) == ["a1"]


def test_the_reason_and_the_author_stay_with_the_brake(house: House) -> None:
    house.brake.hold(wanting(11))
    house.live(HOUR)
    house.release(reason="all of them owe")
    (row,) = house.ledger.rows("brakes")
    assert (row["author"], row["reason"], row["released_at"]) == ("Ann", "all of them owe", house.clock())
    assert house.ledger.rows("audit", kind="brake")[1]["reasons"] == [
        {"code": "brake_released", "params": {"cause": "cap", "reason": "all of them owe", "allows": 11}}
    ]


def test_each_brake_is_logged_once_when_it_engages_and_once_when_it_is_released(house: House) -> None:
    with capture_logs() as logs:
        house.brake.hold(wanting(11))
        house.brake.hold(wanting(12))
        house.brake.watch()
        house.release()
        house.brake.watch()
        house.brake.watch()
    assert [(line["event"], line["log_level"], line["cause"]) for line in logs] == [
        ("brake.engaged", "error", "cap"),
        ("brake.released", "info", "cap"),
    ]


# In the worker


def watching(rig: Rig, **changes: Any) -> Worker:
    """A worker of the rig whose brake believes the clock."""
    ledger = rig.ledger
    brake = Brake(
        reader=BrakeReader(ledger.engine),
        brakes=ledger.writer.brakes,
        limits=LIMITS,
        clock=rig.clock,
        steady_seconds=lambda: 0,
    )
    return rig.worker(brake=brake, review=rig.another_review(brake=brake), **changes)


def test_a_round_after_three_weeks_reads_the_books_and_sends_letters_and_closes_nothing(tmp_path: Path) -> None:
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as rig:
        rig.books.owe("acme")
        rig.books.owe("bolt", due_at=rig.clock() + timedelta(days=19))
        rig.climb()
        rig.clock.move(days=2)
        watching(rig).round()
        assert rig.standings() == {"acme": Standing.PAST_DUE, "bolt": Standing.PAST_DUE}
        assert rig.codes("acme")[-1] == "brake_blind"
        assert {row["state"] for row in rig.ledger.rows("notices", account_id="bolt")} == {"accepted"}
        assert rig.ledger.rows("state")[0]["reconciled_at"] == rig.clock()
        rig.books.pay("in_bolt_1")
        watching(rig).round()
        assert rig.standings() == {"acme": Standing.PAST_DUE, "bolt": Standing.CURRENT}
        rig.ledger.writer.brakes.release(list(Cause), reason="all read", author="Ann", now=rig.clock())
        watching(rig).round()
        assert rig.standings()["acme"] is Standing.SUSPENDED


def test_a_dry_run_keeps_no_day_for_in_it_nobody_becomes_past_due(tmp_path: Path) -> None:
    with rigged(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path) as rig:
        rig.books.owe("acme")
        rig.why = Reason(code="dry_run")
        rig.worker().round()
        assert rig.ledger.rows("days") == []
        rig.why = None
        rig.worker().round()
        assert [(row["accounts"], row["past_due"]) for row in rig.ledger.rows("days")] == [(1, 1)]


# What it costs


@pytest.mark.parametrize("question", ["usage", "engaged", "level", "queues"])
def test_its_questions_are_answered_from_indexes(lonely: House, question: str) -> None:
    """Those that a round asks must not grow with the years (case 78)."""
    with statements(lonely.ledger.engine) as asked:
        getattr(lonely.reader, question)(*([lonely.clock()] if question in {"usage", "level"} else []))
    with lonely.ledger.engine.connect() as connection:
        for statement, parameters in [one for one in asked if one[0].startswith("SELECT")]:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            scans = [row[-1] for row in plan if row[-1].startswith("SCAN") and "INDEX" not in row[-1]]
            assert [scan for scan in scans if "brakes" not in scan] == []  # which has a row for each time that it held
            if question == "usage":
                assert "ix_audit_after_at (after=? AND at>?)" in plan[0][-1]


# Many at once


def test_two_who_release_at_one_moment_release_once(house: House) -> None:
    for _ in range(20):
        house.brakes.engage(Cause.CLOCK, Reason(code="brake_clock", params=(("minutes", 90),)), house.clock())
        assert sorted(at_once(house.release, house.release)) == [[], [Cause.CLOCK]]
    assert len(house.audited()) == 40


def test_two_who_engage_at_one_moment_engage_once(house: House) -> None:
    for number in range(1, 21):
        at_once(*[lambda number=number: house.brakes.ask(wanting(number * 100), house.clock())] * 2)
        assert house.causes() == [Cause.CAP]
        house.release()


def test_of_many_workers_that_close_at_one_moment_no_more_pass_than_the_cap_and_what_was_released(ledger: Ledger) -> None:
    """Each has a connection of its own, and each asks only the guard, as two workers would that both saw room before."""
    house = House(ledger, Limits(caps=Caps(per_hour=7, per_day=16)))
    for day, released in enumerate((0, 5, 0)):
        house.clock.now = START + day * 2 * DAY
        if released:
            house.brakes.engage(Cause.CAP, Reason(code="brake", params=(("wanted", released), ("allowed", 0))), house.clock())
            house.release()
        passed = at_once(*[lambda: house.close(6, guarded=True)] * 4)
        assert sum(passed) == 7 + released
        house.clock.now += HOUR + SECOND
        assert sum(at_once(*[lambda: house.close(6, guarded=True)] * 4)) == 7
        house.clock.now += HOUR + SECOND
        assert sum(at_once(*[lambda: house.close(6, guarded=True)] * 4)) == 2


def test_a_writer_brings_brakes_of_its_limits(ledger: Ledger) -> None:
    writer = open_writer(ledger.engine, message_domain="x.example", limits=Limits(caps=Caps(per_hour=0, per_day=0)))
    (held,) = writer.brakes.ask(wanting(1), datetime(2026, 3, 2, tzinfo=UTC))
    assert isinstance(held, Engaged)
