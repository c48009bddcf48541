"""Batches as records; how far one is stands on its own page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ..models import CommandBatch
from .commands import ActionFilter
from .on_screen import OnScreen
from .pages import link, moment, pretty_json


@admin.register(CommandBatch)
class CommandBatchAdmin(OnScreen[CommandBatch]):
    screen = "screens:batch"
    list_display = ("created", "action", "actor", "source")
    list_display_links = ("created", "action")
    list_filter = (("created_at", admin.DateFieldListFilter), "source", ActionFilter)
    search_fields = ("=action", "=actor")
    search_help_text = _("Search by exact action or exact name of a person.")
    ordering = ("-created_at",)
    fieldsets = (
        (_("What was sent"), {"fields": ("action", "request_json")}),
        (_("Details"), {"fields": (("who", "remote_address"), ("created", "valid"), ("per_minute", "origin"))}),
    )
    readonly_fields = ("request_json", "created", "valid", "who", "origin")

    @admin.display(description=_("created"), ordering="created_at")
    def created(self, batch: CommandBatch) -> str:
        return moment(batch.created_at)

    @admin.display(description=_("payload"))
    def request_json(self, batch: CommandBatch) -> SafeString | str:
        return pretty_json(batch.payload)

    @admin.display(description=_("may wait until"))
    def valid(self, batch: CommandBatch) -> str:
        return moment(batch.valid_until)

    @admin.display(description=_("who"))
    def who(self, batch: CommandBatch) -> str:
        return f"{batch.actor} ({batch.get_source_display()})"

    @admin.display(description=_("again after"))
    def origin(self, batch: CommandBatch) -> SafeString | str:
        return link(batch.retry_of)

    def related_lists(self, batch: CommandBatch) -> list[tuple[str, str, Any]]:
        return [("stations.command", f"batch__id__exact={batch.pk}", _("All commands of the batch"))]
