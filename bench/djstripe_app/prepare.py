"""Makes dj-stripe's tables, and the rows that its admin makes when an endpoint is added. Prints the path to post events to."""

import os

import django
from django.core.management import call_command
from django.urls import reverse

django.setup()

from djstripe.models import Account, WebhookEndpoint  # noqa: E402 - models are there after the setup

call_command("migrate", verbosity=0)
account = Account.get_or_retrieve_for_api_key(os.environ["BENCH_STRIPE_KEY"])
endpoint = WebhookEndpoint.objects.create(
    id="we_bench",
    livemode=False,
    enabled_events=["*"],
    secret=os.environ["BENCH_WEBHOOK_SECRET"],
    status="enabled",
    url="http://127.0.0.1/",
    djstripe_owner_account=account,
)
print(reverse("djstripe:djstripe_webhook_by_uuid", kwargs={"uuid": endpoint.djstripe_uuid}))
