"""Settings: the sites, and what the environment says. Nothing here shows a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stations import changes
from stations.forms.old_pages import OldPageForm
from stations.models import Site

from ..pages import FormPage, Page


@dataclass(frozen=True)
class Entry:
    """One variable of the environment: its name, what it is for, and what it is now."""

    name: str
    purpose: Any
    shown: Any


class Settings(Page):
    template_name = "screens/house/settings.html"
    permission = "stations.change_site"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        in_use = Count("charge_points", filter=Q(charge_points__archived_at=None))
        return super().get_context_data(
            sites=self.access.sites(self.permission).annotate(chargers=in_use),
            may_add=self.access.everywhere("stations.add_site"),
            entries=environment() if self.access.everywhere(self.permission) else (),
            **kwargs,
        )


def environment() -> tuple[Entry, ...]:
    """What the server was started with, in the order of `.env.example`."""
    return (
        Entry(
            "PUBLIC_URL", gettext_lazy("Address people type"), settings.PUBLIC_URL or _("this machine's own address")
        ),
        Entry("UNKNOWN_CHARGE_POINTS", gettext_lazy("A charger nobody has entered"), settings.UNKNOWN_CHARGE_POINTS),
        Entry("UNKNOWN_ID_TAGS", gettext_lazy("A tag nobody has entered"), settings.UNKNOWN_ID_TAGS),
        Entry(
            "REQUIRE_SUBPROTOCOL",
            gettext_lazy("Chargers must offer the protocol ocpp1.6"),
            _("yes") if settings.REQUIRE_SUBPROTOCOL else _("no"),
        ),
        Entry("HEARTBEAT_INTERVAL", gettext_lazy("Seconds between heartbeats"), settings.HEARTBEAT_INTERVAL),
        Entry("MESSAGE_LOG", gettext_lazy("OCPP messages that are kept"), settings.MESSAGE_LOG),
        Entry("MESSAGE_RETENTION_DAYS", gettext_lazy("Days that messages are kept"), settings.MESSAGE_RETENTION_DAYS),
        Entry(
            "ATTEMPT_RETENTION_DAYS",
            gettext_lazy("Days that refused connections are kept"),
            settings.ATTEMPT_RETENTION_DAYS,
        ),
        Entry(
            "HISTORY_RETENTION_DAYS",
            gettext_lazy("Days that it is kept who changed what"),
            settings.HISTORY_RETENTION_DAYS or _("for good"),
        ),
        Entry(
            "METER_VALUE_DETAIL_DAYS",
            gettext_lazy("Days until meter values are thinned out"),
            settings.METER_VALUE_DETAIL_DAYS or _("never"),
        ),
        Entry("DATABASE_URL", gettext_lazy("Database"), connection.vendor),
        Entry("REDIS_URL", gettext_lazy("Redis"), _("in use") if settings.REDIS_URL else _("not used")),
        Entry("LANGUAGE_CODE", gettext_lazy("Language of the installation"), settings.LANGUAGE_CODE),
        Entry("TIME_ZONE", gettext_lazy("Time zone of the installation"), settings.TIME_ZONE),
    )


class SiteForm(OldPageForm):
    class Meta:
        model = Site
        fields = ("name", "address", "notes", "holders_may_start")
        widgets = {"address": forms.Textarea(attrs={"rows": 3}), "notes": forms.Textarea(attrs={"rows": 3})}


class AddSite(FormPage):
    template_name = "screens/house/site.html"
    permission = "stations.add_site"
    form_class = SiteForm

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)

    def form_valid(self, form: Any) -> HttpResponse:
        site = form.save()
        changes.note(*map(changes.station, site.charge_points.values_list("pk", flat=True)))
        messages.success(self.request, _("%(site)s is stored.") % {"site": site})
        return redirect("screens:settings")


class ChangeSite(AddSite):
    permission = "stations.change_site"

    def is_allowed(self) -> bool:
        if not self.access.somewhere(self.permission):
            return False
        self.site = get_object_or_404(self.access.sites(), pk=self.kwargs["pk"])
        return self.access.at(self.permission, self.site.pk)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "instance": self.site}
