"""To many chargers: the same steps for a selection, which travels with them from page to page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from stations import batches
from stations.commands import CommandRefused
from stations.forms import PacedSendingForm, StationForm
from stations.models import ChargePoint, CommandBatch

from ..pages import Page, back
from .consequences import consequence, question
from .offers import chapters, form_of, suggest_tags
from .sending import IDS, SEND


class SendMany(Page):
    """POSTs only: the chargers come with each. Then `command` names the form, and `send` sends what it says."""

    permission = SEND
    http_method_names = ["post", "options"]
    template_name = "screens/commands/choose.html"

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {"sheet": self.template_name.replace("commands/", "commands/_")}

    @cached_property
    def chosen(self) -> list[str]:
        """The keys of the selection. Raises Http404 for nonsense."""
        keys = ",".join(self.request.POST.getlist("stations")).split(",")
        if not all(key.isascii() and key.isdecimal() and len(key) <= 18 for key in keys):
            raise Http404
        return keys

    @cached_property
    def stations(self) -> list[ChargePoint]:
        """Those of the selection that are in use and where the reader may send.

        Raises Http404 if none is left, PermissionDenied if the reader only sees them.
        """
        meant = Q(pk__in=self.chosen, archived_at=None)
        stations = list(self.access.charge_points(SEND).filter(meant).order_by("identity"))
        if not stations and self.access.charge_points().filter(meant).exists():
            raise PermissionDenied
        if not stations:
            raise Http404
        return stations

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not any(request.POST.getlist("stations")):
            messages.warning(request, _("No charger is selected."))
            return back(request, reverse("screens:chargers"))
        if "command" not in request.POST:
            return self.render_to_response(self.get_context_data(chapters=chapters(for_many=True)))
        form_class = form_of(request.POST["command"])
        if not form_class.for_many:
            raise Http404
        self.template_name = "screens/commands/send.html"
        if "send" not in request.POST:
            return self.show(form_class(auto_id=IDS), PacedSendingForm(auto_id=IDS))
        form, sending = form_class(request.POST, auto_id=IDS), PacedSendingForm(request.POST, auto_id=IDS)
        if all([form.is_valid(), sending.is_valid()]):
            try:
                return self.started(self.start(form, sending))
            except CommandRefused as refusal:
                form.add_error(None, str(refusal))
        return self.show(form, sending, status=422)

    def start(self, form: StationForm, sending: PacedSendingForm) -> CommandBatch:
        action, payload = form.command
        return batches.start_batch(
            self.stations,
            action,
            payload,
            self.origin,
            sending.cleaned_data["per_minute"],
            sending.valid_until,
            idempotency_key=sending.idempotency,
        )

    def started(self, batch: CommandBatch) -> HttpResponse:
        response = redirect("screens:batch", pk=batch.pk)
        if self.request.htmx:
            return HttpResponse(status=204, headers={"HX-Redirect": response.headers["Location"]})
        return response

    def show(self, form: StationForm, sending: PacedSendingForm, status: int = 200) -> HttpResponse:
        suggest_tags(form, self.access)
        meets = consequence(form, self.stations)
        context = self.get_context_data(
            form=form,
            sending=sending,
            meets=meets,
            question=question(form, self.stations, meets),
            command=self.request.POST["command"],
            can_wait=True,
        )
        return self.render_to_response(context, status=status)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        keys = ",".join(str(station.pk) for station in self.stations)
        left_out = len(set(self.chosen)) - len(self.stations)
        return super().get_context_data(stations=self.stations, keys=keys, left_out=left_out, **kwargs)
