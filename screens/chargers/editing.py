"""Chargers are entered, renamed, put into the archive and taken out of it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stations import changes, credentials, services

from ..pages import FormPage
from .forms import ADD, ChargerForm, NewChargerForm
from .one import Do, OfCharger
from .passwords import shown_once


class Add(FormPage):
    """A charger that is entered before it calls; its password is shown on the answer, and only there."""

    permission = ADD
    form_class = NewChargerForm
    template_name = "screens/chargers/add.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "access": self.access, "initial": {"identity": self._called}}

    @property
    def _called(self) -> str:
        """An identity that a link brings along: that of a refused attempt."""
        typed: str = self.request.GET.get("identity", "")
        return typed[:255]

    def form_valid(self, form: Any) -> HttpResponse:
        station = form.save()
        changes.note(changes.station(station.pk))
        if form.is_to_be_approved:
            services.approve_charge_point(station, origin=self.origin)
        if form.cleaned_data["generate_password"]:
            return shown_once(self.request, station, credentials.generate_key(station))
        messages.success(self.request, _("%(charger)s was added.") % {"charger": station})
        return redirect("screens:charger", station.pk)


class Edit(OfCharger, FormPage):
    form_class = ChargerForm
    template_name = "screens/chargers/edit.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "instance": self.station, "access": self.access}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(station=self.station, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        # only what was changed: the gateway writes presence into the same row at the same time
        form.instance.save(update_fields=sorted(form.changed_data))
        changes.note(changes.station(self.station.pk))
        messages.success(self.request, _("Saved."))
        return redirect(self.details_url())


class Archive(Do):
    done = gettext_lazy("%(charger)s is archived: it is refused from now on, its history stays.")
    act = staticmethod(services.archive_charge_point)


class Restore(Do):
    done = gettext_lazy("%(charger)s is in use again.")
    act = staticmethod(services.restore_charge_point)
