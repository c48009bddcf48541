"""Who changed what about a tag or a group."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db.models import BooleanField, DateTimeField, Model
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from people import audit
from people.access import Access
from stations.moments import local_text

from ..templatetags.screens import NOTHING

MOST = 20


@dataclass(frozen=True)
class Event:
    """`who` is empty for what nobody did by hand; `lines` are (field, before, after)."""

    at: datetime
    who: str
    text: str
    lines: tuple[tuple[str, str, str], ...]


def history_of(row: Model, access: Access) -> list[Event]:
    """The newest changes first; without what the reader may not know: whose account a tag was, its full number.

    Whoever does not see all sites is told that a tag was moved, but neither where from nor where to.
    """
    about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(type(row)), object_id=row.pk)
    hidden = {
        *(() if access.everywhere("auth.view_user") else ("user",)),
        *(() if access.somewhere("transactions.change_idtag") else ("id_tag",)),
    }
    unnamed = set() if access.everywhere("stations.view_site") else {"site"}
    newest = about.select_related("actor").order_by("-timestamp")[:MOST]
    return [_event(entry, type(row), hidden, unnamed) for entry in newest]


def _event(entry: LogEntry, model: type[Model], hidden: set[str], unnamed: set[str]) -> Event:
    who = entry.actor.get_username() if entry.actor else ""
    if entry.action == LogEntry.Action.CREATE:
        return Event(entry.timestamp, who, _("Added"), ())
    if entry.action == LogEntry.Action.ACCESS:
        return Event(entry.timestamp, who, capfirst(audit.event_of(entry)), ())
    pairs = sorted((entry.changes or {}).items())
    shown = [(name, pair) for name, pair in pairs if name not in hidden and len(pair) == 2]
    lines = [_line(model, name, *(("", _("changed")) if name in unnamed else map(str, pair))) for name, pair in shown]
    return Event(entry.timestamp, who, _("Changed"), tuple(lines))


def _line(model: type[Model], name: str, before: str, after: str) -> tuple[str, str, str]:
    """A changed field as (its name, before, after) in plain words."""
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:  # of an earlier version
        return name, before, after
    return str(field.verbose_name), _word(field, before), _word(field, after)


def _word(field: Any, text: str) -> str:
    if text in ("None", ""):
        return NOTHING
    if isinstance(field, BooleanField):
        return str(_("yes") if text == "True" else _("no"))
    if isinstance(field, DateTimeField) and (at := parse_datetime(text)) is not None:
        return local_text(at.replace(tzinfo=at.tzinfo or UTC))
    return text
