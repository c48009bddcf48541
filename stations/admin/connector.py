from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import Connector
from .pages import RecordAdmin, badge, link, moment


def status_badge(connector: Connector) -> SafeString | str:
    """The connector's state; an error code beside a working state is a warning."""
    if not connector.status:
        return "–"
    return badge(connector.status.lower(), connector.get_status_display())


@admin.register(Connector)
class ConnectorAdmin(RecordAdmin[Connector]):
    list_display = ("number", "charger", "state", "error_code", "info", "since")
    list_filter = ("status",)
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__identity", "charge_point__name", "charge_point__site__name", "error_code")
    search_help_text = _("Search by charger, site or error code.")
    fields = ("charger", "number", "state", "since", "error_code", "info", "vendor_id", "vendor_error_code")
    ordering = ("charge_point__identity", "connector_id")

    readonly_fields = ("charger", "number", "state", "since")

    def related_lists(self, connector: Connector) -> list[tuple[str, str, Any]]:
        query = f"connector__id__exact={connector.pk}"
        return [
            ("transactions.transaction", query, _("Transactions")),
            ("transactions.metervalue", query, _("Meter values")),
            ("transactions.dailyenergy", query, _("Daily energy")),
            ("transactions.reservation", query, _("Reservations")),
            ("stations.statusrecord", query, _("Status history")),
        ]

    @admin.display(description=_("connector"), ordering="connector_id")
    def number(self, connector: Connector) -> str:
        return str(connector.connector_id) if connector.connector_id else str(_("0 (station)"))

    @admin.display(description=_("charger"), ordering="charge_point__identity")
    def charger(self, connector: Connector) -> SafeString | str:
        return link(connector.charge_point)

    @admin.display(description=_("state"), ordering="status")
    def state(self, connector: Connector) -> SafeString | str:
        return status_badge(connector)

    @admin.display(description=_("state since"), ordering="status_at")
    def since(self, connector: Connector) -> str:
        return moment(connector.status_at)
