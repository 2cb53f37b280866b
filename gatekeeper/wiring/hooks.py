"""Who tells the product of changes of standing, out of the settings."""

import threading
from collections.abc import Callable

from gatekeeper.config import Settings
from gatekeeper.config.hooks import hook_key
from gatekeeper.ledger.writer import Writer
from gatekeeper.model import Reason
from gatekeeper.perform.messenger import Messenger
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
        keys=[hook_key(secret.get_secret_value()) for secret in hooks.secrets],
        hooks=writer.hooks,
        sentence=lambda reason: wording.sentence(reason, locale),
        withheld=withheld,
        clock=clock,
        real_clock=system_clock,
    )
    return messenger.deliver
