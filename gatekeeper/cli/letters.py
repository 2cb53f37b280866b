"""The letters that `notices preview` and `send-test` show: of an invented customer, or of a real account as it is now."""

from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, NoReturn

import click

from gatekeeper.cli.opening import FAILED

if TYPE_CHECKING:
    from gatekeeper.model import Audience, Facts, Notice, Step
    from gatekeeper.perform.mail.letter import Letter
    from gatekeeper.policy.rules import Rules
    from gatekeeper.policy.sending import Content
    from gatekeeper.wiring.house import House
    from gatekeeper.wording import LetterView, Written

KINDS: Final = (
    *("courtesy", "reminder", "warning", "restrict", "suspend", "restored", "promised", "broken", "unreachable"),
    *("nudge", "again"),
)
_DUE_ON, _SOON_ON, _TODAY, _CLOSES_ON = date(2026, 12, 5), date(2027, 1, 4), date(2026, 12, 19), date(2026, 12, 24)


def written(house: "House", kind: str, view: "LetterView", locale: str | None) -> "Written":
    """The letter. A language without texts is wrong usage: the reader would get another one."""
    from babel import Locale

    from gatekeeper.wording.languages import known

    if locale is not None:
        asked, chosen = known(locale), house.wording.choose_locale(None, locale)
        if asked is None or asked.language != Locale.parse(chosen).language:
            raise click.BadParameter(f"there are no texts in {locale!r}: its readers get {chosen!r}.", param_hint="--locale")
        view = replace(view, locale=locale)
    return house.wording.letter(step_of(kind), view)


def letter_of(house: "House", written: "Written", address: str, message_id: str) -> "Letter":
    """It, from us to this address."""
    from gatekeeper.perform.mail.letter import Letter

    mail = house.settings.mail
    return Letter(
        message_id=message_id,
        sender=mail.from_,
        to_address=address,
        to_name="",
        reply_to=mail.reply_to or house.settings.product.support_email,
        bounce_address=mail.bounce_address,
        subject=written.subject,
        text=written.text,
        html=written.html,
        language=written.language,
        dated_at=house.clock(),
    )


def step_of(kind: str) -> "Step":
    """A broken promise is told by a warning, in other words."""
    from gatekeeper.model import Step

    return Step.WARNING if kind == "broken" else Step(kind)


def invented(house: "House", kind: str, audience: "Audience") -> "LetterView":
    """What an invented customer would read."""
    from gatekeeper.model import Audience, Money, Step, sums
    from gatekeeper.wording import LetterView, Owed, Told
    from gatekeeper.wording.views import Promised

    def invoice(number: str, minor: int, due_on: date) -> Owed:
        overdue = 0 if kind == "courtesy" else max(0, (_TODAY - due_on).days)
        pay_url = f"{house.settings.web.public_url}/pay/an-invented-link"
        money = Money(minor=minor, currency="eur")
        return Owed(number=number, remaining=money, due_on=due_on, days_overdue=overdue, pay_url=pay_url)

    owed = () if kind == "restored" else (invoice("INV-0042", 123450, _DUE_ON), invoice("INV-0043", 9900, date(2026, 12, 12)))
    warns, promises = kind in {"warning", "broken"}, kind in {"promised", "broken"}
    addresses = ("a•••@customer.example", "u•••@customer.example")
    return LetterView(
        product=house.product,
        account_name="Invented Ltd.",
        person_name="",
        owed=owed,
        totals=sums(line.remaining for line in owed),
        suspend_on=_CLOSES_ON if warns else None,
        first_written_on=_DUE_ON if warns else None,
        locale=None,
        told=() if kind in {"courtesy", "reminder"} else (Told(on=_DUE_ON, addresses=addresses),),
        audiences=(audience,),
        closes=Step.RESTRICT if kind == "restrict" else Step.SUSPEND,
        closed_on=_CLOSES_ON if kind in {"restrict", "suspend"} else None,
        soon=(invoice("INV-0044", 9900, _SOON_ON),) if owed else (),
        promise=Promised(due_on=date(2026, 12, 18 if kind == "broken" else 23), amount=None) if promises else None,
        unreached=addresses[1:] if audience is Audience.ACCOUNTANT and kind == "unreachable" else (),
        unreached_audience=_other(audience) if kind == "unreachable" else None,
    )


def of_account(house: "House", account_id: str, kind: str, audience: "Audience") -> tuple["LetterView", str, bool]:
    """What a person of this account would read now, at which address, and whether such a letter would go out now."""
    from gatekeeper.ledger.writer.desk import NoSuchAccount
    from gatekeeper.policy.clocks import in_its_time
    from gatekeeper.policy.decide import decide
    from gatekeeper.policy.sending import content_now

    found = house.reader.facts([account_id])
    if not found:
        raise NoSuchAccount(account_id)
    facts, now = in_its_time(found[0], house.clock())
    rules = house.policies.rules_for(facts)
    waiting = _planned(kind, audience, facts, now)
    notice = waiting or _as_if_planned(kind, audience, facts, rules, now)
    content = content_now(notice, facts, rules, now)
    if content is not None and kind == "broken" and content.promise is None:
        content = None
    asked_for = decide(facts, rules, now).notices
    is_next = waiting is not None or any(one.step is notice.step and audience in one.audiences for one in asked_for)
    before = [other for other in facts.notices if other.id != notice.id]
    shown = content or _as_if_true(kind, notice, facts, rules, now)
    return house.postman.view_of(notice, facts, before, shown, now), notice.address, content is not None and is_next


def _planned(kind: str, audience: "Audience", facts: "Facts", now: datetime) -> "Notice | None":
    """The notice that waits to be sent, if there is one."""
    from gatekeeper.model import NoticeState

    waiting = {NoticeState.PLANNED, NoticeState.DEFERRED}
    theirs = (one for one in facts.notices if one.step is step_of(kind) and audience in one.audiences and one.state in waiting)
    return next((replace(one, planned_at=min(one.planned_at, now)) for one in theirs), None)


def _as_if_planned(kind: str, audience: "Audience", facts: "Facts", rules: "Rules", now: datetime) -> "Notice":
    from gatekeeper.model import Notice, NoticeState, Step
    from gatekeeper.policy import holds
    from gatekeeper.policy.people import reachable

    people = reachable(facts.contacts, ())[audience]
    if not people:
        _give_up(f"{facts.account_id} has no {audience} who could be written to.")
    step = step_of(kind)
    promised = holds.promised(facts, rules, now)
    place = next((place for place, one in enumerate(rules.steps) if one.kind is step), None)
    return Notice(
        id=0,
        account_id=facts.account_id,
        case_id=None if step is Step.COURTESY else facts.case_id,
        step=step,
        occasion=promised[0] if step is Step.PROMISED and promised else 1,
        audiences=(audience,),
        address=people[0],
        state=NoticeState.PLANNED,
        planned_at=now,
        named=tuple(invoice.lineage for invoice in facts.invoices if invoice.owed),
        name=_other(audience) if step is Step.UNREACHABLE else rules.steps[place].name if place is not None else "",
        closes=rules.announced(place) if step is Step.WARNING and place is not None else None,
    )


def _as_if_true(kind: str, notice: "Notice", facts: "Facts", rules: "Rules", now: datetime) -> "Content":
    """What the letter would say if its time had come."""
    from gatekeeper.model import Step
    from gatekeeper.policy.calendar import day_of
    from gatekeeper.policy.climbing import closing_after
    from gatekeeper.policy.overdue import debts
    from gatekeeper.policy.sending import Content

    debt = debts(facts, rules, now)
    upcoming = tuple(invoice for _, invoice in debt.upcoming)
    about = upcoming if kind == "courtesy" else debt.counted or upcoming
    if not about and kind != "restored":
        _give_up(f"{facts.account_id} owes nothing that such a letter could name.")
    if kind in {"promised", "broken"} and not facts.promises:
        _give_up(f"{facts.account_id} has promised nothing (`gatekeeper promise`).")
    place = rules.place_of(notice)
    warns = notice.step is Step.WARNING
    closes_at = closing_after(rules, place, about[0], now) if warns and place >= 0 else None
    if warns and closes_at is None:
        _give_up("The account's policy has no warning, or no hour at which access could be closed after it.")
    return Content(
        invoices=about,
        suspend_on=day_of(closes_at, rules.time_zone) if closes_at else None,
        closes=rules.announced(place) if warns else Step.RESTRICT if kind == "restrict" else Step.SUSPEND,
        leaves_open=rules.leaves_open,
        closed_on=day_of(now, rules.time_zone) if kind in {"restrict", "suspend"} else None,
        promise=facts.promises[-1] if kind in {"promised", "broken"} else None,
        unreached_audience=_other(notice.audiences[0]) if notice.step is Step.UNREACHABLE else None,
    )


def _other(audience: "Audience") -> "Audience":
    from gatekeeper.model import Audience

    return Audience.USER if audience is Audience.ACCOUNTANT else Audience.ACCOUNTANT


def _give_up(why: str) -> NoReturn:
    print(why)
    raise click.exceptions.Exit(FAILED)
