"""Jobs in the administration: to be read."""

from __future__ import annotations

from django.contrib import admin

from stations.admin.pages import RecordAdmin

from .models import Job


@admin.register(Job)
class JobAdmin(RecordAdmin[Job]):
    list_display = ("title", "kind", "owner", "state", "done", "total", "created_at", "ended_at")
    list_filter = ("state",)
    list_select_related = ("owner",)
    search_fields = ("title", "kind", "owner__username")
    fields = (
        *("title", "kind", "owner", "parameters", "state", ("done", "total"), "message", "cancel_requested"),
        *(("file_name", "content_type"), ("created_at", "started_at"), ("ended_at", "expires_at")),
        *(("worker", "beat_at"), "deaths"),
    )
