"""Pages of long lists: nobody waits for the count of a million rows."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.core.paginator import Paginator
from django.db.models import Model
from django.utils.functional import cached_property


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts as far as somebody might page: counting a million rows takes longer than showing the newest."""

    cap = 10_000

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.cap].count())

    @property
    def is_capped(self) -> bool:
        return self.count == self.cap


def may_be_empty(model: type[Model], path: str) -> bool:
    """Whether some rows have no value to be sorted by; `path` as in `order_by`, without a sign."""
    name, _, rest = path.partition("__")
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:  # a column the list has made itself, or `pk`
        return False
    return field.null or bool(rest and may_be_empty(field.related_model, rest))
