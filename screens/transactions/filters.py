"""Which sessions a list shows: everything that can be asked for in its address."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from people.access import Access
from stations.models import Site
from transactions.models import EndedBy, IdTag, IdTagGroup, StopReason, Transaction

from ..exports import exports_with
from ..periods import Period, span_of
from ..record_filters import RecordFilters

RUNNING, DONE, REVIEW = "running", "done", "review"
#: Tags that a text may mean: their keys are looked up beforehand, so that the database need not ask for every session.
MAX_TAGS = 2000
_MAX_KWH = Decimal(10**9)
_REASONS = [
    *StopReason.choices,
    (EndedBy.SUPERSEDED.value, _("Next session began")),
    (EndedBy.OPERATOR.value, _("Closed by hand")),
]


def _text(label: Any, method: str) -> Any:
    return django_filters.CharFilter(
        label=label, method=method, max_length=100, widget=forms.TextInput({"type": "search"})
    )


def _kwh(label: Any, lookup: str) -> Any:
    return django_filters.NumberFilter(
        label=label,
        method=lookup,
        min_value=0,
        max_value=_MAX_KWH,
        widget=forms.NumberInput({"min": "0", "step": "any", "inputmode": "decimal"}),
    )


def _groups(request: Any) -> QuerySet[IdTagGroup]:
    """The groups somebody may choose from: those of the tags they manage."""
    access: Access = request.access
    if access.everywhere("transactions.view_idtaggroup"):
        return IdTagGroup.objects.all()
    return IdTagGroup.objects.filter(id_tags__in=access.id_tags()).distinct()


def _cards(request: Any) -> QuerySet[IdTag]:
    access: Access = request.access
    return access.id_tags()


class PeriodFirst(forms.Form):
    """What people ask for first stands first."""

    field_order = ["period", "since", "until", "site", "station", "person", "tag", "state"]


@exports_with("sites")
class TransactionFilters(RecordFilters):
    """Sessions by when they began. Without any period those of the last 30 days, and what still runs."""

    moment = "started_at"
    permission = "transactions.view_transaction"

    period = django_filters.ChoiceFilter(
        label=_("Period"), choices=Period.choices, method="in_period", empty_label=_("Last 30 days and running")
    )
    person = _text(_("Person"), "of_person")
    tag = _text(_("Tag number"), "of_tag")
    group = django_filters.ModelChoiceFilter(
        label=_("Tag group"), queryset=_groups, field_name="tag__group", empty_label=_("All")
    )
    state = django_filters.ChoiceFilter(
        label=_("State"),
        choices=[(RUNNING, _("Running")), (DONE, _("Done")), (REVIEW, _("Needs review"))],
        method="in_state",
        empty_label=_("All"),
    )
    reason = django_filters.ChoiceFilter(
        label=_("Stop reason"), choices=_REASONS, method="stopped_by", empty_label=_("All")
    )
    min_kwh = _kwh(_("kWh from"), "at_least")
    max_kwh = _kwh(_("kWh to"), "at_most")
    card = django_filters.ModelChoiceFilter(queryset=_cards, field_name="tag", widget=forms.HiddenInput())

    class Meta:
        model = Transaction
        fields: list[str] = []
        form = PeriodFirst

    def filter_queryset(self, queryset: QuerySet[Transaction]) -> QuerySet[Transaction]:
        self._too_short: list[str] = []
        rows: QuerySet[Transaction] = super().filter_queryset(queryset)
        asked = dict(self.form.cleaned_data)
        for field in self._too_short:
            self.form.add_error(field, _("More than %(count)d tags match: type more.") % {"count": MAX_TAGS})
        if any(asked[name] for name in ("period", "since", "until")) or asked["state"] == RUNNING:
            return rows
        return rows.filter(Q(started_at__gte=span_of(Period.LAST_30_DAYS).begin) | Q(ended_by=EndedBy.OPEN))

    def at_site(self, rows: QuerySet[Transaction], _name: str, site: Site) -> QuerySet[Transaction]:
        """By the keys of its chargers: sessions have an index of those."""
        return rows.filter(charge_point__in=list(site.charge_points.order_by().values_list("pk", flat=True)))

    def in_period(self, rows: QuerySet[Transaction], _name: str, period: str) -> QuerySet[Transaction]:
        begin, end = span_of(Period(period))
        if begin is not None:
            rows = rows.filter(started_at__gte=begin)
        return rows if end is None else rows.filter(started_at__lt=end)

    def of_person(self, rows: QuerySet[Transaction], _name: str, text: str) -> QuerySet[Transaction]:
        """By the name of the holder or of the account behind the tag."""
        tags = IdTag.objects.all()
        for word in text.split():
            names = ("holder", "user__username", "user__first_name", "user__last_name")
            tags = tags.filter(_any_of(names, word))
        return self._of_any(rows, tags, "person")

    def of_tag(self, rows: QuerySet[Transaction], _name: str, text: str) -> QuerySet[Transaction]:
        """By a tag's whole number, entered or not; those who see numbers in full find a tag by a part of it too."""
        number = text.strip()
        whole = Q(id_tag__upper=Upper(Value(number)))
        tag = IdTag.objects.with_number(number).first()
        if tag is not None:
            return rows.filter(whole | Q(tag=tag))
        tags = IdTag.objects.filter(id_tag__icontains=number)
        may_search = self.request.access.somewhere("transactions.change_idtag")
        return self._of_any(rows, tags, "tag") if may_search and tags.exists() else rows.filter(whole)

    def _of_any(self, rows: QuerySet[Transaction], tags: QuerySet[IdTag], field: str) -> QuerySet[Transaction]:
        """Sessions with one of these tags; where they are too many none, and the filter says so."""
        keys = list(tags.order_by().values_list("pk", flat=True)[: MAX_TAGS + 1])
        if len(keys) <= MAX_TAGS:
            return rows.filter(tag__in=keys)
        self._too_short.append(field)
        return rows.none()

    def in_state(self, rows: QuerySet[Transaction], _name: str, state: str) -> QuerySet[Transaction]:
        if state == REVIEW:
            return rows.exclude(flags=[])
        return rows.filter(ended_by=EndedBy.OPEN) if state == RUNNING else rows.exclude(ended_by=EndedBy.OPEN)

    def stopped_by(self, rows: QuerySet[Transaction], _name: str, reason: str) -> QuerySet[Transaction]:
        if reason in (EndedBy.SUPERSEDED, EndedBy.OPERATOR):
            return rows.filter(ended_by=reason)
        return rows.filter(stop_reason=reason)

    def at_least(self, rows: QuerySet[Transaction], _name: str, kwh: Decimal) -> QuerySet[Transaction]:
        return rows.filter(energy_wh__gte=math.ceil(kwh * 1000))  # Django would cut off the rest

    def at_most(self, rows: QuerySet[Transaction], _name: str, kwh: Decimal) -> QuerySet[Transaction]:
        return rows.filter(energy_wh__lte=kwh * 1000)


def _any_of(columns: tuple[str, ...], word: str) -> Q:
    found = Q()
    for column in columns:
        found |= Q(**{f"{column}__icontains": word})
    return found
