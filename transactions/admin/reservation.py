"""Reservations as records; people make and cancel them on their own page."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from stations.admin.on_screen import OnScreen
from stations.admin.pages import badge, link, moment

from ..models import Reservation


@admin.register(Reservation)
class ReservationAdmin(OnScreen[Reservation]):
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
    fields = (
        *("connector", "id_tag", "parent_id_tag", "until", "state", "answer", "command_link", "session"),
        *("created_at", "ended_at"),
    )
    readonly_fields = ("parent_id_tag", "until", "state", "answer", "command_link", "session", "created_at", "ended_at")

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

    def screen_url(self, reservation: Reservation) -> str:
        return reverse("screens:reservations")
