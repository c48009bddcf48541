"""A charger's tab "Profiles": what it follows, what it says itself, and how to take profiles away again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from charging_profiles import belief, capabilities, clearing, comparison
from charging_profiles.models import ACTIVE_STATES, Assignment, Purpose
from charging_profiles.schedule import Unit
from people.access import Access
from stations.commands import CommandRefused
from stations.forms import fields
from stations.models import ChargePoint, Command

from ..chargers.now import SEND, why_no_command
from ..chargers.one import OfCharger
from ..pages import Allowed, back
from .keys import key_of
from .library import visible_assignments
from .outlook import newest_reading, outlook, title_of

#: Connectors to choose from, and profiles of the past.
MAX_PLACES, MAX_PAST = 12, 20


@dataclass(frozen=True, slots=True)
class Held:
    """A row of the table; `can_go`: whether it can be taken away now."""

    row: Assignment
    title: str
    can_go: bool


def tab_of(station: ChargePoint, access: Access, wanted: str) -> dict[str, Any]:
    """Everything that the tab shows; `wanted` is the connector's number as it stands in the address."""
    places = _places(station)
    chosen = next((number for number, _label in places if str(number) == wanted), places[0][0])
    now = timezone.now()
    held = belief.active(station, now)
    reading = newest_reading(station, chosen)
    drawing = outlook(station, chosen, held, reading)
    may_send = access.on(SEND, station) and station.archived_at is None
    waiting = station.charging_profiles.filter(state=Assignment.State.ASKED).select_related("profile", "transaction")
    past = station.charging_profiles.exclude(state__in=[*ACTIVE_STATES, Assignment.State.ASKED])
    return {
        "places": places,
        "chosen": chosen,
        "drawing": drawing,
        "reading": reading,
        "differs": bool(drawing.marks),
        "held": [
            Held(row, title_of(row), may_send and row.state in ACTIVE_STATES)
            for row in [*waiting.order_by("pk"), *held]
        ],
        "past": [(row, title_of(row)) for row in past.select_related("profile", "transaction")[:MAX_PAST]],
        "known": capabilities.of(station),
        "why_no_command": why_no_command(station),
        "unit": drawing.unit,
    }


def _places(station: ChargePoint) -> list[tuple[int, str]]:
    """The connectors, then the charger as a whole."""
    numbers = station.connectors.exclude(connector_id=0).order_by("connector_id")[:MAX_PLACES]
    rows = [(row.connector_id, _("Connector %(number)s") % {"number": row.connector_id}) for row in numbers]
    return [*rows, (0, _("The whole charger"))]


def tab_url(station: ChargePoint) -> str:
    return f"{reverse('screens:charger', args=[station.pk])}?tab=profiles"


class ClearForm(forms.Form):
    """Profiles that meet everything that is filled in."""

    connector = fields.whole_number(
        label=gettext_lazy("Connector"),
        required=False,
        help_text=gettext_lazy("0: only what holds for the whole charger or every connector. Empty: any."),
    )
    purpose = forms.ChoiceField(
        label=gettext_lazy("For"), required=False, choices=[("", gettext_lazy("any")), *Purpose.choices]
    )
    level = fields.whole_number(
        label=gettext_lazy("Level"), required=False, help_text=gettext_lazy("Empty: any level.")
    )

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        if not self.errors and entered["connector"] is None and not entered["purpose"] and entered["level"] is None:
            raise forms.ValidationError(_("Fill in one field at least, or remove all profiles."))
        return entered


class _OfTab(OfCharger):
    """Something that is sent to the charger from the tab."""

    permission = SEND

    def raised(self, raise_it: Callable[[], Command], done: str) -> None:
        """Say what became of it: done, or why not."""
        try:
            command = raise_it()
        except CommandRefused as refusal:
            messages.error(self.request, str(refusal))
            return
        if command.is_final:  # the charger is away
            messages.warning(self.request, _("The charger is not connected: nothing was sent."))
        else:
            messages.success(self.request, done)


class ClearSome(_OfTab):
    """GET: the filter. POST: take away what meets it."""

    template_name = "screens/profiles/clear.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self.show(ClearForm(label_suffix=""))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = ClearForm(request.POST, label_suffix="")
        if not form.is_valid():
            return self.show(form, status=422)
        entered = form.cleaned_data

        def clear() -> Command:
            return clearing.clear_matching(
                self.station,
                connector_id=entered["connector"],
                purpose=entered["purpose"],
                stack_level=entered["level"],
                origin=self.origin,
            )

        self.raised(clear, _("The charger was asked to remove these profiles."))
        return redirect(tab_url(self.station))

    def show(self, form: ClearForm, status: int = 200) -> HttpResponse:
        context = {"form": form, "station": self.station, "why_no_command": why_no_command(self.station)}
        return render(self.request, self.template_name, context, status=status)


class ClearAll(_OfTab):
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        self.raised(
            lambda: clearing.clear_all(self.station, origin=self.origin),
            _("The charger was asked to remove all profiles."),
        )
        return redirect(tab_url(self.station))


class Compare(_OfTab):
    """POST: ask the charger what it makes of its profiles on a connector."""

    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        number = min(key_of(request.POST.get("connector", "")) or 0, fields.MAX_INTEGER)
        unit: Unit = "W" if request.POST.get("unit") == "W" else "A"
        self.raised(
            lambda: comparison.ask(self.station, number, unit=unit, origin=self.origin),
            _("The charger was asked what it plans; its answer appears below."),
        )
        return back(request, tab_url(self.station))


class ClearOne(Allowed):
    """POST: take one profile away."""

    permission = SEND
    http_method_names = ["post", "options"]

    @cached_property
    def assignment(self) -> Assignment:
        rows = visible_assignments(self.access).select_related("charge_point")
        assignment = get_object_or_404(rows, pk=self.kwargs["pk"])
        if not self.access.on(SEND, assignment.charge_point):
            raise PermissionDenied
        return assignment

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            command = clearing.clear_one(self.assignment, origin=self.origin)
        except CommandRefused as refusal:
            messages.error(request, str(refusal))
        else:
            if command.is_final:
                messages.warning(request, _("The charger is not connected: nothing was sent."))
            else:
                messages.success(request, _("The charger was asked to remove the profile."))
        return redirect(tab_url(self.assignment.charge_point))
