"""Which profiles of the library a list shows."""

from __future__ import annotations

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from charging_profiles.models import ChargingProfile, Purpose, RateUnit


class ProfileFilters(django_filters.FilterSet):  # type: ignore[misc]
    """Profiles in use, unless the archived ones are asked for."""

    q = django_filters.CharFilter(
        label=_("Name or notes"), method="search", max_length=100, widget=forms.TextInput({"type": "search"})
    )
    purpose = django_filters.ChoiceFilter(label=_("For"), choices=Purpose.choices, empty_label=_("All"))
    unit = django_filters.ChoiceFilter(label=_("Unit"), choices=RateUnit.choices, empty_label=_("All"))
    archived = django_filters.ChoiceFilter(
        label=_("Archived"), choices=[("yes", _("Archived"))], method="in_archive", empty_label=_("In use")
    )

    class Meta:
        model = ChargingProfile
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[ChargingProfile]) -> QuerySet[ChargingProfile]:
        rows: QuerySet[ChargingProfile] = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("archived") else rows.filter(archived_at=None)

    def search(self, rows: QuerySet[ChargingProfile], _name: str, text: str) -> QuerySet[ChargingProfile]:
        for word in text.split():
            rows = rows.filter(Q(name__icontains=word) | Q(notes__icontains=word))
        return rows

    def in_archive(self, rows: QuerySet[ChargingProfile], _name: str, _value: str) -> QuerySet[ChargingProfile]:
        return rows.exclude(archived_at=None)
