"""The list of tags, and the same rows as a file."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase

from stations.models import Site
from transactions.models import IdTag, UnknownIdTag
from transactions.unknown import still_unknown

from ..lists import ListPage
from ..long_work import ask_first
from ..tables import format_of, respond_with_table
from .changes import PERMISSION, ChoiceForm
from .exporting import DIRECT_ROWS, file_stem, queue_export, tag_table
from .filters import TagFilter
from .usage import usage_of

#: Unknown tags that the list announces.
MOST_UNKNOWN = 5


class TagList(ListPage):
    template_name = "screens/tags/list.html"
    part = "screens/tags/_list.html"
    permission = "transactions.view_idtag"
    filterset_class = TagFilter
    sorts = {
        "holder": ("holder", "id_tag"),
        "number": ("id_tag",),
        "group": ("group__parent_id_tag", "holder", "id_tag"),
        "site": ("site__name", "holder", "id_tag"),
        "until": ("expires_at", "id_tag"),
        "added": ("-created_at", "id_tag"),
    }

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {**super().parts, "unknown": "screens/tags/_unknown_box.html"}

    def get_rows(self) -> QuerySet[IdTag]:
        return self.access.id_tags().select_related("group", "site")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        rows = list(context["rows"])
        usage = usage_of(rows, self.access)
        context["entries"] = [(tag, usage[tag.pk]) for tag in rows]
        context["may_change"] = self.access.somewhere(PERMISSION)
        context["has_sites"] = Site.objects.exists()
        if context["may_change"]:
            context["bulk"] = ChoiceForm(access=self.access)
        return {**context, "unknown": self._unknown()}

    def _unknown(self) -> list[UnknownIdTag]:
        rows = self.access.narrow(UnknownIdTag.objects.all(), "transactions.view_unknownidtag", "charge_point__site")
        return list(still_unknown(rows).select_related("charge_point").order_by("-last_at")[:MOST_UNKNOWN])


class TagExport(TagList):
    """The filtered tags as a file. Many of them are a job: a GET only asks whether to begin it."""

    permission = "transactions.export_idtag"
    http_method_names = ["get", "post"]
    is_file = True

    def get_rows(self) -> QuerySet[IdTag]:
        return self.access.id_tags("transactions.export_idtag")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # type: ignore[override]
        chosen = format_of(request.GET.get("format", "csv"))
        rows = self.filtered.order_by("id_tag")
        if rows.order_by()[: DIRECT_ROWS + 1].count() > DIRECT_ROWS:
            return ask_first(request, chosen, DIRECT_ROWS, request.get_full_path())
        return respond_with_table(request, tag_table(rows, self.access), chosen, file_stem())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return queue_export(self.request, format_of(request.GET.get("format", "csv")))
