"""Pages that stay right while rows are added: a cursor instead of a number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

#: Where rows stand whose column of moments is empty: a cursor compares, and nothing compares with NULL.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
#: The name of such a column as it is ordered by.
_FILLED = "filled_for_order"


class CursorPages(CursorPagination):
    """100 rows, or `?page_size=` up to 1000; `next` and `previous` are addresses."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000
    offset_cutoff = 10_000  # rows with the very same value that one may page through

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> tuple[str, ...]:
        first, *_others = super().get_ordering(request, queryset, view)
        minus, column = "-" if first.startswith("-") else "", first.removeprefix("-")
        return f"{minus}{_FILLED if _may_be_empty(queryset, column) else column}", f"{minus}pk"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        column = super().get_ordering(request, queryset, view)[0].removeprefix("-")
        if _may_be_empty(queryset, column):
            queryset = queryset.annotate(**{_FILLED: Coalesce(column, Value(_NEVER))})
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValidationError, ValueError, OverflowError):  # a position that is no value of its column
            raise NotFound(self.invalid_cursor_message) from None

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor = super().decode_cursor(request)
        if cursor is not None and "\0" in str(cursor.position):
            raise NotFound(self.invalid_cursor_message)
        return cursor


def _may_be_empty(queryset: QuerySet[Any], column: str) -> bool:
    return bool(getattr(queryset.model._meta.get_field(column), "null", False))
