"""What DJSTRIPE_WEBHOOK_EVENT_CALLBACK names where events are stored and processed later."""


def hand_on(_trigger: object, api_key: str) -> None:
    """A product would tell its queue here."""
