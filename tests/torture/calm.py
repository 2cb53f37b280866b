"""Liveness: faults stop, the clock only goes forward, and everything must come to its end, in order and in time.

Rule 11, I8 and I12 of failures.md, section 3.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Final

from gatekeeper.model import Audience, Mode, Standing, Step
from gatekeeper.policy.rules import Rules
from tests.kit.builders import invoice
from tests.kit.published import published
from tests.policy.ladders import longest
from tests.torture.play import Play
from tests.torture.stage import RECONCILE_EVERY

HOUR: Final = timedelta(hours=1)
_LAST: Final = {Step.SUSPEND: Standing.SUSPENDED, Step.RESTRICT: Standing.RESTRICTED}
# What a round may change although there is nothing to do: how fresh it all is
_FRESHNESS: Final = {"read_at", "seen_in", "version", "reconciled_at", "reconcile_number", "seen_at", "directory_at"}


def calm(play: Play) -> None:
    """From whatever a path has left to an end."""
    payers, debtors = _settle(play)
    _round(play)
    for account in payers:
        assert _standings(play).get(account, Standing.CURRENT) is Standing.CURRENT, _told(
            play, account, "has paid, and is not let in"
        )
        assert account not in published(play.stage.snapshot_path).standings
    _climb(play, debtors)
    _let_the_post_end(play)
    _round(play)  # after which the brakes that the calm itself has engaged, by setting the clock right, are released
    before = _dump(play)
    _round(play)
    after = _dump(play)
    changed = [(was, now) for name in before for was, now in zip_longest(before[name], after[name]) if was != now]
    assert not changed, f"a round with nothing to do did something: {changed}"


def _settle(play: Play) -> tuple[list[str], list[str]]:
    """All is up, armed and known again; the first half of the accounts pay, the others owe something that is due."""
    stage, clock = play.stage, play.stage.clock
    stage.note("== calm")
    stage.points.armed = ""
    clock.true_at = max([clock.true_at, clock(), *_instants(play)])
    clock.off = timedelta()
    clock.move(RECONCILE_EVERY)
    stage.books.become("fine")
    stage.post.mood = "accepts"
    stage.halted = False
    stage.writer.desk.set_mode(Mode.ARMED, author="Ann", now=clock())
    stage.memory.disarmed = False
    play.doings.settle_disputes()
    for one in list(stage.books.invoices.values()):
        stage.books.change(one.id, processing_since_at=None, next_attempt_at=None)
    for account in stage.names:
        people = tuple((audience, f"{audience}@{account}.calm.example") for audience in Audience)
        known = stage.books.customers[f"cus_{account}"]
        stage.books.customers[known.id] = replace(known, account_id=account, deleted=False, addresses=people)
        play.doings.forget_people(account)
        play.doings.free(account)
    half = len(stage.names) // 2
    for one in list(stage.books.invoices.values()):
        if one.customer_id.removeprefix("cus_") in stage.names[:half]:
            stage.books.change(one.id, status="void" if one.status in {"uncollectible", "void"} else "paid", remaining_minor=0)
    for account in stage.names[half:]:
        fields: dict[str, Any] = {"customer_id": f"cus_{account}", "account_id": account, "number": f"calm-{account}"}
        fields |= {"due_at": clock(), "created_at": clock(), "finalized_at": clock()}
        made = invoice(1, id=f"in_calm_{account}", lineage=f"in_calm_{account}", **fields)
        stage.books.invoices[made.id] = made
    return stage.names[:half], stage.names[half:]


def _instants(play: Play) -> list[datetime]:
    """The latest that a worker has lived through, or written down."""
    seen = [row["seen_at"] for row in play.stage.ledger.rows("state")]
    return [at for at in seen if at is not None] + [row["at"] for row in play.stage.ledger.rows("audit")]


def _round(play: Play) -> None:
    """Somebody looks at the brake, and both workers do what there is to do."""
    play.doings.release_brakes()
    for hand in play.hands:
        hand.turn()
    play.hands[0].deliver()
    for hand in play.hands:
        hand.turn()
    play.judge.at_rest = True
    play.judge.turned(read_whole=play.has_read())


def _climb(play: Play, debtors: list[str]) -> None:
    """Whoever owes, can be reached and is not held goes up the ladder of his case to its last step, in bounded time."""
    stage = play.stage
    end_at = stage.clock() + max(map(longest, stage.policies.values()))
    while waiting := [account for account in debtors if not _is_at_the_top(play, account)]:
        assert stage.clock() < end_at, _told(play, waiting[0], "has not come to the end of the ladder")
        stage.clock.move(min(play.until_due(), timedelta(days=3)))
        _round(play)


def _is_at_the_top(play: Play, account: str) -> bool:
    rules = _rules(play, account)
    last = _LAST.get(rules.steps[-1].kind, Standing.PAST_DUE)
    told = [row for row in play.stage.ledger.rows("notices", account_id=account) if f"in_calm_{account}" in row["named"]]
    return _standings(play).get(account) is last and (last in _LAST.values() or any(row["state"] == "accepted" for row in told))


def _rules(play: Play, account: str) -> Rules:
    found = play.stage.ledger.reader.facts([account])
    return play.stage.rules_of(found[0]) if found else Rules()


def _let_the_post_end(play: Play) -> None:
    """I12 c: every row of the outbox ends, or waits for a person, within three days."""
    end_at = play.stage.clock() + timedelta(hours=80)
    while any(row["next_try_at"] or row["state"] == "sending" for row in play.stage.ledger.rows("notices")):
        assert play.stage.clock() < end_at, play.stage.ledger.rows("notices")
        play.stage.clock.move(min(play.until_due(), timedelta(hours=8)))
        _round(play)
    assert not [row for row in play.stage.ledger.rows("inbox") if row["next_try_at"]]


def _standings(play: Play) -> dict[str, Standing]:
    return {one.id: one.standing for one in play.stage.ledger.reader.accounts()}


def _dump(play: Play) -> dict[str, Any]:
    kept = {
        name: [{key: value for key, value in row.items() if key not in _FRESHNESS} for row in rows]
        for name, rows in play.stage.ledger.dump().items()
    }
    return kept | {"snapshot": [play.stage.snapshot_path.read_bytes()]}


def _told(play: Play, account: str, what: str) -> str:
    rows = [row for table in ("accounts", "invoices", "notices") for row in play.stage.ledger.rows(table)]
    mine = [str(row) for row in rows if account in (row.get("account_id"), row.get("id"))]
    engaged = [str(row) for row in play.stage.ledger.rows("brakes", released_at=None)]
    return "\n".join([f"{account} {what}", *mine, *engaged, *play.stage.diary[-60:]])
