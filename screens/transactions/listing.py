"""The list of sessions: what runs on top, then the newest; the sums of everything the filter finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Sum
from django.utils.functional import cached_property

from transactions.models import EndedBy, OrphanedStop, Transaction

from ..exports import DIRECT_ROWS
from ..lists import ListPage
from ..tables import Format
from .filters import RUNNING, TransactionFilters

#: Running sessions on top of the list; whoever has more asks for the running ones.
MAX_PINNED = 20


@dataclass(frozen=True)
class Sums:
    """Of sessions: how many, how many of them run, their energy in Wh, the length of those that are over."""

    count: int
    running: int
    energy_wh: int
    time: Any


def with_names(transactions: QuerySet[Transaction]) -> QuerySet[Transaction]:
    """With what a row of a list says of others."""
    return transactions.select_related("charge_point", "connector", "tag")


def sums_of(transactions: QuerySet[Transaction]) -> Sums:
    """One query."""
    length = ExpressionWrapper(F("stopped_at") - F("started_at"), DurationField())
    return Sums(
        **transactions.order_by().aggregate(
            count=Count("pk"),
            running=Count("pk", filter=Q(ended_by=EndedBy.OPEN)),
            energy_wh=Sum("energy_wh", default=0),
            time=Sum(length),
        )
    )


class Transactions(ListPage):
    """`/transactions/`; `_running.html` alone is what is fetched when a session begins or ends."""

    permission = "transactions.view_transaction"
    template_name = "screens/transactions/list.html"
    filterset_class = TransactionFilters
    sorts = {"start": ("started_at", "pk")}  # by energy a million rows would have to be read
    part = "screens/transactions/_list.html"

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {**super().parts, "running": "screens/transactions/_running.html"}

    def get_rows(self) -> QuerySet[Transaction]:
        return self.access.narrow(Transaction.objects.all(), self.permission, "charge_point__site")

    def get_queryset(self) -> QuerySet[Transaction]:
        rows = super().get_queryset()
        return rows.exclude(ended_by=EndedBy.OPEN) if self.pins_running else rows

    @property
    def sort(self) -> str:
        return "start" if self.request.GET.get("sort") == "start" else "-start"

    @property
    def pins_running(self) -> bool:
        """Whether what runs stands on top, whenever it began: in the usual order, if not only that is asked for."""
        return self.sort == "-start" and self.request.GET.get("state") != RUNNING

    @cached_property
    def sums(self) -> Sums:
        return sums_of(self.filtered)

    @cached_property
    def running(self) -> list[Transaction]:
        """What stands on top of the first page. Of two sessions of one connector the newer one is kept live."""
        if not self.pins_running or self.request.GET.get("page", "1") != "1":
            return []
        rows = self.filtered.filter(ended_by=EndedBy.OPEN)
        shown = list(with_names(rows).order_by("-started_at", "-pk")[:MAX_PINNED])
        newest = {row.connector_id: row.pk for row in sorted(shown, key=lambda row: row.pk)}
        for row in shown:
            row.is_live = newest[row.connector_id] == row.pk  # type: ignore[attr-defined]
        return shown

    def paginate_queryset(self, queryset: Any, page_size: int) -> Any:
        """Sorted by their keys first: what else a row needs is read for those of the page only."""
        paginator, page, keys, has_others = super().paginate_queryset(queryset.values_list("pk", flat=True), page_size)
        rows = with_names(Transaction.objects.all()).in_bulk(list(keys))
        page.object_list = [rows[key] for key in keys if key in rows]
        return paginator, page, page.object_list, has_others

    def get_paginate_by(self, queryset: Any) -> int | None:
        return None if self.get_template_names() == [self.parts["running"]] else self.paginate_by

    def get_paginator(self, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Any:
        """The sums know how many there are: nobody counts again."""
        paginator: Any = super().get_paginator(queryset, per_page, *args, **kwargs)
        listed = self.sums.count - (self.sums.running if self.pins_running else 0)
        paginator.__dict__["count"] = min(listed, paginator.cap)
        return paginator

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        may_export = self.access.somewhere("transactions.export_transaction")
        return super().get_context_data(
            formats=[(choice.value, choice.label) for choice in Format] if may_export else [],
            direct_rows=DIRECT_ROWS,
            loose_stops=self.loose_stops,
            **kwargs,
        )

    def loose_stops(self) -> bool:
        """Whether stops wait for somebody to say which session they end."""
        stops = OrphanedStop.objects.filter(transaction=None)
        return self.access.narrow(stops, "transactions.view_orphanedstop", "charge_point__site").exists()
