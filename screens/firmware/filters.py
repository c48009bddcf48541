"""Which files, updates and campaigns the lists of this chapter show."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from transfers.models import Campaign, FileKind, FirmwareFile, FirmwareUpdate, StationFile

from ..chargers.filters import ChargerFilters
from ..record_filters import RecordFilters
from .rights import VIEW_FILES, VIEW_UPDATES, usable_firmware

#: Choices of a state that stand for several.
OPEN, WRONG = "open", "wrong"


def _text(label: Any, **options: Any) -> Any:
    widget = forms.TextInput({"type": "search"})
    return django_filters.CharFilter(label=label, max_length=100, widget=widget, **options)


def _state_of_update() -> Any:
    return django_filters.ChoiceFilter(
        label=_("State"),
        choices=[(OPEN, _("Not over yet")), (WRONG, _("Went wrong")), *FirmwareUpdate.State.choices],
        method="in_state",
        empty_label=_("All"),
    )


class LibraryFilters(django_filters.FilterSet):  # type: ignore[misc]
    """Files in use, unless the archived ones are asked for."""

    q = _text(_("Name or version"), method="search")
    vendor = _text(_("Vendor"), lookup_expr="icontains")
    model = _text(_("Model"), lookup_expr="icontains")
    archived = django_filters.ChoiceFilter(
        label=_("Archived"), choices=[("yes", _("Archived"))], method="in_archive", empty_label=_("In use")
    )

    class Meta:
        model = FirmwareFile
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[FirmwareFile]) -> QuerySet[FirmwareFile]:
        rows: QuerySet[FirmwareFile] = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("archived") else rows.filter(archived_at=None)

    def search(self, rows: QuerySet[FirmwareFile], _name: str, text: str) -> QuerySet[FirmwareFile]:
        for word in text.split():
            rows = rows.filter(Q(name__icontains=word) | Q(version__icontains=word))
        return rows

    def in_archive(self, rows: QuerySet[FirmwareFile], _name: str, _value: str) -> QuerySet[FirmwareFile]:
        return rows.exclude(archived_at=None)


class UpdateFilters(RecordFilters):
    permission = VIEW_UPDATES

    state = _state_of_update()

    class Meta:
        model = FirmwareUpdate
        fields: list[str] = []

    def in_state(self, rows: QuerySet[FirmwareUpdate], _name: str, state: str) -> QuerySet[FirmwareUpdate]:
        if state == OPEN:
            return rows.filter(ended_at=None)
        if state == WRONG:
            return rows.filter(state__in=[FirmwareUpdate.State.FAILED, FirmwareUpdate.State.UNVERIFIED])
        return rows.filter(state=state)


class CampaignFilters(django_filters.FilterSet):  # type: ignore[misc]
    q = _text(_("Name"), field_name="name", lookup_expr="icontains")
    state = django_filters.ChoiceFilter(label=_("State"), choices=Campaign.State.choices, empty_label=_("All"))


class ParticipantFilters(django_filters.FilterSet):  # type: ignore[misc]
    """The chargers of one campaign."""

    state = _state_of_update()

    class Meta:
        model = FirmwareUpdate
        fields: list[str] = []

    in_state = UpdateFilters.in_state


class FileFilters(RecordFilters):
    permission = VIEW_FILES
    moment = "received_at"

    kind = django_filters.ChoiceFilter(
        label=_("Kind"),
        choices=[choice for choice in FileKind.choices if choice[0] != FileKind.FIRMWARE],
        empty_label=_("All"),
    )

    class Meta:
        model = StationFile
        fields: list[str] = []


class CandidateFilters(ChargerFilters):
    """Chargers for a campaign: as in their own list, and those that a firmware is for."""

    fits = django_filters.ModelChoiceFilter(
        label=_("That this firmware is for"),
        queryset=lambda _request: usable_firmware().order_by("name", "-uploaded_at"),
        method="that_fit",
        empty_label=_("All"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.filters["archived"]

    def that_fit(self, rows: QuerySet[Any], _name: str, firmware: FirmwareFile) -> QuerySet[Any]:
        made = {"vendor__iexact": firmware.vendor, "model__iexact": firmware.model}
        return rows.filter(**{lookup: wanted for lookup, wanted in made.items() if wanted})
