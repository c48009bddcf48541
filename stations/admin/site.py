from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from .. import changes
from ..forms.old_pages import OldPageForm
from ..models import ChargePoint, Site
from .pages import PageAdmin


@admin.register(Site)
class SiteAdmin(PageAdmin[Site]):
    form = OldPageForm
    ordering = ("name",)  # counting drops the model's own
    list_display = ("name", "address", "chargers", "holders_may_start")
    search_fields = ("name", "address", "notes")
    fields = ("name", "address", "notes", "holders_may_start", "chargers")
    readonly_fields = ("chargers",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        in_use = Count("charge_points", filter=Q(charge_points__archived_at=None))
        return super().get_queryset(request).annotate(charger_count=in_use)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else self.fields[:-1]

    def topics(self, keys: Iterable[Any]) -> Iterable[str]:
        return map(changes.station, ChargePoint.objects.filter(site__in=keys).values_list("pk", flat=True))

    @admin.display(description=_("chargers"), ordering="charger_count")
    def chargers(self, site: Any) -> SafeString:
        url = reverse("admin:stations_chargepoint_changelist")
        return format_html('<a href="{}?site__id__exact={}">{}</a>', url, site.pk, site.charger_count)
