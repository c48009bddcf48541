"""What people did that changes no row: coming in, taking files away, bringing them, handling personal data.

It stands in the same history as changes (`plugcontrol.history` adds who and from where), where nobody edits it.
"""

from __future__ import annotations

from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, TextChoices
from django.utils.translation import gettext_lazy as _


class Event(TextChoices):
    LOGIN = "login", _("logged in")
    LOGIN_FAILED = "login_failed", _("login failed")
    LOGOUT = "logout", _("logged out")
    DOWNLOAD = "download", _("file taken away")
    IMPORT = "import", _("file imported")
    DATA_EXPORTED = "data_exported", _("personal data exported")
    DATA_ERASED = "data_erased", _("personal data erased")


def record(event: Event, about: Model | type[Model], *, actor: User | None = None, **details: Any) -> None:
    """A row of its own in the history; `about` is the row it concerns, or a model for many of its rows.

    `actor` is for what happens outside a request; `details` are plain JSON.
    """
    row = about if isinstance(about, Model) else None
    LogEntry.objects.create(
        content_type=ContentType.objects.get_for_model(about),
        object_pk=str(row.pk) if row else "",
        object_id=row.pk if row else None,
        object_repr=str(row) if row else str(about._meta.verbose_name_plural),
        action=LogEntry.Action.ACCESS,
        changes={},
        additional_data={"event": event.value, **details},
        actor=actor,
    )


def event_of(entry: LogEntry) -> str:
    """What it was, in words; empty for a change."""
    value = (entry.additional_data or {}).get("event", "")
    return str(Event(value).label) if value in Event.values else ""
