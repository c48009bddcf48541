"""From a charger's page, or from a selection in the list, to a command: choose, fill in, send."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from transactions.models import Transaction

from .. import batches, credentials
from ..commands import CommandRefused
from ..forms import BY_NAME, CHAPTERS, FORMS, ExpertForm, PacedSendingForm, SendingForm, StationForm
from ..forms.suggestions import session_label
from ..masking import masked
from ..models import ChargePoint, Command, CommandBatch
from .pages import PageAdmin, origin_of

#: Sessions named in a warning; beyond that their number says enough.
NAMED_SESSIONS = 5
#: Fields that a link to a form may fill in.
LINKED = ("connector_id", "id_tag", "transaction_id", "key")


class SendingViews(PageAdmin[ChargePoint]):
    """The part of the chargers' admin that sends commands."""

    def has_send_permission(self, request: HttpRequest, *_args: Any) -> bool:
        return request.user.has_perm("stations.send_command")

    def get_urls(self) -> list[Any]:
        def page(route: str, view: Any, name: str) -> Any:
            return path(route, self.admin_site.admin_view(view), name=f"stations_chargepoint_{name}")

        own = [
            page("send/", require_POST(self.send_many_view), "send_many"),
            page("<int:pk>/send/", require_safe(self.choose_view), "send"),
            page("<int:pk>/send/<str:action>/", self.send_view, "send_command"),
        ]
        return [*own, *super().get_urls()]

    # One charger

    def choose_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        station = self._station(request, pk)
        title = gettext("Send a command to %(charger)s") % {"charger": station}
        context = {"original": station, "station": station, "chapters": chapters(), "title": title}
        return self._page(request, "choose", context)

    def send_view(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """The form of a command; a POST that is complete sends it and leads to its page."""
        station = self._station(request, pk)
        form_class = form_of(action)
        if request.method == "POST":
            form, sending = form_class(request.POST, station=station), form_class.sending_class(request.POST)
            if form.is_valid() and sending.is_valid():
                try:
                    self._check_login(request, form)
                    command = form.queue(station, origin_of(request), sending)
                    return HttpResponseRedirect(command_url(command))
                except CommandRefused as refusal:
                    form.add_error(None, str(refusal))
        else:
            form = form_class(initial=entries(request, station, action), station=station)
            sending = form_class.sending_class()
        context = {"original": station, "station": station, "form": form, "sending": sending}
        return self._page(request, "send", {**context, "title": form.title, "warning": warning(form, [station])})

    # Many chargers

    @admin.action(description=_("Send a command to …"), permissions=["send"])
    def send_command(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> HttpResponse:
        return self._choose_for_many(request, list(queryset.filter(archived_at=None)))

    def send_many_view(self, request: HttpRequest) -> HttpResponse:
        """The same steps for a selection, which travels with them; all are POSTs."""
        if not self.has_send_permission(request):
            raise PermissionDenied
        stations = selected(request.POST.get("stations", ""))
        form_class = form_of(request.POST.get("command", ""))
        if not form_class.for_many:
            raise Http404
        if "send" in request.POST:
            form, sending = form_class(request.POST), PacedSendingForm(request.POST)
            if form.is_valid() and sending.is_valid():
                try:
                    return HttpResponseRedirect(batch_url(self._start(request, stations, form, sending)))
                except CommandRefused as refusal:
                    form.add_error(None, str(refusal))
        else:
            form, sending = form_class(), PacedSendingForm()
        context = {"stations": stations, "command": request.POST["command"], "form": form, "sending": sending}
        return self._page(request, "send", {**context, "title": form.title, "warning": warning(form, stations)})

    def _choose_for_many(self, request: HttpRequest, stations: Sequence[ChargePoint]) -> HttpResponse:
        count = len(stations)
        title = ngettext("Send a command to %(count)d charger", "Send a command to %(count)d chargers", count)
        return self._page(
            request,
            "choose",
            {"stations": stations, "chapters": chapters(for_many=True), "title": title % {"count": count}},
        )

    def _start(
        self,
        request: HttpRequest,
        stations: Sequence[ChargePoint],
        form: StationForm,
        sending: SendingForm,
    ) -> CommandBatch:
        action, payload = form.command
        return batches.start_batch(
            stations,
            action,
            payload,
            origin_of(request),
            sending.cleaned_data["per_minute"],
            sending.valid_until,
            idempotency_key=sending.idempotency,
        )

    # Both

    def _check_login(self, request: HttpRequest, form: StationForm) -> None:
        """Raises CommandRefused: how a charger logs in is for those who may change the charger."""
        changes_login = hasattr(form, "command") and credentials.login_key(*form.command)
        if changes_login and not self.has_change_permission(request):
            raise CommandRefused(gettext("You may not change how a charger logs in."))

    def _station(self, request: HttpRequest, pk: int) -> ChargePoint:
        if not self.has_send_permission(request):
            raise PermissionDenied
        return get_object_or_404(ChargePoint.objects.select_related("gateway"), pk=pk, archived_at=None)

    def _page(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts}
        return TemplateResponse(request, f"admin/stations/command/{name}.html", {**shared, **context})


def chapters(*, for_many: bool = False) -> list[tuple[Any, list[dict[str, Any]]]]:
    """What can be sent, as templates want it: they would call a class."""
    offered = [(heading, [form for form in forms if form.for_many or not for_many]) for heading, forms in CHAPTERS]
    return [
        (heading, [{"name": form.name, "code": form.code, "title": form.title} for form in forms])
        for heading, forms in offered
        if forms
    ]


def form_of(name: str) -> type[StationForm]:
    if name not in BY_NAME:
        raise Http404
    return BY_NAME[name]


def entries(request: HttpRequest, station: ChargePoint, action: str) -> dict[str, Any]:
    """What the form holds at first: an earlier command of the station to be sent again, or what the link says.

    Secrets of one that still waits are for nobody else to read: whoever sends it again types them again.
    """
    again = earlier(station, request.GET.get("again", ""))
    if again is None:
        return {name: request.GET[name] for name in LINKED if name in request.GET}
    payload = masked(again.payload)
    return FORMS[action].entries(payload) if action in FORMS else ExpertForm.entries(again.action, payload)


def earlier(station: ChargePoint, pk: str) -> Command | None:
    try:
        return station.commands.filter(pk=uuid.UUID(pk)).first()
    except ValueError:
        return None


def again_url(command: Command) -> str:
    """The form that can make the same payload again, filled in."""
    form = FORMS.get(command.action)
    action = command.action if form is not None and form.can_show(command.payload) else ExpertForm.name
    url = reverse("admin:stations_chargepoint_send_command", args=[command.charge_point_id, action])
    return f"{url}?again={command.pk}"


def command_url(command: Command) -> str:
    return reverse("admin:stations_command_change", args=[command.pk])


def batch_url(batch: CommandBatch) -> str:
    return reverse("admin:stations_commandbatch_change", args=[batch.pk])


def selected(text: str) -> list[ChargePoint]:
    """The chargers of a comma list of keys, without those that are gone or archived. Raises Http404 for nonsense."""
    keys = text.split(",")
    if not all(key.isdecimal() and len(key) <= 18 for key in keys):
        raise Http404
    stations = list(ChargePoint.objects.filter(pk__in=keys, archived_at=None).order_by("identity"))
    if not stations:
        raise Http404
    return stations


def warning(form: StationForm, stations: Sequence[ChargePoint]) -> dict[str, Any] | None:
    """What the command would meet: sessions that run now, if it touches them."""
    if not form.on_running:
        return None
    running = Transaction.objects.running().filter(charge_point__in=stations)
    if not (count := running.count()):
        return None
    sentence = ngettext("%(count)d session is running.", "%(count)d sessions are running.", count)
    named = running.select_related("connector", "tag").order_by("pk")[:NAMED_SESSIONS] if len(stations) == 1 else ()
    return {"sentence": sentence % {"count": count}, "sessions": [session_label(session) for session in named]}
