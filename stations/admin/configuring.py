"""The part of the chargers' admin that reads and sets their configuration, rotates keys and raises profiles."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from .. import configuration, recipes, rotation, templates
from ..commands import CommandRefused, Origin
from ..masking import masked
from ..models import ChargePoint, ConfigurationKey, SecurityChange, SecurityProfile
from ..templates import Difference
from .pages import RecordInline, badge, link, moment, origin_of
from .sending import SendingViews

_REASONS = {
    Difference.OTHER_VALUE: _("differs"),
    Difference.NOT_READ: _("not read yet"),
    Difference.MISSING: _("the charger does not have it"),
    Difference.READ_ONLY: _("read-only"),
}


class ConfigurationKeyInline(RecordInline):
    model = ConfigurationKey
    fields = ("key", "value", "readonly", "reboot_required", "read")
    readonly_fields = ("read",)
    classes = ("collapse",)

    @admin.display(description=_("read"))
    def read(self, key: ConfigurationKey) -> str:
        return moment(key.read_at)


class DriftFilter(admin.SimpleListFilter):
    title = _("configuration")
    parameter_name = "drift"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Differs from the template")), ("no", _("As the template"))]

    @cached_property
    def _drifting(self) -> set[int]:
        return templates.drifting()

    def queryset(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> QuerySet[ChargePoint]:
        match self.value():
            case "yes":
                return queryset.filter(pk__in=self._drifting)
            case "no":
                return queryset.exclude(pk__in=self._drifting)
        return queryset


class ConfiguringViews(SendingViews):
    """Buttons and actions; each is a POST, queues commands and leads back to where it was pressed."""

    # What is shown

    @admin.display(description=_("differs from the template"))
    def drift(self, station: ChargePoint) -> SafeString | str:
        drifts = templates.drift_of(station)
        if not drifts:
            return gettext("nothing") if templates.wanted_of(station) else "–"
        shown = [
            (entry.key, "–" if entry.actual is None else entry.actual, masked(entry.wanted), _REASONS[entry.difference])
            for entry in drifts
        ]
        rows = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>", shown)
        heads = format_html_join("", "<th>{}</th>", [(head,) for head in (_("key"), _("has"), _("should have"), "")])
        return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", heads, rows)

    @admin.display(description=_("recipe"))
    def recipe(self, station: ChargePoint) -> SafeString | str:
        return link(recipes.recipe_of(station))

    @admin.display(description=_("on its way"))
    def security_change(self, station: ChargePoint) -> SafeString | str:
        changes = station.security_changes.filter(ended_at=None)
        return format_html_join(" ", "{}", [(_shown(change),) for change in changes]) or "–"

    def configuration_fields(self) -> tuple[Any, dict[str, Any]]:
        fields = (("configuration_read_at", "configured_by_hand_at"), ("recipe_mode", "recipe"), "drift")
        return _("Configuration"), {"fields": fields}

    # What may be done

    def has_rotate_permission(self, request: HttpRequest) -> bool:
        """Who rotates a key changes how a charger logs in, and does so with a command."""
        return self.has_send_permission(request) and self.has_change_permission(request)

    @admin.action(description=_("Read the configuration"), permissions=["send"])
    def read_configuration(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> None:
        self._tell_each(request, queryset, _read)

    @admin.action(description=_("Apply the template"), permissions=["send"])
    def apply_template(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> None:
        self._tell_each(request, queryset, _apply)

    @admin.action(description=_("Rotate the key"), permissions=["rotate"])
    def rotate_key(self, request: HttpRequest, queryset: QuerySet[ChargePoint]) -> None:
        self._tell_each(request, queryset, _rotate)

    def _tell_each(
        self, request: HttpRequest, queryset: QuerySet[ChargePoint], tell: Callable[[ChargePoint, Origin], int]
    ) -> None:
        count = 0
        for station in queryset:
            try:
                count += tell(station, origin_of(request))
            except CommandRefused as refusal:
                self.message_user(request, f"{station}: {refusal}", messages.WARNING)
        self.message_user(request, _queued(count), messages.SUCCESS if count else messages.INFO)

    # Buttons on a charger's page

    def get_urls(self) -> list[Any]:
        def button(name: str, view: Any) -> Any:
            guarded = self.admin_site.admin_view(require_POST(view))
            return path(f"<int:pk>/{name}/", guarded, name=f"stations_chargepoint_{name.replace('-', '_')}")

        own = [
            button("read-configuration", self.read_configuration_view),
            button("apply-template", self.apply_template_view),
            button("rotate-key", self.rotate_key_view),
            button("raise-profile", self.raise_profile_view),
        ]
        return [*own, *super().get_urls()]

    def read_configuration_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._tell(request, pk, self.has_send_permission(request), _read)

    def apply_template_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._tell(request, pk, self.has_send_permission(request), _apply)

    def rotate_key_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._tell(request, pk, self.has_rotate_permission(request), _rotate)

    def raise_profile_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        return self._tell(request, pk, self.has_rotate_permission(request), _raise)

    def _tell(
        self, request: HttpRequest, pk: int, may: bool, tell: Callable[[ChargePoint, Origin], int]
    ) -> HttpResponse:
        if not may:
            raise PermissionDenied
        station = get_object_or_404(ChargePoint, pk=pk)
        try:
            self.message_user(request, _queued(tell(station, origin_of(request))), messages.SUCCESS)
        except CommandRefused as refusal:
            self.message_user(request, str(refusal), messages.WARNING)
        return HttpResponseRedirect(reverse("admin:stations_chargepoint_change", args=[pk]))

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        station = context.get("original")
        can_send = station is not None and station.archived_at is None and self.has_send_permission(request)
        context["can_configure"] = can_send
        context["can_rotate"] = can_send and self.has_rotate_permission(request)
        context["higher_profile"] = _higher_profile(station) if context["can_rotate"] else None
        return super().render_change_form(request, context, *args, **kwargs)


def _shown(change: SecurityChange) -> SafeString:
    state = gettext("the charger has it, but does not use it: it may need a reset") if change.is_stuck else ""
    return format_html(
        "{} {}: {} {}",
        badge("preparing", change.get_kind_display()),
        link(change.command, moment(change.created_at)),
        change.get_state_display(),
        f"({state})" if state else "",
    )


def _queued(count: int) -> str:
    if not count:
        return gettext("Nothing to send.")
    return ngettext("%(count)d command queued.", "%(count)d commands queued.", count) % {"count": count}


def _read(station: ChargePoint, origin: Origin) -> int:
    configuration.read_configuration(station, origin=origin)
    return 1


def _apply(station: ChargePoint, origin: Origin) -> int:
    return len(templates.apply_template(station, origin=origin))


def _rotate(station: ChargePoint, origin: Origin) -> int:
    rotation.rotate_key(station, origin=origin)
    return 1


def _raise(station: ChargePoint, origin: Origin) -> int:
    rotation.raise_security_profile(station, _higher_profile(station) or SecurityProfile.TLS, origin=origin)
    return 1


def _higher_profile(station: ChargePoint) -> int | None:
    """The next profile above the one the charger has; none above the highest."""
    present = max(station.minimum_security_profile, station.security_profile)
    return present + 1 if present < SecurityProfile.TLS else None
