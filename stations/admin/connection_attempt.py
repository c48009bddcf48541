from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..attempts import fix_of
from ..models import ConnectionAttempt
from .pages import RecordAdmin, moment


@admin.register(ConnectionAttempt)
class ConnectionAttemptAdmin(RecordAdmin[ConnectionAttempt]):
    list_display = ("last", "remote_address", "path", "reason", "fix", "offered", "count")
    list_filter = ("reason",)
    search_fields = ("identity", "path", "remote_address", "user_agent")
    search_help_text = _("Search by identity, path, address or user agent.")
    fields = (
        ("identity", "path"),
        ("remote_address", "user_agent"),
        ("reason", "status_code"),
        "fix",
        "offered",
        "count",
        ("first", "last"),
    )
    readonly_fields = ("fix", "first", "last")

    def has_delete_permission(self, request: HttpRequest, obj: ConnectionAttempt | None = None) -> bool:
        return request.user.has_perm("stations.delete_connectionattempt")

    @admin.display(description=_("what to do"))
    def fix(self, attempt: ConnectionAttempt) -> str:
        return str(fix_of(attempt)) or "–"

    @admin.display(description=_("first"), ordering="first_at")
    def first(self, attempt: ConnectionAttempt) -> str:
        return moment(attempt.first_at)

    @admin.display(description=_("last"), ordering="last_at")
    def last(self, attempt: ConnectionAttempt) -> str:
        return moment(attempt.last_at)
