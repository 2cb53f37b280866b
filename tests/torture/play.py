"""A path, played: step by step what happens and who works, then the calm. A path is a value, so that it can be made shorter."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final

from structlog.testing import capture_logs

from gatekeeper.policy.rules import Rules
from tests.kit.ledger import Ledger
from tests.torture.crew import Hand
from tests.torture.doings import Doings
from tests.torture.failpoints import BEFORE, Crash, Points, Weave, snapshots, watch
from tests.torture.judge import Judge
from tests.torture.stage import Stage, Violation

# What no worker may say, whatever is done to it
_CONFUSED: Final = {
    "job.failed",
    "account.passed_over",
    "account.undecided",
    "notice.unwritten",
    "event.unreadable",
    "snapshot.unreadable",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Time goes by, something happens, and some of the crew work, in this weather.

    `gap`: None lasts until the ledger has something to do.
    `crew`: `one`, `other`, `both` (by turns, as `switches` say) or `at once` (as the machine likes it, on Postgres only).
    `switches`: after so many points the other one goes on, and meanwhile this happens. `dies_at`: where the next one dies.
    `number` decides the details.
    """

    gap: timedelta | None
    doing: str
    crew: str = "one"
    job: str = "all"
    mood: str = "accepts"
    weather: str = "fine"
    dies_at: str = ""
    switches: tuple[tuple[int, str], ...] = ()
    number: int = 0


class Play:
    def __init__(self, ledger: Ledger, folder: Path, points: Points, policies: Sequence[Rules], accounts: int) -> None:
        self.stage = Stage(ledger, folder, points, list(policies), accounts)
        self.judge = self.stage.judge = Judge(self.stage)
        self.doings = Doings(self.stage)
        self.hands = [Hand(self.stage), Hand(self.stage)]
        points.armed = ""
        self._leave_desk = watch(ledger.engine, points, lambda _: None)

    def end(self) -> None:
        self._leave_desk()
        for hand in self.hands:
            hand.end()

    def step(self, step: Step) -> None:
        stage = self.stage
        stage.dice = Random(step.number)
        stage.clock.move(self.until_due() if step.gap is None else step.gap)
        stage.points.armed = step.dies_at or stage.points.armed
        stage.note(f"-- {step.doing}, {step.crew} {step.job}, {step.weather}, {step.mood}, {stage.points.armed}")
        self.do(step.doing)
        stage.books.become(step.weather)
        stage.post.mood = step.mood
        self.judge.at_rest = True
        which = {"one": [0], "other": [1], "nobody": []}.get(step.crew, [0, 1])
        if step.crew == "at once" and stage.ledger.engine.dialect.name == "postgresql":
            self._at_once(which, step.job)
        elif which:
            self._woven(which, step)
        stage.books.become("fine")

    def until_due(self) -> timedelta:
        """How long until the ledger has something to do; a day, if nothing is written down."""
        now = self.stage.clock()
        instants = [row["review_at"] for row in self.stage.ledger.rows("accounts")]
        instants += [row["next_try_at"] for row in self.stage.ledger.rows("notices")]
        return min((at - now for at in instants if at is not None and at > now), default=timedelta(days=1))

    def do(self, doing: str) -> None:
        """Whoever does it may die as well; what was not committed has not happened."""
        kept = deepcopy(self.stage.memory)
        try:
            match doing:
                case "kill":
                    self._replace(0, 1)
                case "back_up":
                    self.stage.back_up()
                case "restore":
                    self._replace(0, 1)
                    self.stage.restore()
                case _:
                    getattr(self.doings, doing)()
        except Crash as crash:
            self._leave_desk()
            self._leave_desk = watch(self.stage.ledger.engine, self.stage.points, lambda _: None)
            if str(crash).endswith(BEFORE):
                self.stage.memory = kept

    def _woven(self, which: list[int], step: Step) -> None:
        weave = Weave(self.stage.points, [self._job(hand, step.job) for hand in which])
        if len(which) > 1 and step.switches and "slow" in step.mood + step.weather:
            self.judge.at_rest = False  # what one has read just now grows old while the other one waits
        for number, (points, doing) in enumerate(step.switches):
            weave.go_on(number, points)
            if doing != "nothing":
                self.judge.at_rest = False
                self.stage.note(f"meanwhile: {doing}")
                self.do(doing)
        self._see(which, weave.finish(), step)

    def _at_once(self, which: list[int], job: str) -> None:
        faults: list[BaseException | None] = [None for _ in which]

        def run(place: int, work: Callable[[], None]) -> None:
            try:
                work()
            except BaseException as fault:  # noqa: BLE001 - a death too is for whoever waits to see
                faults[place] = fault

        self.judge.at_rest = False
        works = [threading.Thread(target=run, args=(place, self._job(hand, job))) for place, hand in enumerate(which)]
        for work in works:
            work.start()
        for work in works:
            work.join()
        self._see(which, faults, None)

    def _job(self, which: int, job: str) -> Callable[[], None]:
        hand = self.hands[which]
        jobs = {"turn": [hand.turn], "deliver": [hand.deliver], "poll": [hand.poll]}.get(
            job, [hand.turn, hand.deliver, hand.turn]
        )

        def work() -> None:
            for one in jobs:
                one()

        return work

    def _see(self, which: list[int], faults: list[BaseException | None], step: Step | None) -> None:
        """Whoever died is followed by another; whoever ended a turn must have left all as it has to be."""
        for hand, fault in zip(which, faults, strict=True):
            if isinstance(fault, Crash):
                self.stage.note(f"died: {fault}")
                self._replace(hand)
            elif fault is not None:
                raise fault
        whole = step is not None and not any(faults) and step.job in {"all", "turn"} and self.judge.at_rest
        if whole and step is not None and not (len(which) > 1 and step.switches):
            self.judge.turned(read_whole=step.weather == "fine" and self.has_read())

    def has_read(self) -> bool:
        """Whether the books were read whole at this very time."""
        state = self.stage.ledger.reader.state()
        return not state.distrust and state.reconciled_at == self.stage.clock()

    def _replace(self, *which: int) -> None:
        for hand in which:
            self.hands[hand].end()
            self.hands[hand] = Hand(self.stage)


@contextmanager
def played(ledger: Ledger, folder: Path, points: Points, policies: Sequence[Rules], accounts: int) -> Iterator[Play]:
    """A play whose violations are assertion errors, and whose workers keep their heads."""
    with capture_logs() as said:
        play = Play(ledger, folder, points, policies, accounts)
        try:
            with snapshots(points, play.judge.published):
                yield play
        except Violation as broken:
            raise AssertionError(str(broken)) from broken
        finally:
            play.end()
    confused = [one for one in said if one["event"] in _CONFUSED]
    assert not confused, confused
