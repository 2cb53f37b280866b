"""Who tells the product of changes of standing, out of the settings."""

import threading
from collections.abc import Callable

from gatekeeper.config import Settings
from gatekeeper.config.hooks import hook_key
from gatekeeper.ledger.writer import Writer
from gatekeeper.model import HookOutcome, Reason
from gatekeeper.perform.messenger import Messenger, try_out
from gatekeeper.wiring.clock import Clock, system_clock
from gatekeeper.wording import Wording


def hook_delivery(
    settings: Settings, writer: Writer, wording: Wording, withheld: Callable[[], Reason | None], clock: Clock
) -> Callable[[threading.Event], None]:
    """What delivers the hooks that are due (`Messenger.deliver`); nothing, where the product wants to hear nothing."""
    hooks, locale = settings.hooks, settings.product.locale
    if not hooks.url:
        return lambda _stop: None
    messenger = Messenger(
        url=hooks.url,
        keys=_keys(settings),
        hooks=writer.hooks,
        sentence=lambda reason: wording.sentence(reason, locale),
        withheld=withheld,
        clock=clock,
        real_clock=system_clock,
    )
    return messenger.deliver


def try_hooks(settings: Settings) -> HookOutcome | None:
    """How the product answers a signed hook that tells of nothing; None: it wants to hear nothing."""
    return try_out(settings.hooks.url, _keys(settings), system_clock()) if settings.hooks.url else None


def _keys(settings: Settings) -> list[bytes]:
    return [hook_key(secret.get_secret_value()) for secret in settings.hooks.secrets]
