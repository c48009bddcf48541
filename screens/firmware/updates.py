"""Updates: all of them, one with its steps, one taken back, and a new one for a charger."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from stations.commands import CommandRefused
from stations.forms import SendingForm
from transactions.models import Transaction
from transfers import updates
from transfers.models import FirmwareUpdate

from ..commands.sending import ToOneCharger
from ..lists import ListPage
from ..pages import Allowed, ObjectPage
from .filters import UpdateFilters
from .forms import UpdateForm
from .rights import SEND, VIEW_UPDATES, visible_updates


class UpdateList(ListPage):
    permission = VIEW_UPDATES
    template_name = "screens/firmware/updates.html"
    part = "screens/firmware/_updates.html"
    filterset_class = UpdateFilters
    sorts = {"created": ("-created_at", "-pk")}

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {"list": self.part, "updates": self.part}

    def get_rows(self) -> QuerySet[FirmwareUpdate]:
        return visible_updates(self.access).select_related("charge_point", "firmware", "campaign")


class UpdatePage(ObjectPage):
    """An update's steps, live."""

    permission = VIEW_UPDATES
    template_name = "screens/firmware/update.html"
    parts = {"update": "screens/firmware/_update.html"}
    context_object_name = "update"

    def get_queryset(self) -> QuerySet[FirmwareUpdate]:
        rows = visible_updates(self.access)
        return rows.select_related("charge_point", "firmware", "campaign", "command", "transfer")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        update: FirmwareUpdate = self.object
        may_cancel = update.is_open and self.access.on(SEND, update.charge_point)
        return super().get_context_data(may_cancel=may_cancel, **kwargs)


class CancelUpdate(Allowed):
    permission = SEND
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        rows = visible_updates(self.access).select_related("charge_point")
        update = get_object_or_404(rows, pk=pk)
        if not self.access.on(SEND, update.charge_point):
            raise PermissionDenied
        if updates.cancel_update(update):
            messages.success(request, _("The update was cancelled."))
        else:
            messages.warning(request, _("Too late: the charger is at it already, or it is over."))
        return redirect("screens:firmware_update", pk=pk)


class UpdateCharger(ToOneCharger):
    """The form; a POST that is complete begins the update and leads to its steps."""

    template_name = "screens/firmware/charger.html"
    parts = {"sheet": "screens/firmware/_charger.html"}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        chosen = {"firmware": request.GET["firmware"]} if "firmware" in request.GET else {}
        waiting = {} if self.station.is_online else {"if_offline": "wait"}
        return self.show(UpdateForm(initial=chosen, station=self.station), SendingForm(initial=waiting))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form, sending = UpdateForm(request.POST, station=self.station), SendingForm(request.POST)
        if all([form.is_valid(), sending.is_valid()]):
            try:
                return self.begun(self.begin(form, sending))
            except CommandRefused as refusal:
                form.add_error(None, str(refusal))
        return self.show(form, sending, status=422)

    def begin(self, form: UpdateForm, sending: SendingForm) -> FirmwareUpdate:
        entered = form.cleaned_data
        return updates.begin_update(
            self.station,
            entered["firmware"],
            origin=self.origin,
            signed=entered.get("signed", False),
            retrieve_at=entered["retrieve_at"],
            install_at=entered.get("install_at"),
            valid_until=sending.valid_until,
            idempotency_key=sending.idempotency,
        )

    def begun(self, update: FirmwareUpdate) -> HttpResponse:
        response = redirect("screens:firmware_update", pk=update.pk)
        if self.request.htmx:
            return HttpResponse(status=204, headers={"HX-Redirect": response.headers["Location"]})
        return response

    def show(self, form: UpdateForm, sending: SendingForm, status: int = 200) -> HttpResponse:
        running = Transaction.objects.running().filter(charge_point=self.station).count()
        context = self.get_context_data(form=form, sending=sending, running=running, can_wait=True)
        return self.render_to_response(context, status=status)
