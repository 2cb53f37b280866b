"""Six weeks in a minute: a customer on a Stripe test clock climbs the ladder while the machine's own clock nearly stands."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import stripe

from gatekeeper.demo.standin.serve import Standin
from tests.kit.running import Installation
from tests.kit.smtp import MailServer
from tests.kit.standin import SECRET_KEY, MovableClock, driving


@pytest.fixture
def stripe_test_mode() -> Iterator[tuple[str, stripe.StripeClient]]:
    with Standin(MovableClock(datetime.now(UTC).replace(microsecond=0))) as server, driving(server.url, SECRET_KEY) as sdk:
        yield server.url, sdk


def rehearsed_customer(sdk: stripe.StripeClient, clock_id: str) -> str:
    """A customer on the test clock who is billed by invoice, due in a week; the id of the invoice."""
    customer = sdk.v1.customers.create(
        {
            "name": "Rehearsal",
            "email": "accounts@rehearsal.example",
            "metadata": {"account_id": "rehearsal", "user_email": "user@rehearsal.example"},
            "test_clock": clock_id,
        }
    )
    price = sdk.v1.prices.create(
        {"currency": "eur", "unit_amount": 4900, "recurring": {"interval": "month"}, "product_data": {"name": "Pro"}}
    )
    terms = {"items": [{"price": price.id}], "collection_method": "send_invoice", "days_until_due": 7}
    sdk.v1.subscriptions.create({"customer": customer.id, **terms})
    (invoice,) = sdk.v1.invoices.list({"customer": customer.id}).data
    assert invoice.id is not None
    return invoice.id


def test_a_ladder_is_rehearsed_with_a_test_clock(
    stripe_test_mode: tuple[str, stripe.StripeClient], post: MailServer, tmp_path: Path
) -> None:
    url, sdk = stripe_test_mode
    began_at = datetime.now(UTC)
    theirs = began_at
    clock = sdk.v1.test_helpers.test_clocks.create({"frozen_time": int(theirs.timestamp())})
    invoice = rehearsed_customer(sdk, clock.id)
    installation = Installation(tmp_path / "state", url, post.url, began_at, extra={"clock": {"source": "system", "file": ""}})
    diary = []
    for days in (0, 8, 14, 6):
        theirs += timedelta(days=days)
        sdk.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": int(theirs.timestamp())}) if days else None
        installation.command("tick")
        diary.append((installation.standings()["rehearsal"], len(post.messages)))

    # Two letters each time: the reminder, the warning, the word of the suspension; and at last that access is back
    assert diary == [("current", 0), ("past_due", 2), ("past_due", 4), ("suspended", 6)]
    sdk.v1.invoices.pay(invoice, {"paid_out_of_band": True})
    installation.command("tick")
    assert installation.standings() == {"rehearsal": "current"}
    assert len(post.messages) == 8
