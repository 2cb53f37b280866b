"""One worker of a torture: a process of its own, as far as the ledger and the world can tell."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import event

from gatekeeper.braking import Brake
from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer import open_writer
from gatekeeper.model import Facts, Mode, Reason
from gatekeeper.perform.notices import Postman, Sender
from gatekeeper.publish import Publisher
from gatekeeper.review import Review
from gatekeeper.sync import Sync
from gatekeeper.wording import Product
from gatekeeper.worker import Parts, Worker
from tests.kit.ledger import DOMAIN
from tests.torture.failpoints import OUTSIDE, Points, watch
from tests.torture.post import PlainWording
from tests.torture.stage import RECONCILE_EVERY, Stage

_PRODUCT = Product(name="Acme Cloud", url="https://app.acme.example", support_email="support@acme.example")
_SENDER = Sender(
    address="Acme Billing <billing@acme.example>",
    reply_to="support@acme.example",
    bounce_address="",
    public_url="https://bill.acme.example",
    product=_PRODUCT,
)


class _BrakeReader(BrakeReader):
    """The database's machine has a clock too, and that one is right."""

    stage: Stage

    def database_clock(self) -> datetime | None:
        return self.stage.clock.true_at if self._engine.dialect.name == "postgresql" else None


class _Reader(Reader):
    """Between what a worker knows and what it does about it others may come in."""

    points: Points

    def facts(self, account_ids: Sequence[str]) -> list[Facts]:
        found = super().facts(account_ids)
        self.points.reach(OUTSIDE[6])
        return found


class Hand:
    """What a worker keeps in its memory begins with it, and is gone with it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._engine = open_engine(stage.ledger.url)
        if self._engine.dialect.name == "sqlite":  # nobody pulls the plug of this machine
            event.listen(self._engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF").close())
        self.end = watch(self._engine, stage.points, stage.committed)
        reader = _Reader(self._engine)
        reader.points = stage.points
        writer = open_writer(self._engine, message_domain=DOMAIN, limits=stage.limits)
        brake_reader = _BrakeReader(self._engine)
        brake_reader.stage = stage
        self._reader = reader
        self._brake = Brake(
            reader=brake_reader,
            brakes=writer.brakes,
            limits=stage.limits,
            clock=stage.clock,
            steady_seconds=stage.clock.steady_seconds,
        )
        sync = Sync(stage.books, reader, writer, stage.clock, pinned_account="acct_test")
        review = Review(
            reader=reader,
            verdicts=writer.verdicts,
            rules_of=stage.rules_of,
            brake=self._brake,
            read_again=sync.invoice,
            withheld=self.withheld,
            clock=stage.clock,
        )
        postman = Postman(
            reader=reader,
            outbox=writer.outbox,
            read_again=sync.invoice,
            rules_of=stage.rules_of,
            wording=PlainWording(),  # type: ignore[arg-type]  # it is only asked for letters
            transport=stage.post,
            sender=_SENDER,
            clock=stage.clock,
        )
        self.worker = Worker(
            Parts(
                reader=reader,
                inbox=writer.inbox,
                sync=sync,
                review=review,
                publisher=Publisher(stage.snapshot_path, reader, writer.verdicts.raise_revision, stage.clock.steady_seconds),
                postman=postman,
                brake=self._brake,
                withheld=self.withheld,
                release=writer.desk.release,
                clock=stage.clock,
                reconcile_every=RECONCILE_EVERY,
            )
        )

    def withheld(self) -> Reason | None:
        """As the house says it: a file, the mode, a clock that was set back."""
        if self._stage.halted:
            return Reason(code="halted")
        mode = self._reader.state().mode or Mode.ARMED
        return Reason(code="dry_run") if mode is Mode.DRY_RUN else self._brake.set_back()

    def turn(self) -> None:
        """One turn of its loop. What a worker goes on from is no fault; what it logs as one is (`Stage.faults`)."""
        self.worker._guarded("turn", self.worker._turn)

    def deliver(self) -> None:
        self.worker._guarded("post", self.worker._deliver)

    def poll(self) -> None:
        self.worker._guarded("poll", self.worker._poll_closed)
