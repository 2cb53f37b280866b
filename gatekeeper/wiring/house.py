"""The parts of the house, each built when it is first asked for, from the settings and one clock. The web part: `web.py`."""

import threading
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import httpx

from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.pace import Pace
from gatekeeper.billing.stripe.words import Mapper
from gatekeeper.braking import Brake
from gatekeeper.config import Fault, Settings
from gatekeeper.directory import Directory
from gatekeeper.ledger.brake_reader import BrakeReader
from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.history import History
from gatekeeper.ledger.hook_reader import HookReader
from gatekeeper.ledger.policy_book import PolicyBook
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.wish_reader import WishReader
from gatekeeper.ledger.writer import Writer, open_writer
from gatekeeper.model import Audience, Mode, Reason
from gatekeeper.perform.mail.dkim import unsigned
from gatekeeper.perform.mail.pace import Pace as MailPace
from gatekeeper.perform.mail.transport import Transport, open_transport
from gatekeeper.perform.notices import Postman, Sender
from gatekeeper.policy.brake import Caps, Limits
from gatekeeper.policy.versions import Policies
from gatekeeper.publish import Publisher, replace_file
from gatekeeper.returns.box import open_box
from gatekeeper.returns.intake import Intake
from gatekeeper.review import Review
from gatekeeper.sync import Sync
from gatekeeper.wiring.clock import Clock, simulated_clock, steady_seconds, system_clock
from gatekeeper.wiring.hooks import hook_delivery
from gatekeeper.wiring.mail import open_signer
from gatekeeper.wiring.places import StateFolder
from gatekeeper.wiring.policies import Adoption, Versions
from gatekeeper.wiring.told import open_directory
from gatekeeper.wording import Product, Wording
from gatekeeper.worker import Parts, Worker

_STRIPE_SECONDS = 10.0


class House:
    """Everything but the gate, which stands apart. Close it when done; parts that were never asked for cost nothing.

    `stopping`: set it, and whoever waits for the next turn to ask Stripe gives up.
    `now`: an instant to pretend, for one round of `gatekeeper tick --now`.
    """

    def __init__(self, settings: Settings, *, now: datetime | None = None) -> None:
        self.settings = settings
        self.stopping = threading.Event()
        self._pretended = now
        self.state = StateFolder(Path(settings.state.folder))

    def close(self) -> None:
        built = self.__dict__
        if "transport" in built:
            self.transport.close()
        if "_http" in built:
            self._http.close()
        if "engine" in built:
            self.engine.dispose()

    @cached_property
    def clock(self) -> Clock:
        pretended = self._pretended
        if pretended is not None:
            return lambda: pretended
        chosen = self.settings.clock
        return simulated_clock(Path(chosen.file)) if chosen.source == "simulated" else system_clock

    @cached_property
    def engine(self):  # type: ignore[no-untyped-def]  # noqa: ANN201 - an SQLAlchemy engine, which only the ledger may name
        return open_engine(self.settings.database.url.get_secret_value())

    @cached_property
    def reader(self) -> Reader:
        return Reader(self.engine)

    @cached_property
    def writer(self) -> Writer:
        return open_writer(
            self.engine, message_domain=self.settings.mail.domain, limits=self.limits, announced=bool(self.settings.hooks.url)
        )

    @cached_property
    def limits(self) -> Limits:
        safety = self.settings.safety
        return Limits(
            caps=Caps(per_hour=safety.suspensions_per_hour, per_day=safety.suspensions_per_day),
            few=safety.anomaly_above,
            blind_after=timedelta(hours=safety.blind_hours),
        )

    @cached_property
    def brake_reader(self) -> BrakeReader:
        return BrakeReader(self.engine)

    @cached_property
    def hook_reader(self) -> HookReader:
        return HookReader(self.engine)

    @cached_property
    def wish_reader(self) -> WishReader:
        return WishReader(self.engine)

    @cached_property
    def brake(self) -> Brake:
        return Brake(
            reader=self.brake_reader,
            brakes=self.writer.brakes,
            limits=self.limits,
            clock=self.clock,
            steady_seconds=steady_seconds,
            by_hand=self._pretended is not None or self.settings.clock.source == "simulated",
        )

    @cached_property
    def versions(self) -> Versions:
        return Versions(self.settings, PolicyBook(self.engine), History(self.engine))

    @cached_property
    def adoption(self) -> Adoption:
        """The policy in force, which may not be the one in the file. Raises SettingsInvalid."""
        return self.versions.adopt(self.clock())

    @property
    def policies(self) -> Policies:
        """Which version of the policy judges whom."""
        return self.adoption.policies

    @cached_property
    def product(self) -> Product:
        told = {field.name for field in fields(Product)}
        return Product(**self.settings.product.model_dump(include=told))

    @cached_property
    def wording(self) -> Wording:
        folder = self.settings.pages.templates
        return Wording(self.product, Path(folder) if folder else None)

    def template_faults(self) -> list[Fault]:
        """What is wrong with the operator's own templates."""
        folder = self.settings.pages.templates
        return [Fault(where=folder, key="pages.templates", what=what) for what in self.wording.try_out()]

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(timeout=_STRIPE_SECONDS)

    @cached_property
    def pace(self) -> Pace:
        """How fast Stripe is asked. Replace it before the source is built where no Stripe is at the other end."""
        return Pace(steady_seconds, self.stopping.wait)

    @cached_property
    def source(self) -> StripeBooks:
        stripe = self.settings.stripe
        contacts = {Audience.ACCOUNTANT: stripe.contacts_from.accountant, Audience.USER: stripe.contacts_from.user}
        return StripeBooks(
            api_key=stripe.api_key.get_secret_value(),
            api_base=stripe.api_base,
            mapper=Mapper(
                account_id_from=stripe.account_id_from,
                contacts_from=contacts,
                attributes_from=stripe.attributes_from.model_dump(),
            ),
            client=self._http,
            clock=self.clock,
            pace=self.pace,
        )

    @cached_property
    def directory(self) -> Directory | None:
        """Who else knows whom to write to; None: nobody."""
        return open_directory(self.settings, self._http, self.writer)

    @cached_property
    def sync(self) -> Sync:
        return Sync(self.source, self.reader, self.writer, self.clock, pinned_account=self.settings.stripe.account)

    @cached_property
    def review(self) -> Review:
        return Review(
            reader=self.reader,
            verdicts=self.writer.verdicts,
            rules_of=self.policies.rules_for,
            people=self.directory,
            brake=self.brake,
            read_again=self.sync.invoice,
            withheld=self.withheld,
            clock=self.clock,
        )

    @cached_property
    def publisher(self) -> Publisher:
        return Publisher(self.state.snapshot, self.reader, self.writer.verdicts.raise_revision, steady_seconds)

    @cached_property
    def mail_pace(self) -> MailPace:
        return MailPace(self.settings.mail.per_minute, steady_seconds, self.stopping.wait)

    @cached_property
    def transport(self) -> Transport:
        url, sign = self.settings.mail.url.get_secret_value(), open_signer(self.settings.mail) or unsigned
        return open_transport(url, clock=system_clock, pace=self.mail_pace, sign=sign)

    @cached_property
    def postman(self) -> Postman:
        mail = self.settings.mail
        return Postman(
            reader=self.reader,
            outbox=self.writer.outbox,
            read_again=self.sync.invoice,
            rules_of=self.policies.rules_for,
            wording=self.wording,
            transport=self.transport,
            sender=Sender(
                address=mail.from_,
                reply_to=mail.reply_to or self.settings.product.support_email,
                bounce_address=mail.bounce_address,
                return_path_secret=self.state.return_path_secret(),
                public_url=self.settings.web.public_url,
                product=self.product,
                allowed_domains=tuple(mail.allowed_domains),
            ),
            clock=self.clock,
            wish_of=self.wish_reader.wish,
        )

    @cached_property
    def intake(self) -> Intake:
        """Takes in what came back of letters."""
        return Intake(
            self.writer.returns,
            domain=self.settings.mail.domain,
            secret=self.state.return_path_secret(),
            clock=self.clock,
        )

    def collect_returned(self) -> None:
        """Empty the mailbox where bounces arrive, if there is one. Raises BoxUnavailable."""
        box = open_box(self.settings.mail.bounces_url.get_secret_value())
        if box is not None:
            self.intake.empty(box)

    @cached_property
    def deliver_hooks(self) -> Callable[[threading.Event], None]:
        return hook_delivery(self.settings, self.writer, self.wording, self.withheld, self.clock)

    @cached_property
    def reconcile_every(self) -> timedelta:
        return timedelta(seconds=self.settings.stripe.reconcile_every_seconds)

    @cached_property
    def worker(self) -> Worker:
        return Worker(
            Parts(
                reader=self.reader,
                inbox=self.writer.inbox,
                sync=self.sync,
                review=self.review,
                publisher=self.publisher,
                postman=self.postman,
                turn_to_send=self.mail_pace.turn,
                brake=self.brake,
                withheld=self.withheld,
                release=self.writer.desk.release,
                collect_returned=self.collect_returned,
                deliver_hooks=self.deliver_hooks,
                clock=self.clock,
                reconcile_every=self.reconcile_every,
            )
        )

    def withheld(self) -> Reason | None:
        """Why nothing may climb or be sent at this moment; None: nothing withholds it."""
        if self.state.halt.exists():
            return Reason(code="halted")
        mode = self.reader.state().mode or self.settings.safety.mode
        return Reason(code="dry_run") if mode is Mode.DRY_RUN else self.brake.set_back()

    def lay_out_fallback_page(self) -> None:
        """The lockout page without account data, and what strangers see, for the gate to show while the web part is dead."""
        self.wording.try_out()
        locale = self.wording.choose_locale(None, self.settings.product.locale)
        for path, page in ((self.state.fallback_page, "fallback"), (self.state.closed_page, "closed")):
            replace_file(path, self.wording.page(page, None, locale).encode())
