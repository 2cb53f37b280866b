"""Sends notices: claim one, see that it is still true, write the letter, hand it over, settle. One file, one effect."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from gatekeeper.billing.source import SourceUnavailable
from gatekeeper.ledger.reader import Reader
from gatekeeper.ledger.writer.outbox import Outbox
from gatekeeper.model import Facts, Notice, NoticeState, Outcome, Wish, sums
from gatekeeper.perform.mail.address import AddressInvalid, ascii_address
from gatekeeper.perform.mail.letter import Letter, LetterRefused
from gatekeeper.perform.mail.transport import Transport
from gatekeeper.policy.clocks import in_its_time, shift_of
from gatekeeper.policy.selfservice import TO_STAFF
from gatekeeper.policy.sending import Content, content_now, not_before, read_first
from gatekeeper.policy.versions import RulesOf
from gatekeeper.returns.verp import verp_address
from gatekeeper.wording import Asked, LetterView, Product, Wording, mask
from gatekeeper.wording.from_facts import asked, owed, person, promised, told

_UNREAD_PAUSE: Final = timedelta(minutes=5)
_UNWRITTEN_PAUSE: Final = timedelta(hours=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """In whose name letters go out. `allowed_domains`: outside production, the only ones that are written to (case 128)."""

    address: str
    reply_to: str
    bounce_address: str
    public_url: str
    product: Product
    allowed_domains: tuple[str, ...] = ()
    return_path_secret: bytes = field(default=b"", repr=False)


class _NotYet(Exception):
    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


class Postman:
    """`read_again` reads one invoice from the biller now; `rules_of` says by which rules an account is judged.

    `wish_of` finds what somebody asked for on the lockout page.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        outbox: Outbox,
        read_again: Callable[[str], None],
        rules_of: RulesOf,
        wording: Wording,
        transport: Transport,
        sender: Sender,
        clock: Callable[[], datetime],
        wish_of: Callable[[int], Wish | None] = lambda _: None,
    ) -> None:
        self._reader = reader
        self._outbox = outbox
        self._wish_of = wish_of
        self._read_again = read_again
        self._rules_of = rules_of
        self._wording = wording
        self._transport = transport
        self._sender = sender
        self._clock = clock

    def send_one(self) -> bool:
        """Send one notice that is due; whether there was one. A crash in between leaves its row saying `sending`."""
        now = self._clock()
        notice = self._outbox.claim(now)
        if notice is None:  # the end of a batch
            self._transport.close()
            self._outbox.recover(now)
            return False
        said = {"notice": notice.id, "account": notice.account_id, "step": notice.step}
        try:
            (facts,) = self._reader.facts([notice.account_id])
            letter = self._letter_now(notice, facts)
        except _NotYet as wait:
            self._outbox.postpone(notice, wait.until)
            because = "the policy's hours for letters, or another letter within a day"
            log.info("notice.postponed", until=wait.until.isoformat(), because=because, **said)
        except SourceUnavailable as fault:
            self._outbox.postpone(notice, now + _UNREAD_PAUSE)
            log.warning("notice.postponed", because=str(fault), **said)
        except Exception:  # a template of the operator's own that fails must not cost anybody a notice (cases 54, 55)
            self._outbox.postpone(notice, now + _UNWRITTEN_PAUSE)
            log.exception("notice.unwritten", **said)
        else:
            if letter is None:
                log.info("notice.withdrawn", **said)
            else:
                outcome = self._deliver(letter)
                settled_at = self._clock()
                self._outbox.settle(notice, outcome, settled_at, settled_at + shift_of(facts, settled_at))
                log.info("notice.settled", state=outcome.state, detail=outcome.detail, **said)
        return True

    def _letter_now(self, notice: Notice, known: Facts) -> Letter | None:
        """The letter, and in the ledger what it names; None: there is nothing true to write, or too late by this attempt."""
        self._mind_the_time(notice, known)
        facts, now = in_its_time(self._fresh_facts(notice, known), self._clock())
        content = content_now(notice, facts, self._rules_of(facts), now)
        if content is None:
            self._outbox.withdraw(notice)
            return None
        letter = self._letter(notice, facts, content, now)
        return letter if self._outbox.name(notice, content.named, content.suspend_on) else None

    def _fresh_facts(self, notice: Notice, known: Facts) -> Facts:
        """The account's facts, with all that the letter will name read again just now: nobody who has paid is written to."""
        facts, now = in_its_time(known, self._clock())
        unread = read_first(notice, facts, self._rules_of(facts), now)
        if not unread:
            return known
        began_at = self._clock()
        for invoice_id in unread:
            self._read_again(invoice_id)
        (known,) = self._reader.facts([notice.account_id])
        if any(one.id in unread and one.read_at < began_at for one in known.invoices):
            # Absence is no evidence (rule 2): what cannot be read now is not written about on the word of an older reading
            raise SourceUnavailable("the billing system says of an invoice that this letter would name that there is none")
        return known

    def _mind_the_time(self, notice: Notice, known: Facts) -> None:
        """Raises _NotYet outside the policy's hours for letters (a retry may come at night), or too soon after another."""
        now = self._clock()
        facts, theirs = in_its_time(known, now)
        wait = not_before(notice, facts, self._rules_of(facts), theirs) - theirs
        if wait:
            raise _NotYet(now + wait)

    def _deliver(self, letter: Letter) -> Outcome:
        domain = letter.to_address.rpartition("@")[2].lower()
        if self._sender.allowed_domains and domain not in self._sender.allowed_domains:
            return Outcome(state=NoticeState.REFUSED, detail="its domain is not among mail.allowed_domains")
        try:
            return self._transport.deliver(letter)
        except LetterRefused as fault:
            return Outcome(state=NoticeState.REFUSED, detail=str(fault))

    def _letter(self, notice: Notice, facts: Facts, content: Content, now: datetime) -> Letter:
        before = [other for other in facts.notices if other.id != notice.id]
        view = self.view_of(notice, facts, before, content, now)
        written = self._wording.letter(notice.step, view)
        return Letter(
            message_id=notice.message_id,
            sender=self._sender.address,
            to_address=notice.address,
            to_name=view.person_name or ("" if view.asked else view.account_name),
            reply_to=_answered_at(view.asked) or self._sender.reply_to,
            bounce_address=verp_address(self._sender.bounce_address, notice.message_id, self._sender.return_path_secret),
            subject=written.subject,
            text=written.text,
            html=written.html,
            language=written.language,
            dated_at=now,
            references=_first_letter(before, notice),
        )

    def view_of(self, notice: Notice, facts: Facts, before: list[Notice], content: Content, now: datetime) -> LetterView:
        """What the letter says, `before` it the others of its case; in the language of its reader, else of the account."""
        account = self._reader.account(notice.account_id)
        rules, public_url = self._rules_of(facts), self._sender.public_url
        name, locale = person(facts.contacts, notice.address)
        written_to = told(before, rules)
        wish = self._wish_of(int(notice.name)) if notice.step in TO_STAFF else None
        return LetterView(
            product=self._sender.product,
            account_name=account.name if account else "",
            person_name=name,
            owed=owed(content.invoices, rules, now, public_url),
            soon=owed(content.soon, rules, now, public_url),
            totals=sums(invoice.remaining for invoice in content.invoices),
            suspend_on=content.suspend_on,
            first_written_on=written_to[0].on if written_to else None,
            locale=None if wish else locale or (account.locale if account else None),
            told=written_to,
            audiences=notice.audiences,
            further=any(other.address == notice.address and other.step is notice.step for other in before if other.accepted_at),
            closes=content.closes,
            leaves_open=content.leaves_open,
            closed_on=content.closed_on,
            promise=promised(content.promise),
            unreached=tuple(mask(address) for address in content.unreached),
            unreached_audience=content.unreached_audience,
            asked=asked(wish) if wish else None,
        )


def _answered_at(asked: Asked | None) -> str:
    """Where whoever asked reads mail; empty: that is not known. What an edge calls an address need not be one."""
    if asked is None or not asked.by:
        return ""
    try:
        return ascii_address(asked.by)
    except AddressInvalid:
        return ""


def _first_letter(before: list[Notice], notice: Notice) -> str:
    """The Message-ID of the first letter of this case to the same person, so that mail programs show them together."""
    theirs = [other for other in before if other.address == notice.address and other.accepted_at is not None]
    return min(theirs, key=lambda other: other.id).message_id if theirs else ""
