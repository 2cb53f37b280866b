"""Invoices that are billed elsewhere, out of the API's documents or the lines of a file. docs/import.md describes the file."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Final

from pydantic import ValidationError

from gatekeeper.documents import Statement, currencies, faults_of
from gatekeeper.model import Invoice, Origin
from gatekeeper.policy.calendar import end_of_day, start_of_day
from gatekeeper.wording.formats import exponent

COLUMNS: Final = ("account", "invoice", "currency", "amount", "remaining", "issued_on", "due_on", "status", "pay_url")
MOST_ROWS: Final = 30_000
INVOICE_ID: Final = "1 to 128 printable ASCII characters, not beginning with `in_` (those are Stripe's)"

_ID: Final = re.compile(r"(?!in_)[!-~]([ -~]{0,126}[!-~])?")
_DECIMAL: Final = re.compile(r"(\d{1,12})(?:\.(\d+))?", re.ASCII)
_DATE: Final = re.compile(r"[\d\s./-]{6,12}")
_FIELD_OF: Final = {"amount": "total_minor", "remaining": "remaining_minor", "invoice": "number"}
_COLUMN_OF: Final = {field: column for column, field in _FIELD_OF.items()}
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class RowFault:
    """What is wrong in a line of a file (the header is line 1; 0: the file itself), and in which column, if it is one."""

    line: int
    column: str
    what: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"line {self.line}" if self.line else "", self.column, self.what) if part)


class FileRefused(ValueError):
    """A file of which nothing can be taken; `faults` are all that is wrong with it."""

    def __init__(self, faults: Sequence[RowFault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line))
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class StatedRow:
    """The invoice that a line states."""

    line: int
    invoice: Invoice


def is_statement_id(text: str) -> bool:
    """Whether an invoice that is billed elsewhere may have this id (`INVOICE_ID`)."""
    return bool(_ID.fullmatch(text))


def invoice_of(statement: Statement, invoice_id: str, *, read_at: datetime, zone: tzinfo) -> Invoice:
    """A statement that was made at `read_at`, which is how fresh it is. It is due with the last second of its day (case 35)."""
    issued_at = start_of_day(statement.issued_on, zone)
    return Invoice(
        id=invoice_id,
        customer_id=f"statement:{statement.account}",
        account_id=statement.account,
        status=statement.status,
        currency=statement.currency,
        total_minor=statement.total_minor,
        remaining_minor=statement.remaining_minor,
        created_at=issued_at,
        finalized_at=issued_at,
        due_at=end_of_day(statement.due_on, zone) - _SECOND,
        read_at=read_at,
        number=statement.number or invoice_id,
        lineage=invoice_id,
        origin=Origin.STATEMENT,
        pay_url=statement.pay_url or "",
    )


def read_file(content: bytes, *, read_at: datetime, zone: tzinfo) -> list[StatedRow]:
    """The invoices of a CSV file.

    Raises:
        FileRefused: with everything that is wrong with it.
    """
    rows, faults = _rows(content)
    found: list[StatedRow] = []
    line_of: dict[str, int] = {}
    for line, cells in rows:
        statement, wrong = _statement(cells)
        faults += [RowFault(line, column, what) for column, what in wrong]
        invoice_id = cells["invoice"]
        if invoice_id in line_of:
            faults.append(RowFault(line, "invoice", f"stands in line {line_of[invoice_id]} too"))
        line_of.setdefault(invoice_id, line)
        if statement is not None:
            found.append(StatedRow(line, invoice_of(statement, invoice_id, read_at=read_at, zone=zone)))
    if faults:
        raise FileRefused(faults)
    return found


def _rows(content: bytes) -> tuple[list[tuple[int, dict[str, str]]], list[RowFault]]:
    """The lines below the header with their numbers, each cell by its column; and the lines that are none."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        raise FileRefused([RowFault(line, "", "is not UTF-8; save the file as `CSV UTF-8`")]) from fault
    lines = _parsed(text)
    _, header = next(lines, (1, []))
    header = [cell.strip().lower() for cell in header]
    if wrong := list(_wrong_columns(header)):
        raise FileRefused(wrong)
    rows: list[tuple[int, dict[str, str]]] = []
    faults: list[RowFault] = []
    for line, cells in lines:
        if len(rows) == MOST_ROWS:
            raise FileRefused([RowFault(line, "", f"is more than {MOST_ROWS} invoices; divide the file")])
        if len(cells) == len(header):
            rows.append((line, {column: cell.strip() for column, cell in zip(header, cells, strict=True)}))
        elif any(cell.strip() for cell in cells):
            faults.append(RowFault(line, "", f"has {len(cells)} cells, and the header has {len(header)}"))
    return rows, faults


def _parsed(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not empty, with its number; of one that a quoted cell carries on, the first."""
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            if cells:
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as fault:
        raise FileRefused([RowFault(begins, "", f"cannot be read as CSV ({fault})")]) from fault


def _wrong_columns(header: Sequence[str]) -> Iterator[RowFault]:
    allowed = f"the columns are {','.join(COLUMNS)}"
    for column in dict.fromkeys(header):
        if column not in COLUMNS:
            yield RowFault(1, column, f"is no column; {allowed}")
        elif header.count(column) > 1:
            yield RowFault(1, column, "stands there twice")
    for column in COLUMNS:
        if column not in header:
            yield RowFault(1, column, f"is missing; {allowed}")


def _statement(cells: Mapping[str, str]) -> tuple[Statement | None, list[tuple[str, str]]]:
    """The statement of a line, or what is wrong with it, by column."""
    document: dict[str, Any] = {_FIELD_OF.get(column, column): text for column, text in cells.items()}
    faults: list[tuple[str, str]] = []
    if not is_statement_id(cells["invoice"]):
        faults.append(("invoice", f"must be: {INVOICE_ID}"))
    for column in ("amount", "remaining"):
        minor, allowed = _minor(cells[column], cells["currency"])
        document[_FIELD_OF[column]] = 0 if minor is None else minor
        if minor is None:
            faults.append((column, f"must be: {allowed}"))
    if faults:  # what two columns say together can only be judged once each can be read
        document["status"] = document["status"] if document["status"] != "paid" else "open"
        document["remaining_minor"] = 0
    try:
        statement = Statement.model_validate(document)
    except ValidationError as refusal:
        for fault in faults_of(refusal, Statement):
            column = _COLUMN_OF.get(str(fault.path[0]), str(fault.path[0])) if fault.path else ""
            faults.append((column, fault.what + _written(cells.get(column, ""))))
        return None, faults
    return (None if faults else statement), faults


def _minor(text: str, currency: str) -> tuple[int | None, str]:
    """The amount in minor units; None: it is none, and what is allowed. Of an unknown currency the decimals are not judged."""
    digits = exponent(currency)
    example = f"1234.{'5' + '0' * (digits - 1)}" if digits else "1234"
    match = _DECIMAL.fullmatch(text)
    if match is None or (len(match[2] or "") > digits and currency.upper() in currencies()):
        decimals = f"at most {digits} decimals after a point" if digits else "no decimals"
        return None, f"amount with {decimals} and nothing between thousands, as `{example}`"
    return int(Decimal(text).scaleb(digits)), ""


def _written(text: str) -> str:
    """How something that may be a date is written, without saying what it is."""
    return f" (it is written like {re.sub('[0-9]', '9', text)})" if _DATE.fullmatch(text) and not text.isdigit() else ""
