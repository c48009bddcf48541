"""Filters that records of chargers share: which charger, which site, which days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import django_filters
from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from .chargers.filters import matching
from .periods import start_of

if TYPE_CHECKING:
    from people.access import Access

#: Days that exist in every time zone, and that every database can hold.
_YEARS = [MinValueValidator(date(1971, 1, 1)), MaxValueValidator(date(2999, 12, 31))]


def found_stations(access: Access, text: str, permission: str) -> list[int]:
    """Keys of the chargers that a text means: the one that is called exactly so, else all that have its words in their
    names: sums and files are made of what they find."""
    visible = access.charge_points(permission).order_by()
    exact = list(visible.filter(identity__iexact=text.strip()).values_list("pk", flat=True)[:1])
    return exact or list(matching(visible, text).values_list("pk", flat=True))


def day_field(label: Any) -> Any:
    return django_filters.DateFilter(
        label=label, widget=forms.DateInput({"type": "date"}), method="within", validators=_YEARS
    )


class RecordFilters(django_filters.FilterSet):  # type: ignore[misc]
    """`to_station` is the lookup from a row to its charger, `moment` the column the days are about."""

    to_station = "charge_point"
    moment = "created_at"
    permission = ""

    station = django_filters.CharFilter(
        label=_("Charger"), method="at_station", max_length=100, widget=forms.TextInput({"type": "search"})
    )
    site = django_filters.ModelChoiceFilter(
        label=_("Site"), queryset=lambda request: request.access.sites(), method="at_site", empty_label=_("All")
    )
    since = day_field(_("From"))
    until = day_field(_("To"))

    def at_station(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        found = found_stations(self.request.access, text, self.permission)
        return rows.filter(**{f"{self.to_station}__in": found})

    def at_site(self, rows: QuerySet[Any], _name: str, site: Any) -> QuerySet[Any]:
        return rows.filter(**{f"{self.to_station}__site": site})

    def within(self, rows: QuerySet[Any], name: str, day: date) -> QuerySet[Any]:
        if name == "since":
            return rows.filter(**{f"{self.moment}__gte": start_of(day)})
        return rows.filter(**{f"{self.moment}__lt": start_of(day + timedelta(days=1))})
