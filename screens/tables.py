"""Tables for people to take along: CSV, CSV for German Excel, XLSX."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO

from django.core.exceptions import BadRequest
from django.db import connection, transaction
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext_lazy as _

from jobs.progress import Progress
from stations.downloads import PIECE_BYTES, download
from stations.spreadsheets import GERMAN_CSV, PLAIN_CSV, Row, csv_lines, write_xlsx

_LINES_AT_ONCE = 100


class Format(TextChoices):
    """Numbers and dates are the same in every language, unless somebody asks for German Excel's."""

    CSV = "csv", "CSV"
    CSV_GERMAN = "csv_de", _("CSV for German Excel")
    XLSX = "xlsx", "XLSX"

    @property
    def ending(self) -> str:
        return "xlsx" if self is Format.XLSX else "csv"

    @property
    def content_type(self) -> str:
        if self is Format.XLSX:
            return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return "text/csv; charset=utf-8"


def format_of(name: str) -> Format:
    """The format somebody asked for; raises BadRequest (400) for one that does not exist."""
    if name not in Format.values:
        raise BadRequest("unknown format")
    return Format(name)


@dataclass(frozen=True)
class Table:
    """Columns and their rows, read once. `sums`, asked after the rows, gives header and row of a second XLSX sheet."""

    title: str
    headers: Sequence[str]
    rows: Iterable[Row]
    sums: Callable[[], tuple[Sequence[str], Row]] | None = None

    def write(self, file: IO[bytes], format: Format) -> None:  # noqa: A002
        """Raises ValueError, with a sentence for people, for more rows than an XLSX sheet can hold."""
        if format is Format.XLSX:
            write_xlsx(file, self.title, self.headers, self.rows, self.sums)
        else:
            file.writelines(self.csv_pieces(format))

    def csv_pieces(self, format: Format) -> Generator[bytes, None, None]:  # noqa: A002
        style = GERMAN_CSV if format is Format.CSV_GERMAN else PLAIN_CSV
        lines = csv_lines(self.headers, self.rows, style)
        while piece := "".join(islice(lines, _LINES_AT_ONCE)):
            yield piece.encode()

    def xlsx_pieces(self) -> Generator[bytes, None, None]:
        with tempfile.TemporaryFile() as file:
            self.write(file, Format.XLSX)
            file.seek(0)
            while piece := file.read(PIECE_BYTES):
                yield piece


def respond_with_table(request: HttpRequest, table: Table, format: Format, stem: str) -> HttpResponseBase:  # noqa: A002
    """A small table as the file `stem`.csv or .xlsx; chargers on this process are served meanwhile."""
    calm = replace(table, rows=_as_found(Progress(yields=True).over(table.rows)))
    pieces = calm.xlsx_pieces() if format is Format.XLSX else calm.csv_pieces(format)
    return download(request, pieces, format.content_type, f"{stem}.{format.ending}")


def _as_found(rows: Iterable[Row]) -> Generator[Row, None, None]:
    """Rows as PostgreSQL finds them, which it hands out inside a transaction only: outside of one it stores the whole
    result first, some seconds and some hundred MB of disk for a million readings. SQLite's would keep chargers waiting.
    """
    with transaction.atomic() if connection.vendor == "postgresql" else nullcontext():
        yield from rows
