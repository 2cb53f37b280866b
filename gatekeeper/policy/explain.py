"""A reason as a sentence: one text for staff, page, log and `gatekeeper why`. Translated and formatted by whoever asks."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

from gatekeeper.model import Money, Reason, Standing

Value = str | int | date | datetime | Money


def N_(msgid: str) -> str:  # noqa: N802 - the name by which gettext's extractors know a text that is translated later
    return msgid


SENTENCES: Final[Mapping[str, str]] = {
    "nothing_overdue": N_("Nothing is overdue."),
    "owes": N_("%(total)s is overdue since %(since)s."),
    "small": N_("Invoice %(number)s is overdue, but what is owed is below the threshold."),
    "too_old": N_("Invoice %(number)s was overdue long before gatekeeper came; a person has to decide about it."),
    "processing": N_("A payment of invoice %(number)s is on its way."),
    "doubtful": N_("Invoice %(number)s has a due date that cannot be meant; correct it in the billing system."),
    "unmapped": N_("The billing customer names no account of the product; add the account's id to the customer."),
    "exempt": N_("Exempt until %(until)s: %(reason)s (%(author)s)."),
    "promised": N_("%(by)s promised to pay by %(on)s."),
    "distrust": N_("The billing system cannot be believed at the moment: %(why)s"),
    "reminder_due": N_("The reminder is due on %(on)s."),
    "reminder_now": N_("A reminder is being written to the %(audience)s."),
    "reminder_under_way": N_("The reminder to the %(audience)s is on its way; it has not been accepted yet."),
    "reminded": N_("The %(audience)s was reminded on %(on)s."),
    "warning_due": N_("The warning is due on %(on)s."),
    "warning_now": N_("A warning is being written to the %(audience)s."),
    "warning_under_way": N_("The warning to the %(audience)s is on its way; it has not been accepted yet."),
    "warned": N_("The %(audience)s was warned on %(on)s that access ends on %(day)s."),
    "unreachable": N_("The %(audience)s cannot be reached: no address, or every message was refused. A person has to call."),
    "suspension_due": N_("Access will be suspended on %(on)s."),
    "retry_scheduled": N_("The billing system will try to charge again on %(on)s; suspension waits for that."),
    "read_first": N_("The invoice has to be read from the billing system again before access may be suspended."),
    "suspended": N_("Everyone was told, the named day has passed, and the invoice is still unpaid: access is suspended."),
    "undecided": N_("This account could not be judged; the log says why. It is looked at again in an hour."),
    "brake": N_("The brake holds: %(wanted)s suspensions were due at once, and at most %(allowed)s may begin now."),
    "dry_run": N_("Dry run: nothing is sent and nobody is suspended. Run `gatekeeper arm` when this looks right."),
    "halted": N_("Halted: no notices and no suspensions until `gatekeeper resume`."),
    "would": N_("Would now: %(what)s"),
    "opened_by_staff": N_("Opened by %(author)s: %(reason)s"),
}

REMEDIES: Final[Mapping[Standing, tuple[str, ...]]] = {
    Standing.CURRENT: (),
    Standing.PAST_DUE: (
        N_("Payment of everything that is overdue ends this case."),
        N_("An exemption or a promise to pay holds it: `gatekeeper exempt`, `gatekeeper promise`."),
    ),
    Standing.RESTRICTED: (N_("Payment of everything that is overdue opens access at once."),),
    Standing.SUSPENDED: (
        N_("Payment of everything that is overdue opens access at once."),
        N_("Staff can open it for now: `gatekeeper promise`, `gatekeeper exempt` or `gatekeeper restore`."),
    ),
}

_AUDIENCES: Final[Mapping[str, str]] = {"accountant": N_("accountant"), "user": N_("user")}


def sentence(reason: Reason, translate: Callable[[str], str], show: Callable[[Value], str]) -> str:
    """The reason as a sentence. `translate` is a gettext function; `show` writes a date, an amount or a word for the reader."""
    shown = {name: _shown(name, value, translate, show) for name, value in reason.params}
    return translate(SENTENCES[reason.code]) % shown


def _shown(name: str, value: Value, translate: Callable[[str], str], show: Callable[[Value], str]) -> str:
    if name == "audience" and isinstance(value, str):
        return translate(_AUDIENCES[value])
    return show(value)
