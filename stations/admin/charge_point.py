from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from .. import credentials, services
from ..models import ChargePoint, Connector, RegistrationStatus
from ..resources import ChargePointResource
from .charge_point_filters import OnlineFilter, SecurityProfileFilter
from .charge_point_form import ChargePointForm
from .configuring import ConfigurationKeyInline, ConfiguringViews, DriftFilter
from .connector import status_badge
from .exchange import ExportAdmin, ImportAdmin
from .pages import ArchivedFilter, RecordInline, badge, link, moment, origin_of

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


@admin.register(ChargePoint)
class ChargePointAdmin(ImportAdmin, ExportAdmin, ConfiguringViews):
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
    list_filter = ("registration_status", OnlineFilter, SecurityProfileFilter, DriftFilter, ArchivedFilter)
    list_select_related = ("gateway", "site")
    search_fields = ("identity", "name", "serial_number", "box_serial_number", "vendor", "model", "site__name")
    search_help_text = _("Search by identity, name, serial number, vendor, model or site.")
    autocomplete_fields = ("site",)
    actions = (
        *("send_command", "read_configuration", "apply_template", "rotate_key"),
        *("approve", "reject", "archive", "restore"),
    )
    readonly_fields = (
        *("state", "registration", "accepted_at", "archived_at", "created_at", "discovered"),
        *("vendor", "model", "serial_number", "box_serial_number", "firmware_version", "iccid", "imsi"),
        *("meter_type", "meter_serial_number", "booted_at", "security_profile", "credential_kind"),
        *("configuration_read_at", "configured_by_hand_at", "recipe", "drift", "security_change"),
        *("connected_at", "disconnected_at", "last_seen_at", "protocol", "subprotocol_missing", "remote_address"),
    )

    # What is shown

    def get_fieldsets(self, request: HttpRequest, obj: ChargePoint | None = None) -> Any:
        entry = ("password", "remove_password") if self.has_change_permission(request, obj) else ()
        own = (None, {"fields": ("identity", "name", "site", "notes")})
        if obj is None:
            return [own, (_("Security"), {"fields": ("password", "strict")})]
        return [
            (None, {"fields": (("state", "registration"), *own[1]["fields"])}),
            (
                _("Security"),
                {
                    "fields": (
                        ("security_profile", "credential_kind"),
                        "security_change",
                        *entry,
                        "minimum_security_profile",
                        "strict",
                    )
                },
            ),
            self.configuration_fields(),
            (
                _("Connection"),
                {
                    "fields": (
                        ("connected_at", "disconnected_at", "last_seen_at"),
                        ("remote_address", "protocol", "subprotocol_missing"),
                    )
                },
            ),
            (
                _("What the charger says of itself"),
                {
                    "fields": (
                        ("vendor", "model", "firmware_version"),
                        ("serial_number", "box_serial_number"),
                        ("meter_type", "meter_serial_number"),
                        ("iccid", "imsi"),
                    )
                },
            ),
            (_("History"), {"fields": (("created_at", "discovered"), ("accepted_at", "booted_at", "archived_at"))}),
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

    # What may be done

    def has_delete_permission(self, request: HttpRequest, obj: ChargePoint | None = None) -> bool:
        return False  # its sessions would lose their charger: it is archived instead

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("stations.approve_chargepoint")

    @admin.action(description=_("Approve"), permissions=["approve"])
    def approve(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> None:
        self._each(request, queryset, self._approve)

    @admin.action(description=_("Reject"), permissions=["approve"])
    def reject(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> None:
        self._each(request, queryset, self._reject)

    @admin.action(description=_("Archive"), permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> None:
        self._each(request, queryset.filter(archived_at=None), self._archive)

    @admin.action(description=_("Restore from the archive"), permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> None:
        self._each(request, queryset.exclude(archived_at=None), self._restore)

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[ChargePoint],
        act: Callable[[HttpRequest, ChargePoint], None],
    ) -> None:
        stations = list(queryset)
        for station in stations:
            act(request, station)
        count = len(stations)
        done = ngettext("%(count)d charger changed.", "%(count)d chargers changed.", count) % {"count": count}
        self.message_user(request, done, messages.SUCCESS)

    def _approve(self, request: HttpRequest, station: ChargePoint) -> None:
        services.approve_charge_point(station, origin=origin_of(request))
        self.log_change(request, station, "approved")

    def _reject(self, request: HttpRequest, station: ChargePoint) -> None:
        services.reject_charge_point(station, origin=origin_of(request))
        self.log_change(request, station, "rejected")

    def _archive(self, request: HttpRequest, station: ChargePoint) -> None:
        services.archive_charge_point(station)
        self.log_change(request, station, "archived")

    def _restore(self, request: HttpRequest, station: ChargePoint) -> None:
        services.restore_charge_point(station)
        self.log_change(request, station, "restored")

    # Saving

    def save_model(self, request: HttpRequest, obj: ChargePoint, form: Any, change: bool) -> None:
        """Only what the person changed: the gateway writes presence into the same row at the same time."""
        if change:
            own = {field.name for field in ChargePoint._meta.concrete_fields}
            obj.save(update_fields=sorted(own & {*form.changed_data}))
        else:
            obj.save()
        self._save_password(request, obj, form.cleaned_data)

    def _save_password(self, request: HttpRequest, station: ChargePoint, entered: dict[str, Any]) -> None:
        if entered.get("remove_password"):
            credentials.remove(station)
        elif entered.get("password") and not credentials.set_password(station, entered["password"]):
            short = gettext("The password was set, but it is short: OCPP recommends 16 characters or more.")
            self.message_user(request, short, messages.WARNING)

    # Buttons: each is a POST, GET changes nothing

    def get_urls(self) -> list[Any]:
        def button(name: str, view: Any) -> Any:
            guarded = self.admin_site.admin_view(require_POST(view))
            return path(f"<int:pk>/{name}/", guarded, name=f"stations_chargepoint_{name.replace('-', '_')}")

        buttons = [
            button("approve", self.approve_view),
            button("reject", self.reject_view),
            button("generate-key", self.generate_key_view),
        ]
        return [*buttons, *super().get_urls()]

    def approve_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._decided(request, pk, self._approve, gettext("%(charger)s was approved."))

    def reject_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._decided(request, pk, self._reject, gettext("%(charger)s was rejected."))

    def _decided(self, request: HttpRequest, pk: int, act: Callable[..., None], sentence: str) -> HttpResponse:
        if not self.has_approve_permission(request):
            raise PermissionDenied
        station = get_object_or_404(ChargePoint, pk=pk)
        act(request, station)
        self.message_user(request, sentence % {"charger": station}, messages.SUCCESS)
        back = request.POST.get("next", "")
        safe = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
        return HttpResponseRedirect(back if safe else reverse("admin:stations_chargepoint_change", args=[pk]))

    @method_decorator(never_cache)
    def generate_key_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make a new key and show it on this answer only: it is stored hashed."""
        station = get_object_or_404(ChargePoint, pk=pk)
        if not self.has_change_permission(request, station):
            raise PermissionDenied
        key = credentials.generate_key(station)
        self.log_change(request, station, "key generated")
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("New key for %(charger)s") % {"charger": station},
            "opts": self.opts,
            "original": station,
            "key": key,
        }
        return TemplateResponse(request, "admin/stations/chargepoint/key.html", context)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        station = context.get("original")
        waiting = station is not None and station.registration_status != RegistrationStatus.ACCEPTED
        may_decide = self.has_approve_permission(request)
        context["can_send"] = station is not None and station.archived_at is None and self.has_send_permission(request)
        context["can_approve"] = may_decide and waiting
        context["can_reject"] = (
            may_decide and station is not None and (station.registration_status != RegistrationStatus.REJECTED)
        )
        return super().render_change_form(request, context, *args, **kwargs)
