"""Commands as records; their life is on their own page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from .. import story
from ..forms import FORMS
from ..masking import masked
from ..models import Command
from .on_screen import OnScreen
from .pages import badge, link, moment, pretty_json
from .searching import LongRecordAdmin, chargers_called

_BADGES = {story.BUSY: "queued", story.GOOD: "accepted", story.BAD: "failed"}


class ActionFilter(admin.SimpleListFilter):
    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(action, action) for action in sorted(FORMS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Command]) -> QuerySet[Command]:
        return queryset.filter(action=self.value()) if self.value() in FORMS else queryset


class BatchFilter(admin.SimpleListFilter):
    title = _("batch")
    parameter_name = "in_batch"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Part of a batch")), ("no", _("Sent alone"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Command]) -> QuerySet[Command]:
        return queryset.filter(batch__isnull=self.value() == "no") if self.value() in ("yes", "no") else queryset


@admin.register(Command)
class CommandAdmin(OnScreen[Command], LongRecordAdmin[Command]):
    screen = "screens:command"
    list_display = ("created", "action", "charger", "outcome", "followed", "actor", "source")
    list_display_links = ("created", "action")
    list_filter = (
        "status",
        ("created_at", admin.DateFieldListFilter),
        "effect_status",
        BatchFilter,
        "source",
        ActionFilter,
    )
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__identity",)  # see `meaning`
    search_help_text = _("Search by charger, exact action or exact name of a person.")
    ordering = ("-created_at",)
    fieldsets = (
        (_("What was sent"), {"fields": (("action", "charger"), "request_json")}),
        (_("What came back"), {"fields": ("outcome", "answer_json", ("error_code", "error_description"), "late_json")}),
        (
            _("Details"),
            {
                "fields": (
                    ("id", "batch_link"),
                    ("created", "sent", "closed"),
                    ("timeout_s", "valid"),
                    ("who", "remote_address"),
                )
            },
        ),
    )
    readonly_fields = (
        *("charger", "request_json", "outcome", "answer_json", "late_json", "batch_link", "valid", "who"),
        *("id", "remote_address", "created", "sent", "closed"),
    )

    def meaning(self, word: str) -> Q:
        """An action, the chargers called so, or else the one who sent it."""
        by_lower = {action.lower(): action for action in FORMS}
        if word.lower() in by_lower:
            return Q(action=by_lower[word.lower()])
        found = chargers_called(word)
        return Q(charge_point__in=found) if found else Q(actor=word)

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, command: Command) -> str:
        return moment(command.created_at)

    @admin.display(description=_("sent"))
    def sent(self, command: Command) -> str:
        return moment(command.sent_at)

    @admin.display(description=_("closed"))
    def closed(self, command: Command) -> str:
        return moment(command.closed_at)

    @admin.display(description=_("charger"))
    def charger(self, command: Command) -> SafeString | str:
        return link(command.charge_point)

    @admin.display(description=_("status"), ordering="status")
    def outcome(self, command: Command) -> SafeString:
        return badge(command.status, story.outcome(command).label)

    @admin.display(description=_("what followed"))
    def followed(self, command: Command) -> SafeString | str:
        effect = story.effect_of(command)
        return badge(_BADGES[effect.kind], effect.label) if effect else "–"

    @admin.display(description=_("payload"))
    def request_json(self, command: Command) -> SafeString | str:
        return pretty_json(masked(command.payload))  # one that still waits holds its secrets

    @admin.display(description=_("answer"))
    def answer_json(self, command: Command) -> SafeString | str:
        return pretty_json(command.answer)

    @admin.display(description=_("late answer"))
    def late_json(self, command: Command) -> SafeString | str:
        return pretty_json(command.late_answer)

    @admin.display(description=_("batch"))
    def batch_link(self, command: Command) -> SafeString | str:
        return link(command.batch)

    @admin.display(description=_("may wait until"))
    def valid(self, command: Command) -> str:
        return moment(command.valid_until)

    @admin.display(description=_("who"))
    def who(self, command: Command) -> str:
        return f"{command.actor} ({command.get_source_display()})" if command.actor else command.get_source_display()
