"""Starting and stopping with one's own card: wishes that become commands."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from people.access import Access
from stations.commands import CommandRefused
from stations.forms import FORMS
from stations.forms.sending import OnceForm
from stations.models import ChargePoint, Connector
from transactions.authorization import judge
from transactions.models import IdTag

from .offers import obstacle, stop_obstacle
from .pages import ForHolders, own_sessions
from .progress import START, STOP


class StartForm(forms.Form):
    """What was chosen: an outlet and a card, each among those that are the person's to choose."""

    connector = forms.ModelChoiceField(Connector.objects.none())
    tag = forms.ModelChoiceField(IdTag.objects.none())

    def __init__(self, data: Any, access: Access) -> None:
        super().__init__(data)
        places: Any = self.fields["connector"]
        places.queryset = Connector.objects.filter(
            charge_point__in=access.open_charge_points(), connector_id__gt=0
        ).select_related("charge_point__gateway")
        cards: Any = self.fields["tag"]
        cards.queryset = access.own_tags().filter(archived_at=None)


class Wishing(ForHolders):
    """A wish that becomes a command; its progress is shown on the first page."""

    http_method_names = ["post"]

    def send(self, charge_point: ChargePoint, action: str, entries: dict[str, Any]) -> HttpResponse:
        """Queue the command, once per form however often it is sent."""
        once = OnceForm(self.request.POST)
        form = FORMS[action](entries, station=charge_point)
        if not once.is_valid() or not form.is_valid():
            raise Http404
        try:
            form.queue(charge_point, self.origin, once)
        except CommandRefused as refusal:
            messages.error(self.request, str(refusal))
        return redirect("screens:mine")

    def refuse(self, words: str) -> HttpResponse:
        messages.error(self.request, words)
        return redirect("screens:mine")


class Start(Wishing):
    def post(self, request: HttpRequest) -> HttpResponse:
        form = StartForm(request.POST, self.access)
        if not form.is_valid():
            raise Http404  # not theirs, or not there: one cannot be told from the other
        connector, tag = form.cleaned_data["connector"], form.cleaned_data["tag"]
        verdict = judge(tag.id_tag, at=timezone.now())
        if not verdict.is_accepted:
            return self.refuse(_("This card may not charge: %(verdict)s.") % {"verdict": verdict.status.label})
        station = connector.charge_point
        if why := obstacle(connector, is_online=station.is_online):
            return self.refuse(why)
        entries = {"id_tag": tag.id_tag, "connector_id": connector.connector_id, "unit": "A"}
        return self.send(station, START, entries)


class Stop(Wishing):
    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        rows = own_sessions(self.access).select_related("charge_point__gateway", "charge_point__site")
        session = get_object_or_404(rows, pk=pk)
        if not session.is_running:
            return self.refuse(_("This session has ended already."))
        if why := stop_obstacle(session):
            return self.refuse(why)
        return self.send(session.charge_point, STOP, {"transaction_id": session.pk})
