"""Lists: filters that live in the address, sorting, pages, and the part of the page that htmx replaces."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.utils.functional import cached_property
from django.views.generic import ListView

from stations.pagination import CappedPaginator, may_be_empty

from .pages import InParts


class ListPage(InParts, ListView):  # type: ignore[type-arg]
    """A filtered list. The element `#list` is rendered by `part` alone when a filter changes.

    `filterset_class` is a django-filter FilterSet over what `get_rows` gives, which is what the reader may see. An
    address whose values make no sense shows the error beside the filter and no rows. `sorts` maps the words that
    `?sort=` knows (with `-` in front for descending) to the columns behind them; the first is the default order. Rows
    without a value stand last either way.
    """

    context_object_name = "rows"
    paginate_by = 50
    paginator_class = CappedPaginator
    filterset_class: Any = None
    part = ""
    #: A file of the list: a filter that makes no sense is refused, for an empty file would look like an answer.
    is_file = False
    sorts: dict[str, tuple[str, ...]] = {}

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {"list": self.part}

    def get_rows(self) -> QuerySet[Any]:
        """What the reader may see, before the filter."""
        raise NotImplementedError

    @cached_property
    def filterset(self) -> Any:
        return self.filterset_class(self.request.GET, queryset=self.get_rows(), request=self.request)

    @cached_property
    def filtered(self) -> QuerySet[Any]:
        """The rows of the whole filter, in no order: for sums and exports."""
        if self.filterset_class is None:
            return self.get_rows()
        if self.filterset.is_valid():
            rows: QuerySet[Any] = self.filterset.qs
            if self.filterset.is_valid():  # some filters find out only while they look
                return rows
        if self.is_file:
            raise BadRequest("a filter that makes no sense")
        return self.get_rows().none()

    def get_queryset(self) -> QuerySet[Any]:
        rows = self.filtered
        return rows.order_by(*(_empty_last(rows.model, column) for column in self.order))

    @property
    def sort(self) -> str:
        wanted = self.request.GET.get("sort", "")
        return wanted if wanted.removeprefix("-") in self.sorts else next(iter(self.sorts), "")

    @property
    def order(self) -> tuple[str, ...]:
        columns = self.sorts.get(self.sort.removeprefix("-"), ())
        if not self.sort.startswith("-"):
            return columns
        return tuple(column[1:] if column.startswith("-") else f"-{column}" for column in columns)

    @property
    def is_filtered(self) -> bool:
        """Whether the reader narrowed the list: then an empty one offers to clear the filter."""
        return any(value for name, value in self.request.GET.items() if name not in ("page", "sort"))

    def paginate_queryset(self, queryset: Any, page_size: int) -> Any:
        """A page beyond the end shows the last one: rows come and go while somebody reads."""
        paginator = self.get_paginator(queryset, page_size)
        page = paginator.get_page(self.request.GET.get("page"))
        return paginator, page, page.object_list, page.has_other_pages()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        filterset = self.filterset if self.filterset_class is not None else None
        return super().get_context_data(filterset=filterset, is_filtered=self.is_filtered, sort=self.sort, **kwargs)


def _empty_last(model: type[Model], column: str) -> OrderBy | str:
    """Databases differ about where to put NULL. Only where there may be one: PostgreSQL's indexes know one place."""
    path = column.removeprefix("-")
    if not may_be_empty(model, path):
        return column
    return OrderBy(F(path), descending=column.startswith("-"), nulls_last=True)
