"""The history of what people changed, to be read."""

from __future__ import annotations

from auditlog.admin import LogEntry  # the library's own page is registered by this import
from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from people.audit import event_of
from stations.admin.pages import RecordAdmin, moment, pretty_json

admin.site.unregister(LogEntry)


@admin.register(LogEntry)
class LogEntryAdmin(RecordAdmin[LogEntry]):
    list_display = ("when", "actor", "what", "content_type", "object_repr")
    list_filter = ("action",)
    list_select_related = ("actor", "content_type")
    search_fields = ("object_repr", "actor__username")
    search_help_text = _("Search by record or person.")
    fields = (("when", "actor", "remote_addr"), ("what", "content_type", "object_repr"), "changed")
    readonly_fields = ("when", "what", "changed")

    @admin.display(description=_("time"), ordering="timestamp")
    def when(self, entry: LogEntry) -> str:
        return moment(entry.timestamp)

    @admin.display(description=_("action"), ordering="action")
    def what(self, entry: LogEntry) -> str:
        return event_of(entry) or entry.get_action_display()

    @admin.display(description=_("changes"))
    def changed(self, entry: LogEntry) -> SafeString | str:
        return pretty_json(entry.changes or entry.additional_data)
