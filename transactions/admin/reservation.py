from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from stations.admin.pages import PageAdmin, badge, link, moment

from ..models import Reservation


@admin.register(Reservation)
class ReservationAdmin(PageAdmin[Reservation]):
    list_display = ("id", "charger", "connector_number", "id_tag", "until", "state", "session")
    list_filter = ("status",)
    list_select_related = ("connector__charge_point", "transaction")
    search_fields = ("=id", "id_tag", "connector__charge_point__identity", "connector__charge_point__name")
    search_help_text = _("Search by number, tag or charger.")
    autocomplete_fields = ("connector",)
    fields = ("connector", "id_tag", "parent_id_tag", "expires_at", "status", "session", "created_at", "ended_at")
    readonly_fields = ("session", "created_at", "ended_at")

    def get_fields(self, request: HttpRequest, obj: Reservation | None = None) -> Any:
        return self.fields if obj else self.fields[:4]

    def has_delete_permission(self, request: HttpRequest, obj: Reservation | None = None) -> bool:
        return False  # a reservation that is no longer wanted is cancelled

    @admin.display(description=_("charger"), ordering="connector__charge_point__identity")
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

    @admin.display(description=_("transaction"))
    def session(self, reservation: Reservation) -> SafeString | str:
        return link(reservation.transaction)
