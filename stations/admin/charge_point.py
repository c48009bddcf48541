"""Chargers as records: to be edited many at once, imported, exported. What is done with them is on their own page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext

from .. import changes, recipes, services
from ..models import ChargePoint, ConfigurationKey, Connector
from ..resources import ChargePointResource
from .charge_point_filters import OnlineFilter, SecurityProfileFilter
from .charge_point_form import ChargePointForm
from .connector import status_badge
from .exchange import ExportAdmin, ImportAdmin
from .pages import ArchivedFilter, PageAdmin, RecordInline, badge, link, moment

_ = gettext_lazy


class ConnectorInline(RecordInline):
    model = Connector
    fields = ("connector_id", "state", "error_code", "info", "since")
    readonly_fields = ("state", "since")
    show_change_link = True

    @admin.display(description=_("state"))
    def state(self, connector: Connector) -> SafeString | str:
        return status_badge(connector)

    @admin.display(description=_("state since"))
    def since(self, connector: Connector) -> str:
        return moment(connector.status_at)


class ConfigurationKeyInline(RecordInline):
    model = ConfigurationKey
    fields = ("key", "value", "readonly", "reboot_required", "read")
    readonly_fields = ("read",)
    classes = ("collapse",)

    @admin.display(description=_("read"))
    def read(self, key: ConfigurationKey) -> str:
        return moment(key.read_at)


@admin.register(ChargePoint)
class ChargePointAdmin(ImportAdmin, ExportAdmin, PageAdmin[ChargePoint]):
    form = ChargePointForm
    resource_classes = [ChargePointResource]
    export_name = "chargers"
    import_export_change_list_template = "admin/import_export/change_list_import_export.html"
    inlines = (ConnectorInline, ConfigurationKeyInline)
    list_display = (
        "identity",
        "state",
        "name",
        "site_name",
        "registration",
        "vendor_model",
        "firmware_version",
        "last_seen",
    )
    list_filter = ("registration_status", OnlineFilter, SecurityProfileFilter, ArchivedFilter)
    list_select_related = ("gateway", "site")
    search_fields = ("identity", "name", "serial_number", "box_serial_number", "vendor", "model", "site__name")
    search_help_text = _("Search by identity, name, serial number, vendor, model or site.")
    autocomplete_fields = ("site",)
    actions = ("archive", "restore")
    readonly_fields = (
        *("state", "registration", "accepted_at", "archived_at", "created_at", "discovered"),
        *("vendor", "model", "serial_number", "box_serial_number", "firmware_version", "iccid", "imsi"),
        *("meter_type", "meter_serial_number", "booted_at", "security_profile", "credential_kind"),
        *("configuration_read_at", "configured_by_hand_at", "recipe"),
        *("connected_at", "disconnected_at", "last_seen_at", "protocol", "subprotocol_missing", "remote_address"),
    )

    # What is shown

    def get_fieldsets(self, request: HttpRequest, obj: ChargePoint | None = None) -> Any:
        own = ("identity", "name", "site", "notes")
        if obj is None:
            return [(None, {"fields": own}), (_("Security"), {"fields": ("strict", "no_close_frame")})]
        return [
            (None, {"fields": (("state", "registration"), *own)}),
            *(
                (heading, {"fields": fields})
                for heading, fields in (
                    (
                        _("Security"),
                        (
                            ("security_profile", "credential_kind"),
                            "minimum_security_profile",
                            "strict",
                            "no_close_frame",
                        ),
                    ),
                    (
                        _("Configuration"),
                        (("configuration_read_at", "configured_by_hand_at"), ("recipe_mode", "recipe")),
                    ),
                    (
                        _("Connection"),
                        (
                            ("connected_at", "disconnected_at", "last_seen_at"),
                            ("remote_address", "protocol", "subprotocol_missing"),
                        ),
                    ),
                    (
                        _("What the charger says of itself"),
                        (
                            ("vendor", "model", "firmware_version"),
                            ("serial_number", "box_serial_number"),
                            ("meter_type", "meter_serial_number"),
                            ("iccid", "imsi"),
                        ),
                    ),
                    (_("History"), (("created_at", "discovered"), ("accepted_at", "booted_at", "archived_at"))),
                )
            ),
        ]

    def get_inlines(self, request: HttpRequest, obj: ChargePoint | None) -> Any:
        return self.inlines if obj else ()

    def related_lists(self, station: ChargePoint) -> list[tuple[str, str, Any]]:
        own = f"charge_point__id__exact={station.pk}"
        return [
            ("transactions.transaction", own, _("Transactions")),
            ("transactions.orphanedstop", own, _("Orphaned stops")),
            ("stations.message", own, _("Messages")),
            ("stations.command", own, _("Commands")),
            ("stations.statusrecord", f"connector__{own}", _("Status history")),
            ("stations.connectionattempt", urlencode({"identity__iexact": station.identity}), _("Connection attempts")),
            ("stations.securityevent", own, _("Security events")),
            ("stations.reciperun", own, _("Recipe runs")),
            ("stations.securitychange", own, _("Security changes")),
            ("stations.progressreport", own, _("Progress reports")),
            ("stations.repair", own, _("Repaired input")),
        ]

    def topics(self, keys: Iterable[Any]) -> Iterable[str]:
        return map(changes.station, keys)

    @admin.display(description=_("state"), ordering="connection")
    def state(self, station: ChargePoint) -> SafeString:
        return badge("online", gettext("Online")) if station.is_online else badge("offline", gettext("Offline"))

    @admin.display(description=_("site"), ordering="site__name")
    def site_name(self, station: ChargePoint) -> SafeString | str:
        return link(station.site)

    @admin.display(description=_("registration"), ordering="registration_status")
    def registration(self, station: ChargePoint) -> SafeString:
        if station.archived_at:
            return badge("offline", gettext("Archived"))
        return badge(station.registration_status.lower(), station.get_registration_status_display())

    @admin.display(description=_("vendor / model"), ordering="vendor")
    def vendor_model(self, station: ChargePoint) -> str:
        return " ".join(filter(None, (station.vendor, station.model))) or "–"

    @admin.display(description=_("last seen"), ordering="last_seen_at")
    def last_seen(self, station: ChargePoint) -> str:
        return moment(station.last_seen_at)

    @admin.display(description=_("recipe"))
    def recipe(self, station: ChargePoint) -> SafeString | str:
        return link(recipes.recipe_of(station))

    # What may be done

    def has_delete_permission(self, request: HttpRequest, obj: ChargePoint | None = None) -> bool:
        return False  # its sessions would lose their charger: it is archived instead

    @admin.action(description=_("Archive"), permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> None:
        self._each(request, queryset.filter(archived_at=None), services.archive_charge_point, "archived")

    @admin.action(description=_("Restore from the archive"), permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> None:
        self._each(request, queryset.exclude(archived_at=None), services.restore_charge_point, "restored")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[ChargePoint], act: Callable[[ChargePoint], None], note: str
    ) -> None:
        stations = list(queryset)
        for station in stations:
            act(station)
            self.log_change(request, station, note)
        count = len(stations)
        done = ngettext("%(count)d charger changed.", "%(count)d chargers changed.", count) % {"count": count}
        self.message_user(request, done, messages.SUCCESS)

    # Saving

    def save_model(self, request: HttpRequest, obj: ChargePoint, form: Any, change: bool) -> None:
        """Only what the person changed: the gateway writes presence into the same row at the same time."""
        if change:
            own = {field.name for field in ChargePoint._meta.concrete_fields}
            obj.save(update_fields=sorted(own & {*form.changed_data}))
        else:
            obj.save()
