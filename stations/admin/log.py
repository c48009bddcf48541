"""What was said and done: messages, status history, security events, progress reports, repairs."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import ChargePoint, Message, ProgressReport, Repair, SecurityEvent, StatusRecord
from ..models.security_event import CRITICAL_TYPES
from .on_screen import OnScreen
from .pages import M, RecordAdmin, link, moment, pretty_json, related
from .searching import LongRecordAdmin, chargers_called


class StationRecordAdmin(RecordAdmin[M]):
    """A record that belongs to a charger."""

    list_select_related: ClassVar[Any] = ("charge_point",)
    search_help_text = _("Search by charger or by what the columns say.")

    @admin.display(description=_("charger"))
    def charger(self, row: Model) -> SafeString | str:
        return link(related(row, "charge_point"))

    @admin.display(description=_("received"))
    def received(self, row: Any) -> str:
        return moment(row.received_at)


@admin.register(Message)
class MessageAdmin(OnScreen[Message], StationRecordAdmin[Message], LongRecordAdmin[Message]):
    screen = "screens:message"
    list_display = ("time", "charger", "direction", "kind", "action", "short_text")
    list_filter = ("direction", "kind")
    list_select_related = False
    search_fields = ("charge_point__identity",)  # see `meaning`
    search_help_text = _("Search by exact identity, action or exact message id.")
    fields = (("charger", "time"), ("direction", "kind"), ("action", "unique_id"), "json")
    readonly_fields = ("charger", "time", "json")

    def meaning(self, word: str) -> Q:
        """The charger of this identity, or else an action or a message id."""
        station = ChargePoint.objects.with_identity(word).first()
        either = Q(action__icontains=word) | Q(unique_id__iexact=word)
        return Q(charge_point=station) if station else either

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        # no join: a charger that was never approved may be gone while its messages are still kept
        return super().get_queryset(request).prefetch_related("charge_point")

    @admin.display(description=_("time"), ordering="id")
    def time(self, message: Message) -> str:
        return f"{moment(message.at)}.{message.at.microsecond // 1000:03}"

    @admin.display(description=_("text"))
    def short_text(self, message: Message) -> str:
        return message.text if len(message.text) <= 100 else f"{message.text[:99]}…"

    @admin.display(description=_("text"))
    def json(self, message: Message) -> SafeString | str:
        return pretty_json(message.text)


@admin.register(StatusRecord)
class StatusRecordAdmin(LongRecordAdmin[StatusRecord]):
    list_display = ("reported", "charger", "connector_number", "status", "error_code", "info", "clock_suspect")
    list_select_related = ("connector__charge_point",)
    list_filter = ("clock_suspect",)
    search_fields = ("connector__charge_point__identity",)  # see `meaning`
    search_help_text = _("Search by charger, exact state or exact error code.")
    fields = (
        ("charger", "connector_number"),
        ("status", "error_code"),
        "info",
        ("vendor_id", "vendor_error_code"),
        ("reported", "received", "clock_suspect"),
    )
    readonly_fields = ("charger", "connector_number", "reported", "received")

    def meaning(self, word: str) -> Q:
        """The chargers called so, or else a state or an error code."""
        found = chargers_called(word)
        either = Q(status__iexact=word) | Q(error_code__iexact=word)
        return Q(connector__charge_point__in=found) if found else either

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        own = lookup == "connector__charge_point__id__exact"  # the charger's page links here
        return own or super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]

    @admin.display(description=_("charger"))
    def charger(self, record: StatusRecord) -> SafeString | str:
        return link(record.connector.charge_point)

    @admin.display(description=_("connector"))
    def connector_number(self, record: StatusRecord) -> SafeString | str:
        return link(record.connector, str(record.connector.connector_id))

    @admin.display(description=_("time at the charger"), ordering="id")
    def reported(self, record: StatusRecord) -> str:
        return moment(record.reported_at)

    @admin.display(description=_("received"))
    def received(self, record: StatusRecord) -> str:
        return moment(record.received_at)


class CriticalFilter(admin.SimpleListFilter):
    title = _("weight")
    parameter_name = "critical"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Critical"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SecurityEvent]) -> QuerySet[SecurityEvent]:
        return queryset.filter(type__in=CRITICAL_TYPES) if self.value() == "yes" else queryset


@admin.register(SecurityEvent)
class SecurityEventAdmin(StationRecordAdmin[SecurityEvent]):
    list_display = ("type", "charger", "critical", "occurred", "tech_info")
    list_filter = (CriticalFilter,)
    search_fields = ("charge_point__identity", "charge_point__name", "type", "tech_info")
    fields = (("type", "critical"), "charger", "tech_info", ("occurred", "received"))
    readonly_fields = ("critical", "charger", "occurred", "received")

    @admin.display(description=_("critical"), boolean=True)
    def critical(self, event: SecurityEvent) -> bool:
        return event.is_critical

    @admin.display(description=_("time at the charger"), ordering="id")
    def occurred(self, event: SecurityEvent) -> str:
        return moment(event.occurred_at)


@admin.register(ProgressReport)
class ProgressReportAdmin(StationRecordAdmin[ProgressReport]):
    list_display = ("received", "charger", "kind", "status", "request_id")
    list_filter = ("kind",)
    search_fields = ("charge_point__identity", "charge_point__name", "status")
    fields = (("charger", "received"), ("kind", "status"), "request_id")
    readonly_fields = ("charger", "received")


@admin.register(Repair)
class RepairAdmin(StationRecordAdmin[Repair]):
    list_display = ("rule", "charger", "action", "field", "count", "first", "last")
    search_fields = ("charge_point__identity", "charge_point__vendor", "action", "rule", "field")
    fields = ("charger", ("action", "field", "rule"), "count", ("first", "last"))
    readonly_fields = ("charger", "first", "last")

    @admin.display(description=_("first"), ordering="first_at")
    def first(self, repair: Repair) -> str:
        return moment(repair.first_at)

    @admin.display(description=_("last"), ordering="last_at")
    def last(self, repair: Repair) -> str:
        return moment(repair.last_at)
