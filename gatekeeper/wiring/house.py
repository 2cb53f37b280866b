"""The parts of the house, each built when it is first asked for, from the settings and one clock."""

from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import httpx
from jinja2 import TemplateSyntaxError
from starlette.applications import Starlette

from gatekeeper import health, webhooks
from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.billing.stripe.books import StripeBooks
from gatekeeper.billing.stripe.words import Mapper
from gatekeeper.config import Fault, Settings, SettingsInvalid
from gatekeeper.ledger.engine import open_engine
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer import Writer, open_writer
from gatekeeper.model import Audience, Mode, Reason
from gatekeeper.pages.ledger_books import LedgerBooks
from gatekeeper.pages.routes import routes as page_routes
from gatekeeper.perform.mail.transport import Transport, open_transport
from gatekeeper.perform.notices import Postman, Sender
from gatekeeper.policy.brake import Caps
from gatekeeper.policy.rules import Rules
from gatekeeper.publish import Publisher, replace_file
from gatekeeper.review import Review
from gatekeeper.sync import Sync
from gatekeeper.wiring.clock import Clock, simulated_clock, system_clock
from gatekeeper.wiring.places import StateFolder
from gatekeeper.wiring.policy import load_rules
from gatekeeper.wording import Product, Wording
from gatekeeper.worker import Parts, Worker

_STRIPE_SECONDS = 10.0


class House:
    """Everything but the gate, which stands apart. Close it when done; parts that were never asked for cost nothing.

    `now`: an instant to pretend, for one round of `gatekeeper tick --now`.
    """

    def __init__(self, settings: Settings, *, now: datetime | None = None) -> None:
        self.settings = settings
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
        return open_writer(self.engine, message_domain=self.settings.mail.domain)

    @cached_property
    def rules(self) -> Rules:
        return load_rules(self.settings)

    @cached_property
    def product(self) -> Product:
        product = self.settings.product
        return Product(
            name=product.name,
            url=product.url,
            support_email=product.support_email,
            support_phone=product.support_phone,
            postal_address=product.postal_address,
            tax_id=product.tax_id,
            logo_url=product.logo_url,
            locale=product.locale,
            time_zone=product.time_zone,
        )

    @cached_property
    def wording(self) -> Wording:
        """Raises SettingsInvalid for a template of the operator's own that cannot be compiled."""
        folder = self.settings.pages.templates
        try:
            return Wording(self.product, Path(folder) if folder else None)
        except TemplateSyntaxError as fault:
            what = f"{fault.name}, line {fault.lineno}: {fault.message}"
            raise SettingsInvalid([Fault(where=folder, key="pages.templates", what=what)]) from fault

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(timeout=_STRIPE_SECONDS)

    @cached_property
    def source(self) -> StripeBooks:
        stripe = self.settings.stripe
        contacts = {Audience.ACCOUNTANT: stripe.contacts_from.accountant, Audience.USER: stripe.contacts_from.user}
        return StripeBooks(
            api_key=stripe.api_key.get_secret_value(),
            api_base=stripe.api_base,
            mapper=Mapper(account_id_from=stripe.account_id_from, contacts_from=contacts),
            client=self._http,
            clock=self.clock,
        )

    @cached_property
    def sync(self) -> Sync:
        return Sync(self.source, self.reader, self.writer.readings, self.clock, pinned_account=self.settings.stripe.account)

    @cached_property
    def review(self) -> Review:
        safety = self.settings.safety
        return Review(
            reader=self.reader,
            verdicts=self.writer.verdicts,
            rules=self.rules,
            caps=Caps(per_hour=safety.suspensions_per_hour, per_day=safety.suspensions_per_day),
            read_again=self.sync.invoice,
            withheld=self.withheld,
            clock=self.clock,
        )

    @cached_property
    def publisher(self) -> Publisher:
        return Publisher(self.state.snapshot, self.reader, self.writer.verdicts.raise_revision)

    @cached_property
    def transport(self) -> Transport:
        return open_transport(self.settings.mail.url.get_secret_value())

    @cached_property
    def postman(self) -> Postman:
        mail = self.settings.mail
        return Postman(
            reader=self.reader,
            outbox=self.writer.outbox,
            read_again=self.sync.invoice,
            rules=self.rules,
            wording=self.wording,
            transport=self.transport,
            sender=Sender(
                address=mail.from_,
                reply_to=mail.reply_to or self.settings.product.support_email,
                bounce_address=mail.bounce_address,
                public_url=self.settings.web.public_url,
                product=self.product,
                allowed_domains=tuple(mail.allowed_domains),
            ),
            clock=self.clock,
        )

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
                withheld=self.withheld,
                release=self.writer.desk.release,
                clock=self.clock,
                reconcile_every=self.reconcile_every,
            )
        )

    @cached_property
    def web(self) -> Starlette:
        """The web part: lockout page, pay links, webhooks, health."""
        books = LedgerBooks(
            reader=self.reader,
            rules=self.rules,
            product=self.product,
            public_url=self.settings.web.public_url,
            clock=self.clock,
        )
        secrets = [secret.get_secret_value() for secret in self.settings.stripe.webhook_secrets]
        return Starlette(
            routes=[
                *page_routes(
                    books, self.source.payment_page, self.state.page_signer(), self.wording, unavailable=SourceUnavailable
                ),
                *webhooks.routes(
                    inbox=self.writer.inbox,
                    reader=self.reader,
                    secrets=secrets,
                    clock=self.clock,
                    wake=self.worker.wake.set,
                ),
                *health.routes(
                    reader=self.reader, withheld=self.withheld, clock=self.clock, reconcile_every=self.reconcile_every
                ),
            ]
        )

    def withheld(self) -> Reason | None:
        """Why nothing may climb or be sent at this moment; None: nothing withholds it."""
        if self.state.halt.exists():
            return Reason(code="halted")
        mode = self.reader.state().mode or self.settings.safety.mode
        return Reason(code="dry_run") if mode is Mode.DRY_RUN else None

    def lay_out_fallback_page(self) -> None:
        """The lockout page without account data, for the gate to show while the web part is dead."""
        locale = self.wording.choose_locale(None, self.settings.product.locale)
        replace_file(self.state.fallback_page, self.wording.page("fallback", None, locale).encode())
