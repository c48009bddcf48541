from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from stations.admin.exchange import ExportAdmin
from stations.admin.pages import link, moment, pretty_json
from stations.admin.searching import LongRecordAdmin

from ..models import DailyEnergy, MeterValue
from ..resources import MeterValueResource


def plain(number: Decimal | int | None) -> str:
    """A number in the page's language without trailing zeros."""
    if number is None:
        return "–"
    text = f"{number:f}"
    return number_format(text.rstrip("0").rstrip(".") if "." in text else text)


@admin.register(MeterValue)
class MeterValueAdmin(ExportAdmin, LongRecordAdmin[MeterValue]):
    resource_classes = [MeterValueResource]
    export_name = "meter-values"
    list_display = ("time", "charger", "connector_number", "session", "context", "energy", "power", "current", "soc")
    list_filter = ("context",)
    # never the transaction: 0 stands for "none", and a join would hide those rows
    list_select_related = ("connector__charge_point",)
    search_fields = ("connector__charge_point__identity",)
    search_help_text = _("Search by charger.")
    fieldsets = (
        (None, {"fields": (("time", "context"), ("charger", "connector_number"))}),
        (_("Transaction"), {"fields": (("session", "reported_transaction_id"),)}),
        (_("Readings"), {"fields": ("energy_wh", "power_w", "soc_percent", "current_offered_a")}),
        (_("Current"), {"fields": (("current_a", "current_l1_a", "current_l2_a", "current_l3_a"),)}),
        (_("Voltage"), {"fields": (("voltage_v", "voltage_l1_v", "voltage_l2_v", "voltage_l3_v"),)}),
        (_("As the charger sent it"), {"fields": ("further_samples",)}),
    )
    readonly_fields = ("time", "charger", "connector_number", "session", "further_samples")

    @admin.display(description=_("time"), ordering="id")
    def time(self, row: MeterValue) -> str:
        return moment(row.timestamp)

    @admin.display(description=_("charger"))
    def charger(self, row: MeterValue) -> SafeString | str:
        return link(row.connector.charge_point)

    @admin.display(description=_("connector"))
    def connector_number(self, row: MeterValue) -> SafeString | str:
        return link(row.connector, str(row.connector.connector_id))

    @admin.display(description=_("transaction"))
    def session(self, row: MeterValue) -> SafeString | str:
        if not row.transaction_id:
            return "–"
        url = reverse("admin:transactions_transaction_change", args=[row.transaction_id])
        return format_html('<a href="{}">#{}</a>', url, row.transaction_id)

    @admin.display(description=_("energy register (Wh)"))
    def energy(self, row: MeterValue) -> str:
        return plain(row.energy_wh)

    @admin.display(description=_("power (W)"))
    def power(self, row: MeterValue) -> str:
        return plain(row.power_w)

    @admin.display(description=_("current (A)"))
    def current(self, row: MeterValue) -> str:
        phases = (row.current_l1_a, row.current_l2_a, row.current_l3_a)
        if row.current_a is None and any(phase is not None for phase in phases):
            return " / ".join(plain(phase) for phase in phases)
        return plain(row.current_a)

    @admin.display(description=_("state of charge (%)"))
    def soc(self, row: MeterValue) -> str:
        return plain(row.soc_percent)

    @admin.display(description=_("further samples"))
    def further_samples(self, row: MeterValue) -> SafeString | str:
        return pretty_json(row.samples)


@admin.register(DailyEnergy)
class DailyEnergyAdmin(LongRecordAdmin[DailyEnergy]):
    list_display = ("day", "charger", "connector_number", "energy_kwh")
    list_select_related = ("connector__charge_point",)
    list_filter = (("day", admin.DateFieldListFilter),)
    search_fields = ("connector__charge_point__identity",)
    search_help_text = _("Search by charger.")
    fields = ("day", ("charger", "connector_number"), "energy_kwh")
    readonly_fields = ("charger", "connector_number", "energy_kwh")

    @admin.display(description=_("charger"), ordering="connector__charge_point__identity")
    def charger(self, row: DailyEnergy) -> SafeString | str:
        return link(row.connector.charge_point)

    @admin.display(description=_("connector"))
    def connector_number(self, row: DailyEnergy) -> SafeString | str:
        return link(row.connector, str(row.connector.connector_id))

    @admin.display(description=_("energy (kWh)"), ordering="energy_wh")
    def energy_kwh(self, row: Any) -> str:
        return number_format(Decimal(row.energy_wh).scaleb(-3), decimal_pos=3)
