"""The web part, put together out of the house: lockout page, pay links, webhooks, API, health, metrics."""

from starlette.applications import Starlette

from gatekeeper import health, metrics, webhooks
from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.ledger.engine import DatabaseUnavailable
from gatekeeper.pages.ledger_books import LedgerBooks
from gatekeeper.pages.routes import Signers
from gatekeeper.pages.routes import routes as page_routes
from gatekeeper.pages.watching import Watch
from gatekeeper.returns.routes import routes as returns_routes
from gatekeeper.wiring.clock import system_clock
from gatekeeper.wiring.house import House
from gatekeeper.wiring.told import api_routes
from gatekeeper.wishes import Wishes


def web_of(house: House) -> Starlette:
    books = LedgerBooks(
        reader=house.reader,
        wishes=house.wish_reader,
        rules_of=house.policies.rules_for,
        product=house.product,
        public_url=house.settings.web.public_url,
        promise_days=house.settings.pages.promise_days,
        clock=house.clock,
    )
    secrets = [secret.get_secret_value() for secret in house.settings.stripe.webhook_secrets]
    return Starlette(
        routes=[
            *page_routes(
                books,
                _wishes_of(house),
                payment_page=house.source.payment_page,
                pdf=house.source.pdf,
                signers=Signers(page=house.state.page_signer(), action=house.state.action_signer()),
                wording=house.wording,
                watch=Watch(house.wish_reader.revision, house.wish_reader.open_among, house.stopping),
                unavailable=(SourceUnavailable, *DatabaseUnavailable),
            ),
            *webhooks.routes(
                inbox=house.writer.inbox,
                reader=house.reader,
                secrets=secrets,
                clock=house.clock,
                wake=house.worker.wake,
            ),
            *returns_routes(
                intake=house.intake,
                secrets=[secret.get_secret_value() for secret in house.settings.mail.webhook_secrets],
                real_clock=system_clock,
                wake=house.worker.wake,
                to_confirm=house.state.keep_to_confirm,
            ),
            *api_routes(house.settings, house.reader, house.writer, house.clock, house.worker.wake, house.stopping.is_set),
            *health.routes(
                reader=house.reader,
                brake=house.brake_reader,
                hooks=house.hook_reader,
                withheld=house.withheld,
                clock=house.clock,
                reconcile_every=house.reconcile_every,
            ),
            *metrics.routes(
                reader=house.reader,
                brake=house.brake_reader,
                hooks=house.hook_reader,
                caps=house.limits.caps,
                withheld=house.withheld,
                clock=house.clock,
            ),
        ]
    )


def _wishes_of(house: House) -> Wishes:
    return Wishes(
        reader=house.reader,
        ledger=house.writer.wishes,
        read_again=house.sync.invoice,
        review=house.review,
        publisher=house.publisher,
        rules_of=house.policies.rules_for,
        clock=house.clock,
        wake=house.worker.wake,
        staff=house.settings.product.support_email,
        promise_days=house.settings.pages.promise_days,
    )
