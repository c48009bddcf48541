"""Sessions as a table, with the sums of what was written."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import QuerySet

from jobs.progress import Progress
from stations.spreadsheets import Cell, Row
from transactions.models import Transaction
from transactions.resources import HEADERS, TransactionResource

from .tables import Table
from .templatetags.screens import masked_number

_STARTED, _DURATION, _ENERGY = (HEADERS.index(name) for name in ("started_at_utc", "duration_s", "energy_kwh"))
_ID_TAG, _STOP_ID_TAG = (HEADERS.index(name) for name in ("id_tag", "stop_id_tag"))
_SUMS = ("transactions", "energy_kwh", "duration_s", "first_started_at_utc", "last_started_at_utc")


class SessionTable:
    """`transactions`, oldest first, in the columns of `TransactionResource`.

    `is_masked` hides the numbers of cards; `is_own` leaves out the card of somebody else who ended a session.
    `count`, `energy_kwh` and `duration_s` are the sums of the rows that were read so far.
    """

    def __init__(
        self,
        transactions: QuerySet[Transaction],
        progress: Progress | None = None,
        *,
        is_masked: bool,
        is_own: bool = False,
    ) -> None:
        self._transactions = transactions.order_by("started_at", "id")
        self._progress = progress or Progress()
        self._is_masked = is_masked
        self._is_own = is_own
        self.count = 0
        self.energy_kwh = Decimal(0)
        self.duration_s = 0
        self._first: Cell = None
        self._last: Cell = None

    def table(self) -> Table:
        return Table("transactions", HEADERS, self._rows(), self._sums)

    def _rows(self) -> Iterator[Row]:
        for row in self._progress.over(TransactionResource().iter_rows(self._transactions)):
            self._add(row)
            yield self._shown(row)

    def _add(self, row: Row) -> None:
        self.count += 1
        self.energy_kwh += Decimal(str(row[_ENERGY]))
        self.duration_s += int(str(row[_DURATION] or 0))
        self._first = self._first or row[_STARTED]
        self._last = row[_STARTED]

    def _shown(self, row: Row) -> Row:
        cells = list(row)
        if self._is_own and str(row[_STOP_ID_TAG]).upper() != str(row[_ID_TAG]).upper():
            cells[_STOP_ID_TAG] = ""
        if self._is_masked:
            for column in (_ID_TAG, _STOP_ID_TAG):
                cells[column] = masked_number(str(row[column]))
        return tuple(cells)

    def _sums(self) -> tuple[tuple[str, ...], Row]:
        return _SUMS, (self.count, self.energy_kwh, self.duration_s, self._first, self._last)
