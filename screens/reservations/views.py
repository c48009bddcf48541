"""Reservations: which there are, a new one, one given back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from stations.commands import CommandRefused
from transactions import reservations
from transactions.models import Reservation

from ..lists import ListPage
from ..pages import Allowed, Page, back
from .conflicts import conflicts
from .filters import VIEW, ReservationFilters
from .forms import ADD, ReservationForm
from .strip import holders_of, strip_of

CHANGE = "transactions.change_reservation"
#: What `NotReservable` finds wrong → the field where it is said.
_FIELDS = {"connector": "connector", "id_tag": "id_tag", "expires_at": "until"}
#: Fields that a link to the form may fill in.
LINKED = ("station", "connector", "id_tag")


class ReservationList(ListPage):
    permission = VIEW
    template_name = "screens/reservations/list.html"
    part = "screens/reservations/_list.html"
    filterset_class = ReservationFilters
    sorts = {"created": ("-pk",), "until": ("expires_at", "pk")}

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {"list": self.part, "reservations": self.part}

    def get_rows(self) -> QuerySet[Reservation]:
        rows = Reservation.objects.select_related("connector__charge_point")
        return self.access.narrow(rows, VIEW, "connector__charge_point__site")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        shown = list(context["page_obj"].object_list)
        holders = holders_of(shown)
        rows = [(row, holders.get(row.id_tag.upper(), "")) for row in shown]
        return {**context, "rows": rows, "strip": strip_of(self.filtered)}


class NewReservation(Page):
    """The form; a POST that is complete asks the charger and shows what it says."""

    permission = ADD
    template_name = "screens/reservations/new.html"
    parts = {"sheet": "screens/reservations/_new.html"}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        known = {name: request.GET[name] for name in LINKED if name in request.GET}
        return self.show(ReservationForm(initial=known, access=self.access), conflicts_of(known, self.access))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = ReservationForm(request.POST, access=self.access)
        if form.is_valid():
            try:
                return self.asked(self.reserve(form))
            except reservations.NotReservable as refusal:
                form.add_error(_FIELDS.get(refusal.field), str(refusal))
            except CommandRefused as refusal:  # archived meanwhile
                form.add_error(None, str(refusal))
        return self.show(form, conflicts_of(request.POST, self.access), status=422)

    def reserve(self, form: ReservationForm) -> Reservation:
        entered = form.cleaned_data
        return reservations.reserve(form.target, entered["id_tag"], entered["until"], origin=self.origin)

    def show(self, form: ReservationForm, against: list[str], status: int = 200) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form, conflicts=against), status=status)

    def asked(self, reservation: Reservation) -> HttpResponse:
        """In the sheet the life of the command is shown where the form was."""
        if self.request.htmx:
            self.parts = {"sheet": "screens/commands/_sent.html"}
            return self.render_to_response(self.get_context_data(command=reservation.command))
        if reservation.is_open:
            text = _("%(reservation)s: the charger was asked to keep the connector.")
            messages.success(self.request, text % {"reservation": reservation})
        else:
            text = _("%(reservation)s was refused: %(answer)s.")
            messages.warning(self.request, text % {"reservation": reservation, "answer": reservation.answer})
        return redirect("screens:reservations")


class Conflicts(Page):
    """What speaks against the connector that stands in the form now; asked whenever a field changes."""

    permission = ADD
    template_name = "screens/reservations/_conflicts.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(conflicts=conflicts_of(self.request.GET, self.access), **kwargs)


def conflicts_of(entered: Any, access: Any) -> list[str]:
    """What speaks against a charger and connector as they were entered; nothing if they name none."""
    form = ReservationForm(entered, access=access)
    form.is_valid()
    return conflicts(form.target) if hasattr(form, "target") else []


class CancelReservation(Allowed):
    permission = CHANGE
    http_method_names = ["post", "options"]

    @cached_property
    def reservation(self) -> Reservation:
        rows = Reservation.objects.select_related("connector__charge_point", "command")
        visible = self.access.narrow(rows, VIEW, "connector__charge_point__site")
        reservation = get_object_or_404(visible, pk=self.kwargs["pk"])
        if not self.access.on(CHANGE, reservation.connector.charge_point):
            raise PermissionDenied
        return reservation

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        named = {"reservation": self.reservation}
        try:
            command = reservations.cancel(self.reservation, origin=self.origin)
        except CommandRefused as refusal:
            messages.error(request, f"{self.reservation}: {refusal}")
        else:
            asked = _("%(reservation)s: the charger was asked to cancel it.")
            taken_back = _("%(reservation)s was cancelled before the charger heard of it.")
            messages.success(request, (taken_back if command is None else asked) % named)
        return back(request, reverse("screens:reservations"))
