"""Which commands a list shows."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from stations import batches
from stations.forms import FORMS
from stations.models import OPEN_STATUSES, Command, CommandStatus, EffectStatus

from ..record_filters import RecordFilters

#: Choices of the status that stand for several.
UNFINISHED, WRONG = "unfinished", "wrong"


def actions() -> list[tuple[str, str]]:
    return [(action, action) for action in sorted(FORMS)]


def who_field() -> Any:
    return django_filters.CharFilter(
        label=_("Who"), field_name="actor", lookup_expr="istartswith", max_length=150, widget=forms.TextInput()
    )


class CommandFilters(RecordFilters):
    permission = "stations.view_command"

    action = django_filters.ChoiceFilter(label=_("Command"), choices=actions, empty_label=_("All"))
    status = django_filters.ChoiceFilter(
        label=_("Status"),
        choices=[(UNFINISHED, _("Not over yet")), (WRONG, _("Went wrong")), *CommandStatus.choices],
        method="in_status",
        empty_label=_("All"),
    )
    effect = django_filters.ChoiceFilter(
        label=_("What followed"),
        field_name="effect_status",
        choices=[(status.value, status.label) for status in EffectStatus if status],
        empty_label=_("All"),
    )
    who = who_field()

    class Meta:
        model = Command
        fields: list[str] = []

    def in_status(self, rows: QuerySet[Command], _name: str, status: str) -> QuerySet[Command]:
        if status == UNFINISHED:
            return rows.filter(Q(status__in=OPEN_STATUSES) | Q(effect_status=EffectStatus.AWAITED))
        return rows.filter(batches.FAILED) if status == WRONG else rows.filter(status=status)


class BatchFilters(django_filters.FilterSet):  # type: ignore[misc]
    action = django_filters.ChoiceFilter(label=_("Command"), choices=actions, empty_label=_("All"))
    who = who_field()
