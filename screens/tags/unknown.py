"""Tags that were held to a reader and that nobody has entered."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.generic import View

from transactions import unknown
from transactions.models import UnknownIdTag

from ..lists import ListPage
from ..pages import Allowed, back
from .filters import UnknownTagFilter

#: Ignoring is deciding that a card does not get in: for those who might have let it in.
PERMISSION = "transactions.add_idtag"


class UnknownTagList(ListPage):
    template_name = "screens/tags/unknown.html"
    part = "screens/tags/_unknown.html"
    permission = "transactions.view_unknownidtag"
    filterset_class = UnknownTagFilter
    sorts = {
        "last": ("-last_at", "pk"),
        "attempts": ("-count", "pk"),
        "number": ("id_tag", "pk"),
        "charger": ("charge_point__identity", "id_tag"),
    }

    def get_rows(self) -> QuerySet[UnknownIdTag]:
        rows = self.access.narrow(UnknownIdTag.objects.all(), self.permission, "charge_point__site")
        return unknown.not_entered(rows).select_related("charge_point")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shows_ignored = self.request.GET.get("ignored") == "yes"
        return super().get_context_data(shows_ignored=shows_ignored, **kwargs)


class ChangeUnknownTag(Allowed, View):
    """POST: ignore a number, or look at it again, at every charger where the person may."""

    permission = "transactions.view_unknownidtag"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        rows = UnknownIdTag.objects.all()
        row = get_object_or_404(self.access.narrow(rows, self.permission, "charge_point__site"), pk=pk)
        if not self.access.at(PERMISSION, row.charge_point.site_id):
            raise PermissionDenied
        same = self.access.narrow(rows.filter(id_tag=row.id_tag), PERMISSION, "charge_point__site")
        if action == "ignore":
            unknown.ignore(same)
            messages.success(request, _("Ignored. The tag is refused as before and listed no more."))
        elif action == "heed":
            unknown.heed(same)
            messages.success(request, _("The tag is listed again."))
        else:
            raise BadRequest("unknown action")
        return back(request, reverse("screens:unknown_tags"))
