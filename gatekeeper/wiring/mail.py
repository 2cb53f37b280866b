"""The signer of letters that the settings name."""

from pathlib import Path

from gatekeeper.config import Fault, SettingsInvalid
from gatekeeper.config.mail import Mail
from gatekeeper.perform.mail.dkim import DkimRefused, Signer


def open_signer(mail: Mail) -> Signer | None:
    """None: letters leave unsigned. Raises SettingsInvalid: the key cannot sign."""
    if not mail.dkim_selector:
        return None
    try:
        return Signer(domain=mail.domain, selector=mail.dkim_selector, key_file=Path(mail.dkim_key_file))
    except DkimRefused as fault:
        raise SettingsInvalid([Fault(where=mail.dkim_key_file, key="mail.dkim_key_file", what=str(fault))]) from fault
