"""An event is kept once, before it is answered, and waits until what it points at has been looked at (cases 2 and 72)."""

from datetime import datetime, timedelta

from sqlalchemy import insert, text

from gatekeeper.ledger.reader import Event
from gatekeeper.ledger.tables import inbox
from gatekeeper.ledger.writer.inbox import Arrival
from tests.kit.builders import SECOND, on
from tests.kit.ledger import Ledger, at_once, opened


def store(ledger: Ledger, event_id: str = "evt_1", *, wanted: bool = True, now: datetime | None = None) -> bool:
    return ledger.writer.inbox.store(
        event_id=event_id, kind="invoice.paid", object_id="in_1", body=b'{"\x00\xff"}', now=now or on(0), wanted=wanted
    )


def due(ledger: Ledger, now: datetime) -> list[Event]:
    return ledger.reader.events_due(now, 100)


def test_an_event_is_kept_as_it_came(ledger: Ledger) -> None:
    assert store(ledger)

    (event,) = due(ledger, on(0))
    assert (event.type, event.object_id, event.body, event.attempts) == ("invoice.paid", "in_1", b'{"\x00\xff"}', 0)


def test_the_same_event_fifty_times_eight_at_once_is_one_row(ledger: Ledger) -> None:
    def deliver() -> int:
        return sum(store(ledger) for _ in range(7))

    stored = at_once(*[deliver] * 8)

    assert sum(stored) == 1
    assert len(ledger.rows("inbox")) == 1


def arrivals(*numbers: int) -> list[Arrival]:
    return [
        Arrival(event_id=f"evt_{number}", kind="invoice.paid", object_id="in_1", body=b"{}", received_at=on(0), wanted=True)
        for number in numbers
    ]


def test_of_many_events_those_are_new_that_nobody_had_kept_before(ledger: Ledger) -> None:
    assert ledger.writer.inbox.store_many(arrivals(1, 2, 2, 3)) == 3
    assert ledger.writer.inbox.store_many(arrivals(3, 4, 1)) == 1
    assert sorted(row["event_id"] for row in ledger.rows("inbox")) == ["evt_1", "evt_2", "evt_3", "evt_4"]


def test_two_processes_that_keep_the_same_events_in_opposite_orders_do_not_wait_for_one_another(database_url: str) -> None:
    """Stripe sends twice, and a balancer may send each copy elsewhere."""
    with opened(database_url) as one, opened(database_url) as other:
        for turn in range(10):
            events = arrivals(*range(turn * 400, turn * 400 + 400))
            stored = at_once(
                lambda events=events: one.writer.inbox.store_many(events),
                lambda events=events: other.writer.inbox.store_many(events[::-1]),
            )
            assert sum(stored) == 400


def test_an_event_that_comes_again_is_not_looked_at_again(ledger: Ledger) -> None:
    store(ledger)
    ledger.writer.inbox.done(due(ledger, on(0))[0])

    assert store(ledger, now=on(1)) is False

    assert due(ledger, on(9)) == []


def test_an_event_that_nobody_wants_is_kept_and_never_looked_at(ledger: Ledger) -> None:
    assert store(ledger, wanted=False)

    assert due(ledger, on(9)) == []
    assert store(ledger) is False


def test_events_that_could_not_be_looked_at_come_again_after_growing_pauses(ledger: Ledger) -> None:
    store(ledger)
    now, pauses = on(0), []
    for _ in range(14):
        (event,) = due(ledger, now)
        ledger.writer.inbox.later(event, now)
        (row,) = ledger.rows("inbox")
        pauses.append((row["next_try_at"] - now).total_seconds())
        assert due(ledger, row["next_try_at"] - SECOND) == []
        now = row["next_try_at"]

    assert pauses == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600, 3600]


def test_an_event_waits_however_long_stripe_is_away(ledger: Ledger) -> None:
    store(ledger)
    for attempts in range(40):
        (event,) = due(ledger, on(9999))
        assert event.attempts == attempts
        ledger.writer.inbox.later(event, on(0))


def test_the_longest_waiting_event_comes_first(ledger: Ledger) -> None:
    for number, name in enumerate(("evt_3", "evt_1", "evt_2")):
        store(ledger, name, now=on(0) + timedelta(hours=(2, 0, 1)[number]))

    names = {row["id"]: row["event_id"] for row in ledger.rows("inbox")}
    assert [names[event.id] for event in due(ledger, on(1))] == ["evt_1", "evt_2", "evt_3"]
    assert [names[event.id] for event in ledger.reader.events_due(on(1), 1)] == ["evt_1"]


def test_what_was_answered_survives_a_power_cut(ledger: Ledger) -> None:
    """SQLite waits for the disk before it says that a commit is done; on Postgres that is left as the server has it."""
    asked = {
        "sqlite": "PRAGMA synchronous",
        "postgresql": "SELECT source FROM pg_settings WHERE name = 'synchronous_commit'",
    }
    with ledger.writer.inbox._engine.connect() as connection:
        found = connection.execute(text(asked[ledger.engine.dialect.name])).scalar()

    assert found in {2, "default", "command line", "configuration file"}


def test_events_that_were_looked_at_are_forgotten_after_thirty_days(ledger: Ledger) -> None:
    for number, name in enumerate(("evt_done", "evt_waiting", "evt_unwanted", "evt_young")):
        store(ledger, name, wanted=name != "evt_unwanted", now=on(20 if name == "evt_young" else number / 10))
    for event in due(ledger, on(20)):
        if event.id in (1, 4):
            ledger.writer.inbox.done(event)

    assert ledger.writer.inbox.prune(on(31)) == 2
    assert [row["event_id"] for row in ledger.rows("inbox")] == ["evt_waiting", "evt_young"]
    assert ledger.writer.inbox.prune(on(31)) == 0


def test_of_many_old_events_a_thousand_are_forgotten_at_once(ledger: Ledger) -> None:
    row = {"type": "ping", "body": b"", "received_at": on(0), "next_try_at": None}
    with ledger.engine.begin() as connection:
        connection.execute(insert(inbox), [row | {"event_id": f"evt_{number}"} for number in range(1500)])

    assert [ledger.writer.inbox.prune(on(31)) for _ in range(3)] == [1000, 500, 0]


def test_events_behind_one_are_those_that_came_after_it_and_still_wait(ledger: Ledger) -> None:
    for name in ("evt_1", "evt_2", "evt_3", "evt_4"):
        store(ledger, name, wanted=name != "evt_3")

    assert [event.id for event in ledger.reader.events_behind(0, 2)] == [1, 2]
    assert [event.id for event in ledger.reader.events_behind(2, 9)] == [4]
