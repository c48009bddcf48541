"""A charger that called by itself is let in, with a name and a place, or turned away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.access import Access
from stations.models import ChargePoint, RegistrationStatus, Site
from stations.services import approve_charge_point, reject_charge_point

from .pages import Allowed, back

PERMISSION = "stations.approve_chargepoint"


class ApprovalForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name and site of a charger; whoever works at some sites only has to choose one of them.

    `sites`: those that `access` may choose from, for who has read them already.
    """

    class Meta:
        model = ChargePoint
        fields = ("name", "site")
        labels = {"name": gettext_lazy("Name"), "site": gettext_lazy("Site")}
        widgets = {"name": forms.TextInput(attrs={"placeholder": gettext_lazy("Name, for example Bay 03"), "size": 26})}

    def __init__(
        self, data: Any = None, *, instance: ChargePoint, access: Access, sites: Sequence[Site] | None = None
    ) -> None:
        super().__init__(data, instance=instance, auto_id=f"id_%s_{instance.pk}")
        site: Any = self.fields["site"]
        site.queryset = access.sites(PERMISSION)
        site.required = not access.everywhere(PERMISSION)
        offered = list(site.queryset) if sites is None else sites
        none = [] if site.required else [("", gettext_lazy("No site"))]
        site.choices = [*none, *((row.pk, row.name) for row in offered)]
        if not self.instance.site_id and len(offered) == 1:
            self.initial["site"] = offered[0].pk


def waiting_chargers(access: Access, most: int = 10) -> list[ChargePoint]:
    """Chargers that wait for approval, each with its form where the reader may decide; the newest callers first."""
    rows = access.charge_points().filter(registration_status=RegistrationStatus.PENDING, archived_at=None)
    waiting = list(rows.order_by("-last_seen_at", "identity")[:most])
    sites = list(access.sites(PERMISSION)) if waiting else []
    for station in waiting:
        may = access.on(PERMISSION, station)
        form = ApprovalForm(instance=station, access=access, sites=sites) if may else None
        station.approval = form  # type: ignore[attr-defined]
    return waiting


class Decide(Allowed):
    """POST: approve or reject. What is typed wrong comes back on the charger's page."""

    permission = PERMISSION
    http_method_names = ["post"]
    approves = True

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        station = get_object_or_404(self.access.charge_points(), pk=pk, archived_at=None)
        if not self.access.on(PERMISSION, station):
            raise PermissionDenied
        # what a second press brings is of an old page: a colleague has given it a name and a place
        if self.approves and station.registration_status != RegistrationStatus.ACCEPTED:
            self._approve(station)
        elif self.approves:
            self._say_approved(station)
        else:
            reject_charge_point(station, origin=self.origin)
            messages.success(request, _("%(charger)s is rejected.") % {"charger": station})
        return back(request, f"/chargers/{station.pk}/")

    def _approve(self, station: ChargePoint) -> None:
        form = ApprovalForm(self.request.POST, instance=station, access=self.access)
        if not form.is_valid():
            for field, errors in form.errors.items():
                label = form.fields[field].label if field in form.fields else ""
                messages.error(self.request, f"{label}: {' '.join(str(error) for error in errors)}")
            return
        form.instance.save(update_fields=["name", "site"])
        approve_charge_point(station, origin=self.origin)
        self._say_approved(station)

    def _say_approved(self, station: ChargePoint) -> None:
        messages.success(self.request, _("%(charger)s is approved and may charge.") % {"charger": station})
