"""The answer to `why`: short paragraphs in the reader's language, days and hours as the account's own calendar tells them."""

from zoneinfo import ZoneInfo

from gatekeeper.model import Standing
from gatekeeper.policy.decide import decide
from gatekeeper.wording import Wording
from tests.kit.builders import facts, on, reminded
from tests.policy.table import RULES, told
from tests.wording.samples import PRODUCT

MEXICO = ZoneInfo("America/Mexico_City")


def test_an_account_that_waits_for_its_warning() -> None:
    verdict = decide(facts(notices=reminded()), RULES, on(3))

    said = Wording(PRODUCT).answer("Acme (acme)", Standing.PAST_DUE, on(0), verdict, zone=MEXICO, locale="en_GB")

    assert said == (
        "Acme (acme) is past due; access is open.",
        "€50.00 is overdue since 2 March 2026.",
        "A reminder went to the accountant and user on 2 March 2026.",
        "The warning is due on 16 March 2026.",
        "The next look is on 16 March 2026 at 03:00 (America/Mexico_City), or as soon as something changes.",
        (
            "Payment of everything that is overdue ends this case. An exemption or a promise to pay holds it: "
            "`gatekeeper exempt`, `gatekeeper promise`."
        ),
    )


def test_a_suspended_account_says_since_when_by_its_own_calendar() -> None:
    """One second into the day in London is still the day before in Mexico."""
    known = told(on(20), standing=Standing.SUSPENDED)
    verdict = decide(known, RULES, on(20))

    said = Wording(PRODUCT).answer("acme", Standing.SUSPENDED, on(18.626), verdict, zone=MEXICO, locale="en_GB")

    assert said[0] == "acme is suspended since 20 March 2026: access is closed until the payment arrives."
    assert "Time alone changes nothing here" in said[-2]
