from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from stations.admin.exchange import ExportAdmin
from stations.admin.pages import RecordAdmin, badge, link, moment, pretty_json
from stations.admin.searching import MAX_FOUND, LongRecordAdmin, chargers_called

from ..models import EndedBy, Flag, IdTag, OrphanedStop, Transaction
from ..resources import TransactionResource

_FLAGS = dict(Flag.choices)


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("running", _("running")), ("finished", _("finished")), ("remarks", _("with remarks"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Transaction]) -> QuerySet[Transaction]:
        match self.value():
            case "running":
                return queryset.filter(ended_by=EndedBy.OPEN)
            case "finished":
                return queryset.exclude(ended_by=EndedBy.OPEN)
            case "remarks":
                return queryset.exclude(flags=[])
        return queryset


@admin.register(Transaction)
class TransactionAdmin(ExportAdmin, LongRecordAdmin[Transaction]):
    resource_classes = [TransactionResource]
    export_name = "transactions"
    list_display = (
        "id",
        "charger",
        "connector_number",
        "holder",
        "started",
        "stopped",
        "duration",
        "energy_kwh",
        "reason",
        "remarks",
    )
    list_filter = (StateFilter, ("started_at", admin.DateFieldListFilter), "stop_reason")
    list_select_related = ("charge_point", "connector", "tag")
    search_fields = ("id_tag",)  # see `meaning`
    search_help_text = _("Search by number, tag, holder, charger or site.")
    fieldsets = (
        (None, {"fields": (("id", "state"), ("charger", "connector_number"), "energy_kwh", "duration", "remarks")}),
        (_("Start"), {"fields": (("started", "start_clock"), ("holder", "id_tag"), "verdict", "meter_start_wh")}),
        (_("Stop"), {"fields": (("stopped", "stop_clock"), ("reason", "ended_by"), "stop_id_tag", "meter_stop_wh")}),
        (_("Meter"), {"fields": (("register_wh", "register_time"), "reservation_id")}),
    )
    readonly_fields = (
        *("state", "charger", "connector_number", "energy_kwh", "duration", "remarks", "started", "start_clock"),
        *("holder", "verdict", "stopped", "stop_clock", "reason", "register_time"),
    )

    def meaning(self, word: str) -> Q:
        """A session's number, an exact tag number, the tags or the chargers called so."""
        tags = IdTag.objects.filter(Q(id_tag__icontains=word) | Q(holder__icontains=word))
        found = list(tags.values_list("pk", flat=True)[:MAX_FOUND])
        either = Q(id_tag__iexact=word) | Q(tag__in=found) | Q(charge_point__in=chargers_called(word))
        return either | Q(pk=int(word)) if word.isdecimal() and len(word) < 10 else either

    def view_on_site(self, transaction: Transaction) -> str:
        return reverse("screens:transaction", args=[transaction.pk])

    def related_lists(self, transaction: Transaction) -> list[tuple[str, str, Any]]:
        own = f"transaction__id__exact={transaction.pk}"
        return [
            ("transactions.metervalue", own, _("Meter values")),
            ("transactions.reservation", own, _("Reservations")),
            ("transactions.orphanedstop", own, _("Orphaned stops")),
        ]

    @admin.display(description=_("charger"), ordering="charge_point__identity")
    def charger(self, transaction: Transaction) -> SafeString | str:
        return link(transaction.charge_point)

    @admin.display(description=_("connector"))
    def connector_number(self, transaction: Transaction) -> SafeString | str:
        return link(transaction.connector, str(transaction.connector.connector_id))

    @admin.display(description=_("tag / holder"), ordering="id_tag")
    def holder(self, transaction: Transaction) -> SafeString | str:
        return link(transaction.tag) if transaction.tag else transaction.id_tag

    @admin.display(description=_("state"))
    def state(self, transaction: Transaction) -> SafeString:
        if transaction.is_running:
            return badge("charging", gettext("running"))
        return badge("finishing", gettext("finished"))

    @admin.display(description=_("start"), ordering="started_at")
    def started(self, transaction: Transaction) -> str:
        return moment(transaction.started_at)

    @admin.display(description=_("stop"), ordering="stopped_at")
    def stopped(self, transaction: Transaction) -> SafeString | str:
        return self.state(transaction) if transaction.is_running else moment(transaction.stopped_at)

    @admin.display(description=_("by the charger's clock"))
    def start_clock(self, transaction: Transaction) -> str:
        return moment(transaction.start_reported_at)

    @admin.display(description=_("by the charger's clock"))
    def stop_clock(self, transaction: Transaction) -> str:
        return moment(transaction.stop_reported_at)

    @admin.display(description=_("last reading at"))
    def register_time(self, transaction: Transaction) -> str:
        return moment(transaction.register_at)

    @admin.display(description=_("duration (h:mm)"))
    def duration(self, transaction: Transaction) -> str:
        minutes = int(transaction.duration().total_seconds()) // 60
        return f"{minutes // 60}:{minutes % 60:02}"

    @admin.display(description=_("energy (kWh)"), ordering="energy_wh")
    def energy_kwh(self, transaction: Transaction) -> str:
        return number_format(transaction.energy_kwh, decimal_pos=3)

    @admin.display(description=_("stop reason"), ordering="stop_reason")
    def reason(self, transaction: Transaction) -> str:
        if transaction.ended_by in (EndedBy.SUPERSEDED, EndedBy.OPERATOR):
            return str(transaction.get_ended_by_display())
        return transaction.get_stop_reason_display() or "–"

    @admin.display(description=_("verdict"))
    def verdict(self, transaction: Transaction) -> SafeString:
        return badge(transaction.authorization_status.lower(), transaction.get_authorization_status_display())

    @admin.display(description=_("remarks"))
    def remarks(self, transaction: Transaction) -> SafeString | str:
        labels = [(_FLAGS.get(flag, flag),) for flag in transaction.flags]
        return format_html_join(" ", '<span class="remark">{}</span>', labels) if labels else "–"


class AttachedFilter(admin.SimpleListFilter):
    title = _("transaction")
    parameter_name = "attached"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("no", _("not attached")), ("yes", _("attached"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OrphanedStop]) -> QuerySet[OrphanedStop]:
        if self.value() in ("yes", "no"):
            return queryset.filter(transaction__isnull=self.value() == "no")
        return queryset


@admin.register(OrphanedStop)
class OrphanedStopAdmin(RecordAdmin[OrphanedStop]):
    """What the charger said stays as it is; which transaction it belongs to is said on its page of the screens."""

    list_display = ("reported_transaction_id", "charger", "id_tag", "meter_stop_wh", "stopped", "reason", "belongs_to")
    list_filter = (AttachedFilter,)
    list_select_related = ("charge_point", "transaction")
    search_fields = ("=reported_transaction_id", "id_tag", "charge_point__identity", "charge_point__name")
    fields = (
        "belongs_to",
        ("reported_transaction_id", "charger"),
        ("id_tag", "reason"),
        "meter_stop_wh",
        ("stopped", "received"),
        "meter_values",
    )
    readonly_fields = (
        *("reported_transaction_id", "charger", "id_tag", "reason", "meter_stop_wh"),
        *("stopped", "received", "meter_values", "belongs_to"),
    )

    def view_on_site(self, stop: OrphanedStop) -> str:
        return reverse("screens:attach_stop", args=[stop.pk])

    @admin.display(description=_("charger"), ordering="charge_point__identity")
    def charger(self, stop: OrphanedStop) -> SafeString | str:
        return link(stop.charge_point)

    @admin.display(description=_("time at the charger"), ordering="stopped_at")
    def stopped(self, stop: OrphanedStop) -> str:
        return moment(stop.stopped_at)

    @admin.display(description=_("received"))
    def received(self, stop: OrphanedStop) -> str:
        return moment(stop.received_at)

    @admin.display(description=_("belongs to"))
    def belongs_to(self, stop: OrphanedStop) -> SafeString | str:
        return link(stop.transaction)

    @admin.display(description=_("meter values"))
    def meter_values(self, stop: OrphanedStop) -> SafeString | str:
        return pretty_json(stop.transaction_data)
