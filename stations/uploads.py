"""Uploaded tables, read with suspicion: every refusal is a sentence for a person, never a stack trace."""

from __future__ import annotations

import csv
import io
import re
import secrets
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import openpyxl
import tablib
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.translation import gettext as _
from import_export.formats.base_formats import Format

from .spreadsheets import Row, write_csv, write_xlsx

MAX_BYTES = 10 * 1024 * 1024
MAX_UNZIPPED_BYTES = 200 * 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 100
MAX_CELL_CHARACTERS = 100_000
#: What openpyxl reads whole (styles, types, relations), and how many texts and cells of one row it keeps at once.
MAX_PART_BYTES = 2 * 1024 * 1024
MAX_TEXTS = 2_000_000
MAX_CELLS_OF_ROW = 16_384
_LARGE_PARTS = re.compile(r"xl/(?:worksheets/[^/]+\.xml|sharedStrings\.xml|media/[^/]+)")
_ELEMENT = re.compile(rb"<(?:\w+:)?(row|c|si)[\s/>]")
_PIECE = 64 * 1024


class UnreadableFile(ValueError):
    """The file cannot be imported; the message says why."""


class SheetFormat(Format):  # type: ignore[misc]
    """Base of the two formats: bytes in, a checked dataset out."""

    TITLE = ""
    EXTENSION = ""
    CONTENT_TYPE = ""

    def __init__(self, encoding: str | None = None) -> None:
        self.encoding = encoding

    def get_title(self) -> str:
        return self.TITLE

    def get_extension(self) -> str:
        return self.EXTENSION

    def get_content_type(self) -> str:
        return self.CONTENT_TYPE

    def can_import(self) -> bool:
        return True

    def can_export(self) -> bool:
        return True

    def create_dataset(self, in_stream: bytes) -> tablib.Dataset:
        if len(in_stream) > MAX_BYTES:
            raise UnreadableFile(_("The file is larger than 10 MB."))
        return _dataset(self.read(in_stream))

    def read(self, data: bytes) -> Iterator[list[Any]]:
        raise NotImplementedError

    def write(self, title: str, headers: list[str], rows: Iterable[Row]) -> bytes:
        raise NotImplementedError


class Csv(SheetFormat):
    TITLE, EXTENSION, CONTENT_TYPE = "csv", "csv", "text/csv; charset=utf-8"

    def read(self, data: bytes) -> Iterator[list[Any]]:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise UnreadableFile(_("The file is not UTF-8 text. In Excel, save it as “CSV UTF-8”.")) from None
        if "\0" in text:
            raise UnreadableFile(_("The file contains NUL characters, so it is not a CSV file."))
        first_line = text.partition("\n")[0]
        # Excel writes semicolons where the decimal separator is a comma
        delimiter = ";" if ";" in first_line and "," not in first_line else ","
        try:
            yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        except csv.Error as error:
            raise UnreadableFile(_("The file is not readable as CSV: %(error)s.") % {"error": error}) from None

    def write(self, title: str, headers: list[str], rows: Iterable[Row]) -> bytes:
        file = io.StringIO(newline="")
        write_csv(file, headers, rows)
        return file.getvalue().encode()


class Xlsx(SheetFormat):
    TITLE, EXTENSION = "xlsx", "xlsx"
    CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def read(self, data: bytes) -> Iterator[list[Any]]:
        _check_archive(data)
        try:
            yield from _xlsx_rows(data)
        except UnreadableFile:
            raise
        except Exception:
            # openpyxl raises whatever its XML parser, zipfile or its own descriptors come up with
            raise UnreadableFile(_("The file is not a readable XLSX workbook.")) from None

    def write(self, title: str, headers: list[str], rows: Iterable[Row]) -> bytes:
        file = io.BytesIO()
        write_xlsx(file, title, headers, rows)
        return file.getvalue()


def _check_archive(data: bytes) -> None:
    """An XLSX file is a zip archive: look at what it says of itself before anything is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # zipfile never unpacks more than the size an entry declares, so the sum is a true limit
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNZIPPED_BYTES:
                raise UnreadableFile(_("The workbook unpacks to more than 200 MB."))
            for entry in archive.infolist():
                _refuse_document_type(archive, entry)
                if entry.file_size > MAX_PART_BYTES:
                    _refuse_bomb(archive, entry)
    except UnreadableFile:
        raise
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, ValueError, EOFError):
        raise UnreadableFile(_("The file is not a readable XLSX workbook.")) from None


def _refuse_document_type(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Entities are how XML reads other files and grows without end; no spreadsheet program writes a DOCTYPE."""
    with archive.open(entry) as file:
        head = file.read(4096)
    is_wide = b"\0" in head and entry.filename.endswith((".xml", ".rels"))  # UTF-16, in which nothing below is found
    if b"<!DOCTYPE" in head or is_wide:
        raise ValueError(entry.filename)


def _refuse_bomb(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """openpyxl keeps a whole row, all texts and all styles; a few kB of zip would make gigabytes of them."""
    if not _LARGE_PARTS.fullmatch(entry.filename):
        raise UnreadableFile(_("The file is not a readable XLSX workbook."))
    counts = {b"row": 0, b"c": 0, b"si": 0}
    rest = b""
    with archive.open(entry) as file:
        while piece := file.read(_PIECE):
            whole = rest + piece
            end = max(whole.rfind(b"<"), 0)
            rest = whole[end:]
            if len(rest) > 10 * MAX_CELL_CHARACTERS and not entry.filename.startswith("xl/media/"):
                raise UnreadableFile(_("The workbook has a cell that is too long."))
            for element in _ELEMENT.finditer(whole, 0, end):
                counts[element[1]] += 1
                if element[1] == b"row":
                    counts[b"c"] = 0
            if counts[b"row"] > MAX_ROWS + 1 or counts[b"si"] > MAX_TEXTS:
                raise UnreadableFile(_("The file has more than 200,000 rows."))
            if counts[b"c"] > MAX_CELLS_OF_ROW:
                raise UnreadableFile(_("The file has more than 100 columns."))


def _xlsx_rows(data: bytes) -> Iterator[list[Any]]:
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False)
    try:
        sheet = book.worksheets[0]
        # the dimension a file claims may be 1,048,576 × 16,384 cells
        sheet.reset_dimensions()
        for row in sheet.iter_rows():
            if any(cell.data_type == "f" for cell in row):
                raise UnreadableFile(_("The workbook contains formulas; paste values instead."))
            yield [cell.value for cell in row]
    finally:
        book.close()


def _dataset(rows: Iterator[list[Any]]) -> tablib.Dataset:
    """The rows below the header, blank ones left out; limits hold before anything is kept."""
    headers = [str(name or "").strip().lower() for name in next(rows, [])]
    while headers and not headers[-1]:
        headers.pop()
    _check_headers(headers)
    dataset = tablib.Dataset(headers=headers)
    for number, row in enumerate(rows, 1):
        if number > MAX_ROWS:
            raise UnreadableFile(_("The file has more than 200,000 rows."))
        if any(cell not in (None, "") for cell in row):
            dataset.append(_fitted(row, len(headers), number))
    return dataset


def _check_headers(headers: list[str]) -> None:
    if not headers:
        raise UnreadableFile(_("The file is empty; the first row must name the columns."))
    if len(headers) > MAX_COLUMNS:
        raise UnreadableFile(_("The file has more than 100 columns."))
    if len({*headers}) < len(headers) or "" in headers:
        raise UnreadableFile(_("Every column needs a name of its own in the first row."))


def _fitted(row: list[Any], width: int, number: int) -> list[Any]:
    if any(cell not in (None, "") for cell in row[width:]):
        raise UnreadableFile(_("Row %(number)d has more cells than there are columns.") % {"number": number})
    if any(isinstance(cell, str) and len(cell) > MAX_CELL_CHARACTERS for cell in row):
        raise UnreadableFile(_("Row %(number)d has a cell that is too long.") % {"number": number})
    return row[:width] + [""] * (width - len(row))


class UploadStorage:
    """Keeps an upload between preview and confirmation, where every process of ours finds it.

    The name comes back from the browser: only names we made are opened. Leftovers are removed after a day.
    """

    FOLDER = "uploads"
    _NAME = re.compile(r"[0-9a-f]{32}")
    _KEEP = timedelta(days=1)

    def __init__(self, name: str | None = None, **_kwargs: Any) -> None:
        self.name = name

    def save(self, data: bytes) -> None:
        self._forget_old()
        self.name = secrets.token_hex(16)
        default_storage.save(self._path(), ContentFile(data))

    def read(self) -> bytes:
        try:
            with default_storage.open(self._path()) as file:
                data: bytes = file.read()
                return data
        except OSError:
            raise UnreadableFile(_("The uploaded file is no longer here; please upload it again.")) from None

    def remove(self) -> None:
        default_storage.delete(self._path())

    def _path(self) -> str:
        if not self._NAME.fullmatch(self.name or ""):
            raise UnreadableFile(_("The uploaded file is no longer here; please upload it again."))
        return f"{self.FOLDER}/{self.name}"

    def _forget_old(self) -> None:
        with suppress(FileNotFoundError):  # there is no folder yet, or another process deletes too
            for name in default_storage.listdir(self.FOLDER)[1]:
                path = f"{self.FOLDER}/{name}"
                if default_storage.get_modified_time(path) < timezone.now() - self._KEEP:
                    default_storage.delete(path)
