"""To one charger: choose a command, fill it in, send it and see what becomes of it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import cached_property
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _

from people.access import Access
from stations import credentials
from stations.commands import CommandRefused
from stations.forms import SendingForm, StationForm
from stations.models import ChargePoint, Command

from ..pages import Page
from .consequences import consequence, question
from .offers import SEES_NUMBERS, chapters, entries, form_of, suggest_tags, tags

SEND = "stations.send_command"
#: Fields in the side sheet must not have the ids of those of the page behind it.
IDS = "send_%s"


def way_back(request: HttpRequest) -> str:
    """Where the reader came from, if that is a page of ours."""
    target = request.POST.get("next") or request.GET.get("next", "")
    return target if url_has_allowed_host_and_scheme(target, None) else ""


class ToOneCharger(Page):
    """A page about sending to one charger: one in use, where the reader may send."""

    permission = SEND

    @cached_property
    def station(self) -> ChargePoint:
        visible = self.access.charge_points().select_related("gateway", "site")
        station = get_object_or_404(visible, pk=self.kwargs["pk"], archived_at=None)
        if not self.access.on(SEND, station):
            raise PermissionDenied
        return station

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(station=self.station, way_back=way_back(self.request), **kwargs)


class Choose(ToOneCharger):
    template_name = "screens/commands/choose.html"
    parts = {"sheet": "screens/commands/_choose.html"}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(chapters=chapters(), **kwargs)


class Send(ToOneCharger):
    """The form of a command; a POST that is complete sends it and shows its life."""

    template_name = "screens/commands/send.html"
    parts = {"sheet": "screens/commands/_send.html"}

    @cached_property
    def form_class(self) -> type[StationForm]:
        return form_of(self.kwargs["action"])

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        filled_in = entries(request.GET, self.station, self.kwargs["action"])
        form = self.form_class(initial=filled_in, station=self.station, auto_id=IDS)
        # what could only be dropped is of no use: for a charger that is away, waiting is offered first
        waiting = {} if self.station.is_online else {"if_offline": "wait"}
        return self.show(form, self.form_class.sending_class(initial=waiting, auto_id=IDS))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.form_class(request.POST, station=self.station, auto_id=IDS)
        sending = self.form_class.sending_class(request.POST, auto_id=IDS)
        if all([form.is_valid(), sending.is_valid()]):
            try:
                check_login(self.access, self.station, form)
                return self.sent(form.queue(self.station, self.origin, sending))
            except CommandRefused as refusal:
                form.add_error(None, str(refusal))
        return self.show(form, sending, status=422)

    def show(self, form: StationForm, sending: Form, status: int = 200) -> HttpResponse:
        suggest_tags(form, self.access)
        stations = [self.station]
        meets = consequence(form, stations)
        context = self.get_context_data(
            form=form,
            sending=sending,
            meets=meets,
            question=question(form, stations, meets),
            can_wait=isinstance(sending, SendingForm),
        )
        return self.render_to_response(context, status=status)

    def sent(self, command: Command) -> HttpResponse:
        """In the sheet the command's life is shown where its form was."""
        if self.request.htmx:
            self.parts = {"sheet": "screens/commands/_sent.html"}
            return self.render_to_response(self.get_context_data(command=command))
        response = redirect("screens:command", pk=command.pk)
        if came_from := way_back(self.request):
            response.headers["Location"] += f"?{urlencode({'next': came_from})}"
        return response


class TagSuggestions(Page):
    """What a field for a tag offers while somebody types: the options of its <datalist>."""

    permission = SEES_NUMBERS
    template_name = "screens/commands/_tags.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        typed = next(iter(self.request.GET.values()), "")[:100].replace("\0", "")
        return super().get_context_data(tags=tags(self.access, typed), **kwargs)


def check_login(access: Access, station: ChargePoint, form: StationForm) -> None:
    """Raises CommandRefused: how a charger logs in is for those who may change the charger."""
    changes_login = hasattr(form, "command") and credentials.login_key(*form.command)
    if changes_login and not access.on("stations.change_chargepoint", station):
        raise CommandRefused(_("You may not change how a charger logs in."))
