"""What people did and the history does not notice by itself.

That is what changes no row (coming in, taking files away, bringing them, handling personal data) and what changes many
by a statement. It stands in the same history as other changes (`plugcontrol.history` adds who and from where), where
nobody edits it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from auditlog.diff import model_instance_diff
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, TextChoices
from django.db.models.signals import pre_save
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


def record_updates(rows: Sequence[Model], columns: Collection[str], *, actor: User | None = None) -> None:
    """What one statement is about to change: `columns` of `rows`, which hold the new values and are not yet written.

    To be called in the statement's transaction; `rows` are of one model, a thousand at most. `actor` as in `record`.
    """
    if not rows:
        return
    model = type(rows[0])
    related = [name for name in columns if model._meta.get_field(name).is_relation]
    known = model._default_manager.select_related(*related) if related else model._default_manager.all()
    before = known.in_bulk([row.pk for row in rows])
    kind = ContentType.objects.get_for_model(model)
    entries = [
        LogEntry(
            content_type=kind,
            object_pk=str(row.pk),
            object_id=row.pk,
            object_repr=str(row),
            action=LogEntry.Action.UPDATE,
            changes=changes,
            actor=actor,
        )
        for row in rows
        if row.pk in before and (changes := model_instance_diff(before[row.pk], row, columns))
    ]
    for entry in entries:  # rows that are written together send no signal, and who it was is added by a receiver
        pre_save.send(LogEntry, instance=entry, raw=False, using=None, update_fields=None)
    LogEntry.objects.bulk_create(entries)


def event_of(entry: LogEntry) -> str:
    """What it was, in words; empty for a change."""
    value = (entry.additional_data or {}).get("event", "")
    return str(Event(value).label) if value in Event.values else ""
