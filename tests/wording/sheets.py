"""An evidence sheet with everything that one may have: taken, refused and returned notices, what staff did, an open case."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from gatekeeper.model import Money
from gatekeeper.wording.evidence import Act, Chapter, Claim, Evidence, Message

AT = datetime(2026, 12, 2, 9, tzinfo=UTC)

_REMINDED = Message(
    id=1,
    step="reminder",
    person="a•••@blue-door.example",
    audiences=("accountant", "user"),
    planned_at=AT,
    attempts=1,
    state="accepted",
    accepted_at=AT + timedelta(seconds=4),
    answer="250 2.0.0 Ok: queued as 4FzQ1",
    closes="",
    day_named=None,
    invoices=("ACME-0042", "ACME-0047"),
    message_id="<gk-0123456789abcdef0123456789abcdef@acme.example>",
)
_WARNED = replace(_REMINDED, id=2, step="warning", closes="suspend", day_named=date(2026, 12, 19))
_BOUNCED = replace(
    _WARNED, id=3, person="b•••@blue-door.example", state="bounced", answer="250 Ok | bounced: 5.1.1 user unknown", invoices=()
)
_SUSPENDED = Act(
    at=AT + timedelta(days=17),
    kind="standing",
    before="past_due",
    after="suspended",
    actor="policy",
    why=("Everyone was told.",),
)
_CLAIM = Claim(
    number="ACME-0042",
    total=Money(minor=12050, currency="eur"),
    remaining=Money(minor=0, currency="eur"),
    due_at=AT - timedelta(days=1),
    status="paid",
    settled_at=AT + timedelta(days=18),
)
_CASE = Chapter(
    opened_at=AT,
    closed_at=AT + timedelta(days=18),
    claims=(_CLAIM, replace(_CLAIM, number="ACME-0047", status="odd", due_at=None, settled_at=None)),
    messages=(_REMINDED, _WARNED, _BOUNCED),
    acts=(
        _SUSPENDED,
        replace(_SUSPENDED, kind="bounced", before="accepted", after="bounced", actor="mail", why=()),
        replace(
            _SUSPENDED, kind="hold", before="", after="2026-12-31", actor="ops", why=("They called.", "It is looked into.")
        ),
        replace(_SUSPENDED, before="suspended", after="current"),
    ),
)

SHEET = Evidence(
    account="blue-door",
    name="Blue Door Ltd",
    standing="past_due",
    standing_since_at=AT,
    made_at=AT + timedelta(days=60),
    masked=True,
    chapters=(
        replace(_CASE, opened_at=None, closed_at=None, claims=(), messages=(replace(_REMINDED, step="courtesy"),), acts=()),
        _CASE,
        replace(_CASE, closed_at=None, messages=()),
    ),
)
SHEETS = {"full": SHEET, "empty": replace(SHEET, name="", masked=False, chapters=())}
