"""A reason as a sentence: one text for staff, page, log and `gatekeeper why`. Translated and formatted by whoever asks."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

from gatekeeper.model import Money, Reason, Standing

Value = str | int | date | datetime | Money | tuple[str, ...]


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
    "uncollectible": N_(
        "Invoice %(number)s was written off: no more letters about it, and access stays as it is. It can still be paid."
    ),
    "disputed": N_("A payment is disputed at its bank (%(dispute)s): no letters and no closing until that is settled."),
    "exempt": N_("Exempt until %(until)s: %(reason)s (%(author)s)."),
    "exempt_from_suspension": N_("Exempt from suspension until %(until)s, not from reminders: %(reason)s (%(author)s)."),
    "staff_hold": N_("Staff is looking into it until %(until)s: %(reason)s (%(author)s)."),
    "promise_broken": N_("The promise of %(by)s to pay by %(on)s was not kept."),
    "promised": N_("%(by)s promised to pay by %(on)s."),
    "distrust": N_("The billing system cannot be believed at the moment: %(why)s"),
    "courtesy_now": N_("A friendly word about invoice %(number)s, which is about to fall due, is being written."),
    "reminder_due": N_("The reminder is due on %(on)s."),
    "reminder_now": N_("A reminder is being written to the %(audience)s."),
    "reminder_under_way": N_("The reminder to the %(audience)s is on its way; it has not been accepted yet."),
    "reminded": N_("A reminder went to the %(audience)s on %(on)s."),
    "warning_due": N_("The warning is due on %(on)s."),
    "warning_now": N_("A warning is being written to the %(audience)s."),
    "warning_under_way": N_("The warning to the %(audience)s is on its way; it has not been accepted yet."),
    "warned": N_("A warning went to the %(audience)s on %(on)s: access ends on %(day)s."),
    "warned_of_restriction": N_("A warning went to the %(audience)s on %(on)s: access is restricted from %(day)s."),
    "in_doubt": N_(
        "Nobody knows whether the letter to the %(audience)s arrived. Send it again (`gatekeeper notices resend`), or call."
    ),
    "unreachable": N_("The %(audience)s cannot be reached: no address, or every message was refused. A person has to call."),
    "suspension_due": N_("Access will be suspended on %(on)s."),
    "restriction_due": N_("Access will be restricted on %(on)s."),
    "no_hour_to_close": N_(
        "There is no hour in the next two months at which support is there and it is a day for closing at the customer's: "
        "nothing is closed. Widen product.support_hours, or closing_hours in the policy."
    ),
    "statement_old": N_(
        "Invoice %(number)s is billed elsewhere, and was last heard of on %(on)s: import it again before anything is closed."
    ),
    "retry_scheduled": N_("The billing system will try to charge again on %(on)s; suspension waits for that."),
    "read_first": N_("The invoice has to be read from the billing system again before access may be suspended."),
    "suspended": N_("Everyone was told, the named day has passed, and the invoice is still unpaid: access is suspended."),
    "restricted": N_("Everyone was told, the named day has passed, and the invoice is still unpaid: access is restricted."),
    "directory_silent": N_("The product's directory of contacts does not answer: nothing is closed until it has been asked."),
    "undecided": N_("This account could not be judged; the log says why. It is looked at again in an hour."),
    "brake": N_("The brake holds: %(wanted)s accounts were to be closed at once, and at most %(allowed)s may begin now."),
    "dry_run": N_("Dry run: nothing is sent and nobody is suspended. Run `gatekeeper arm` when this looks right."),
    "halted": N_("Halted: no notices and no suspensions until `gatekeeper resume`."),
    "would": N_("Would now: %(what)s"),
    "opened_by_staff": N_("Opened by %(author)s: %(reason)s"),
    "brake_anomaly": N_("The brake holds: %(past_due)s accounts are past due, and more than %(limit)s is unusual."),
    "brake_blind": N_("The brake holds: since %(since)s the billing system's books were unread for over %(hours)s hours."),
    "brake_clock": N_("The brake holds: the clock was %(minutes)s minutes away from the time that it should have shown."),
    "check_cap": N_("See with `gatekeeper accounts list` who waits. If each of them is right, release the brake."),
    "check_anomaly": N_("Compare with the billing system. If so many are overdue there too, release the brake."),
    "check_blind": N_("See with `gatekeeper accounts list` that nobody is past due who has paid. Then release the brake."),
    "check_clock": N_("Set the clock of this machine right, and see that it stays so. Then release the brake."),
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
    """The reason as a sentence.

    `translate` is a gettext function; `show` writes a date, an amount, a word or a list of words for the reader. Several
    audiences are parted by `+`.
    """
    shown = {name: _shown(name, value, translate, show) for name, value in reason.params}
    return translate(SENTENCES[reason.code]) % shown


def _shown(name: str, value: Value, translate: Callable[[str], str], show: Callable[[Value], str]) -> str:
    if name == "audience" and isinstance(value, str):
        named = tuple(translate(_AUDIENCES[audience]) for audience in value.split("+"))
        return named[0] if len(named) == 1 else show(named)
    return show(value)
