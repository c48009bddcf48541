"""Filters of the lists about tags."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters import CharFilter, ChoiceFilter, FilterSet, ModelChoiceFilter

from stations.models import Site
from transactions.models import IdTag, LocalList, Transaction, UnknownIdTag

from .states import TagState, in_state

#: More words are no search but a load.
MAX_WORDS = 8


def containing(rows: QuerySet[Any], text: str, *columns: str) -> QuerySet[Any]:
    """Rows in which every word of `text` is part of one of the columns, or all of one that is named `=column`."""
    lookups = [f"{column[1:]}__iexact" if column[0] == "=" else f"{column}__icontains" for column in columns]
    for word in text.split()[:MAX_WORDS]:
        rows = rows.filter(Q(*((lookup, word) for lookup in lookups), _connector=Q.OR))
    return rows


def number_for(request: Any) -> str:
    """The column of tags' numbers as `containing` knows it: who sees them masked finds none letter by letter."""
    return "id_tag" if request.access.somewhere("transactions.change_idtag") else "=id_tag"


def sites_of(request: Any) -> QuerySet[Site]:
    """Sites a reader may choose from."""
    sites: QuerySet[Site] = request.access.sites()
    return sites


class TagFilter(FilterSet):  # type: ignore[misc]
    """Without a wish for a status, what is archived is left out."""

    q = CharFilter(label=_("Number, holder or note"), method="search", max_length=100)
    status = ChoiceFilter(label=_("Status"), choices=TagState, method="with_status", empty_label=_("All but archived"))
    group = CharFilter(label=_("Group"), method="in_group", max_length=100)
    site = ModelChoiceFilter(label=_("Managed at site"), queryset=sites_of, empty_label=_("All"))
    in_use = ChoiceFilter(
        label=_("In use now"), choices=[("yes", _("Yes")), ("no", _("No"))], method="used_now", empty_label=_("All")
    )

    class Meta:
        model = IdTag
        fields = ("q", "status", "group", "site", "in_use")

    def filter_queryset(self, queryset: Any) -> Any:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data["status"] else in_state(rows, "", timezone.now())

    def search(self, rows: QuerySet[IdTag], _name: str, text: str) -> QuerySet[IdTag]:
        return containing(rows, text, number_for(self.request), "holder", "note")

    def with_status(self, rows: QuerySet[IdTag], _name: str, state: str) -> QuerySet[IdTag]:
        return in_state(rows, state, timezone.now())

    def in_group(self, rows: QuerySet[IdTag], _name: str, text: str) -> QuerySet[IdTag]:
        return rows.filter(Q(group__parent_id_tag__iexact=text) | Q(group__name__icontains=text))

    def used_now(self, rows: QuerySet[IdTag], _name: str, answer: str) -> QuerySet[IdTag]:
        sessions = self.request.access.narrow(
            Transaction.objects.running(), "transactions.view_transaction", "charge_point__site"
        )
        in_use = Q(pk__in=sessions.exclude(tag=None).order_by().values("tag"))
        return rows.filter(in_use if answer == "yes" else ~in_use)


class GroupFilter(FilterSet):  # type: ignore[misc]
    q = CharFilter(label=_("Number or name"), method="search", max_length=100)

    def search(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        return containing(rows, text, "parent_id_tag", "name", "notes")


class UnknownTagFilter(FilterSet):  # type: ignore[misc]
    q = CharFilter(label=_("Number or charger"), method="search", max_length=100)
    site = ModelChoiceFilter(label=_("Site"), queryset=sites_of, field_name="charge_point__site", empty_label=_("All"))
    ignored = ChoiceFilter(
        label=_("Show"), choices=[("yes", _("Ignored ones"))], method="with_ignored", empty_label=_("Open ones")
    )

    class Meta:
        model = UnknownIdTag
        fields = ("q", "site", "ignored")

    def search(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        return containing(rows, text, number_for(self.request), "charge_point__identity", "charge_point__name")

    def with_ignored(self, rows: QuerySet[Any], _name: str, _wish: str) -> QuerySet[Any]:
        return rows.exclude(ignored_at=None)

    def filter_queryset(self, queryset: Any) -> Any:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data["ignored"] else rows.filter(ignored_at=None)


class LocalListFilter(FilterSet):  # type: ignore[misc]
    q = CharFilter(label=_("Charger"), method="search", max_length=100)
    state = ChoiceFilter(label=_("State"), choices=LocalList.State, empty_label=_("All"))
    site = ModelChoiceFilter(label=_("Site"), queryset=sites_of, field_name="charge_point__site", empty_label=_("All"))

    class Meta:
        model = LocalList
        fields = ("q", "state", "site")

    def search(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        return containing(rows, text, "charge_point__identity", "charge_point__name")
