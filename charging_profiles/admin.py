"""Profiles, where they went and what stations said, as records; people work with them on their own pages."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from stations.admin.on_screen import OnScreen
from stations.admin.pages import ArchivedFilter, badge, link, moment, pretty_json

from .models import Assignment, ChargingProfile, CompositeReading

_BADGES = {
    Assignment.State.ASKED: "pending",
    Assignment.State.INSTALLED: "accepted",
    Assignment.State.UNCERTAIN: "pending",
    Assignment.State.REFUSED: "rejected",
    Assignment.State.NOT_SENT: "rejected",
}


@admin.register(ChargingProfile)
class ChargingProfileAdmin(OnScreen[ChargingProfile]):
    screen = "screens:profile"
    list_display = ("name", "purpose", "kind", "recurrency", "unit", "stack_level", "changed_at")
    list_filter = (ArchivedFilter, "purpose", "kind", "unit")
    search_fields = ("name", "notes")
    search_help_text = _("Search by name or notes.")
    fields = (
        *("name", ("purpose", "stack_level"), ("kind", "recurrency", "follows_clock"), ("unit", "min_rate")),
        *(("starts_at", "duration_s"), ("valid_from", "valid_to"), "limits", "notes"),
        *("created_by", ("created_at", "changed_at"), "archived_at"),
    )
    readonly_fields = ("limits",)

    @admin.display(description=_("periods"))
    def limits(self, profile: ChargingProfile) -> SafeString | str:
        return pretty_json(profile.periods)


class _OfCharger(OnScreen[Assignment | CompositeReading]):
    """What belongs to a charger's tab."""

    search_fields = ("charge_point__identity", "charge_point__name")
    search_help_text = _("Search by charger.")

    def screen_url(self, row: Assignment | CompositeReading) -> str:
        return f"{reverse('screens:charger', args=[row.charge_point_id])}?tab=profiles"

    @admin.display(description=_("charger"), ordering="charge_point__identity")
    def charger(self, row: Assignment | CompositeReading) -> SafeString | str:
        return link(row.charge_point)

    @admin.display(description=_("command"))
    def command_link(self, row: Assignment | CompositeReading) -> SafeString | str:
        return link(row.command)


@admin.register(Assignment)
class AssignmentAdmin(_OfCharger):
    list_display = ("charger", "connector_id", "what", "purpose", "stack_level", "state_badge", "asked", "ended")
    list_filter = ("state", "purpose")
    list_select_related = ("charge_point", "profile")
    fields = (
        *("charger", "connector_id", "what", "charging_profile_id", ("purpose", "stack_level"), "session"),
        *("state_badge", "command_link", ("asked", "installed", "ended"), "told"),
    )
    readonly_fields = (
        "charger",
        "what",
        "session",
        "state_badge",
        "command_link",
        "asked",
        "installed",
        "ended",
        "told",
    )

    @admin.display(description=_("profile"))
    def what(self, assignment: Assignment) -> SafeString | str:
        return link(assignment.profile)

    @admin.display(description=_("transaction"))
    def session(self, assignment: Assignment) -> SafeString | str:
        return link(assignment.transaction)

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, assignment: Assignment) -> SafeString:
        return badge(_BADGES.get(Assignment.State(assignment.state), "offline"), assignment.get_state_display())

    @admin.display(description=_("asked"), ordering="asked_at")
    def asked(self, assignment: Assignment) -> str:
        return moment(assignment.asked_at)

    @admin.display(description=_("installed"), ordering="installed_at")
    def installed(self, assignment: Assignment) -> str:
        return moment(assignment.installed_at)

    @admin.display(description=_("ended"), ordering="ended_at")
    def ended(self, assignment: Assignment) -> str:
        return moment(assignment.ended_at)

    @admin.display(description=_("as it was sent"))
    def told(self, assignment: Assignment) -> SafeString | str:
        return pretty_json(assignment.payload)


@admin.register(CompositeReading)
class CompositeReadingAdmin(_OfCharger):
    list_select_related = ("charge_point",)
    list_display = ("charger", "connector_id", "begins", "duration_s", "unit", "read")
    list_filter = ("unit",)
    fields = ("charger", "connector_id", ("begins", "duration_s", "unit"), "command_link", "read", "said")
    readonly_fields = ("charger", "begins", "command_link", "read", "said")

    @admin.display(description=_("begins"), ordering="starts_at")
    def begins(self, reading: CompositeReading) -> str:
        return moment(reading.starts_at)

    @admin.display(description=_("read"), ordering="read_at")
    def read(self, reading: CompositeReading) -> str:
        return moment(reading.read_at)

    @admin.display(description=_("schedule"))
    def said(self, reading: CompositeReading) -> SafeString | str:
        return pretty_json(reading.schedule)
