"""The CSV file of invoices that are billed elsewhere: what it may look like, and every fault with its line."""

import contextlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.billing.statements import COLUMNS, FileRefused, StatedRow, read_file
from gatekeeper.documents import currencies
from gatekeeper.model import Invoice, Money, Origin
from gatekeeper.policy.calendar import day_of
from gatekeeper.wording.formats import exponent
from tests.kit.builders import DUE_AT

BOGOTA = ZoneInfo("America/Bogota")
HEADER = ",".join(COLUMNS)
CELLS = ("acme", "F-17", "EUR", "1234.50", "234.5", "2026-02-16", "2026-03-02", "open", "https://bank.example/1")
ROW = dict(zip(COLUMNS, CELLS, strict=True))
NO_AMOUNTS = ["", "1,234.50", "1.234,50", "1 234", "-5", "+5", "1e3", "NaN", ".5", "5.", "\u0665", "1.234", "9" * 13]


def line(**changes: str) -> str:
    return ",".join((ROW | changes).values())


def read(*lines: str, header: str = HEADER) -> list[StatedRow]:
    return read_file("\n".join([header, *lines]).encode(), read_at=DUE_AT, zone=BOGOTA)


def one(**changes: str) -> Invoice:
    (row,) = read(line(**changes))
    return row.invoice


def faults(*lines: str, header: str = HEADER) -> list[tuple[int, str, str]]:
    with pytest.raises(FileRefused) as refused:
        read(*lines, header=header)
    return [(fault.line, fault.column, fault.what) for fault in refused.value.faults]


def test_a_line_is_an_invoice() -> None:
    assert one() == Invoice(
        id="F-17",
        customer_id="statement:acme",
        account_id="acme",
        status="open",
        currency="eur",
        total_minor=123450,
        remaining_minor=23450,
        created_at=datetime(2026, 2, 16, tzinfo=BOGOTA),
        finalized_at=datetime(2026, 2, 16, tzinfo=BOGOTA),
        due_at=datetime(2026, 3, 2, 23, 59, 59, tzinfo=BOGOTA),
        read_at=DUE_AT,
        number="F-17",
        lineage="F-17",
        origin=Origin.STATEMENT,
        pay_url="https://bank.example/1",
    )


@pytest.mark.parametrize("zone", ["Pacific/Pago_Pago", "UTC", "Pacific/Kiritimati", "America/Santiago", "Africa/Cairo"])
@given(day=st.dates(date(2000, 1, 1), date(2199, 12, 31)))
def test_an_invoice_is_due_with_the_last_second_of_its_day_wherever_that_is(zone: str, day: date) -> None:
    stated = line(issued_on=str(day), due_on=str(day))
    (row,) = read_file(f"{HEADER}\n{stated}".encode(), read_at=DUE_AT, zone=ZoneInfo(zone))

    assert row.invoice.due_at is not None
    assert day_of(row.invoice.created_at, ZoneInfo(zone)) == day_of(row.invoice.due_at, ZoneInfo(zone)) == day
    assert day_of(row.invoice.due_at + timedelta(seconds=1), ZoneInfo(zone)) > day


@given(minor=st.integers(0, 10**12), currency=st.sampled_from(sorted(currencies())))
def test_an_amount_has_the_decimals_of_its_currency(minor: int, currency: str) -> None:
    digits = exponent(currency)
    whole, rest = divmod(minor, 10**digits)
    written = f"{whole}.{rest:0{digits}}" if digits else str(whole)

    assert one(currency=currency, amount=written, remaining=written).remaining == Money(minor=minor, currency=currency.lower())
    (fault,) = faults(line(currency=currency, amount=f"{whole}.{'0' * (digits + 1)}", remaining="0"))
    assert fault[:2] == (2, "amount")


@pytest.mark.parametrize(
    ("amount", "currency", "minor"), [("5", "EUR", 500), ("0.1", "usd", 10), ("1500", "CLP", 1500), ("1.234", "KWD", 1234)]
)
def test_amounts_may_be_written_short(amount: str, currency: str, minor: int) -> None:
    assert one(amount=amount, remaining=amount, currency=currency).total_minor == minor


@pytest.mark.parametrize("amount", NO_AMOUNTS)
def test_an_amount_that_is_none_is_told_with_an_example(amount: str) -> None:
    cells = [f'"{amount}"' if name == "amount" else cell for name, cell in ROW.items()]
    ((number, column, what),) = faults(",".join(cells))
    assert (number, column) == (2, "amount")
    assert what == "must be: amount with at most 2 decimals after a point and nothing between thousands, as `1234.50`"


@pytest.mark.parametrize(
    ("changes", "column", "says"),
    [
        ({"account": "a b"}, "account", "must be: 1 to 128 printable ASCII characters, but space"),
        ({"account": ""}, "account", "must be: 1 to 128"),
        ({"invoice": ""}, "invoice", "must be: 1 to 128 printable ASCII characters, not beginning with `in_`"),
        ({"invoice": "in_17"}, "invoice", "not beginning with `in_` (those are Stripe's)"),
        ({"invoice": "F\u00e9"}, "invoice", "printable ASCII"),
        ({"currency": "EURO"}, "currency", "must be: code of ISO 4217, as `EUR`"),
        ({"currency": "XTS"}, "currency", "must be: code of ISO 4217"),
        ({"currency": "JPY"}, "amount", "must be: amount with no decimals and nothing between thousands, as `1234`"),
        ({"remaining": "1234.51"}, "", "more remains to be paid than the total"),
        ({"status": "paid"}, "", "something remains to be paid of a paid invoice"),
        ({"status": "Open"}, "status", "must be: `open`, `paid`, `void` or `uncollectible`"),
        ({"due_on": "02/03/2026"}, "due_on", "as `2026-11-30`, from 2000 to 2199 (it is written like 99/99/9999)"),
        ({"issued_on": "16.2.2026"}, "issued_on", "(it is written like 99.9.9999)"),
        ({"issued_on": "20260216"}, "issued_on", "must be: day as `2026-11-30`"),
        ({"due_on": "2026-02-30"}, "due_on", "must be: day as `2026-11-30`"),
        ({"due_on": ""}, "due_on", "must be: day as `2026-11-30`"),
        ({"due_on": "2026-02-15"}, "", "it is due before it was issued"),
        ({"pay_url": "bank.example"}, "pay_url", "must be: address with `http://` or `https://`"),
    ],
)
def test_a_wrong_cell_is_told_with_its_line_and_column(changes: dict[str, str], column: str, says: str) -> None:
    told = faults(line(invoice="F-1"), line(**changes))
    assert {(number, name) for number, name, _ in told} <= {(3, column), (3, "remaining")}
    assert says in " ".join(what for _, _, what in told)


def test_every_fault_of_a_file_is_told_at_once() -> None:
    told = faults(
        line(),
        line(invoice="F-18", currency="XXX", due_on="1/2/26"),
        "",
        line(),
        "acme,F-19",
        line(invoice="F-20", amount="x", remaining="y", status="z"),
    )
    assert [(number, column) for number, column, _ in told] == [
        *((3, "currency"), (3, "due_on"), (5, "invoice"), (6, "")),
        *((7, "amount"), (7, "remaining"), (7, "status")),
    ]
    assert told[2][2] == "stands in line 2 too"
    assert told[3][2] == "has 2 cells, and the header has 9"


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("x", ["x", *COLUMNS]),
        (HEADER.replace("due_on", "due date"), ["due date", "due_on"]),
        (HEADER + ",account", ["account"]),
        (HEADER + ",note", ["note"]),
        (HEADER.replace(",pay_url", ""), ["pay_url"]),
    ],
)
def test_a_wrong_header_is_told_and_no_line_is_judged(header: str, told: Sequence[str]) -> None:
    found = faults("x", header=header)
    assert [column for _, column, _ in found] == list(told)
    assert {number for number, _, _ in found} == {1}


def test_columns_may_stand_in_any_order_and_a_second_line_in_a_quoted_cell_counts() -> None:
    names = list(reversed(COLUMNS))
    cells = ",".join(ROW[name] for name in names)
    (row,) = read(cells, header=",".join(names).upper())
    assert row.invoice == one()
    assert faults('"a\nb"' + line()[4:], line(invoice="F-18", status="x"))[-1][:2] == (4, "status")


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_files_of_every_spreadsheet_are_read(delimiter: str, encoding: str, ending: str) -> None:
    text = ending.join([HEADER, line(), line(invoice="F 18"), ""]).replace(",", delimiter)
    rows = read_file(text.encode(encoding), read_at=DUE_AT, zone=BOGOTA)
    assert [(row.line, row.invoice.id) for row in rows] == [(2, "F-17"), (3, "F 18")]


@pytest.mark.parametrize(
    ("content", "number", "says"),
    [
        ("\n".join([HEADER, line(), line(account="caf\u00e9")]).encode("latin-1"), 3, "is not UTF-8"),
        (HEADER.encode("utf-16"), 1, "is not UTF-8"),
        (f'{HEADER}\n"acme'.encode(), 2, "cannot be read as CSV"),
        (f'{HEADER}\n"ac"me,'.encode(), 2, "cannot be read as CSV"),
        (f"{HEADER}\n{'x' * 200_000}".encode(), 2, "cannot be read as CSV"),
        (b"", 1, "is missing"),
    ],
)
def test_what_is_no_file_of_this_kind_is_told(content: bytes, number: int, says: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read_file(content, read_at=DUE_AT, zone=BOGOTA)
    assert (refused.value.faults[0].line, says in refused.value.faults[0].what) == (number, True)


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"{HEADER}\n{text}".encode("utf-8", "replace")))
def test_no_file_breaks_the_reader(content: bytes) -> None:
    with contextlib.suppress(FileRefused):
        assert read_file(content, read_at=DUE_AT, zone=BOGOTA) == []


def test_a_file_without_a_line_states_nothing() -> None:
    assert read() == []
