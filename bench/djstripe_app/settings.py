"""Django with dj-stripe as its documentation sets it up, with its defaults; the environment says where the database is."""

import os

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": os.environ["BENCH_DATABASE"],
        "HOST": os.environ["BENCH_DATABASE_HOST"],
        "USER": "postgres",
        "CONN_MAX_AGE": None,  # in its favour: connections are kept
    }
}
SECRET_KEY = "for this run"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sites", "djstripe"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]  # it tells the length of an answer, so connections live on
ROOT_URLCONF = "urls"
USE_TZ = True
SITE_ID = 1

STRIPE_LIVE_MODE = False
STRIPE_TEST_SECRET_KEY = os.environ["BENCH_STRIPE_KEY"]
STRIPE_API_HOST = os.environ["BENCH_STRIPE_API"]
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
if os.environ["BENCH_PROCESSES"] == "later":
    # The documented way to hand events to a queue; no queue is behind it, which costs dj-stripe nothing
    DJSTRIPE_WEBHOOK_EVENT_CALLBACK = "later.hand_on"
SILENCED_SYSTEM_CHECKS = ["djstripe.W002"]  # that the API is not Stripe's is the purpose here
