"""Tables in and out: CSV and XLSX under one set of rules, shared by every Resource, admin page and command.

* Names of columns are snake_case, English and stable; a unit is part of the name (`energy_kwh`, `duration_s`).
* Every time is UTC and its column ends in `_utc`: ISO 8601 with `Z` in CSV, a real date cell in XLSX.
* Numbers are numbers, never localised; `true` and `false` in CSV are real booleans in XLSX.
* Text that a spreadsheet would run as a formula (it begins with `=`, `+`, `-`, `@`, tab, CR or LF) gets an apostrophe
  in front. So does text that already looks like that, `'=1`; thus taking one apostrophe away on import always restores
  what was exported. Control characters, which no XLSX file can hold, become U+FFFD, and XML makes a CR of XLSX an LF.
* A cell of XLSX holds 32,767 characters; a longer text ends in words that say so.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import IO, Any, TextIO

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from import_export.fields import Field
from import_export.widgets import Widget
from openpyxl import Workbook
from openpyxl.utils import get_column_letter

Cell = str | int | Decimal | bool | datetime | date | None
Row = tuple[Cell, ...]

_TRIGGERS = tuple("=+-@\t\r\n")
_MARKED = tuple(f"'{trigger}" for trigger in (*_TRIGGERS, "'"))
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
#: Excel keeps 15 digits of a number; a longer tag number in a number cell is no longer the tag's number.
_EXACT_DIGITS = 15
MAX_XLSX_ROWS = 1_048_575
_XLSX_CHARACTERS = 32_767
_CUT = " … [cut: a cell of XLSX holds 32,767 characters, CSV all of them]"


def defuse(text: str) -> str:
    """Make `text` safe to open in a spreadsheet."""
    text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
    return f"'{text}" if text.startswith((*_TRIGGERS, *_MARKED)) else text


def restore(text: str) -> str:
    """What `defuse` was given."""
    return text[1:] if text.startswith(_MARKED) else text


class TextWidget(Widget):  # type: ignore[misc]
    """Free text, such as a station or a person wrote it."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return "" if value is None else defuse(str(value))

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, bool | datetime):
            raise ValueError(_("The spreadsheet made a date or a yes/no of this text; format the column as text."))
        if isinstance(value, int | float):
            if abs(value) >= 10**_EXACT_DIGITS or value != int(value):
                raise ValueError(_("The spreadsheet rounded this number; format the column as text."))
            return str(int(value))
        return restore(str(value))


class NumberWidget(Widget):  # type: ignore[misc]
    """A number as it is: no thousands separator, no decimal comma, whatever the language."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        if kwargs.get("force_native_type"):
            return value
        return "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        text = "" if value is None else str(value).strip()
        if not text:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError(_("“%(value)s” is not a number.") % {"value": text[:50]}) from None
        if not number.is_finite() or number.adjusted() > _EXACT_DIGITS or number != int(number):
            raise ValueError(_("“%(value)s” is not a whole number.") % {"value": text[:50]})
        return int(number)


class YesNoWidget(Widget):  # type: ignore[misc]
    """Yes or no; an empty cell means no, anything unclear is an error."""

    YES = ("1", "true", "yes", "ja", "x", "wahr")
    NO = ("", "0", "false", "no", "nein", "falsch")

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value if kwargs.get("force_native_type") else "true" if value else "false"

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> bool:
        text = "" if value is None else str(value).strip().lower()
        if text not in self.YES + self.NO:
            raise ValueError(_("“%(value)s” is neither true nor false.") % {"value": text[:50]})
        return text in self.YES


class UtcWidget(Widget):  # type: ignore[misc]
    """A moment; on import, one without an offset is UTC, as the column's name says."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        if value is None:
            return None if kwargs.get("force_native_type") else ""
        naive = value.astimezone(UTC).replace(tzinfo=None)
        return naive if kwargs.get("force_native_type") else f"{naive.isoformat()}Z"

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> datetime | None:
        return parse_moment(value, UTC)


def parse_moment(value: Any, zone: Any) -> datetime | None:
    """An ISO date or time, or a date cell; `zone` is meant where it names none. ValueError if it is no moment."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    moment = value if isinstance(value, datetime) else _parse_iso(str(value).strip())
    if moment is None or not 1990 <= moment.year <= 9000:
        raise ValueError(_("“%(value)s” is not a date such as 2027-12-31 18:00.") % {"value": str(value)[:50]})
    return timezone.make_aware(moment, zone) if timezone.is_naive(moment) else moment


def _parse_iso(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
        day = None if moment else parse_date(text)
    except ValueError:
        return None
    return datetime(day.year, day.month, day.day) if day else moment


class Column(Field):  # type: ignore[misc]
    """A column that exports what `value(instance)` returns; `attribute` is where an import puts it."""

    def __init__(self, name: str, value: Callable[[Any], Any] | str, widget: Widget | None = None, **kwargs: Any):
        attribute = value if isinstance(value, str) else kwargs.pop("attribute", None)
        self.value = None if isinstance(value, str) else value
        super().__init__(attribute=attribute, column_name=name, widget=widget or TextWidget(), **kwargs)

    def get_value(self, instance: Any) -> Any:
        return self.value(instance) if self.value else super().get_value(instance)


@dataclass(frozen=True)
class CsvStyle:
    """How a CSV file writes what has no single way; `moment` (empty: ISO 8601) and `day` are strftime patterns."""

    delimiter: str = ","
    decimal_point: str = "."
    moment: str = ""
    day: str = "%Y-%m-%d"
    mark: str = ""


PLAIN_CSV = CsvStyle()
#: What Excel opens by itself where the decimal separator is a comma; the byte order mark tells it UTF-8.
GERMAN_CSV = CsvStyle(";", ",", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y", "\N{BYTE ORDER MARK}")


def write_csv(file: TextIO, headers: Sequence[str], rows: Iterable[Row]) -> None:
    """Write `rows` as they come; nothing is kept in memory."""
    file.writelines(csv_lines(headers, rows))


def csv_lines(headers: Sequence[str], rows: Iterable[Row], style: CsvStyle = PLAIN_CSV) -> Iterator[str]:
    """The lines of a CSV file as they come."""
    writer = csv.writer(_Echo(), delimiter=style.delimiter)
    yield style.mark + writer.writerow(headers)
    for row in rows:
        yield writer.writerow([_csv_cell(cell, style) for cell in row])


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _csv_cell(cell: Cell, style: CsvStyle) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, datetime):
        return cell.strftime(style.moment) if style.moment else f"{cell.isoformat()}Z"
    if isinstance(cell, date):
        return cell.strftime(style.day)
    return f"{cell:f}".replace(".", style.decimal_point) if isinstance(cell, Decimal) else str(cell)


def _fitting(cell: Cell) -> Cell:
    """A text that XLSX can hold: openpyxl cuts a longer one without a word."""
    if isinstance(cell, str) and len(cell) > _XLSX_CHARACTERS:
        return cell[: _XLSX_CHARACTERS - len(_CUT)] + _CUT
    return cell


def write_xlsx(
    file: IO[bytes],
    title: str,
    headers: Sequence[str],
    rows: Iterable[Row],
    sums: Callable[[], tuple[Sequence[str], Row]] | None = None,
) -> None:
    """Write `rows` with a frozen, filterable header. ValueError if there are more than a sheet can hold.

    `sums`, asked when the rows are written, gives header and row of a second sheet.
    """
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    sheet.freeze_panes = "A2"
    for number, header in enumerate(headers, 1):
        sheet.column_dimensions[get_column_letter(number)].width = max(12, len(header) + 4)
    sheet.append(list(headers))
    count = 0
    for count, row in enumerate(rows, 1):
        if count > MAX_XLSX_ROWS:
            raise ValueError(_("An XLSX sheet cannot hold more than 1,048,575 rows; choose CSV or a shorter period."))
        sheet.append([_fitting(cell) for cell in row])
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(headers))}{count + 1}"
    if sums is not None:
        second = book.create_sheet("sums")
        for line in sums():
            second.append(list(line))
    book.save(file)
