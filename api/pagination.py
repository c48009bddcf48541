"""Pages that stay right while rows come and go: a cursor instead of a number."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

from stations.pagination import may_be_empty

#: Where rows stand whose column of moments is empty: a cursor compares, and nothing compares with NULL.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
#: The name of such a column as it is ordered by.
_FILLED = "filled_for_order"


class CursorPages(CursorPagination):
    """100 rows, or `?page_size=` up to 1000; `next` and `previous` are addresses.

    A position is the value and the key of a row that was given out, as JSON: `["2026-11-22 10:00:00+00:00", "17"]`. The
    framework's own position is the value alone with a number of rows to leave out, which shifts where many rows have
    the same value (a batch of commands, the readings of a moment) and one of them is deleted, or the reader turns back.
    """

    page_size: int = 100
    page_size_query_param = "page_size"
    max_page_size = 1000

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        first, *_others = super().get_ordering(request, queryset, view)
        minus, column = "-" if first.startswith("-") else "", first.removeprefix("-")
        return f"{minus}{_FILLED if may_be_empty(queryset.model, column) else column}", f"{minus}pk"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        column = super().get_ordering(request, queryset, view)[0].removeprefix("-")
        if may_be_empty(queryset.model, column):
            queryset = queryset.annotate(**{_FILLED: Coalesce(column, Value(_NEVER))})
        self.base_url = request.build_absolute_uri()
        self.ordering = self.get_ordering(request, queryset, view)
        self.cursor = self.decode_cursor(request) or Cursor(offset=0, reverse=False, position=None)
        size = self.get_page_size(request) or self.page_size
        backwards = self.cursor.reverse
        try:
            rows = list(self._rows_from(queryset, self.cursor)[: size + 1])
        except (ValidationError, ValueError, OverflowError):  # a position that is no value of its column
            raise NotFound(self.invalid_cursor_message) from None
        self.page = rows[:size][::-1] if backwards else rows[:size]
        came_from = self.cursor.position is not None
        self.has_next = came_from if backwards else len(rows) > size
        self.has_previous = len(rows) > size if backwards else came_from
        return self.page

    def _rows_from(self, queryset: QuerySet[Any], cursor: Cursor) -> QuerySet[Any]:
        """What stands behind the cursor's position, in the direction it looks."""
        column = self.ordering[0].removeprefix("-")
        falls = self.ordering[0].startswith("-") != cursor.reverse
        minus, beyond = ("-", "lt") if falls else ("", "gt")
        ordered = queryset.order_by(f"{minus}{column}", f"{minus}pk")
        if cursor.position is None:
            return ordered
        value, key = _read_position(cursor.position)
        return ordered.filter(  # the first condition says what the others do; an index can only be used for it
            Q(**{f"{column}__{beyond}e": value}),
            Q(**{f"{column}__{beyond}": value}) | Q(**{f"pk__{beyond}": key}),
        )

    def get_next_link(self) -> str | None:
        return self._link((self.page or [])[-1:], reverse=False) if self.has_next else None

    def get_previous_link(self) -> str | None:
        return self._link((self.page or [])[:1], reverse=True) if self.has_previous else None

    def _link(self, row: list[Model], *, reverse: bool) -> str:
        """The page behind a row; without one, as all its rows are gone meanwhile, the page at that end of the list."""
        position: Any = self._get_position_from_instance(row[0], self.ordering) if row else None
        return self.encode_cursor(Cursor(offset=0, reverse=reverse, position=position))

    def _get_position_from_instance(self, instance: Any, ordering: Any) -> str:
        return json.dumps([super()._get_position_from_instance(instance, ordering), str(instance.pk)])

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.offset:
            raise NotFound(self.invalid_cursor_message)
        return cursor


def _read_position(position: Any) -> tuple[str, str]:
    """Raises ValueError for what `CursorPages` did not write."""
    try:
        match json.loads(position):
            case [str(value), str(key)] if "\0" not in value + key:
                return value, key
    except RecursionError:  # brackets by the thousand
        pass
    raise ValueError(position)
