"""A new campaign: chargers chosen by a filter or ticked one by one, and how they are updated."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stations.commands import CommandRefused
from stations.forms.sending import OnceForm
from stations.models import ChargePoint
from transfers import campaigns
from transfers.models import Campaign, FirmwareFile

from ..lists import ListPage
from .filters import CandidateFilters
from .forms import CampaignForm, campaign_name
from .rights import ADD_CAMPAIGN, SEND, usable_firmware

#: More at once than any house has; a request that names more comes from nobody's browser.
MAX_CHOSEN = 5000


class NewCampaign(ListPage):
    """GET: the filter, its chargers and the settings. POST without `start`: the same about the ticked `stations` of
    another list. POST with `start` begins: with the ticked ones, or with `all` of the filter.
    """

    permission = ADD_CAMPAIGN
    template_name = "screens/firmware/new_campaign.html"
    part = "screens/firmware/_candidates.html"
    filterset_class = CandidateFilters
    sorts = {"name": ("identity", "pk"), "firmware": ("firmware_version", "identity", "pk")}
    form: CampaignForm
    once: OnceForm

    def is_allowed(self) -> bool:
        return super().is_allowed() and self.access.somewhere(SEND)

    def get_rows(self) -> QuerySet[ChargePoint]:
        """Chargers in use at which the reader may update; the ticked ones, if a list has sent them here."""
        rows = self.access.narrow(self.access.charge_points(SEND), ADD_CAMPAIGN, "site").filter(archived_at=None)
        rows = rows.select_related("gateway", "site")
        return rows.filter(pk__in=self.ticked) if self.comes_from_list else rows

    @cached_property
    def ticked(self) -> list[int]:
        keys = self.request.POST.getlist("stations")[:MAX_CHOSEN]
        return [int(key) for key in keys if key.isascii() and key.isdecimal() and len(key) <= 18]

    @property
    def comes_from_list(self) -> bool:
        """Whether the chargers were ticked in another list: then only these are shown, all on one page."""
        entered = self.request.POST
        return bool(self.ticked) and ("start" not in entered or "selection" in entered)

    def get_paginate_by(self, queryset: Any) -> int | None:
        return None if self.comes_from_list else super().get_paginate_by(queryset)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        chosen = self._fitting_firmware()
        known = {"firmware": chosen.pk, "name": campaign_name(chosen)} if chosen else {}
        self.form, self.once = CampaignForm(initial=known), OnceForm()
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "start" not in request.POST:
            return self.get(request, *args, **kwargs)
        self.form, self.once = CampaignForm(request.POST), OnceForm(request.POST)
        if all([self.form.is_valid(), self.once.is_valid()]):
            try:
                return redirect("screens:campaign", pk=self.start().pk)
            except CommandRefused as refusal:
                self.form.add_error(None, str(refusal))
        response = super().get(request, *args, **kwargs)
        response.status_code = 422
        return response

    def start(self) -> Campaign:
        """Begin with those of the chosen chargers that the firmware is for. Raises CommandRefused if there is none."""
        firmware: FirmwareFile = self.form.cleaned_data["firmware"]
        chosen = self.filtered if self.request.POST.get("all") else self.get_rows().filter(pk__in=self.ticked)
        stations = list(chosen.order_by("identity", "pk"))
        if not stations:
            raise CommandRefused(_("Choose at least one charger."))
        fitting = [station for station in stations if not station.vendor or firmware.fits(station)]
        if not fitting:
            raise CommandRefused(_("This firmware is for none of the chosen chargers."))
        campaign = campaigns.start_campaign(
            fitting,
            firmware,
            origin=self.origin,
            idempotency_key=self.once.idempotency,
            **self.form.options(),
        )
        if left_out := len(stations) - len(fitting):
            said = ngettext(
                "%(count)d charger was left out: the firmware is for another vendor or model.",
                "%(count)d chargers were left out: the firmware is for another vendor or model.",
                left_out,
            )
            messages.warning(self.request, said % {"count": left_out})
        return campaign

    def _fitting_firmware(self) -> FirmwareFile | None:
        wanted = self.request.GET.get("fits", "")
        if not (wanted.isascii() and wanted.isdecimal() and len(wanted) <= 18):
            return None
        return usable_firmware().filter(pk=wanted).first()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(form=self.form, once=self.once, **kwargs)
        return {
            **context,
            "has_firmware": self.form.fields["firmware"].queryset.exists(),  # type: ignore[attr-defined]
            "ticked": {*self.ticked},
            "is_selection": self.comes_from_list,
            "takes_all": bool(self.request.POST.get("all")),
        }
