"""Pages of long lists: nobody waits for the count of a million rows."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
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
