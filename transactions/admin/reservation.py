from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from stations.admin.pages import PageAdmin, badge, link, moment, origin_of
from stations.commands import CommandRefused

from .. import reservations
from ..models import Reservation


class ReservationForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Reservation
        fields = ("connector", "id_tag", "expires_at")

    def clean(self) -> dict[str, Any]:
        asked: dict[str, Any] = super().clean() or self.cleaned_data
        if self._meta.fields and all(asked.get(name) for name in self._meta.fields):
            try:
                reservations.check(asked["connector"], asked["id_tag"], asked["expires_at"])
            except reservations.NotReservable as error:
                self.add_error(error.field, str(error))
        return asked


@admin.register(Reservation)
class ReservationAdmin(PageAdmin[Reservation]):
    form = ReservationForm
    list_display = ("number", "charger", "connector_number", "id_tag", "until", "state", "session")
    list_filter = ("status",)
    list_select_related = ("connector__charge_point", "transaction")
    search_fields = (
        "=id",
        "=chosen_id",
        "id_tag",
        "connector__charge_point__identity",
        "connector__charge_point__name",
    )
    search_help_text = _("Search by number, tag or charger.")
    autocomplete_fields = ("connector",)
    actions = ("cancel",)
    fields = (
        *("connector", "id_tag", "parent_id_tag", "until", "state", "answer", "command_link", "session"),
        *("created_at", "ended_at"),
    )
    readonly_fields = ("parent_id_tag", "until", "state", "answer", "command_link", "session", "created_at", "ended_at")

    def get_fields(self, request: HttpRequest, obj: Reservation | None = None) -> Any:
        return self.fields if obj else ("connector", "id_tag", "expires_at")

    def has_change_permission(self, request: HttpRequest, obj: Reservation | None = None) -> bool:
        return False  # the station would not know of it: a reservation is cancelled and made anew

    def has_delete_permission(self, request: HttpRequest, obj: Reservation | None = None) -> bool:
        return False

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("transactions.change_reservation")

    # What is shown

    @admin.display(description=_("reservation"), ordering="id")
    def number(self, reservation: Reservation) -> str:
        return str(reservation)

    @admin.display(description=_("charger"))
    def charger(self, reservation: Reservation) -> SafeString | str:
        return link(reservation.connector.charge_point)

    @admin.display(description=_("connector"))
    def connector_number(self, reservation: Reservation) -> SafeString | str:
        return link(reservation.connector, str(reservation.connector.connector_id))

    @admin.display(description=_("until"), ordering="expires_at")
    def until(self, reservation: Reservation) -> str:
        return moment(reservation.expires_at)

    @admin.display(description=_("state"), ordering="status")
    def state(self, reservation: Reservation) -> SafeString:
        return badge(reservation.status, reservation.get_status_display())

    @admin.display(description=_("command"))
    def command_link(self, reservation: Reservation) -> SafeString | str:
        return link(reservation.command)

    @admin.display(description=_("transaction"))
    def session(self, reservation: Reservation) -> SafeString | str:
        return link(reservation.transaction)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        reservation = context.get("original")
        context["can_cancel"] = reservation is not None and reservation.is_open and self.has_cancel_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    # What may be done

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Reservation:
        """Adding one asks the station; there is no other way to save."""
        asked = form.cleaned_data
        return reservations.reserve(asked["connector"], asked["id_tag"], asked["expires_at"], origin=origin_of(request))

    def save_model(self, request: HttpRequest, obj: Reservation, form: Any, change: bool) -> None:
        """It is stored already."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing belongs to it."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except CommandRefused as error:  # somebody was quicker, or the charger is archived
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:transactions_reservation_changelist"))

    @admin.action(description=_("Cancel"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Reservation]) -> None:
        for reservation in queryset.select_related("connector__charge_point", "command"):
            self._cancel(request, reservation)

    def _cancel(self, request: HttpRequest, reservation: Reservation) -> None:
        try:
            command = reservations.cancel(reservation, origin=origin_of(request))
        except CommandRefused as error:
            self.message_user(request, f"{reservation}: {error}", messages.ERROR)
            return
        self.log_change(request, reservation, "cancelled")
        asked = gettext("%(reservation)s: the charger was asked to cancel it.")
        taken_back = gettext("%(reservation)s was cancelled before the charger heard of it.")
        text = taken_back if command is None else asked
        self.message_user(request, text % {"reservation": reservation}, messages.SUCCESS)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.cancel_view))
        return [path("<int:pk>/cancel/", view, name="transactions_reservation_cancel"), *super().get_urls()]

    def cancel_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self.has_cancel_permission(request):
            raise PermissionDenied
        rows = Reservation.objects.select_related("connector__charge_point", "command")
        self._cancel(request, get_object_or_404(rows, pk=pk))
        return HttpResponseRedirect(reverse("admin:transactions_reservation_change", args=[pk]))
