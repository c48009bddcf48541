"""`manage.py export_transactions`: sessions as XLSX or CSV, into a file or a pipe."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error
from django.db.models import QuerySet
from django.utils import timezone

from stations.spreadsheets import parse_moment, write_csv, write_xlsx
from transactions.models import Transaction
from transactions.resources import HEADERS, TransactionResource

STDOUT = "-"


class Command(BaseCommand):
    help = "Export the transactions that began in a period: from --from on, before --to, times in TIME_ZONE."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="begin", metavar="TIME", help="ISO date or time, such as 2026-11-01")
        parser.add_argument("--to", dest="end", metavar="TIME", help="ISO date or time, itself not included")
        parser.add_argument("--format", choices=("xlsx", "csv"), help="default: what the file's name ends in, else csv")
        parser.add_argument("-o", "--output", default=STDOUT, metavar="FILE", help="where to write; - is the pipe")

    def handle(self, *args: Any, output: str, **options: Any) -> None:
        begin, end = _moment("--from", options["begin"]), _moment("--to", options["end"])
        if begin and end and begin >= end:
            raise CommandError("--to must be later than --from.")
        format = options["format"] or ("xlsx" if output.lower().endswith(".xlsx") else "csv")  # noqa: A001
        try:
            with _destination(output) as file:
                _write(file, format, _transactions(begin, end))
        except (OSError, ValueError, Error) as error:
            raise CommandError(f"nothing was exported: {error}") from None


def _moment(option: str, text: str | None) -> datetime | None:
    try:
        return parse_moment(text, timezone.get_default_timezone())
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from None


def _transactions(begin: datetime | None, end: datetime | None) -> QuerySet[Transaction]:
    period = {"started_at__gte": begin, "started_at__lt": end}
    return Transaction.objects.filter(**{name: at for name, at in period.items() if at}).order_by("started_at", "id")


def _write(file: IO[bytes], format: str, queryset: QuerySet[Transaction]) -> None:  # noqa: A002
    rows = TransactionResource().iter_rows(queryset)
    if format == "xlsx":
        write_xlsx(file, "transactions", HEADERS, rows)
        return
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    write_csv(text, HEADERS, rows)
    text.flush()
    text.detach()


@contextmanager
def _destination(output: str) -> Iterator[IO[bytes]]:
    """Standard output, or a file that appears under its name only when it is complete."""
    if output == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(output)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with unfinished.open("xb") as file:
            yield file
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
