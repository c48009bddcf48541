"""What happened to a charger: what people changed, how its security went, what its connectors and firmware reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from heapq import nlargest
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stations.models import ChargePoint, ChargePointStatus, SecurityChange, StatusRecord

#: What the page shows; the newest.
MOST = 100
#: States of connectors are looked for in this time: a charger may report thousands a day.
STATUS_WINDOW = timedelta(days=30)
NOTHING = "–"
SYSTEM = "plugcontrol"


@dataclass(frozen=True, slots=True)
class Event:
    """`who` is a person or empty for the charger itself; `details` are lines of (what, before, after)."""

    at: datetime
    kind: str
    text: str
    who: str = ""
    details: tuple[tuple[str, str, str], ...] = ()


def history_of(station: ChargePoint, kind: str = "", *, names_sites: bool = True) -> list[Event]:
    """The newest events first, of one kind or of all; a query for each kind and one for names.

    Without `names_sites` a move from one site to another says neither: the reader may not know the other.
    """
    chosen = [KINDS[kind][1]] if kind in KINDS else [look for _label, look in KINDS.values()]
    events = (event for look in chosen for event in look(station))
    newest = nlargest(MOST, events, key=lambda event: event.at)
    return newest if names_sites else [replace(event, details=_without_sites(event.details)) for event in newest]


def _without_sites(details: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, str, str], ...]:
    site = str(ChargePoint._meta.get_field("site").verbose_name)
    return tuple((name, "", _("changed")) if name == site else (name, was, became) for name, was, became in details)


def _changes(station: ChargePoint) -> Iterator[Event]:
    entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(ChargePoint), object_id=station.pk)
    for entry in entries.select_related("actor").order_by("-timestamp")[:MOST]:
        who = str(entry.actor or SYSTEM)
        if entry.action == LogEntry.Action.CREATE:
            yield Event(entry.timestamp, "changes", _("Added"), who)
            continue
        lines = tuple(_line(name, values) for name, values in sorted((entry.changes or {}).items()))
        yield Event(entry.timestamp, "changes", _("Changed"), who, lines)


def _line(name: str, values: Any) -> tuple[str, str, str]:
    """A changed field as (its name, before, after) in plain words."""
    before, after = (str(value) for value in values) if isinstance(values, list) and len(values) == 2 else ("", "")
    if name == "credential_hash":
        return _("Password"), "", _("changed")
    if name == "archived_at":
        return _("Archive"), "", _("restored") if after in _EMPTY else _("archived")
    try:
        field: Any = ChargePoint._meta.get_field(name)
    except FieldDoesNotExist:  # of an earlier version
        return name, before, after
    words = {str(value): str(label) for value, label in field.flatchoices or ()} | {
        "True": _("yes"),
        "False": _("no"),
        "None": NOTHING,
    }
    shown = [words.get(text, text) or NOTHING for text in (before, after)]
    return str(field.verbose_name), shown[0], shown[1]


_EMPTY = ("", "None")


def _security(station: ChargePoint) -> Iterator[Event]:
    for change in station.security_changes.select_related("command").order_by("-pk")[:MOST]:
        yield Event(change.created_at, "security", _security_text(change), change.command.actor)
    for event in station.security_events.order_by("-pk")[:MOST]:
        info = ((_("Details"), "", event.tech_info),) if event.tech_info else ()
        yield Event(event.received_at, "security", event.type, "", info)


def _security_text(change: SecurityChange) -> str:
    words = {"kind": change.get_kind_display(), "state": change.get_state_display()}
    if change.security_profile is None:
        return _("%(kind)s: %(state)s") % words
    return _("%(kind)s %(profile)s: %(state)s") % {**words, "profile": change.security_profile}


def _states(station: ChargePoint) -> Iterator[Event]:
    connectors = list(station.connectors.values_list("pk", flat=True))
    recent = StatusRecord.objects.filter(connector__in=connectors, reported_at__gt=timezone.now() - STATUS_WINDOW)
    labels = dict(ChargePointStatus.choices)
    for record in recent.select_related("connector").order_by("-reported_at")[:MOST]:
        number, state = record.connector.connector_id, labels.get(record.status, record.status)
        place = _("Connector %(number)s") % {"number": number} if number else _("Charger")
        yield Event(record.received_at, "states", f"{place}: {state}", "", tuple(_remarks(record)))


def _remarks(record: StatusRecord) -> Iterator[tuple[str, str, str]]:
    if record.error_code not in ("", "NoError"):
        yield _("Error"), "", " ".join(filter(None, (record.error_code, record.vendor_error_code, record.info)))
    if record.clock_suspect:
        yield _("Charger's clock"), "", f"{record.reported_at:%Y-%m-%d %H:%M:%S} UTC"


def _firmware(station: ChargePoint) -> Iterator[Event]:
    for report in station.progress_reports.order_by("-pk")[:MOST]:
        yield Event(report.received_at, "firmware", f"{report.get_kind_display()}: {report.status}")


#: Kind → its chip, and where its events come from.
KINDS: dict[str, tuple[Any, Callable[[ChargePoint], Iterator[Event]]]] = {
    "changes": (gettext_lazy("Changes"), _changes),
    "security": (gettext_lazy("Security"), _security),
    "states": (gettext_lazy("States"), _states),
    "firmware": (gettext_lazy("Firmware and uploads"), _firmware),
}
