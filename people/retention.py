"""What people leave behind by coming, and how long their history is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from auditlog.models import LogEntry
from axes.helpers import get_cool_off
from axes.models import AccessAttempt, AccessLog
from django.conf import settings
from django.contrib.admin.models import LogEntry as AdminLogEntry
from django.core.management import call_command
from django.db.models import Model, QuerySet

#: Rows deleted at a time, of each kind: the clock's other jobs wait, and so do stations on SQLite.
BITE = 1000

_HISTORIES: tuple[tuple[type[Model], str], ...] = (
    (LogEntry, "timestamp"),
    (AdminLogEntry, "action_time"),
    (AccessLog, "attempt_time"),
)


def prune(now: datetime) -> int:
    """Delete sessions and failed logins that count no more, and too old history; returns how many rows of that."""
    call_command("clearsessions")
    # a failed login names whatever was typed, and the library looks for old ones only when somebody logs in
    AccessAttempt.objects.filter(attempt_time__lt=now - (get_cool_off() or timedelta())).delete()
    if not settings.HISTORY_RETENTION_DAYS:
        return 0
    oldest = now - timedelta(days=settings.HISTORY_RETENTION_DAYS)
    return sum(
        _delete_bite(model._default_manager.filter(**{f"{column}__lt": oldest}).order_by(column))
        for model, column in _HISTORIES
    )


def _delete_bite(rows: QuerySet[Model]) -> int:
    keys = list(rows.values_list("pk", flat=True)[:BITE])
    return rows.model._default_manager.filter(pk__in=keys).delete()[0] if keys else 0
