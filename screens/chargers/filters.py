"""Which chargers a list shows: everything that can be asked for in its address."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from stations import templates
from stations.models import ChargePoint, ChargePointStatus, Connector, RegistrationStatus
from stations.models.gateway_process import alive_since

from ..statuses import OFFLINE, REJECTED, STATUSES, WAITING

MAX_SEARCH_CHARACTERS = 100
#: What a search looks into.
SEARCHED = ("identity", "name", "serial_number", "box_serial_number")
_STATES = [(code, STATUSES[code][0]) for code in (*ChargePointStatus.values, OFFLINE, WAITING, REJECTED)]


def is_online() -> Q:
    """As `ChargePoint.is_online`, for the database."""
    return ~Q(connection="") & Q(gateway__beat_at__gt=alive_since())


def matching(rows: QuerySet[ChargePoint], text: str) -> QuerySet[ChargePoint]:
    """Chargers in whose names every word of `text` occurs."""
    for word in text[:MAX_SEARCH_CHARACTERS].split():
        rows = rows.filter(*[_any_of(SEARCHED, word)])
    return rows


def _any_of(columns: tuple[str, ...], word: str) -> Q:
    found = Q()
    for column in columns:
        found |= Q(**{f"{column}__icontains": word})
    return found


def _text(label: Any, **options: Any) -> Any:
    """What is typed is looked for in the column; `known` names the <datalist> with what there is."""
    known = options.pop("known", "")
    widget = forms.TextInput({"list": known, "maxlength": 50} if known else {"type": "search", "maxlength": 100})
    return django_filters.CharFilter(label=label, widget=widget, **options)


class ChargerFilters(django_filters.FilterSet):  # type: ignore[misc]
    """Chargers in use, unless the archived ones are asked for."""

    q = _text(_("Name, ID or serial"), method="search")
    site = django_filters.ModelChoiceFilter(
        label=_("Site"), queryset=lambda request: request.access.sites(), null_label=_("No site"), empty_label=_("All")
    )
    state = django_filters.ChoiceFilter(label=_("State"), choices=_STATES, method="in_state", empty_label=_("All"))
    online = django_filters.ChoiceFilter(
        label=_("Connection"),
        choices=[("yes", _("Online")), ("no", _("Offline"))],
        method="connected",
        empty_label=_("All"),
    )
    approval = django_filters.ChoiceFilter(
        label=_("Approval"),
        field_name="registration_status",
        choices=RegistrationStatus.choices,
        empty_label=_("All"),
    )
    vendor = _text(_("Vendor"), lookup_expr="icontains", known="known-vendors")
    model = _text(_("Model"), lookup_expr="icontains", known="known-models")
    firmware = _text(_("Firmware"), field_name="firmware_version", lookup_expr="icontains", known="known-firmware")
    template = django_filters.ChoiceFilter(
        label=_("Configuration"),
        choices=[("differs", _("Differs from the template")), ("same", _("As the template"))],
        method="as_template",
        empty_label=_("All"),
    )
    archived = django_filters.ChoiceFilter(
        label=_("Archived"), choices=[("yes", _("Archived"))], method="in_archive", empty_label=_("In use")
    )

    class Meta:
        model = ChargePoint
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[ChargePoint]) -> QuerySet[ChargePoint]:
        rows: QuerySet[ChargePoint] = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("archived") else rows.filter(archived_at=None)

    def search(self, rows: QuerySet[ChargePoint], _name: str, text: str) -> QuerySet[ChargePoint]:
        return matching(rows, text)

    def connected(self, rows: QuerySet[ChargePoint], _name: str, value: str) -> QuerySet[ChargePoint]:
        return rows.filter(is_online()) if value == "yes" else rows.exclude(is_online())

    def in_archive(self, rows: QuerySet[ChargePoint], _name: str, _value: str) -> QuerySet[ChargePoint]:
        return rows.exclude(archived_at=None)

    def in_state(self, rows: QuerySet[ChargePoint], _name: str, state: str) -> QuerySet[ChargePoint]:
        """A connector's state counts only while the line stands: without it the charger is offline."""
        if state in (WAITING, REJECTED):
            return rows.filter(registration_status=state)
        if state == OFFLINE:
            return rows.exclude(is_online()).filter(registration_status=RegistrationStatus.ACCEPTED)
        connectors = Connector.objects.filter(charge_point=OuterRef("pk"), status=state)
        return rows.filter(is_online(), Exists(connectors))

    def as_template(self, rows: QuerySet[ChargePoint], _name: str, value: str) -> QuerySet[ChargePoint]:
        drifting = templates.drifting()
        return rows.filter(pk__in=drifting) if value == "differs" else rows.exclude(pk__in=drifting)
